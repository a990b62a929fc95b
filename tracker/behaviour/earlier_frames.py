"""Which frame was there so much earlier: for sources that tell of frames later than they are."""

from collections import deque
from typing import NamedTuple

LONGEST_NS = 10_000_000_000  # no bundle answers later


class EarlierFrame(NamedTuple):
    """One of the last frames."""

    number: int
    ago_ns: int  # before the newest


class EarlierFrames:
    """The frames of the last 10 s, by their own time."""

    def __init__(self) -> None:
        self._frames: deque[tuple[int, int]] = deque()  # time in ns, number

    def add(self, time_ns: int, number: int) -> None:
        """Take the newest frame. A clock that was set back begins anew: what came before has no known time any more."""
        frames = self._frames
        if frames and time_ns < frames[-1][0]:
            frames.clear()
        frames.append((time_ns, number))
        while frames[0][0] < time_ns - LONGEST_NS:
            frames.popleft()

    def nearest(self, delay_ns: int) -> EarlierFrame:
        """The frame that came nearest to so long before the newest; of two equally near the earlier, of none so old the oldest."""
        newest_ns = self._frames[-1][0]
        wanted_ns = newest_ns - delay_ns
        best_ns, best = self._frames[-1]
        for time_ns, number in reversed(self._frames):
            if abs(time_ns - wanted_ns) > abs(best_ns - wanted_ns):
                break
            best_ns, best = time_ns, number
        return EarlierFrame(best, newest_ns - best_ns)
