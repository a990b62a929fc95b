"""The videos that are labelled on the timeline: pictures by frame number, poses, or both."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.behaviour.tracks import Tracks, original_video, read_tracks
from trainer.errors import LabelError
from trainer.video_files.endings import VIDEO_ENDINGS
from trainer.video_files.frames_by_number import IndexedVideo
from trainer.video_files.reader import VideoReader

_FIELD_MARGIN = 0.05  # of the field's longer side, around poses that have no video


@dataclass(frozen=True, kw_only=True)  # no slots: `whole_poses` is kept
class LabelledVideo:
    """One video.

    Attributes:
        name: the file's name without its ending; part of the names of its files of labels.
        title: the file's name.
        path: None where there are only poses.
        tracks: None where there are only pictures.
        frames: how many it has.
        fps: frames per second.
        size: (height, width) of its pictures; None where there are only poses.
    """

    name: str
    title: str
    path: Path | None
    tracks: Tracks | None
    frames: int
    fps: float
    size: tuple[int, int] | None = None

    @cached_property
    def whole_poses(self) -> NDArray[np.float32] | None:
        """Poses of every frame, float32 (frames, animals, points, 3), NaN where there is none; None without poses."""
        if self.tracks is None:
            return None
        if self.tracks.numbers is None and len(self.tracks.poses) == self.frames:
            return self.tracks.poses
        whole = np.full((self.frames, *self.tracks.poses.shape[1:]), np.nan, np.float32)
        whole[np.arange(len(self.tracks.poses)) if self.tracks.numbers is None else self.tracks.numbers] = self.tracks.poses
        return whole

    def field(self) -> tuple[float, float, float, float]:
        """The part of the plane that holds every point: left, top, width, height in source pixels."""
        if self.tracks is None:
            return 0.0, 0.0, 1.0, 1.0
        xy = self.tracks.poses[..., :2].reshape(-1, 2)
        low, high = np.nanmin(xy, axis=0), np.nanmax(xy, axis=0)
        margin = _FIELD_MARGIN * float((high - low).max()) + 1.0
        left, top, right, bottom = low[0] - margin, low[1] - margin, high[0] + margin, high[1] + margin
        return float(left), float(top), float(right - left), float(bottom - top)


def open_videos(
    videos: Sequence[Path], poses: Sequence[Path], *, fps: float | None, say: Callable[[str], None]
) -> tuple[LabelledVideo, ...]:
    """Look at every video and read every file of poses.

    Args:
        videos: files, or folders of them.
        poses: none, or a file for each video: the one whose name begins with the video's, or else the one in the same place. Without
            videos, a session that `tracker analyse` made shows the video that it was made from, where that is still there.
        fps: frames per second, where a video is none or does not say the truth.
        say: told each video's length.

    Raises:
        LabelError: nothing given, a file that is neither, another length of poses than of their video, two of one name, no frame rate.
        TrainingError: a video that is missing or damaged.
    """
    files = [path for given in videos for path in _videos_in(given)]
    if not files and not poses:
        raise LabelError("nothing to label was given; name videos, folders of videos, or files of poses with --poses")
    paired = pair(files, poses, what="files of poses") if files else [None] * len(poses)
    found = []
    if files:
        for file, beside in zip(files, paired, strict=True):
            found.append(_with_pictures(file, beside, fps))
    else:
        found = [_of_poses_alone(path, fps) for path in poses]
    for video in found:
        say(f"{video.title}: {video.frames} frames at {video.fps:g} per second")
    names = [video.name for video in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise LabelError(f"two videos are called {twice}, and their labels would be one file; rename one, or label them one by one")
    return tuple(found)


def pair(files: Sequence[Path], others: Sequence[Path], *, what: str) -> list[Path | None]:
    """What belongs to each file: by name where every name tells, otherwise by order.

    Raises:
        LabelError: another number of them.
    """
    if not others:
        return [None] * len(files)
    if len(others) != len(files):
        raise LabelError(f"{len(files)} videos and {len(others)} {what} were given; give one for each")
    by_name: list[Path | None] = []
    for file in files:
        own = [other for other in others if _stem_for(other, files) == file.stem]
        by_name.append(own[0] if len(own) == 1 else None)
    return by_name if None not in by_name else list(others)


def _stem_for(other: Path, files: Sequence[Path]) -> str | None:
    """The longest stem of a file that a name begins with."""
    return max((file.stem for file in files if other.name.startswith(file.stem)), key=len, default=None)


def _videos_in(given: Path) -> list[Path]:
    if not given.is_dir():
        return [given]
    inside = sorted(path for path in given.iterdir() if path.suffix.lower() in VIDEO_ENDINGS and path.is_file())
    if not inside:
        raise LabelError(f"{given}: holds no video; expected files such as .mp4 or .avi")
    return inside


def _with_pictures(path: Path, beside: Path | None, fps: float | None) -> LabelledVideo:
    with VideoReader(path) as video:
        rate = fps or float(video.rate)
    indexed = IndexedVideo(path)
    frames = len(indexed)
    tracks = read_tracks(beside) if beside is not None else None
    if tracks is not None:
        there = len(tracks.poses) if tracks.numbers is None else int(tracks.numbers[-1]) + 1
        if there > frames or (tracks.numbers is None and there != frames):
            raise LabelError(f"{tracks.path}: holds poses of {there} frames, {path.name} has {frames}; expected the poses of this video")
    return LabelledVideo(name=path.stem, title=path.name, path=path, tracks=tracks, frames=frames, fps=rate, size=indexed.size)


def _of_poses_alone(path: Path, fps: float | None) -> LabelledVideo:
    original = original_video(path)
    if original is not None:
        return replace(_with_pictures(original, path, fps), name=path.stem)
    tracks = read_tracks(path)
    if tracks.times_s is not None and len(tracks.times_s) > 1:
        fps = fps or round(1 / float(np.median(np.diff(tracks.times_s))), 3)
    if fps is None:
        raise LabelError(f"{path}: poses say no frame rate; give it with --fps")
    frames = len(tracks.poses) if tracks.numbers is None else int(tracks.numbers[-1]) + 1
    return LabelledVideo(name=path.stem, title=path.name, path=None, tracks=tracks, frames=frames, fps=fps)
