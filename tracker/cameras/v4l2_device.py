"""A UVC camera, or any other V4L2 device of Linux, read by system calls: every frame with its number, its time and its fault."""

import threading
import time
from collections.abc import Callable

from tracker.cameras.device_node import device_path
from tracker.cameras.opencv_capture import CaptureFormat, compare, quieten
from tracker.cameras.read_back import ReadBack
from tracker.cameras.v4l2_pixels import decode
from tracker.cameras.v4l2_stream import Taken, V4l2Stream
from tracker.config_cameras import OpenCVCamera
from tracker.errors import CameraError, CorruptFrameError
from tracker.frame import Frame

FIRST_FRAME_S = 5.0  # webcams take up to some seconds to start; later waits follow the caller's limit
PLAUSIBLE_AGE_NS = 10_000_000_000  # a buffer stamped further back was stamped by another clock


class V4l2Device:
    """A V4L2 device by index or path.

    `number` is the driver's sequence number, in which frames that the driver lost are missing; `exposed_ns` its time stamp,
    where that is on CLOCK_MONOTONIC.
    """

    def __init__(self, settings: OpenCVCamera, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._path = device_path(settings.device)
        quieten()
        self._clock = clock
        self._numbers = SequenceNumber()
        self._closed = threading.Event()
        self._in_use = threading.Lock()  # the buffers must not be released while another thread reads them
        self._stream = V4l2Stream(self._path, settings)
        layout = self._layout = self._stream.layout
        self._shape = (layout.height, layout.width) + (() if layout.fourcc == "GREY" else (3,))
        found = CaptureFormat(
            width=layout.width,
            height=layout.height,
            rate_hz=self._stream.rate_hz,
            fourcc=layout.fourcc,
            grey=layout.fourcc == "GREY",
        )
        try:
            compare(settings, found, where=f"{self._path}", remedy=f"`v4l2-ctl -d {self._path} --list-formats-ext` lists what it offers")
            self._wait_for_first()
        except CameraError:
            self.close()
            raise
        self.description = f"V4L2 device {self._path} {found}"
        self.read_back: ReadBack = {**found.read_back(), **self._stream.read_back}

    def read(self, timeout_s: float) -> Frame | None:
        """Wait for the next frame.

        Raises:
            CameraError: none came in time, the device is gone or closed, or its picture changed size.
            CorruptFrameError: the driver flags the frame as damaged, it is short, or it cannot be decoded.
        """
        with self._in_use:
            taken = self._take(timeout_s)
            received_ns = self._clock()
            number = self._numbers.of(taken.sequence)
            image = None if taken.damaged else decode(self._stream.memory(taken), self._layout)
            self._stream.give_back(taken)
        if image is None:
            raise CorruptFrameError(f"{self._path}: frame {number} arrived damaged; use a shorter or better cable, or another USB port")
        if image.shape != self._shape:
            raise CameraError(f"{self._path}: picture changed from {self._shape[:2]} to {image.shape[:2]} (height, width) while running")
        age_ns = received_ns - taken.stamp_ns
        exposed_ns = taken.stamp_ns if 0 <= age_ns < PLAUSIBLE_AGE_NS else None
        return Frame(image=image, number=number, exposed_ns=exposed_ns, received_ns=received_ns)

    def close(self) -> None:
        """Release the device; a read under way in another thread ends at once."""
        if self._closed.is_set():
            return
        self._closed.set()
        self._stream.wake()
        with self._in_use:
            self._stream.close()

    def _wait_for_first(self) -> None:
        if not self._stream.wait(FIRST_FRAME_S):
            raise CameraError(
                f"{self._path}: opened, but sent no picture in {FIRST_FRAME_S:g} s; check the signal at its input, "
                "or unplug it and plug it in again"
            )

    def _take(self, timeout_s: float) -> Taken:
        deadline_ns = self._clock() + round(1e9 * timeout_s)
        while not self._closed.is_set():
            left_s = (deadline_ns - self._clock()) / 1e9
            taken = self._stream.take() if self._stream.wait(left_s) else None
            if taken is not None:
                return taken
            if left_s <= 0 and not self._closed.is_set():
                raise CameraError(f"{self._path}: no frame for {timeout_s:g} s; check cable and power")
        raise CameraError(f"{self._path}: is closed")


class SequenceNumber:
    """The driver's sequence numbers as frame numbers that always grow."""

    def __init__(self) -> None:
        self._last: int | None = None
        self._number = 0

    def of(self, sequence: int) -> int:
        """Number the frame with this sequence number, which has 32 bits; drivers that do not count are counted for."""
        if self._last is None:
            self._number = sequence
        else:
            step = (sequence - self._last) % 2**32
            self._number += step if 0 < step < 2**31 else 1
        self._last = sequence
        return self._number
