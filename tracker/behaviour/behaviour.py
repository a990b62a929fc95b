"""Turn poses and frame differences into events. Pure: no clock, no I/O, so a recording replays exactly."""

from collections.abc import Sequence

from tracker.behaviour.rule import RuleState
from tracker.behaviour.sources import Measure, Sight, measure_of
from tracker.config import EventConfig, MotionSource, Zone
from tracker.event import Event
from tracker.pose import Pose

_NO_POINTS: Sequence[Sequence[float]] = ()


class Behaviour:
    """All configured events for all animals.

    It computes with the numbers that are published: float32 coordinates widened to Python floats, float64 mm. JSON carries
    both without a loss, so the published poses give the same events, to the last bit, in a replay.

    Its time is the sum of the steps from frame to frame. A step backwards (a camera that was opened again and counts from
    zero) counts as none, so no bout gets longer or shorter by it.

    Raises:
        ConfigError: an event names an unknown point or zone, or is in mm without a calibration.
    """

    def __init__(
        self, events: tuple[EventConfig, ...], zones: tuple[Zone, ...], *, point_names: Sequence[str], animals: int, has_mm: bool
    ) -> None:
        """Args: animals: rows of every pose to come; has_mm: whether poses will carry mm."""
        self._events, self._zones = events, {zone.name: zone for zone in zones}
        self._point_names, self._animals, self._has_mm = tuple(point_names), animals, has_mm
        self.reset()

    def reset(self) -> None:
        """Forget everything, as at the start of another session: no event ends by it."""
        self._parts: list[tuple[int, Measure, RuleState]] = [
            (animal, self._measure(item), RuleState(item, animal)) for item in self._events for animal in self._animals_of(item)
        ]
        self._last_ns: int | None = None
        self._elapsed_ns = 0

    def update(self, *, frame_number: int, time_ns: int, pose: Pose, motion: float | None) -> list[Event]:
        """Take one frame.

        Args:
            frame_number: the camera's own.
            time_ns: when it was exposed where the camera has a clock, else when it was received; the same for all frames.
            pose: float32 (animals, K, 3) and, where there is a calibration, mm.
            motion: mean absolute difference of this frame and the one before, None on the first.

        Returns:
            The changes decided at this frame, in the configuration's order, then by animal.
        """
        if self._last_ns is not None and time_ns > self._last_ns:
            self._elapsed_ns += time_ns - self._last_ns
        self._last_ns = time_ns
        sights = self._sights(pose, motion)
        events: list[Event] = []
        for animal, measure, rule in self._parts:
            changes = rule.update(frame_number, self._elapsed_ns, value=measure.value(sights[animal]))
            if changes:
                events.extend(changes)
        return events

    def end(self, frame_number: int) -> list[Event]:
        """End every event that is on, because other rules take over at this frame. Every "on" thus gets its "off"."""
        return [event for _, _, rule in self._parts for event in rule.stop(frame_number)]

    def _sights(self, pose: Pose, motion: float | None) -> list[Sight]:
        now_ns = self._elapsed_ns
        animals = pose.points.tolist()
        places = pose.mm.tolist() if pose.mm is not None else [None] * len(animals)
        sights = [Sight(now_ns, points, mm, motion) for points, mm in zip(animals, places, strict=True)]
        return sights or [Sight(now_ns, _NO_POINTS, None, motion)]  # a network without key points still has motion

    def _measure(self, item: EventConfig) -> Measure:
        return measure_of(item, self._zones, point_names=self._point_names, has_mm=self._has_mm)

    def _animals_of(self, item: EventConfig) -> range:
        """Motion belongs to the image: it is judged once and reported as of animal 0."""
        return range(1 if isinstance(item.source, MotionSource) else self._animals)
