"""A light piece of work for the device, again and again between frames, so that its clocks do not fall asleep."""

import logging
import threading
import time
from collections.abc import Callable

from tracker.errors import EngineError

logger = logging.getLogger(__name__)


class KeepWarm:
    """Calls `touch` every `interval_ms` on a thread of its own, unless a frame has run within that time.

    Nothing is locked against the frames: `touch` works on a stream of its own, so that a frame never waits for it on the
    device, and on the host for no longer than one launch (some ten microseconds).

    Args:
        touch: launches the light work and waits for nothing.
        interval_ms: how often.
        clock: monotonic, in ns.
    """

    def __init__(self, touch: Callable[[], None], *, interval_ms: float, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._touch, self._interval_ns, self._clock = touch, round(interval_ms * 1e6), clock
        self.last_frame_ns = clock()  # written by whoever runs frames; one reference, so no lock
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="keep-warm", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop, and wait until the last touch is over. May be called twice."""
        self._closed.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._closed.wait(self._interval_ns / 1e9):
            if self._clock() - self.last_frame_ns < self._interval_ns:
                continue
            try:
                self._touch()
            except EngineError as problem:
                logger.warning("keep-warm stopped: %s", problem)
                return
