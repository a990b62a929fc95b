"""Read a video file from its beginning to its end, and tell a cut one from a whole one."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from av.container import InputContainer

from tracker.drawn_video import is_drawn
from tracker.frame import Image
from tracker.recording.video_container import open_container
from trainer.errors import TrainingError

ESTIMATE_SLACK = 2  # frames; a duration in a header may round either way at both ends


class VideoReader:
    """The frames of one video file, in order. A context manager.

    Attributes:
        path: the file.
        rate: frames per second.
        size: (height, width).
        drawn: whether the file says that points were drawn on another video.
        expected: frames that the header promises, None where it promises nothing.
        exact: whether that is a count and not an estimate from the duration.
        read: frames decoded so far.
    """

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            TrainingError: it is missing, not a video, or so damaged that it cannot be opened.
        """
        self.path = path
        self.read = 0
        self._damage: str | None = None
        self._container = _open_input(path)
        if not self._container.streams.video:
            self._container.close()
            raise TrainingError(f"{path}: 0 frames read, the file has no video stream; give a video file")
        self._stream = self._container.streams.video[0]
        self._stream.thread_type = "AUTO"
        self.rate = self._stream.average_rate or self._stream.guessed_rate or Fraction(30)
        self.size = (self._stream.height, self._stream.width)
        self.drawn = is_drawn(self._container.metadata)
        self.expected, self.exact = self._promised()

    def frames(self) -> Iterator[Image]:
        """Each frame as uint8 (height, width, 3) RGB, up to the end or to where the file is damaged; then ask `shortfall`."""
        for picture in self.pictures():
            yield np.asarray(picture.to_ndarray(format="rgb24"), np.uint8)

    def pictures(self) -> Iterator[av.VideoFrame]:
        """The same as decoded, for those who do not need all of every frame: their size may change on the way."""
        try:
            for picture in self._container.decode(self._stream):
                self.read += 1
                yield picture
        except av.FFmpegError as problem:
            self._damage = problem.strerror

    def shortfall(self) -> str | None:
        """One sentence if the frames that were read are not the whole video; None if they are. To be asked at the end."""
        if self.read == 0:
            return f"{self.path}: 0 frames read; the file is empty or damaged: copy or record it again"
        promised = f"of {'' if self.exact else 'about '}{self.expected} " if self.expected is not None else ""
        if self._damage is not None:
            return f"{self.path}: {self.read} {promised}frames read, then: {self._damage}; the file is cut or damaged: copy it again"
        slack = 0 if self.exact else ESTIMATE_SLACK
        if self.expected is not None and self.read < self.expected - slack:
            return f"{self.path}: {self.read} {promised}frames read; the file is cut short: copy it again"
        return None

    def close(self) -> None:
        """Close the file. May be called twice."""
        self._container.close()

    def __enter__(self) -> "VideoReader":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _promised(self) -> tuple[int | None, bool]:
        if self._stream.frames:
            return self._stream.frames, True
        if self._container.duration:  # in microseconds
            return round(self._container.duration / av.time_base * self.rate), False
        return None, False


def _open_input(path: Path) -> InputContainer:
    try:
        return open_container(path)
    except FileNotFoundError:
        raise TrainingError(f"{path}: no such file; give the path of a video") from None
    except (av.FFmpegError, OSError) as problem:
        raise TrainingError(f"{path}: 0 frames read, cannot be opened as a video: {problem.strerror}; copy or record it again") from None
