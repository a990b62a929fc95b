"""Which two points the body's axis goes through, and how long it is: asked for, or found from how the animals move."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trainer.behaviour.features import BodyPlan
from trainer.behaviour.videos import PoseVideos
from trainer.errors import TrainingError

_FRAMES = 20_000  # looked at, at most
_SEEN = 0.2  # share of frames in which both ends must be seen
_STEP_S = 0.2  # over which a movement is measured


def body_plan(videos: PoseVideos, *, front: str | None, back: str | None, confidence: float) -> BodyPlan:
    """Choose the axis and measure it on the videos that are learnt from.

    Args:
        videos: divided.
        front: name of the point in front; None to find it.
        back: name of the one behind; None to find it.
        confidence: below it a point is not there.

    Raises:
        TrainingError: no such point, one point alone, or two that are never seen together.
    """
    names = videos.point_names
    for name in (front, back):
        if name is not None and name not in names:
            raise TrainingError(f"there is no point '{name}'; the poses have {', '.join(names)}")
    if front is not None and front == back:
        raise TrainingError(f"the body's axis cannot go from '{front}' to '{front}'; name two points")
    train = videos.of("train")
    xy = np.concatenate([_sure(video.poses, confidence)[:_FRAMES] for video in train])
    if len(names) == 1:
        return BodyPlan(animals=xy.shape[1], points=1, front=0, back=0, scale_px=_reach(xy), confidence=confidence)
    fps = float(np.median([video.fps for video in train]))
    ends = _ends(xy, names, front, back, fps=fps)
    length = np.linalg.norm(xy[:, :, ends[0]] - xy[:, :, ends[1]], axis=-1)
    if not np.isfinite(length).any():
        raise TrainingError(
            f"the points '{names[ends[0]]}' and '{names[ends[1]]}' are never seen together; name others with --front and --back"
        )
    scale = float(np.nanmedian(length))
    return BodyPlan(animals=xy.shape[1], points=len(names), front=ends[0], back=ends[1], scale_px=max(scale, 1e-3), confidence=confidence)


def _ends(xy: NDArray[np.float32], names: Sequence[str], front: str | None, back: str | None, *, fps: float) -> tuple[int, int]:
    """Front and back: what was named, else the pair that is farthest apart and moves from back to front."""
    fixed = names.index(front) if front else None, names.index(back) if back else None
    best, chosen = -1.0, (0, 1)
    for one in range(len(names)):
        for other in range(one + 1, len(names)):
            pair = (one, other)
            if any(end is not None and end not in pair for end in fixed):
                continue
            length = np.linalg.norm(xy[:, :, one] - xy[:, :, other], axis=-1)
            seen = float(np.isfinite(length).mean())
            far = float(np.nanmedian(length)) if seen > 0 else 0.0
            worth = far if seen >= _SEEN else seen * far * 1e-3
            if worth > best:
                best, chosen = worth, pair
    if fixed[0] is not None:
        return fixed[0], next(end for end in chosen if end != fixed[0])
    if fixed[1] is not None:
        return next(end for end in chosen if end != fixed[1]), fixed[1]
    return chosen if _goes_ahead(xy, chosen, fps=fps) else (chosen[1], chosen[0])


def _goes_ahead(xy: NDArray[np.float32], ends: tuple[int, int], *, fps: float) -> bool:
    """Whether the animals move towards the first of two points more than towards the second."""
    step = max(1, round(_STEP_S * fps))
    axis = xy[:-step, :, ends[0]] - xy[:-step, :, ends[1]]
    moved = (xy[step:, :, ends[0]] + xy[step:, :, ends[1]] - xy[:-step, :, ends[0]] - xy[:-step, :, ends[1]]) / 2
    along = (axis * moved).sum(axis=-1)
    return not np.isfinite(along).any() or float(np.nanmean(along)) >= 0


def _sure(poses: NDArray[np.float32], confidence: float) -> NDArray[np.float32]:
    with np.errstate(invalid="ignore"):
        return np.where(poses[..., 2:] >= confidence, poses[..., :2], np.nan)


def _reach(xy: NDArray[np.float32]) -> float:
    """Of an animal with one point there is no length: a tenth of where it goes."""
    spread = np.nanmax(xy, axis=(0, 1, 2)) - np.nanmin(xy, axis=(0, 1, 2))
    return max(float(spread.max()) / 10, 1.0)
