"""How the frame counters of several cameras under one trigger belong together. Pure."""

from collections import Counter, deque
from dataclasses import dataclass, field

_FOUND_AFTER = 8  # poses that must agree on one offset
_COMPARED = 12  # of so many; the rest may have no partner, since frames get lost
_DISAGREEING = 5  # poses one after the other at the wrong time for their number: the counter has slipped or begun again
_REMEMBERED = 256  # moments that a counter is compared with
_STALE_NS = 1_000_000_000  # with nobody to compare with for so long, counting begins anew


@dataclass(slots=True)
class _Counter:
    shift: int | None = None  # added to its numbers; None while it is being found
    lag_ns: int = 0  # its times less those of the first camera, as found
    recent: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=_COMPARED))  # (number, time) while it is being found
    wrong: int = 0  # poses in a row at the wrong time


class Numbering:
    """Turns each camera's numbers into those of one common count, which is the count of the camera that was heard first.

    That two counters began together is never taken for granted: a camera that was started a moment later counts other frames
    under the same numbers. The offset of each is therefore found from time stamps, as that on which eight of its last twelve
    poses agree when each is compared with the nearest moment in time, at most half a period away. From then on numbers decide,
    so that a frame that arrives late by more than a period is still joined to its own moment; five poses in a row whose
    stamps contradict their numbers have the offset found anew, be it that a counter slipped or that it began again.

    Attributes:
        begun: how often the common count began anew, because no camera was left to go on with it.
    """

    def __init__(self, cameras: int) -> None:
        self.begun = 0
        self._newest: int | None = None  # common number
        self._counters = [_Counter() for _ in range(cameras)]
        self._moments: deque[tuple[int, int]] = deque(maxlen=_REMEMBERED)  # (common number, time less lag) of the cameras that are found

    def offset(self, camera: int) -> int | None:
        """A camera's number less the common one of the same moment; None while it is not known."""
        shift = self._counters[camera].shift
        return None if shift is None else -shift

    def lag_ns(self, camera: int) -> int:
        """A camera's times less those of the first camera at the same moment."""
        return self._counters[camera].lag_ns

    def common(self, camera: int, number: int, time_ns: int, tolerance_ns: float) -> int | None:
        """The common number of a frame, None while the camera's offset is being found."""
        counter = self._counters[camera]
        if counter.shift is None:
            counter.recent.append((number, time_ns))
            self._find(counter, time_ns, tolerance_ns)
        return None if counter.shift is None else number + counter.shift

    def time_ns(self, common: int) -> int | None:
        """When the moment of a common number was, by the first camera's times; None where it is not remembered."""
        if self._newest is None or common > self._newest:
            return None
        return next((time_ns for number, time_ns in reversed(self._moments) if number == common), None)

    def is_impossible(self, common: int, time_ns: int, *, period_ns: float) -> bool:
        """Whether a number lies further from the newest than the trigger can have come in that time, to half a period.

        To be asked of numbers that are not remembered: one that is garbage would close every moment up to it. A trigger that rests is
        no contradiction.
        """
        newest_ns = None if self._newest is None else self.time_ns(self._newest)
        if self._newest is None or newest_ns is None:
            return False
        steps, since_ns = common - self._newest, time_ns - newest_ns
        if steps < 0:
            steps, since_ns = -steps, -since_ns
        return (steps - 0.5) * period_ns >= since_ns

    def agreed(self, camera: int, common: int, time_ns: int) -> None:
        """Note a pose whose time stamp fits its number."""
        counter = self._counters[camera]
        counter.wrong = 0
        self._moments.append((common, time_ns - counter.lag_ns))
        self._newest = common if self._newest is None else max(self._newest, common)

    def contradicted(self, camera: int) -> None:
        """Note a pose whose time stamp does not fit its number."""
        counter = self._counters[camera]
        counter.wrong += 1
        if counter.wrong >= _DISAGREEING:
            self.forget(camera)

    def forget(self, camera: int) -> None:
        """The camera counts anew."""
        self._counters[camera] = _Counter()

    def _find(self, counter: _Counter, now_ns: int, tolerance_ns: float) -> None:
        nobody = all(other.shift is None for other in self._counters)
        if nobody or not any(now_ns - time_ns <= _STALE_NS for _, time_ns in self._moments):
            self._begin(counter)
            return
        found: Counter[int] = Counter()
        lags: dict[int, list[int]] = {}
        for number, time_ns in counter.recent:
            common, at_ns = min(self._moments, key=lambda moment: abs(moment[1] - time_ns))
            if abs(time_ns - at_ns) < tolerance_ns:
                found[common - number] += 1
                lags.setdefault(common - number, []).append(time_ns - at_ns)
        if found:
            shift, times = found.most_common(1)[0]
            if times >= _FOUND_AFTER:
                counter.shift, counter.lag_ns = shift, sorted(lags[shift])[times // 2]
                counter.recent.clear()

    def _begin(self, counter: _Counter) -> None:
        """Count as this camera does; whatever was known before is of no use any more."""
        for other in self._counters:
            other.shift = None
            other.lag_ns = other.wrong = 0
        self._moments.clear()
        self._newest = None
        self.begun += 1
        counter.shift = 0
        counter.recent.clear()
