"""Turn poses and frame differences into events. Pure: no clock, no I/O, so a recording replays exactly."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from tracker.behaviour.earlier_frames import EarlierFrames
from tracker.behaviour.rule import RuleState
from tracker.behaviour.sources import NO_REGIONS, Measure, OfTheImage, Sight, measure_of
from tracker.config_rules import EventConfig, Zone
from tracker.event import Event, Reason
from tracker.pose import Pose

_NO_POINTS: Sequence[Sequence[float]] = ()
_UNKNOWN_END_NS = 5_000_000_000  # before the second frame of a camera whose rate nothing tells, if it is not given up earlier
_INTERVALS = 9  # the frame interval is their median: a few lost frames do not move it


class Behaviour:
    """All configured events for all animals.

    It computes with the numbers that are published: float32 coordinates widened to Python floats, float64 mm. JSON carries
    both without a loss, so the published poses give the same events, to the last bit, in a replay.

    Its time is the sum of the steps from frame to frame. A step backwards (a camera that was opened again and counts from
    zero) counts as none, so no bout gets longer or shorter by it.

    An event about which nothing can be decided, because frames or values stay away, is ended after the rule's `end_after_ms`,
    by default the longer of 200 ms and three frame intervals. Before the second frame the interval is not known: then the
    configured rate, or what the rules in use before knew, tells it while no frame comes; without either the event lasts until the
    camera is given up, 5 s at most.

    Raises:
        ConfigError: an event names an unknown point or zone, is in mm without a calibration, or does not go with the dimensions.
    """

    def __init__(
        self,
        events: tuple[EventConfig, ...],
        zones: tuple[Zone, ...],
        *,
        point_names: Sequence[str],
        animals: int,
        has_mm: bool,
        rate_hz: float | None = None,
        dimensions: Literal[2, 3] = 2,
    ) -> None:
        """Begin with no event on.

        Args:
            events: in the order in which their changes are to be told.
            zones: those that events name.
            point_names: of the key points.
            animals: rows of every pose to come.
            has_mm: whether poses will carry mm.
            rate_hz: frames per second as configured, for `wait` alone: a recording is replayed without it.
            dimensions: of the poses' mm.
        """
        self._events, self._zones = events, {zone.name: zone for zone in zones}
        self._point_names, self._animals, self._has_mm = tuple(point_names), max(1, animals), has_mm  # without any: the image's own events
        self._dimensions = dimensions
        self._expected_ns: tuple[int, ...] = () if rate_hz is None else (round(1e9 / rate_hz),)
        self.earlier_frames = EarlierFrames()
        self.reset()

    @property
    def known_intervals_ns(self) -> tuple[int, ...]:
        """The last frame intervals, or what was expected before there were any; empty where nothing tells."""
        return tuple(self._intervals_ns) or self._expected_ns

    def follow(self, before: "Behaviour") -> None:
        """Take what the rules that ran before these knew of the frames: their intervals, for `wait` alone, and when the last ones came."""
        self._expected_ns = before.known_intervals_ns
        self.earlier_frames = before.earlier_frames

    def reset(self) -> None:
        """Forget everything, as at the start of another session: no event ends by it."""
        self._parts: list[tuple[str, int, Measure, RuleState]] = [
            (item.event, animal, self._measure(item), RuleState(item, animal)) for item in self._events for animal in self._animals_of(item)
        ]
        self.earlier_frames = EarlierFrames()
        self._last_ns: int | None = None
        self._last_frame = -1
        self._elapsed_ns = 0
        self._intervals_ns: deque[int] = deque(maxlen=_INTERVALS)

    def update(
        self, *, frame_number: int, time_ns: int, pose: Pose, motion: float | None, brightness: Mapping[str, float] = NO_REGIONS
    ) -> list[Event]:
        """Take one frame.

        Args:
            frame_number: the camera's own.
            time_ns: when it was exposed where the camera has a clock, else when it was received; the same for all frames.
            pose: float32 (animals, K, 3) and, where there is a calibration, mm.
            motion: mean absolute difference of this frame and the one before, None on the first.
            brightness: mean of every rectangle that an event asks for, by its region.

        Returns:
            The changes decided at this frame, in the configuration's order, then by animal.
        """
        step_ns = self._step(frame_number, time_ns)
        now_ns, intervals_ns = self._elapsed_ns, self._intervals_ns
        sights = self._sights(pose, motion, brightness)
        self.earlier_frames.add(time_ns, frame_number)
        events: list[Event] = []
        for _, animal, measure, rule in self._parts:
            value = measure.value(sights[animal])
            changes = rule.update(
                frame_number, now_ns, value=value, step_ns=step_ns, intervals_ns=intervals_ns, earlier=self.earlier_frames
            )
            if changes:
                events.extend(changes)
        if step_ns > 0:  # after the rules: a step is judged by the steps before it
            intervals_ns.append(step_ns)
        return events

    def wait(self, silent_ns: int, *, camera_lost: bool = False) -> list[Event]:
        """End the events that have been on unseen for too long, while no frame comes.

        Args:
            silent_ns: time since the last frame was received.
            camera_lost: whether the camera has been given up.
        """
        now_ns, known_ns = self._elapsed_ns + silent_ns, self.known_intervals_ns
        events: list[Event] = []
        for _, _, _, rule in self._parts:
            if rule.open:
                limit_ns = rule.limit_ns(known_ns) if known_ns else _UNKNOWN_END_NS if rule.end_after_ns is None else rule.end_after_ns
                if camera_lost and not known_ns and rule.end_after_ns is None:
                    events += rule.stop(self._last_frame, "camera_lost")
                else:
                    events += rule.end_overdue(self._last_frame, now_ns, silent_ns=silent_ns, limit_ns=limit_ns)
        return events

    def end(self, reason: Reason) -> list[Event]:
        """End every event that is on, at the last frame. Every "on" thus gets its "off"."""
        return [event for _, _, _, rule in self._parts for event in rule.stop(self._last_frame, reason)]

    def end_these(self, ended: Iterable[tuple[str, int, Reason]]) -> list[Event]:
        """End events that are on, given as (event, animal, reason), in that order: in a replay, what ended live without a frame."""
        rules = {(item, animal): rule for item, animal, _, rule in self._parts}
        known = [(rules[name, animal], reason) for name, animal, reason in ended if (name, animal) in rules]
        return [event for rule, reason in known for event in rule.stop(self._last_frame, reason)]

    def open(self) -> list[tuple[str, int, int, int]]:
        """Every event that is on, as (event, animal, onset frame, time in ns from there to the last frame)."""
        return [(name, animal, rule.onset_frame, self._elapsed_ns - rule.onset_ns) for name, animal, _, rule in self._parts if rule.open]

    def _step(self, frame_number: int, time_ns: int) -> int:
        """Let time run to this frame; returns by how many ns."""
        step_ns = 0 if self._last_ns is None else max(0, time_ns - self._last_ns)
        self._elapsed_ns += step_ns
        self._last_ns, self._last_frame = time_ns, frame_number
        return step_ns

    def _sights(self, pose: Pose, motion: float | None, brightness: Mapping[str, float]) -> list[Sight]:
        now_ns = self._elapsed_ns
        animals = pose.points.tolist()
        places = pose.mm.tolist() if pose.mm is not None else [None] * len(animals)
        sights = [Sight(now_ns, points, mm, motion, brightness, pose.scores) for points, mm in zip(animals, places, strict=True)]
        return sights or [Sight(now_ns, _NO_POINTS, None, motion, brightness, pose.scores)]  # a network without key points still has motion

    def _measure(self, item: EventConfig) -> Measure:
        return measure_of(item, self._zones, point_names=self._point_names, has_mm=self._has_mm, dimensions=self._dimensions)

    def _animals_of(self, item: EventConfig) -> range:
        """Motion, its forecasts, brightness and classes belong to the image: they are judged once and reported as of animal 0."""
        return range(1 if isinstance(item.source, OfTheImage) else self._animals)
