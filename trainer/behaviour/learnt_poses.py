"""What a bundle notes of the poses that it finds behaviour in, and what others are like."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tracker.bundle_description import LearntPoses
from tracker.resemblance import PoseAppearance, pose_appearance
from trainer.behaviour.video_table import PoseVideo

FRAMES = 20_000  # of each video, at most
_RARE = 1.0  # per cent of the frames, at either end


def learnt_poses(videos: Sequence[PoseVideo], *, least_confidence: float) -> LearntPoses:
    """The range of lengths, how much was seen, and how fast animals were.

    Args:
        videos: that were learnt from.
        least_confidence: a point below is not there.
    """
    found = appearance_of_poses(videos, least_confidence=least_confidence)
    length, speed = _known(found.length_px), _known(found.speed_px_s)
    return LearntPoses(
        least_confidence=least_confidence,
        length_px=(_percentile(length, _RARE), _percentile(length, 100 - _RARE)) if length.size else None,
        seen=_percentile(found.seen, _RARE) if found.seen.size else 0.0,
        speed_px_s=_percentile(speed, 100 - _RARE) if speed.size else None,
    )


def appearance_of_poses(videos: Sequence[PoseVideo], *, least_confidence: float) -> PoseAppearance:
    """Of frames spread over every video: all but the last of each, or 20 000."""
    parts = [_of_video(video, least_confidence) for video in videos if len(video.poses) > 1]
    empty = np.zeros((0, videos[0].poses.shape[1] if videos else 1))
    return PoseAppearance(
        length_px=np.concatenate([empty, *(each.length_px for each in parts)]),
        seen=np.concatenate([empty, *(each.seen for each in parts)]),
        speed_px_s=np.concatenate([empty, *(each.speed_px_s for each in parts)]),
    )


def _of_video(video: PoseVideo, least_confidence: float) -> PoseAppearance:
    last = len(video.poses) - 1
    places = np.unique(np.linspace(0, last - 1, min(last, FRAMES)).round().astype(np.int64))
    return pose_appearance(video.poses[places], video.poses[places + 1], video.seconds[places + 1], least_confidence=least_confidence)


def _known(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values[np.isfinite(values)]


def _percentile(values: NDArray[np.float64], of: float) -> float:
    return float(np.percentile(values, of))
