"""A network camera address (RTSP, HTTP) as a camera, through OpenCV's FFmpeg."""

import threading
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import cv2
import numpy as np

from tracker.cameras.opencv_capture import as_rgb, compare, decoder_name, format_of, quieten
from tracker.cameras.read_back import ReadBack
from tracker.config_cameras import OpenCVCamera
from tracker.errors import CameraError
from tracker.frame import Frame

# FFmpeg takes both limits only while opening, so they cannot follow the caller's patience.
OPEN_MS = 5000
SILENCE_MS = 2000


class VideoStream:
    """A stream by address. It has no usable clock or counter: `exposed_ns` is None, and numbers count what arrived."""

    def __init__(self, settings: OpenCVCamera, clock: Callable[[], int] = time.monotonic_ns) -> None:
        address = str(settings.device)
        self._where = without_password(address)
        quieten()
        self._clock = clock
        self._in_use = threading.Lock()  # OpenCV must not release a capture while another thread reads it
        self._number = 0
        limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, OPEN_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, SILENCE_MS]
        self._capture = cv2.VideoCapture(address, cv2.CAP_FFMPEG, limits)
        if not self._capture.isOpened():
            raise CameraError(f"{self._where}: no stream could be opened within {OPEN_MS / 1000:g} s; check address, network and sender")
        ok, image = self._capture.read()
        if not ok:
            self.close()
            raise CameraError(f"{self._where}: opened, but sent no picture; check the sender")
        self._shape = image.shape
        self._format = format_of(self._capture, np.asarray(image, np.uint8))
        try:
            compare(
                settings, self._format, where=self._where, remedy="change it at the sender, or set those keys to what it gives or to null"
            )
        except CameraError:
            self.close()
            raise
        self.description = f"stream {self._where} {self._format}"
        self.read_back: ReadBack = {"address": self._where, "decoder": decoder_name(self._capture), **self._format.read_back()}

    def read(self, timeout_s: float) -> Frame | None:
        """Wait for the next picture, at most SILENCE_MS whatever the caller's limit.

        Raises:
            CameraError: the stream ended, fell silent, changed its picture size or was closed.
        """
        with self._in_use:
            ok, image = self._capture.read()
            received_ns = self._clock()
        if not ok:
            raise CameraError(f"{self._where}: the stream ended or sent nothing for {SILENCE_MS / 1000:g} s; check network and sender")
        if image.shape != self._shape:
            raise CameraError(f"{self._where}: picture changed from {self._shape[:2]} to {image.shape[:2]} (height, width) while running")
        rgb = as_rgb(np.asarray(image, np.uint8), grey=self._format.grey)
        frame = Frame(image=rgb, number=self._number, exposed_ns=None, received_ns=received_ns)
        self._number += 1
        return frame

    def close(self) -> None:
        """Leave the stream, after the read that is under way."""
        with self._in_use:
            self._capture.release()


def without_password(address: str) -> str:
    """Give an address fit for logs and messages."""
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl() if "@" in parts.netloc else address
