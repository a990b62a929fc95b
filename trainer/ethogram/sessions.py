"""Labels of behaviour beside the videos they are of: which file belongs to which, and how long each video is."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from trainer.errors import LabelError
from trainer.ethogram.checks import Session
from trainer.ethogram.read_options import Reading
from trainer.video_files.reader import VideoReader


def frames_and_rate_of(path: Path) -> tuple[int, float | None]:
    """How many frames a video has, or an array of images (frames, height, width[, 3]), and how many per second, where it says that.

    Raises:
        LabelError: it cannot be read as either.
        TrainingError: the video is missing, damaged or cut short.
    """
    if path.suffix.lower() == ".npy":
        try:
            images = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as problem:
            raise LabelError(f"{path}: cannot be read as an array of images ({problem}); save it with numpy.save") from problem
        if images.ndim not in (3, 4):
            raise LabelError(f"{path}: has shape {images.shape}; expected images as (frames, height, width) or (frames, height, width, 3)")
        return int(images.shape[0]), None
    with VideoReader(path) as video:
        if video.expected is not None and video.exact:
            return video.expected, float(video.rate)
        for _ in video.pictures():
            pass
        shortfall = video.shortfall()
        if shortfall is not None:
            raise LabelError(shortfall)
        return video.read, float(video.rate)


def sessions_of(readings: Sequence[Reading], videos: Sequence[Path]) -> list[Session]:
    """Name every ethogram by its file and part, and give it the length and frame rate of its video.

    Args:
        readings: of the label files.
        videos: none, or one for each file in the same order.

    Raises:
        LabelError: another number of videos than of files, or a video that cannot be read.
    """
    if videos and len(videos) != len(readings):
        raise LabelError(f"{len(videos)} videos were given for {len(readings)} files of labels; give one for each, in the same order")
    known: list[tuple[int | None, float | None]] = [frames_and_rate_of(video) for video in videos] or [(None, None)] * len(readings)
    sessions = []
    names = [reading.path.name for reading in readings]
    for reading, (frames, fps) in zip(readings, known, strict=True):
        file = reading.path.name if names.count(reading.path.name) == 1 else str(reading.path)
        for one in reading.ethograms:
            title = one.title if len(reading.ethograms) > 1 else ""
            sessions.append(Session(name=f"{file}{f' ({title})' if title else ''}", labels=one, frames=frames, fps=fps))
    return sessions
