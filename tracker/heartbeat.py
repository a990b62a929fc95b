"""When the next heartbeat is due, and the interval it announces."""

from collections import deque

_REMEMBERED = 10  # intervals


class Heartbeat:
    """Paces the heartbeat, which the loop itself sends: a loop that hangs is silent.

    A loop whose frames take longer than the configured interval cannot keep it. The interval announced is therefore the
    longest of the last ten, and never below the configured one, so that a subscriber's time limit fits the machine.
    """

    def __init__(self, interval_ms: float) -> None:
        self._interval_ns = round(interval_ms * 1e6)
        self._last_ns: int | None = None
        self._intervals_ns: deque[int] = deque(maxlen=_REMEMBERED)

    def due(self, now_ns: int) -> float | None:
        """The interval to announce, in ms, if a heartbeat is due now; it then counts as sent."""
        if self._last_ns is None:
            self._last_ns = now_ns
        elif now_ns - self._last_ns >= self._interval_ns:
            self._intervals_ns.append(now_ns - self._last_ns)
            self._last_ns = now_ns
        else:
            return None
        return max(self._interval_ns, *self._intervals_ns, 0) / 1e6
