"""When the next heartbeat is due, and the interval it announces."""

from collections import deque

_REMEMBERED = 9  # intervals


class Heartbeat:
    """Paces the heartbeat, which the loop itself sends: a loop that hangs is silent.

    A loop whose frames take longer than the configured interval cannot keep it. The interval announced is therefore the
    median of the last nine, and never below the configured one, so that a subscriber's time limit fits the machine. A single
    pause, however long, does not move it: a subscriber must not wait long for the next one.
    """

    def __init__(self, interval_ms: float) -> None:
        self._interval_ns = round(interval_ms * 1e6)
        self._last_ns: int | None = None
        self._intervals_ns: deque[int] = deque(maxlen=_REMEMBERED)

    def due(self, now_ns: int) -> float | None:
        """The interval to announce, in ms, if a heartbeat is due now; it then counts as sent."""
        if self._last_ns is not None:
            if now_ns - self._last_ns < self._interval_ns:
                return None
            self._intervals_ns.append(now_ns - self._last_ns)
        self._last_ns = now_ns
        return max(self._interval_ns, self._typical_ns()) / 1e6

    def _typical_ns(self) -> int:
        intervals = sorted(self._intervals_ns)
        return intervals[(len(intervals) - 1) // 2] if intervals else 0
