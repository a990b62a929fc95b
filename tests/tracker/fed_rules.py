"""Rules for tests, and what is fed to them: two points, three zones, values at equal steps of time."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tracker.behaviour.behaviour import Behaviour
from tracker.config_rules import Circle, EventConfig, Polygon, Rule, Source, Zone
from tracker.event import Event
from tracker.pose import Pose

STEP_MS = 20
NAMES = ("nose", "tail")
SQUARE = Polygon(name="square", unit="px", corners=((0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (0.0, 10.0)))
CIRCLE = Circle(name="circle", unit="px", centre=(100.0, 100.0), radius=20.0)
MM_CIRCLE = Circle(name="mm_circle", unit="mm", centre=(0.0, 0.0), radius=5.0)
ZONES: tuple[Zone, ...] = (SQUARE, CIRCLE, MM_CIRCLE)
NO_POINTS = Pose(points=np.empty((0, 0, 3), np.float32), mm=None)


def rule(**changes: Any) -> Rule:
    plain: dict[str, Any] = {
        "when": "above",
        "on": 0.5,
        "off": 0.5,
        "minimum_ms": 0.0,
        "maximum_gap_ms": 0.0,
        "refractory_ms": 0.0,
        "confidence": 0.5,
        "missing": "hold",
    }
    return Rule(**(plain | changes))


def behaviour(source: Source, animals: int = 1, *, has_mm: bool = False, **changes: Any) -> Behaviour:
    item = EventConfig(event="it", source=source, rule=rule(**changes))
    return Behaviour((item,), ZONES, point_names=NAMES, animals=animals, has_mm=has_mm)


def feed(
    subject: Behaviour, values: Sequence[float | None], *, times_ms: Sequence[float] | None = None, first_frame: int = 0
) -> list[Event]:
    """Give a rule its values through the motion source, which takes any number and None."""
    times = times_ms if times_ms is not None else [STEP_MS * (first_frame + i) for i in range(len(values))]
    events: list[Event] = []
    for i, (value, ms) in enumerate(zip(values, times, strict=True)):
        events += subject.update(frame_number=first_frame + i, time_ns=round(ms * 1e6), pose=NO_POINTS, motion=value)
    return events


def said(events: Sequence[Event]) -> list[tuple[str, int, int]]:
    return [(event.state, event.frame, event.onset_frame) for event in events]


def at(*animals: Sequence[tuple[float, float, float]], mm: Any = None) -> Pose:
    return Pose(points=np.array(animals, np.float32), mm=None if mm is None else np.array(mm, np.float64))


GOOD = (0.0, 0.0, 1.0)
