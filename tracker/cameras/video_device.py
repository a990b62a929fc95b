"""A V4L2 device through OpenCV, for pixel formats that are not read by our own calls; OpenCV hides lost and damaged frames."""

import os
import threading
import time
from collections.abc import Callable

import cv2
import numpy as np

from tracker.cameras.device_node import device_path, open_node
from tracker.cameras.opencv_capture import as_rgb, compare, decoder_name, format_of, quieten
from tracker.cameras.read_back import ReadBack
from tracker.cameras.v4l2_controls import apply_controls
from tracker.cameras.v4l2_read_back import read_device
from tracker.config_cameras import OpenCVCamera
from tracker.errors import CameraError, CorruptFrameError
from tracker.frame import Frame, Image

# The driver fills buffers in order, so each is one frame of slack and, once the reader lags, one frame of delay.
# With fewer than three most UVC drivers halve their rate; the capture thread keeps the queue empty anyway.
BUFFERS = 4
FIRST_FRAME_S = "2"  # OpenCV's own wait while a device starts, whole seconds; later waits follow the caller's limit
PLAUSIBLE_AGE_NS = 10_000_000_000  # a buffer stamped further back was stamped by another clock


class VideoDevice:
    """A V4L2 device by index or path.

    `exposed_ns` is the kernel's time stamp of the buffer, on CLOCK_MONOTONIC. V4L2's sequence number does not come
    through OpenCV, so `number` counts what was delivered.
    """

    def __init__(self, settings: OpenCVCamera, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._path = device_path(settings.device)
        handle = open_node(self._path)  # OpenCV itself only says yes or no
        try:
            apply_controls(handle, settings, where=self._path)
            controls = read_device(handle, where=f"{self._path}")
        finally:
            os.close(handle)
        quieten()
        os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", FIRST_FRAME_S)
        self._clock = clock
        self._in_use = threading.Lock()  # OpenCV must not release a capture while another thread reads it
        self._number = 0
        self._capture = cv2.VideoCapture(str(self._path), cv2.CAP_V4L2)
        if not self._capture.isOpened():
            raise CameraError(
                f"{self._path}: another program is using it, or it gives no picture format that OpenCV reads; close that program"
            )
        try:
            image = self._start(settings)
            self._format = format_of(self._capture, image)
            compare(
                settings, self._format, where=f"{self._path}", remedy=f"`v4l2-ctl -d {self._path} --list-formats-ext` lists what it offers"
            )
        except CameraError:
            self.close()
            raise
        self._shape = image.shape
        self.description = f"V4L2 device {self._path} {self._format}"
        self.read_back: ReadBack = {**self._format.read_back(), **controls, "decoder": decoder_name(self._capture)}

    def read(self, timeout_s: float) -> Frame | None:
        """Wait for the next frame.

        Raises:
            CameraError: none came in time, the device is gone or closed, or its picture changed size.
            CorruptFrameError: the frame could not be decoded.
        """
        with self._in_use:
            image, stamp_ms = self._grab(timeout_s)
            received_ns = self._clock()
        number = self._number
        self._number += 1
        if image is None or image.size == 0:
            raise CorruptFrameError(f"{self._path}: frame {number} arrived damaged; use a shorter or better cable, or another USB port")
        if image.shape != self._shape:
            raise CameraError(f"{self._path}: picture changed from {self._shape[:2]} to {image.shape[:2]} (height, width) while running")
        age_ns = received_ns - round(stamp_ms * 1e6)
        return Frame(
            image=as_rgb(image, grey=self._format.grey),
            number=number,
            exposed_ns=received_ns - age_ns if 0 <= age_ns < PLAUSIBLE_AGE_NS else None,
            received_ns=received_ns,
        )

    def close(self) -> None:
        """Release the device, after the read that is under way."""
        with self._in_use:
            self._capture.release()

    def _start(self, settings: OpenCVCamera) -> Image:
        """Ask for the settings, pixel format first since sizes and rates depend on it, and wait for the first picture."""
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, BUFFERS)
        if settings.fourcc is not None:
            self._capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*settings.fourcc))
        for key, value in (
            (cv2.CAP_PROP_FRAME_WIDTH, settings.width),
            (cv2.CAP_PROP_FRAME_HEIGHT, settings.height),
            (cv2.CAP_PROP_FPS, settings.rate_hz),
        ):
            if value is not None:
                self._capture.set(key, value)
        ok, image = self._capture.read()
        if not ok:
            raise CameraError(
                f"{self._path}: opened, but sent no picture; unplug it and plug it in again, or close the program that uses it"
            )
        return np.asarray(image, np.uint8)

    def _grab(self, timeout_s: float) -> tuple[Image | None, float]:
        """Wait in the kernel's queue, then decode; gives the picture and the kernel's stamp in ms."""
        gone = f"{self._path}: stopped or was unplugged; plug it in again"
        if not self._capture.isOpened():
            raise CameraError(f"{self._path}: is closed")
        try:
            in_time, ready = cv2.VideoCapture.waitAny([self._capture], timeoutNs=max(1, round(timeout_s * 1e9)))
            if not in_time:
                raise CameraError(f"{self._path}: no frame for {timeout_s:g} s; check cable and power")
            if not len(ready):
                raise CameraError(gone)
            _, image = self._capture.retrieve()
        except cv2.error as problem:
            raise CameraError(gone) from problem
        return (None if image is None else np.asarray(image, np.uint8)), self._capture.get(cv2.CAP_PROP_POS_MSEC)
