"""Read and write video files, and never let a cut one pass for whole."""

import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import cv2
import numpy as np
from av.container import InputContainer, OutputContainer
from av.video.stream import VideoStream

from tracker.bundle import remedy
from tracker.frame import Image
from trainer.errors import TrainingError

ESTIMATE_SLACK = 2  # frames; a duration in a header may round either way at both ends


class VideoReader:
    """The frames of one video file, in order. A context manager.

    Attributes:
        path: the file.
        rate: frames per second.
        size: (height, width).
        expected: frames that the header promises, None where it promises nothing.
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
        self.expected, self._exact = self._promised()

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
        promised = f"of {'' if self._exact else 'about '}{self.expected} " if self.expected is not None else ""
        if self._damage is not None:
            return f"{self.path}: {self.read} {promised}frames read, then: {self._damage}; the file is cut or damaged: copy it again"
        slack = 0 if self._exact else ESTIMATE_SLACK
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


class VideoWriter:
    """An H.264 file in yuv420p, which every player shows. A context manager.

    The file carries another name until it is whole: a crash, a full disk or an exception never leaves one that looks complete.
    """

    def __init__(self, path: Path, *, rate: Fraction, size: tuple[int, int]) -> None:
        """Begin a file.

        Args:
            path: where the finished file will be; its folder is made.
            rate: frames per second.
            size: (height, width); odd sides are padded by one row or column, since yuv420p has none.

        Raises:
            TrainingError: the file cannot be made.
        """
        self.path = path
        self.written = 0
        self._size = size
        self._unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._container: OutputContainer = av.open(str(self._unfinished), "w", format="mp4", options={"movflags": "+faststart"})
        except (av.FFmpegError, OSError) as problem:
            raise self._refusal(problem) from problem
        self._stream = self._encoder(rate)

    def write(self, image: Image) -> None:
        """Append one frame.

        Args:
            image: uint8 (height, width) or (height, width, 3) RGB, of the size given at the start.

        Raises:
            TrainingError: another size, or the disk is full.
        """
        if image.shape[:2] != self._size:
            raise TrainingError(f"{self.path}: frame {self.written} is {_text(image.shape[:2])}; expected {_text(self._size)}")
        rgb = cv2.cvtColor(image, cv2.COLOR_GRAY2RGB) if image.ndim == 2 else image
        height, width = self._size
        even = cv2.copyMakeBorder(rgb, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
        try:
            self._container.mux(self._stream.encode(av.VideoFrame.from_ndarray(np.asarray(even, np.uint8), format="rgb24")))
        except (av.FFmpegError, OSError) as problem:
            raise self._refusal(problem) from problem
        self.written += 1

    def __enter__(self) -> "VideoWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            self._discard()

    def _finish(self) -> None:
        try:
            if self.written == 0:
                raise TrainingError(f"{self.path}: not written, there was no frame to write")
            self._container.mux(self._stream.encode(None))
            self._container.close()
            _sync(self._unfinished)
            self._unfinished.rename(self.path)
        except (av.FFmpegError, OSError) as problem:
            raise self._refusal(problem) from problem

    def _discard(self) -> None:
        try:
            self._container.close()
        except (av.FFmpegError, OSError):
            return  # a full disk also refuses the trailer of a file that is thrown away here
        finally:
            self._unfinished.unlink(missing_ok=True)

    def _encoder(self, rate: Fraction) -> VideoStream:
        stream: VideoStream = self._container.add_stream("libx264", rate=rate.limit_denominator(100_000))
        height, width = self._size
        stream.height, stream.width = height + height % 2, width + width % 2
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": "18", "preset": "veryfast"}  # rings one pixel wide stay clean; three times as fast as "medium"
        return stream

    def _refusal(self, problem: av.FFmpegError | OSError) -> TrainingError:
        return TrainingError(f"{self.path}: cannot be written: {problem.strerror}; {remedy(OSError(problem.errno, problem.strerror))}")


def _open_input(path: Path) -> InputContainer:
    try:
        return av.open(str(path), "r")
    except FileNotFoundError:
        raise TrainingError(f"{path}: no such file; give the path of a video") from None
    except (av.FFmpegError, OSError) as problem:
        raise TrainingError(f"{path}: 0 frames read, cannot be opened as a video: {problem.strerror}; copy or record it again") from None


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _text(size: tuple[int, ...]) -> str:
    return f"{size[1]}×{size[0]}"
