"""One Matroska file of a session, written so that a power cut costs no more than what was not yet synced."""

import os
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from tracker.errors import RecordingError
from tracker.frame import Image
from tracker.recording.encoder_choice import encoder_options
from tracker.recording.session import VideoFormat

_GREY_CHROMA = 128
# Each frame is a cluster of its own and leaves for the file when the next one comes: 20 bytes more a frame. By default Matroska
# keeps five seconds back, and FFmpeg as many bytes as a static dark scene fills in eight.
_CONTAINER = {"cluster_size_limit": "1", "fflags": "+flush_packets"}


class VideoSegment:
    """Encodes frames into one file. Used by one thread.

    Attributes:
        path: of the file.
        frames: encoded so far.
        in_file: of these, frames that have been given to the operating system: all but the last that was encoded, until it is closed.
        synced: of these, frames that a power cut cannot take any more.
    """

    def __init__(self, path: Path, form: VideoFormat, *, threads: int = 1, tags: Mapping[str, str] = MappingProxyType({})) -> None:
        """Create the file.

        Args:
            path: of it.
            form: of the video.
            threads: that encode.
            tags: of the whole file.

        Raises:
            RecordingError: it exists.
            OSError: it cannot be created.
        """
        self.path = path
        self.frames = self.in_file = self.synced = self._packets = 0
        try:
            self._file = open(path, "xb", buffering=0)  # noqa: SIM115, PTH123 a buffer of Python's own would be lost with the process
        except FileExistsError:
            raise RecordingError(f"{path}: exists; a recording never writes into another") from None
        self._container: Any = av.open(self._file, "w", format="matroska", container_options=_CONTAINER)
        self._container.metadata.update(tags)
        rate = Fraction(form.rate_hz).limit_denominator(1000)
        stream: Any = self._container.add_stream(form.encoder, rate=rate)
        self._stream = stream
        stream.width, stream.height, stream.pix_fmt = _even(form.width), _even(form.height), "yuv420p"
        stream.options = encoder_options(form.encoder, crf=form.crf, preset=form.preset)
        context = stream.codec_context
        context.gop_size = max(1, round(form.rate_hz))  # a key frame a second
        context.thread_count = threads
        context.color_range, context.colorspace = ColorRange.JPEG, Colorspace.ITU601
        self._time_base = 1 / rate
        self._shape = (form.height, form.width, 3) if form.colour else (form.height, form.width)
        self._grey_frame = None if form.colour else _grey_frame(_even(form.width), _even(form.height))

    def __enter__(self) -> "VideoSegment":
        return self

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def write(self, image: Image) -> None:
        """Append a frame, uint8 (h, w) or (h, w, 3) RGB of the session's size.

        Raises:
            RecordingError: the image has another size, or is colour where the session is grey, or grey where it is colour.
            OSError: the disk refuses.
        """
        if image.shape != self._shape:  # a smaller one would be written into a corner of the last, or be stretched
            raise RecordingError(
                f"{self.path}: the camera delivers images of the shape {image.shape}, the session is of {self._shape}; begin a new "
                "session; what was recorded before is mended by `tracker recover`"
            )
        frame = self._colour(image) if self._grey_frame is None else self._grey(image, self._grey_frame)
        frame.pts, frame.time_base = self.frames, self._time_base
        frame.color_range, frame.colorspace = ColorRange.JPEG, Colorspace.ITU601
        for packet in self._stream.encode(frame):
            self._container.mux(packet)
            self._packets += 1
        self.frames += 1
        self.in_file = max(0, self._packets - 1)

    def sync(self) -> None:
        """Wait until everything that is in the file is on the disk.

        Raises:
            OSError: the disk refuses.
        """
        reached = self.in_file
        os.fdatasync(self._file.fileno())
        self.synced = reached

    def is_there(self) -> bool:
        """Whether the file still has a name: written bytes of a deleted one are lost when it is closed."""
        return os.fstat(self._file.fileno()).st_nlink > 0

    def close(self) -> None:
        """Finish the file and sync it. May be called twice.

        Raises:
            OSError: the disk refuses; the file is closed all the same.
        """
        if self._file.closed:
            return
        try:
            for packet in self._stream.encode():
                self._container.mux(packet)
            self._container.close()
            os.fdatasync(self._file.fileno())
            self.in_file = self.synced = self.frames
        finally:
            self._file.close()
            self._stream = self._container = None  # rows still refer to this segment while the next one's encoder takes memory

    def abandon(self) -> None:
        """Close the file as it is, after the disk has refused."""
        self._file.close()

    def _grey(self, image: Image, frame: av.VideoFrame) -> av.VideoFrame:
        """The image in the one frame's memory, which the encoder gives back with the packet; if it has not, the frame gets other memory.

        NumPy copies without holding the interpreter, in 10 us; PyAV's own conversion holds it for 140.
        """
        height, width = image.shape
        frame.make_writable()
        luma = _plane(frame, 0)
        luma[:height, :width] = image
        if width % 2:
            luma[:height, width] = image[:, -1]
        if height % 2:
            luma[height] = luma[height - 1]
        return frame

    def _colour(self, image: Image) -> av.VideoFrame:
        height, width = image.shape[:2]
        if height % 2 or width % 2:
            image = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        return frame.reformat(
            format="yuv420p", dst_colorspace=Colorspace.ITU601, src_color_range=ColorRange.JPEG, dst_color_range=ColorRange.JPEG
        )


def _grey_frame(width: int, height: int) -> av.VideoFrame:
    frame = av.VideoFrame(width, height, "yuv420p")
    for chroma in (1, 2):
        _plane(frame, chroma)[:] = _GREY_CHROMA
    return frame


def _plane(frame: av.VideoFrame, index: int) -> NDArray[np.uint8]:
    """One plane's memory, (height, bytes of a line): lines may be longer than the picture is wide."""
    plane: Any = frame.planes[index]
    return np.asarray(np.frombuffer(plane, np.uint8)).reshape(plane.height, plane.line_size)


def _even(side: int) -> int:
    return side + side % 2
