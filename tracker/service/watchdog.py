"""Signs of life for the service manager, given only by frames that went all the way through."""

import os
import time
from collections.abc import Callable, Mapping

from tracker.service.notify import Notifier


class Watchdog:
    """Fed once a frame; the manager hears of it at most four times an interval.

    While a camera is being opened or known to be away there are no frames to feed it, so the manager is asked to wait longer instead: the
    daemon goes on trying to reopen, is not restarted over and over meanwhile, and is still restarted if
    that does not help for a long time or the loop itself hangs.
    """

    def __init__(self, notifier: Notifier, *, interval_s: float | None, clock: Callable[[], int] = time.monotonic_ns) -> None:
        """Feed the manager that expects a sign of life every `interval_s`; None: nobody expects any."""
        self._notifier = notifier
        self._interval_s = interval_s
        self._clock = clock
        self._quarter_ns = int(interval_s * 0.25e9) if interval_s else 0
        self._next_ns = 0

    @classmethod
    def from_environment(cls, notifier: Notifier, environment: Mapping[str, str] = os.environ) -> "Watchdog":
        """As the manager asked of this process (WATCHDOG_USEC, WATCHDOG_PID), if it did."""
        microseconds = environment.get("WATCHDOG_USEC", "")
        meant = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        return cls(notifier, interval_s=int(microseconds) / 1e6 if microseconds.isdigit() and meant else None)

    def fed(self) -> None:
        """A frame went all the way through."""
        if not self._quarter_ns:
            return
        now = self._clock()
        if now >= self._next_ns:
            self._next_ns = now + self._quarter_ns
            self._notifier.watchdog()

    def wait_for_camera(self, seconds: float) -> None:
        """Have the manager wait `seconds` for the camera to open, or to come back."""
        if self._interval_s:
            self._notifier.watchdog_interval(max(seconds, self._interval_s))

    def expect_frames(self) -> None:
        """Have the manager wait as long as its unit says."""
        if self._interval_s:
            self._notifier.watchdog_interval(self._interval_s)
            self._next_ns = 0
