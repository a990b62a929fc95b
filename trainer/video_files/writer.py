"""Write video files, and never let a cut one pass for whole."""

import os
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import cv2
import numpy as np
from av.container import OutputContainer
from av.video.stream import VideoStream

from tracker.drawn_video import MARK, TAG
from tracker.frame import Image
from tracker.whole_files import remedy
from trainer.errors import TrainingError


class VideoWriter:
    """An H.264 file in yuv420p, which every player shows. A context manager.

    The file carries another name until it is whole: a crash, a full disk or an exception never leaves one that looks complete.
    """

    def __init__(self, path: Path, *, rate: Fraction, size: tuple[int, int], drawn: bool = False) -> None:
        """Begin a file.

        Args:
            path: where the finished file will be; its folder is made.
            rate: frames per second.
            size: (height, width); odd sides are padded by one row or column, since yuv420p has none.
            drawn: the frames are another video's with something drawn on them; the file says so.

        Raises:
            TrainingError: the file cannot be made, or its name says that it is another kind of file.
        """
        if path.suffix.lower() != ".mp4":
            raise TrainingError(f"{path}: an MP4 file would be written; expected a name that ends in .mp4")
        self.path = path
        self.written = 0
        self._size = size
        self._unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._container: OutputContainer = av.open(str(self._unfinished), "w", format="mp4", options={"movflags": "+faststart"})
        except (av.FFmpegError, OSError) as problem:
            raise self._refusal(problem) from problem
        if drawn:
            self._container.metadata[TAG] = MARK
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


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _text(size: tuple[int, ...]) -> str:
    return f"{size[1]}×{size[0]}"
