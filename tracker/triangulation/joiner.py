"""Which poses of several cameras belong to one moment. Pure: no clock and no socket, only the stamps that poses carry.

pose ──► stream of its camera ──► moment ──► closed when nothing more can come for it, or at its deadline
         (period, order)          (by number, or by nearest time)
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Literal

from tracker.triangulation.moment import Moment, Sighting
from tracker.triangulation.numbering import Numbering

_INTERVALS = 31  # of which the median is a camera's period: lost frames and late ones do not move it
_FEWEST_INTERVALS = 3
_WAITED_FOR_NS = 1_000_000_000  # a camera whose stamps are so far behind is not waited for
_MOST_OPEN = 64  # moments; beyond it the oldest is closed
_REMEMBERED = 64  # poses in which a repeated one is recognised


@dataclass(slots=True)
class _CameraPoses:
    """What one camera has delivered.

    Attributes:
        period_ns: time from frame to frame, with those that were lost counted; None before it is known.
        newest: key of the newest pose that was joined, so that older moments need not wait for this camera.
    """

    session: str | None = None
    number: int = -1
    time_ns: int = 0
    newest: int | None = None
    period_ns: float | None = None
    intervals_ns: deque[float] = field(default_factory=lambda: deque(maxlen=_INTERVALS))
    seen: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))

    def add_interval(self, interval_ns: float) -> None:
        """Keep the period."""
        self.intervals_ns.append(interval_ns)
        found = sorted(self.intervals_ns)
        self.period_ns = found[len(found) // 2] if len(found) >= _FEWEST_INTERVALS else None


@dataclass(slots=True, eq=False)
class _Open:
    """A moment that more may come for. `key` is its common number, or its first time stamp."""

    key: int
    sightings: list[Sighting | None]
    times_ns: list[int]  # by which they were joined, less each camera's lag
    deadline_ns: float

    @property
    def earliest_ns(self) -> int:
        return min(self.times_ns)

    @property
    def latest_ns(self) -> int:
        return max(self.times_ns)


@dataclass(slots=True)
class Counts:
    """What became of the poses of one camera, each counted once."""

    joined: int = 0
    late: int = 0  # came when their moment was over
    late_in_a_row: int = 0
    repeated: int = 0
    contradicting: int = 0  # time stamp and number do not fit
    unplaced: int = 0  # before period and offset of the counter were known
    unplaced_in_a_row: int = 0


class Joiner:
    """Joins the poses of the cameras of a rig, by number or by time.

    *By number* needs one hardware trigger: see Numbering. A pose whose time stamp is more than half a period off its number's is
    left out, and one whose number lies further ahead, or back, than the trigger can have come in that time. Each costs its own moment
    only; several in a row are a count that began anew. *By time* joins each pose to the nearest moment without one of its camera if
    that keeps all stamps of the moment within less than half a period, the shortest of the cameras'. One camera's frames are a period
    apart, so at most one of them fits.

    A moment is closed as soon as every camera has delivered its pose for it or one for a later moment; else half a period
    (or `deadline_ns`) after the first of its poses was *published*: by the pose's own stamp, so that a reader that was held up for a
    while joins what was waiting for it as if it had not been. `due` must therefore be given a time from *before* everything that had
    arrived was taken. Moments are closed in their order; what comes for a closed one is counted as late and not used.
    """

    def __init__(self, cameras: int, *, by: Literal["number", "time"], deadline_ns: int | None = None) -> None:
        self._by, self._cameras, self._deadline_ns = by, cameras, deadline_ns
        self.counts = [Counts() for _ in range(cameras)]
        self.restart()

    def restart(self) -> None:
        """Forget all streams and open moments, as when time stamps come to mean something else. Counts go on."""
        self._streams = [_CameraPoses() for _ in range(self._cameras)]
        self._numbering = Numbering(self._cameras)
        self._open: list[_Open] = []  # in the order of their keys
        self._closed: _Open | None = None  # the last
        self._begun = 0  # how often the common count had begun when moments were last opened

    def offset(self, camera: int) -> int | None:
        """Joined by number: the camera's number less the rig's count of the same moment; None where it is not known."""
        return self._numbering.offset(camera) if self._by == "number" else None

    def rate_hz(self, camera: int) -> float:
        """Frames per second of a camera, those that were lost counted; 0 before it is known."""
        period_ns = self._streams[camera].period_ns
        return 1e9 / period_ns if period_ns else 0.0

    @property
    def tolerance_ns(self) -> float | None:
        """Half a period of the fastest camera: how far apart the stamps of one moment may be."""
        periods = [stream.period_ns for stream in self._streams if stream.period_ns is not None]
        return min(periods) / 2 if periods else None

    @property
    def waits_ns(self) -> float | None:
        """How long a moment waits after its first pose was published."""
        return self.tolerance_ns if self._deadline_ns is None else self._deadline_ns

    @property
    def due_ns(self) -> float | None:
        """When the first open moment must be closed; None while none is open."""
        return min((moment.deadline_ns for moment in self._open), default=None)

    def take(self, sighting: Sighting) -> list[Moment]:
        """Take a pose in the order in which it came; returns the moments that are whole by it."""
        counts, stream = self.counts[sighting.camera], self._streams[sighting.camera]
        if (sighting.number, sighting.time_ns) in stream.seen and sighting.session == stream.session:
            counts.repeated += 1
            return []
        stream = self._follow(stream, sighting)
        tolerance_ns = self.tolerance_ns
        if stream.period_ns is None or tolerance_ns is None:
            counts.unplaced += 1
            counts.unplaced_in_a_row += 1
            return []
        if sighting.time_ns > sighting.sent_ns:  # one such stamp would close every moment up to it
            counts.contradicting += 1
            return []
        if self._by == "time":
            self._place_by_time(sighting, tolerance_ns)
            return self._close_whole()
        key = self._numbering.common(sighting.camera, sighting.number, sighting.time_ns, tolerance_ns)
        closed = self._close_other_count()
        if key is None:
            counts.unplaced += 1
            counts.unplaced_in_a_row += 1
        else:
            counts.unplaced_in_a_row = 0
            self._place_by_number(sighting, tolerance_ns, key=key)
        return closed + self._close_whole()

    def due(self, now_ns: int) -> list[Moment]:
        """Close the moments whose deadline has passed, and those before them.

        Args:
            now_ns: read before the last of the poses that had arrived was taken.
        """
        passed = [index for index, moment in enumerate(self._open) if moment.deadline_ns <= now_ns]
        return self._close(passed[-1] + 1 if passed else 0)

    def _follow(self, stream: _CameraPoses, sighting: Sighting) -> _CameraPoses:
        """Keep a camera's period; another session counts anew.

        A lower number at a later time is garbage, or the first after some, or the first of a new count: the numbering tells them apart.
        """
        if stream.session != sighting.session:
            self._streams[sighting.camera] = stream = _CameraPoses(session=sighting.session)
            self._numbering.forget(sighting.camera)
        elif sighting.number > stream.number and sighting.time_ns > stream.time_ns:
            stream.add_interval((sighting.time_ns - stream.time_ns) / (sighting.number - stream.number))
        if sighting.number > stream.number or sighting.time_ns > stream.time_ns:
            stream.number, stream.time_ns = sighting.number, sighting.time_ns
        stream.seen.append((sighting.number, sighting.time_ns))
        return stream

    def _close_other_count(self) -> list[Moment]:
        """Where the common count began anew, its keys cannot be compared with those before."""
        if self._numbering.begun == self._begun:
            return []
        closed = self._close(len(self._open))
        self._closed, self._begun = None, self._numbering.begun
        for stream in self._streams:
            stream.newest = None
        return closed

    def _place_by_number(self, sighting: Sighting, tolerance_ns: float, *, key: int) -> None:
        camera, numbering = sighting.camera, self._numbering
        time_ns = sighting.time_ns - numbering.lag_ns(camera)
        moment = next((each for each in self._open if each.key == key), None)
        known_ns = numbering.time_ns(key) if moment is None else moment.times_ns[0]
        apart = known_ns is not None and abs(time_ns - known_ns) >= tolerance_ns
        if apart or (known_ns is None and numbering.is_impossible(key, time_ns, period_ns=2 * tolerance_ns)):
            self.counts[camera].contradicting += 1
            numbering.contradicted(camera)
            if numbering.offset(camera) is None:
                self._streams[camera].newest = None  # nobody waits for it while it is being found
            return
        numbering.agreed(camera, key, time_ns + numbering.lag_ns(camera))
        if self._closed is not None and key <= self._closed.key:
            self._count_late(camera)
        elif moment is None or moment.sightings[camera] is None:
            self._put(sighting, time_ns, moment, key=key)
        else:
            self.counts[camera].repeated += 1
        self._mark(camera, key)

    def _place_by_time(self, sighting: Sighting, tolerance_ns: float) -> None:
        camera, time_ns = sighting.camera, sighting.time_ns
        fitting = [
            each
            for each in self._open
            if each.sightings[camera] is None and max(each.latest_ns, time_ns) - min(each.earliest_ns, time_ns) < tolerance_ns
        ]
        if fitting:
            nearest = min(fitting, key=lambda each: abs(2 * time_ns - each.earliest_ns - each.latest_ns))
            self._put(sighting, time_ns, nearest, key=nearest.key)
        elif self._is_over(camera, time_ns, tolerance_ns):
            self._count_late(camera)
        else:
            self._put(sighting, time_ns, None, key=time_ns)
        self._mark(camera, time_ns)

    def _is_over(self, camera: int, time_ns: int, tolerance_ns: float) -> bool:
        """Whether the moment of this time is the last that was closed, or one before it."""
        last = self._closed
        if last is None:
            return False
        return time_ns <= last.latest_ns or (last.sightings[camera] is None and time_ns - last.earliest_ns < tolerance_ns)

    def _put(self, sighting: Sighting, time_ns: int, moment: _Open | None, *, key: int) -> None:
        deadline_ns = sighting.sent_ns + (self.waits_ns or 0)
        if moment is None:
            moment = _Open(key=key, sightings=[None] * self._cameras, times_ns=[], deadline_ns=deadline_ns)
            self._open.append(moment)
            self._open.sort(key=lambda each: each.key)
        moment.sightings[sighting.camera] = sighting
        moment.times_ns.append(time_ns)
        moment.deadline_ns = min(moment.deadline_ns, deadline_ns)
        self.counts[sighting.camera].joined += 1
        self.counts[sighting.camera].late_in_a_row = 0

    def _count_late(self, camera: int) -> None:
        self.counts[camera].late += 1
        self.counts[camera].late_in_a_row += 1

    def _mark(self, camera: int, key: int) -> None:
        stream = self._streams[camera]
        stream.newest = key if stream.newest is None else max(stream.newest, key)

    def _close_whole(self) -> list[Moment]:
        """Close the oldest moments for as long as nothing more can come for them."""
        whole = max(0, len(self._open) - _MOST_OPEN)
        while whole < len(self._open) and self._is_whole(self._open[whole], later=self._open[whole + 1 :]):
            whole += 1
        return self._close(whole)

    def _is_whole(self, moment: _Open, *, later: list[_Open]) -> bool:
        for camera, sighting in enumerate(moment.sightings):
            if sighting is not None:
                continue
            stream = self._streams[camera]
            if stream.newest is None or moment.earliest_ns - stream.time_ns > _WAITED_FOR_NS:
                continue  # never heard, or away: nobody waits for it
            passed = stream.newest > moment.key if self._by == "number" else stream.newest - moment.earliest_ns >= (self.tolerance_ns or 0)
            if not passed and not any(each.sightings[camera] is not None for each in later):
                return False
        return True

    def _close(self, count: int) -> list[Moment]:
        closed, self._open = self._open[:count], self._open[count:]
        if closed:
            self._closed = closed[-1]
        return [
            Moment(
                sightings=tuple(each.sightings),
                time_ns=sum(each.times_ns) // len(each.times_ns),
                spread_ns=each.latest_ns - each.earliest_ns,
            )
            for each in closed
        ]
