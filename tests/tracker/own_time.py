"""A capture thread on a synthetic camera's own time, which passes only while the camera waits."""

from tests.tracker.camera_capture import TIMES, take_all
from tracker.cameras.camera import Camera
from tracker.cameras.capture import Capture
from tracker.cameras.synthetic import SyntheticDevice, SyntheticRig
from tracker.config_cameras import CaptureConfig, SyntheticCamera
from tracker.frame import Frame


class OwnTime:
    """A synthetic rig on a clock that its own waiting moves on, so that no machine is too slow for it."""

    def __init__(self, settings: SyntheticCamera) -> None:
        self.openings: list[tuple[str, str]] = []  # state and problem of the capture at each opening
        self.capture: Capture | None = None
        self._now_ns = 0
        self._settings = settings
        self._device = SyntheticDevice(settings, self.clock)

    def clock(self) -> int:
        return self._now_ns

    def wait(self, seconds: float) -> None:
        self._now_ns += max(100_000, round(1e9 * seconds))

    def open(self) -> Camera:
        if self.capture is not None:
            self.openings.append((self.capture.state, str(self.capture.problem)))
        if len(self.openings) > 1:
            self.wait(0.02)  # the capture waited between two attempts
        return SyntheticRig(self._settings, self.clock, device=self._device, wait=self.wait)


def followed(settings: SyntheticCamera, *, stalled_after_s: float = 5.0) -> tuple[Capture, list[Frame], list[tuple[str, str]]]:
    """Take every frame of a rig in its own time."""
    own = OwnTime(settings)
    times = TIMES | {"stalled_after_s": stalled_after_s}
    capture = own.capture = Capture(own.open, CaptureConfig(pace="every_frame", queue_frames=1000, **times), clock=own.clock)
    capture.start()
    frames = take_all(capture)
    capture.close()
    return capture, frames, own.openings
