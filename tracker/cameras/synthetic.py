"""A camera that looks at a synthetic scene, keeps its own time like a real one, and misbehaves when it is told to."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from tracker.cameras.read_back import ReadBack
from tracker.cameras.serial_light import SerialLight
from tracker.config_cameras import InjectedFault, SyntheticCamera
from tracker.errors import CameraError, CorruptFrameError
from tracker.frame import Frame, Image
from tracker.synthetic.light import Light
from tracker.synthetic.open_scene import open_scene

BUFFERED_FRAMES = 3  # what a driver keeps for a reader that is late; older ones are lost
SPIN_NS = 80_000  # a sleep ends 50 to 80 µs late on an idle kernel, so the last stretch is spent asking the clock
# Rendering waits until shortly before a frame is due: a real camera takes no processor time from whoever uses its last one.
RENDER_LEAD_NS = 3_000_000
WAKE_NS = 1_000_000


class SyntheticDevice:
    """What stays while the camera is opened and closed: the scene, and the moment the device began to count frames."""

    def __init__(self, settings: SyntheticCamera, clock: Callable[[], int]) -> None:
        self.scene = open_scene(
            settings.scene, seed=settings.seed, width=settings.width, height=settings.height, rectangles=settings.rectangles
        )
        self.light = None if settings.light is None else Light(settings.light)
        self._period_ns = 1e9 / settings.rate_hz
        self._faults = settings.faults
        self._start_ns = clock() + round(self._period_ns)

    def due_ns(self, number: int) -> int:
        """When the exposure of a frame begins."""
        return self._start_ns + round(number * self._period_ns)

    def newest(self, now_ns: int) -> int:
        """Number of the last frame that is due; negative before the first."""
        return int((now_ns - self._start_ns) // self._period_ns)

    def fault_at(self, time_ns: int, kind: str) -> InjectedFault | None:
        """The fault of a kind that lasts for a time, if it is under way."""
        return next((f for f in self._faults if f.fault == kind and self.due_ns(f.at_frame) <= time_ns < self.fault_end_ns(f)), None)

    def fault_end_ns(self, fault: InjectedFault) -> int:
        """When such a fault is over."""
        return self.due_ns(fault.at_frame) + round(1e9 * fault.seconds)

    def fault_on(self, number: int, kind: str) -> bool:
        """Whether a fault of a kind that hits a single frame hits this one."""
        return any(f.fault == kind and f.at_frame == number for f in self._faults)


class SyntheticRig:
    """The synthetic scene behind the camera protocol; frame numbers go on counting while the camera is closed.

    Args:
        settings: what to show, how fast, and which faults to commit.
        clock: monotonic nanoseconds.
        device: the device to open, where it has been open before.
        wait: waits so many seconds; None: really, until closed.

    Raises:
        CameraError: the device has vanished for now, or its light's port cannot be made.
    """

    def __init__(
        self,
        settings: SyntheticCamera,
        clock: Callable[[], int] = time.monotonic_ns,
        *,
        device: SyntheticDevice | None = None,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        self._settings, self._clock = settings, clock
        self._device = device or SyntheticDevice(settings, clock)
        self.description = (
            f"synthetic {settings.scene}, seed {settings.seed}, {settings.width}x{settings.height} at {settings.rate_hz:g} Hz"
        )
        self.read_back: ReadBack = {
            "scene": settings.scene,
            "seed": settings.seed,
            "width": settings.width,
            "height": settings.height,
            "rate_hz": float(settings.rate_hz),
            "exposure_ms": float(settings.exposure_ms),
        }
        self._closed = threading.Event()
        self._wait, self._nap = wait or self._closed.wait, wait or time.sleep
        self._refuse_when_vanished(clock())
        self._open_slowly()
        self._next = max(0, self._device.newest(clock()) + 1)
        self._exposure_ns = round(settings.exposure_ms * 1e6)
        light, port = self._device.light, settings.light
        self._serial = None if light is None or port is None else SerialLight(light, Path(port.port), clock=clock)

    def read(self, timeout_s: float) -> Frame | None:
        """Hand over the next frame at the moment it is due, or at once if the reader is late. See Camera.read."""
        self._wait_until(self._clock())
        deadline_ns = self._clock() + round(1e9 * timeout_s)
        number, end = self._choose(), self._settings.frames
        exposed_ns = self._device.due_ns(number if end is None else min(number, end))
        due_ns = exposed_ns + self._exposure_ns
        if due_ns > deadline_ns:
            self._wait_until(deadline_ns)
            raise CameraError(f"{self.description}: no frame for {timeout_s:g} s")
        if end is not None and number >= end:
            self._wait_until(due_ns)
            return None
        self._wait_until(due_ns - RENDER_LEAD_NS)
        image = self._see(number)
        self._wait_until(due_ns)
        if self._device.light is not None:
            self._device.light.draw(image, begin_ns=exposed_ns, end_ns=due_ns)
        self._refuse_when_vanished(due_ns)
        self._next = number + 1
        if self._device.fault_on(number, "corrupt"):
            raise CorruptFrameError(f"{self.description}: frame {number} arrived damaged")
        return Frame(image=image, number=number, exposed_ns=exposed_ns, received_ns=self._clock())

    def close(self) -> None:
        """Stop; a read under way in another thread ends with a CameraError."""
        self._closed.set()
        if self._serial is not None:
            self._serial.close()

    def _choose(self) -> int:
        """The next frame that this reader gets: not one that is too old, dropped, or never sent."""
        device = self._device
        number = max(self._next, device.newest(self._clock()) - BUFFERED_FRAMES + 1)
        while True:
            stall = device.fault_at(device.due_ns(number), "stall")
            if stall is not None:
                number = max(number, device.newest(device.fault_end_ns(stall) - 1)) + 1
            elif device.fault_on(number, "drop"):
                number += 1
            else:
                return number

    def _see(self, number: int) -> Image:
        image = self._device.scene.render(number)
        if self._device.fault_at(self._device.due_ns(number), "resize") is None:
            return image
        height, width = image.shape
        return np.asarray(cv2.resize(image, (width // 2, height // 2)), np.uint8)

    def _open_slowly(self) -> None:
        slow = self._device.fault_at(max(self._clock(), self._device.due_ns(0)), "slow_open")
        if slow is not None:
            self._wait_until(self._device.fault_end_ns(slow))

    def _refuse_when_vanished(self, now_ns: int) -> None:
        if self._device.fault_at(now_ns, "vanish") is not None:
            raise CameraError(f"{self.description}: the device is gone; plug it in again")

    def _wait_until(self, time_ns: int) -> None:
        while True:
            left_ns = time_ns - self._clock()
            if left_ns > WAKE_NS:
                self._wait((left_ns - WAKE_NS) / 1e9)
            if self._closed.is_set():
                raise CameraError(f"{self.description}: is closed")
            if left_ns <= 0:
                return
            if left_ns <= WAKE_NS:
                self._nap(max(0, left_ns - SPIN_NS) / 1e9)
