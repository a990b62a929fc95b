"""A video that was not recorded here: every frame that FFmpeg decodes, once, with the pixels and times of the camera source `opencv`.

Where it ends the decoder says, not the header.
"""

import hashlib
import itertools
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np

from tracker.cameras.file_times import FileTimes
from tracker.cameras.video_file import VideoFile
from tracker.config_cameras import OpenCVCamera
from tracker.drawn_video import is_drawn
from tracker.errors import CameraError, RecordingError
from tracker.frame import Image
from tracker.recording.frame_converter import Converter, Decoded
from tracker.recording.session import SourceVideo
from tracker.recording.video_container import open_container

logger = logging.getLogger(__name__)

Decoder = Literal["pyav", "opencv"]
_PIECE = 1 << 20  # bytes hashed at the beginning, in the middle and at the end
_COMPARED = 24  # frames whose times are compared with the live source's: more than any decoder holds back
_READ_S = 60.0
_SLACK_S = 0.5  # by which its duration may be
_FIRST_TRUE_YEAR = 1990  # clocks that were never set say 1904, 1970 or 1980
_FEW_MISSING = 2  # frames by which a header may be wrong


def identify(path: Path) -> SourceVideo:
    """Which video this is: its place, its size, and the SHA-256 of its size and of a MiB at its beginning, middle and end.

    Raises:
        RecordingError: it is not there or cannot be read.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            digest = hashlib.sha256(str(size).encode())
            for place in (0, size // 2, max(0, size - _PIECE)):
                file.seek(place)
                digest.update(file.read(_PIECE))
    except OSError as problem:
        raise RecordingError(f"{path}: cannot be read: {problem.strerror}; give the path of a video") from problem
    return SourceVideo(path=str(path.resolve()), bytes=size, fingerprint=digest.hexdigest())


def is_drawn_video(path: Path) -> bool:
    """Whether a file says that something was drawn on another video; one that is no video, or cannot be read, says nothing."""
    try:
        with av.open(str(path), metadata_errors="ignore") as container:
            return is_drawn(container.metadata)
    except (av.FFmpegError, OSError):
        return False


class OriginalVideo:
    """One video file, read once from its beginning to its end.

    Attributes:
        path: of the file.
        decoder: "pyav", or "opencv" where the live source makes other pixels or times of the first frames: then it reads all of them.
        rate_hz: as the header says, 0 where it does not.
        expected: frames that the header promises, about; None where it promises nothing.
        shape: of every image: (height, width), or (height, width, 3) RGB.
        codec: as FFmpeg calls it; "unknown" where the header cannot be read.
        filmed: creation time that the header states, UTC; None where it states none that can be true.
        damaged: packets that could not be decoded so far.
        read: frames so far.
    """

    def __init__(self, path: Path, *, decoder: Decoder | None = None, threads: int = 1) -> None:
        """Read the header, and compare the first frames with the live source.

        Args:
            path: of the file.
            decoder: to use; None chooses.
            threads: of the decoder.

        Raises:
            CameraError: it is not a video that can be read, in the words of the live source.
        """
        self.path = path
        self.damaged = self.read = 0
        self._threads = threads
        live = _first_live(path, _COMPARED if decoder is None else 1)
        self.shape: tuple[int, ...] = live.image.shape
        self._promised: int | None = None
        self._seconds: float | None = None  # as the header says
        self._last_s = 0.0  # time of the last frame
        self.rate_hz, self.expected = 0.0, None
        self.codec = "unknown"
        self.filmed: datetime | None = None
        with suppress(CameraError):
            self._read_header()
        self.decoder: Decoder = decoder or ("pyav" if self._agrees(live) else "opencv")

    def frames(self) -> Iterator[Decoded]:
        """Every frame in showing order. Times increase; where the file has no usable ones they go by its rate.

        Raises:
            CameraError: the picture changes its size, or no frame can be decoded.
        """
        self.damaged = self.read = 0
        for decoded in self._by_opencv() if self.decoder == "opencv" else self._by_pyav():
            self.read += 1
            self._last_s = decoded.time_ns / 1e9
            yield decoded
        if not self.read:
            raise CameraError(f"{self.path}: no frame can be decoded; record or convert it anew")

    def images(self) -> Iterator[Image]:
        """Every image in showing order.

        Raises:
            CameraError: as `frames`.
        """
        convert = self.converter()
        for decoded in self.frames():
            yield convert.image(decoded)

    def converter(self) -> "Converter":
        """What makes images; one for each thread."""
        return Converter(self.path, self.shape)

    def fault(self) -> str | None:
        """After the last frame: what is wrong with the video, in one sentence; None for nothing."""
        if self.damaged:
            return f"{self.path}: {self.read} frames decoded, {self.damaged} packets are damaged; copy the file again"
        if self._promised is not None and self.read < self._promised - _FEW_MISSING:
            return f"{self.path}: {self.read} of {self._promised} frames decoded, the file seems to be cut; copy it again"
        if (
            self._promised is None
            and self._seconds is not None
            and self._last_s < self._seconds - max(_SLACK_S, _FEW_MISSING / self.rate_hz)
        ):
            return f"{self.path}: decoded up to {self._last_s:.2f} s of {self._seconds:.2f} s, the file seems to be cut; copy it again"
        return None

    def _read_header(self) -> None:
        with _opened(self.path) as container:
            stream = container.streams.video[0]
            self.rate_hz = float(stream.guessed_rate or 0)
            self.codec = stream.codec_context.codec.canonical_name
            self.filmed = _creation_time({**stream.metadata, **container.metadata})
            self._promised = stream.frames or None
            seconds = container.duration / av.time_base if container.duration else None
            self.expected = self._promised or (round(seconds * self.rate_hz) if seconds else None)
            if len(container.streams) == 1 and self.rate_hz:  # else it may be that of the sound
                self._seconds = seconds

    def _agrees(self, live: "_FirstLive") -> bool:
        """Whether PyAV gives what the live source gives: the first image to the bit, and the first times."""
        convert = self.converter()
        try:
            decoding = self._by_pyav()
            first = next(decoding, None)
            if first is not None and np.array_equal(convert.image(first), live.image):
                later = [each.time_ns for each in itertools.islice(decoding, len(live.times_ns) - 1)]
                if [first.time_ns, *later] == live.times_ns:
                    return True
        except CameraError:
            pass
        logger.info("read through OpenCV, as live, which is slower; PyAV gives its first frames other pixels or times: path=%s", self.path)
        return False

    def _by_pyav(self) -> Iterator[Decoded]:
        times = FileTimes()
        with _opened(self.path) as container:
            stream = container.streams.video[0]
            stream.thread_type, stream.codec_context.thread_count = "AUTO", self._threads
            start, tick_s = stream.start_time or 0, stream.time_base.numerator / stream.time_base.denominator
            for picture in self._pictures(container, stream):
                at_ms = 0.0 if picture.pts is None else (picture.pts - start) * tick_s * 1000
                yield Decoded(times.of_next(at_ms, rate_hz=self.rate_hz), picture)

    def _pictures(self, container: Any, stream: Any) -> Iterator[av.VideoFrame]:
        """Frames of every packet that can be decoded, and of those after it."""
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except av.FFmpegError:  # the file breaks off: what the decoder holds is still to come
                self.damaged += 1
                packet = None
            try:
                yield from stream.decode(packet)
            except av.FFmpegError:
                self.damaged += 1
            if packet is None:
                return

    def _by_opencv(self) -> Iterator[Decoded]:
        with _live(self.path) as camera:
            while (frame := camera.read(_READ_S)) is not None:
                yield Decoded(frame.exposed_ns or 0, frame)


def _creation_time(metadata: Mapping[str, str]) -> datetime | None:
    """What a header states, unless it is a clock that was never set or no time at all."""
    try:
        stated = datetime.fromisoformat(metadata.get("creation_time", "").replace("Z", "+00:00"))
    except ValueError:
        return None
    utc = stated.replace(tzinfo=stated.tzinfo or timezone.utc).astimezone(timezone.utc)
    return utc if utc.year >= _FIRST_TRUE_YEAR else None


@contextmanager
def _live(path: Path) -> Iterator[VideoFile]:
    camera = VideoFile(OpenCVCamera(device=str(path), file_speed="flat_out"))
    try:
        yield camera
    finally:
        camera.close()


@dataclass(frozen=True, slots=True)
class _FirstLive:
    """What the live source gives first.

    Attributes:
        image: the first one.
        times_ns: of the first frames.
    """

    image: Image
    times_ns: list[int]


def _first_live(path: Path, frames: int) -> _FirstLive:
    with _live(path) as camera:
        first = camera.read(_READ_S)
        if first is None:
            raise CameraError(f"{path}: video has no frames; record or convert it anew")
        times = [first.exposed_ns or 0]
        while len(times) < frames and (time_ns := camera.skip()) is not None:
            times.append(time_ns)
        return _FirstLive(first.image, times)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        container = open_container(path)
    except (av.FFmpegError, OSError) as problem:
        raise CameraError(f"{path}: cannot be opened as a video ({problem.strerror}); record or convert it anew") from problem
    with container:
        if not container.streams.video:
            raise CameraError(f"{path}: holds no video; give a video file")
        yield container
