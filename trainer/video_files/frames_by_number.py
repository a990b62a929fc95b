"""Frames of a video file by their number, as arrays: what labels refer to."""

from pathlib import Path

import av
import numpy as np

from tracker.errors import RecordingError
from tracker.frame import Image
from tracker.recording.video_by_number import VideoByNumber
from trainer.errors import LabelError


class IndexedVideo:
    """One video, open for reading. Safe to share between threads, not between processes.

    Attributes:
        path: the file.
        size: (height, width) of every frame.
        times: the time stamp of every frame, in showing order and in the stream's own unit.
    """

    def __init__(self, path: Path) -> None:
        """Open it.

        Raises:
            LabelError: not a video, or one whose frames have no time stamps of their own.
        """
        try:
            self._video = VideoByNumber(path)
        except RecordingError as problem:
            raise LabelError(str(problem)) from problem
        self.path, self.size, self.times = path, self._video.size, self._video.times

    def __len__(self) -> int:
        return len(self.times)

    def size_of(self, frame: int) -> tuple[int, int]:
        """(height, width) of a frame.

        Raises:
            LabelError: the video has no such frame.
        """
        if not 0 <= frame < len(self):
            raise LabelError(f"{self.path}: has {len(self)} frames; frame {frame} (counted from 0) is labelled: is the video cut off?")
        return self.size

    def read(self, frame: int) -> Image:
        """Decode one frame: uint8, (h, w, 3) RGB, or (h, w) from a grey stream.

        Raises:
            LabelError: the video has no such frame, or it cannot be decoded.
        """
        self.size_of(frame)
        try:
            return as_image(self._video.picture(frame))
        except RecordingError as problem:
            raise LabelError(str(problem)) from problem

    def is_turned(self) -> bool:
        """Whether players show it turned, as videos of telephones are; `read` does not.

        Raises:
            LabelError: its first frame cannot be decoded.
        """
        try:
            return round(self._video.picture(0).rotation) % 360 != 0
        except RecordingError as problem:
            raise LabelError(str(problem)) from problem


def as_image(picture: av.VideoFrame) -> Image:
    """A decoded picture as uint8, (h, w, 3) RGB, or (h, w) from a grey stream."""
    grey = picture.format.name.startswith("gray")
    return np.asarray(picture.to_ndarray(format="gray" if grey else "rgb24"), np.uint8)
