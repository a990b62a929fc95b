"""A video file as a camera: every frame once, at the recorded speed or flat out, once or in a loop."""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from tracker.cameras.file_times import FileTimes
from tracker.cameras.opencv_capture import as_rgb, compare, decoder_name, format_of, quieten
from tracker.cameras.read_back import ReadBack
from tracker.config_cameras import OpenCVCamera
from tracker.errors import CameraError
from tracker.frame import Frame, Image

logger = logging.getLogger(__name__)

Picture = tuple[Image, int]  # as OpenCV gave it, and its presentation time in ns after the first of the file


class VideoFile:
    """A video file. Frame numbers count on through a loop, and so do the times.

    `exposed_ns` is the frame's presentation time, in ns after the first frame.
    """

    def __init__(self, settings: OpenCVCamera, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._path = Path(str(settings.device))
        _check_readable(self._path)
        quieten()
        self._clock = clock
        self._loop = settings.loop_file
        self._paced = settings.file_speed == "recorded"
        self._closed = threading.Event()
        self._in_use = threading.Lock()  # OpenCV must not release a capture while another thread reads it
        self._number = 0
        self._lap_ns = 0  # times of this lap are counted from here
        self._started_ns: int | None = None
        self._capture = cv2.VideoCapture()
        first = self._open()
        self._waiting: Picture | None = first
        image = first[0]
        self._format = format_of(self._capture, image)
        self._shape = image.shape
        self._period_ns = round(1e9 / self._format.rate_hz) if self._format.rate_hz else 0
        try:
            compare(settings, self._format, where=f"{self._path}", remedy="set those keys to what the file has, or to null")
        except CameraError:
            self.close()
            raise
        self.description = f"video file {self._path.name} {self._format}"
        self.read_back: ReadBack = {"file": self._path.name, "decoder": decoder_name(self._capture), **self._format.read_back()}

    def read(self, timeout_s: float) -> Frame | None:
        """Decode the next frame, at its time if the recorded speed was asked for.

        Returns:
            The frame, or None after the last one and once closed.

        Raises:
            CameraError: the picture size changes inside the file, or the file vanished before it was to be repeated.
        """
        with self._in_use:
            if self._closed.is_set() or (picture := self._next()) is None:
                return None
            image, at_ns = picture
            if image.shape != self._shape:
                raise CameraError(f"{self._path}: frame {self._number} is {_size(image.shape)}, the frames before it {_size(self._shape)}")
            rgb = as_rgb(image, grey=self._format.grey)
            if self._paced and self._wait_until(at_ns):
                return None
            frame = Frame(image=rgb, number=self._number, exposed_ns=at_ns, received_ns=self._clock())
            self._number += 1
            return frame

    def skip(self) -> int | None:
        """Go past the next frame without making an image of it, at once.

        Returns:
            Its `exposed_ns`; None after the last frame of the file, also where it is to be repeated, and once closed.
        """
        with self._in_use:
            if self._closed.is_set():
                return None
            waiting, self._waiting = self._waiting, None
            if waiting is None and not self._capture.grab():
                return None
            self._number += 1
            return self._time_of_next() if waiting is None else waiting[1]

    def close(self) -> None:
        """Release the file, ending a wait for the next frame's time."""
        self._closed.set()
        with self._in_use:
            self._capture.release()

    def _open(self) -> Picture:
        """Start at the first frame, and hold it: a file without one is refused here."""
        backends = cv2.videoio_registry.getBackends()
        self._capture = cv2.VideoCapture(str(self._path), cv2.CAP_FFMPEG if cv2.CAP_FFMPEG in backends else cv2.CAP_ANY)
        if not self._capture.isOpened():
            raise CameraError(
                f"{self._path}: is not a video that OpenCV can read, or it was cut before its index was written; convert it anew"
            )
        ok, image = self._capture.read()
        if not ok:
            self._capture.release()
            raise CameraError(f"{self._path}: video has no frames; record or convert it anew")
        self._frames, self._times = 1, FileTimes()
        self._last_ns = self._lap_ns + self._times.of_next(self._capture.get(cv2.CAP_PROP_POS_MSEC), rate_hz=0.0)
        return np.asarray(image, np.uint8), self._last_ns

    def _next(self) -> Picture | None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            return waiting
        ok, image = self._capture.read()
        if ok:
            return np.asarray(image, np.uint8), self._time_of_next()
        self._report_shortfall()
        if not self._loop:
            return None
        self._capture.release()
        self._lap_ns = self._last_ns + self._period_ns
        return self._open()

    def _time_of_next(self) -> int:
        self._frames += 1
        at_ms = self._capture.get(cv2.CAP_PROP_POS_MSEC)
        self._last_ns = self._lap_ns + self._times.of_next(at_ms, rate_hz=self._format.rate_hz)
        return self._last_ns

    def _report_shortfall(self) -> None:
        """Warn where the file ends before its header says. By time: OpenCV only estimates the count of a variable rate."""
        promised = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        delivered_ns = self._last_ns - self._lap_ns + self._period_ns
        if promised > self._frames and promised * self._period_ns - delivered_ns > 0.75 * self._period_ns:
            logger.warning("video ended early, it may have been cut: path=%s frames=%d promised=%d", self._path, self._frames, promised)

    def _wait_until(self, at_ns: int) -> bool:
        """Wait for a frame's time; True if closed meanwhile."""
        if self._started_ns is None:
            self._started_ns = self._clock() - at_ns
        return self._closed.wait(max(0, self._started_ns + at_ns - self._clock()) / 1e9)


def _check_readable(path: Path) -> None:
    try:
        if not (path.is_file() or path.is_dir()) and path.exists():
            raise CameraError(f"{path}: is neither a file nor a device; correct camera.device")
        with path.open("rb") as file:
            empty = not file.read(1)
    except FileNotFoundError:
        raise CameraError(f"{path}: no such file or device; correct camera.device") from None
    except IsADirectoryError:
        raise CameraError(f"{path}: is a folder, expected a video file; for numbered images use camera.source: image_folder") from None
    except OSError as problem:
        raise CameraError(f"{path}: cannot be read: {problem.strerror}; change its mode, or run as a user who may read it") from None
    if empty:
        raise CameraError(f"{path}: is empty (0 bytes), expected a video; record or copy it again")


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}x{shape[0]}"
