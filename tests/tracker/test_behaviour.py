"""Sources, rules, and the properties that every rule keeps: alternation, causality, time instead of counts."""

import math
from collections.abc import Sequence
from typing import Any, Literal

import cv2
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tracker.behaviour.behaviour import Behaviour
from tracker.behaviour.sources import Sight, measure_of
from tracker.behaviour.zones import depth_in
from tracker.config import (
    Circle,
    DistanceSource,
    EventConfig,
    HeightSource,
    MotionSource,
    Polygon,
    Rule,
    Source,
    SpeedSource,
    Zone,
    ZoneSource,
)
from tracker.errors import ConfigError
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


# Rules, on frames 20 ms apart. Values as digits in tenths, "?" where missing.


@pytest.mark.parametrize(
    ("changes", "values", "expected"),
    [
        ({}, "00900", [("on", 2, 2), ("off", 3, 2)]),
        ({}, "05950", [("on", 2, 2), ("off", 3, 2)]),
        ({"on": 0.6, "off": 0.3}, "0475440530", [("on", 2, 2), ("off", 6, 2)]),
        ({"on": 0.6, "off": 0.3}, "07437", [("on", 1, 1), ("off", 3, 1), ("on", 4, 4)]),
        ({"when": "below"}, "99059", [("on", 2, 2), ("off", 3, 2)]),
        ({"when": "below", "on": 0.3, "off": 0.6}, "9425569", [("on", 2, 2), ("off", 5, 2)]),
        ({"minimum_ms": 60}, "09990099990", [("on", 9, 6), ("off", 10, 6)]),
        ({"minimum_ms": 59}, "0999990", [("on", 4, 1), ("off", 6, 1)]),
        ({"maximum_gap_ms": 40}, "0900990", [("on", 1, 1)]),
        ({"maximum_gap_ms": 40}, "09000990", [("on", 1, 1), ("off", 4, 1), ("on", 5, 5)]),
        ({"maximum_gap_ms": 20, "minimum_ms": 60}, "0909900", [("on", 4, 1), ("off", 6, 1)]),
        ({"refractory_ms": 80}, "0909990", [("on", 1, 1), ("off", 2, 1)]),
        ({"refractory_ms": 80}, "0900009", [("on", 1, 1), ("off", 2, 1), ("on", 6, 6)]),
        ({"refractory_ms": 40}, "0909999", [("on", 1, 1), ("off", 2, 1), ("on", 4, 4)]),
        ({"missing": "hold"}, "09???90", [("on", 1, 1), ("off", 6, 1)]),
        ({"missing": "end"}, "09?90", [("on", 1, 1), ("off", 2, 1), ("on", 3, 3), ("off", 4, 3)]),
        ({"missing": "end", "maximum_gap_ms": 20}, "09?90?", [("on", 1, 1), ("off", 5, 1)]),
        ({"missing": "hold", "minimum_ms": 60}, "09??90", [("on", 4, 1), ("off", 5, 1)]),
        ({"missing": "end"}, "??90", [("on", 2, 2), ("off", 3, 2)]),
        (
            {"minimum_ms": 60, "maximum_gap_ms": 50, "refractory_ms": 120},
            "0099999009900009999999",
            [("on", 5, 2), ("off", 14, 2), ("on", 20, 17)],
        ),
    ],
    ids=[
        "a crossing",
        "a tie is no crossing",
        "hysteresis keeps",
        "a tie with off ends",
        "below",
        "below with hysteresis",
        "minimum: a shorter bout is never announced",
        "minimum is reached between frames",
        "a gap of just the longest is bridged",
        "a longer gap ends",
        "a gap in a bout not yet announced is bridged",
        "refractory from the end of the bout",
        "refractory over at its last instant",
        "refractory over within a bout: it begins then",
        "hold keeps",
        "end ends",
        "end waits for the longest gap",
        "hold lets the time run",
        "missing from the start",
        "the diagram of docs/behaviour.md",
    ],
)
def test_a_rule_decides(changes: dict[str, Any], values: str, expected: list[tuple[str, int, int]]) -> None:
    """In milliseconds, causal."""
    numbers = [None if value == "?" else int(value) / 10 for value in values]
    assert said(feed(behaviour(MotionSource(), **changes), numbers)) == expected


def test_an_event_says_what_was_crossed_and_what_the_rule_waited() -> None:
    subject = behaviour(MotionSource(), on=0.6, off=0.3, minimum_ms=20, maximum_gap_ms=40)
    on, off = feed(subject, [0.0, 0.7, 0.8, 0.2, 0.1, 0.0])
    assert (on.name, on.animal, on.value, on.threshold, on.added_delay_ms) == ("it", 0, 0.7, 0.6, 20)
    assert (off.value, off.threshold, off.added_delay_ms) == (0.2, 0.3, 40)


def test_an_end_by_missing_points_gives_the_last_value_seen() -> None:
    events = feed(behaviour(MotionSource(), missing="end"), [0.7, 0.8, None])
    assert [event.value for event in events] == [0.7, 0.8]


def test_lost_frames_are_time_not_a_count() -> None:
    """After two lost frames a bout has lasted as long as with them."""
    subject = behaviour(MotionSource(), minimum_ms=60)
    assert said(feed(subject, [0.0, 0.9, 0.9, 0.0], times_ms=[0, 20, 80, 100])) == [("on", 2, 1), ("off", 3, 1)]


def test_an_interruption_longer_than_the_gap_ends_one_bout_and_starts_another() -> None:
    subject = behaviour(MotionSource(), maximum_gap_ms=40)
    assert said(feed(subject, [0.9, 0.0, 0.9], times_ms=[0, 20, 500])) == [("on", 0, 0), ("off", 2, 0), ("on", 2, 2)]


def test_a_clock_set_back_makes_no_bout_longer() -> None:
    """A camera that is opened again counts from zero."""
    subject = behaviour(MotionSource(), minimum_ms=60)
    assert said(feed(subject, [0.9, 0.9, 0.9, 0.9, 0.9], times_ms=[5000, 5020, 0, 20, 40])) == [("on", 4, 0)]


def test_reset_forgets() -> None:
    subject = behaviour(MotionSource(), refractory_ms=1000)
    feed(subject, [0.9, 0.0])
    subject.reset()
    assert said(feed(subject, [0.9])) == [("on", 0, 0)]


# Properties.

VALUES = st.lists(st.one_of(st.none(), st.sampled_from([0.0, 0.2, 0.4, 0.5, 0.6, 0.8, 1.0])), min_size=1, max_size=60)
RULES = st.fixed_dictionaries(
    {
        "when": st.just("above"),
        "on": st.sampled_from([0.5, 0.7]),
        "off": st.sampled_from([0.3, 0.5]),
        "minimum_ms": st.sampled_from([0, 20, 50, 100]),
        "maximum_gap_ms": st.sampled_from([0, 20, 50, 100]),
        "refractory_ms": st.sampled_from([0, 20, 50, 100]),
        "missing": st.sampled_from(["hold", "end"]),
    }
)


@given(values=VALUES, changes=RULES)
def test_on_and_off_alternate_and_begin_with_on(values: list[float | None], changes: dict[str, Any]) -> None:
    states = [event.state for event in feed(behaviour(MotionSource(), **changes), values)]
    assert states == ["on", "off"] * (len(states) // 2) + ["on"] * (len(states) % 2)


@given(values=VALUES, changes=RULES, cut=st.integers(0, 60))
def test_a_recording_cut_in_two_gives_the_same_events(values: list[float | None], changes: dict[str, Any], cut: int) -> None:
    whole, parts = behaviour(MotionSource(), **changes), behaviour(MotionSource(), **changes)
    first = feed(parts, values[:cut])
    assert first + feed(parts, values[cut:], first_frame=min(cut, len(values))) == feed(whole, values)


@given(values=VALUES, changes=RULES, cut=st.integers(1, 60))
def test_no_event_depends_on_a_later_frame(values: list[float | None], changes: dict[str, Any], cut: int) -> None:
    """What is decided up to a frame is the same whatever follows."""
    events = feed(behaviour(MotionSource(), **changes), values)
    assert feed(behaviour(MotionSource(), **changes), values[:cut]) == [event for event in events if event.frame < cut]


@given(values=VALUES, changes=RULES)
def test_no_event_comes_before_its_stated_delay(values: list[float | None], changes: dict[str, Any]) -> None:
    for event in feed(behaviour(MotionSource(), **changes), values):
        assert (event.frame - event.onset_frame) * STEP_MS >= event.added_delay_ms


@given(values=VALUES, changes=RULES)
def test_holding_is_the_same_as_not_having_had_the_frame(values: list[float | None], changes: dict[str, Any]) -> None:
    changes = changes | {"missing": "hold"}
    seen = [(i, value) for i, value in enumerate(values) if value is not None]
    subject = behaviour(MotionSource(), **changes)
    without: list[Event] = []
    subject.update(frame_number=0, time_ns=0, pose=NO_POINTS, motion=values[0])
    for i, value in seen[1:] if values[0] is not None else seen:
        without += subject.update(frame_number=i, time_ns=i * STEP_MS * 1_000_000, pose=NO_POINTS, motion=value)
    assert without == [event for event in feed(behaviour(MotionSource(), **changes), values) if event.frame > 0]


@given(values=VALUES, changes=RULES)
def test_below_is_above_upside_down(values: list[float | None], changes: dict[str, Any]) -> None:
    down = [None if value is None else -value for value in values]
    opposite = changes | {"when": "below", "on": -changes["on"], "off": -changes["off"]}
    assert said(feed(behaviour(MotionSource(), **opposite), down)) == said(feed(behaviour(MotionSource(), **changes), values))


@given(inside=st.lists(st.booleans(), min_size=1, max_size=80), minimum=st.integers(0, 5), gap=st.integers(0, 4))
def test_bouts_are_those_of_offline_cleaning(inside: list[bool], minimum: int, gap: int) -> None:
    """Fill gaps, then drop short bouts, done offline on the whole train, finds the same bouts."""
    runs: list[list[int]] = []  # first and last frame
    for i, is_in in enumerate(inside):
        if is_in and runs and i - runs[-1][1] - 1 <= gap:
            runs[-1][1] = i
        elif is_in:
            runs.append([i, i])
    kept = [first for first, last in runs if last - first >= minimum]
    subject = behaviour(MotionSource(), minimum_ms=minimum * STEP_MS, maximum_gap_ms=gap * STEP_MS)
    events = feed(subject, [float(is_in) for is_in in inside])
    assert [event.onset_frame for event in events if event.state == "on"] == kept


# Sources.


def values_of(
    source: Source,
    poses: Sequence[Pose],
    *,
    times_ms: Sequence[float] | None = None,
    has_mm: bool = False,
    dimensions: Literal[2, 3] = 2,
) -> list[float | None]:
    """What a source measures on the first animal, frame by frame."""
    item = EventConfig(event="it", source=source, rule=rule())
    measure = measure_of(item, {zone.name: zone for zone in ZONES}, point_names=NAMES, has_mm=has_mm, dimensions=dimensions)
    times = times_ms if times_ms is not None else [STEP_MS * i for i in range(len(poses))]
    return [
        measure.value(Sight(round(ms * 1e6), pose.points.tolist()[0], None if pose.mm is None else pose.mm.tolist()[0], None))
        for pose, ms in zip(poses, times, strict=True)
    ]


GOOD = (0.0, 0.0, 1.0)


@pytest.mark.parametrize(
    ("source", "pose", "expected"),
    [
        (ZoneSource(point="nose", zone="square"), at([(3, 5, 1), GOOD]), 3.0),
        (ZoneSource(point="nose", zone="square"), at([(-3, 5, 1), GOOD]), -3.0),
        (ZoneSource(point="nose", zone="square"), at([(13, 14, 1), GOOD]), -5.0),
        (ZoneSource(point="nose", zone="circle"), at([(103, 104, 1), GOOD]), 15.0),
        (ZoneSource(point="tail", zone="mm_circle"), at([GOOD, (9, 9, 1)], mm=[[(99, 99), (3, 0)]]), 2.0),
        (ZoneSource(point="tail", zone="mm_circle"), at([GOOD, (9, 9, 1)], mm=[[(1, 1), (math.nan, math.nan)]]), None),
        (DistanceSource(point="nose", other_point="tail", unit="px"), at([(0, 0, 1), (3, 4, 1)]), 5.0),
        (DistanceSource(point="nose", other_point="tail", unit="mm"), at([(0, 0, 1), (3, 4, 1)], mm=[[(0, 0), (6, 8)]]), 10.0),
        (DistanceSource(point="nose", other_point="tail", unit="px"), at([(0, 0, 1), (3, 4, 0.49)]), None),
        (ZoneSource(point="nose", zone="square"), at([(3, 5, 0.5), GOOD]), 3.0),
        (ZoneSource(point="nose", zone="square"), at([(3, 5, 0.49), GOOD]), None),
        (ZoneSource(point="nose", zone="square"), at([(math.nan, 5, 1), GOOD]), None),
        (ZoneSource(point="nose", zone="square"), at([(3, 5, math.nan), GOOD]), None),
    ],
)
def test_a_source_measures(source: Source, pose: Pose, expected: float | None) -> None:
    assert values_of(source, [pose], has_mm=True) == [expected]


SPACE = [[(3.0, 4.0, 12.0), (0.0, 0.0, 0.0)]]


@pytest.mark.parametrize(
    ("source", "mm", "expected"),
    [
        (HeightSource(point="nose"), SPACE, 12.0),
        (HeightSource(point="nose"), [[(3.0, 4.0, math.nan), (0.0, 0.0, 0.0)]], None),
        (DistanceSource(point="nose", other_point="tail", unit="mm"), SPACE, 13.0),
        (ZoneSource(point="nose", zone="mm_circle"), SPACE, 0.0),
    ],
)
def test_a_source_measures_in_space(source: Source, mm: Any, expected: float | None) -> None:
    nowhere = (math.nan, math.nan, 0.9)
    assert values_of(source, [at([nowhere, nowhere], mm=mm)], has_mm=True, dimensions=3) == [expected]


def test_speed_in_space_counts_the_height() -> None:
    walk = [at([(0, 0, 1), GOOD], mm=[[(0.2 * i, 0.3 * i, 0.6 * i), (0, 0, 0)]]) for i in range(8)]  # 0.7 mm in 20 ms
    found = values_of(SpeedSource(point="nose", unit="mm", window_ms=100), walk, has_mm=True, dimensions=3)
    assert found[3:] == [pytest.approx(35.0)] * 5


@pytest.mark.parametrize(
    ("source", "dimensions", "complaint"),
    [
        (HeightSource(point="nose"), 2, "'it' is a height, which one camera cannot see"),
        (SpeedSource(point="nose", unit="px"), 3, "'it' is in px, which places in space do not have"),
        (ZoneSource(point="nose", zone="square"), 3, "'it' is in px, which places in space do not have"),
        (MotionSource(), 3, "'it' is motion of a picture, which a rig does not have"),
    ],
)
def test_a_source_that_does_not_go_with_the_dimensions_is_refused(source: Source, dimensions: Literal[2, 3], complaint: str) -> None:
    item = EventConfig(event="it", source=source, rule=rule())
    with pytest.raises(ConfigError, match=complaint):
        Behaviour((item,), ZONES, point_names=NAMES, animals=1, has_mm=True, dimensions=dimensions)


def test_speed_of_a_steady_walk_is_exact_once_half_the_window_was_seen() -> None:
    walk = [at([(3.0 * i, 4.0 * i, 1), GOOD]) for i in range(8)]  # 5 px in 20 ms
    assert values_of(SpeedSource(point="nose", unit="px", window_ms=100), walk) == [None, None, None] + [pytest.approx(250)] * 5


def test_speed_uses_true_times() -> None:
    """Lost frames and uneven intervals do not change the speed."""
    times = [0.0, 20.0, 35.0, 80.0, 100.0, 170.0]
    walk = [at([(0.1 * ms, 0, 1), GOOD]) for ms in times]
    found = values_of(SpeedSource(point="nose", unit="px", window_ms=100), walk, times_ms=times)
    assert found[3:] == [pytest.approx(100, rel=1e-4)] * 3


def test_speed_is_missing_after_an_absence_until_half_the_window_was_seen() -> None:
    gone = at([(0, 0, 0.1), GOOD])
    walk = [at([(float(i), 0, 1), GOOD]) for i in range(10)]
    poses = walk[:6] + [gone] * 10 + walk[6:]
    found = values_of(SpeedSource(point="nose", unit="px", window_ms=60), poses)
    assert [value is None for value in found[5:]] == [False] + [True] * 10 + [True, True, False, False]


def test_a_window_shorter_than_the_frame_interval_takes_the_last_two_frames() -> None:
    walk = [at([(float(i * i), 0, 1), GOOD]) for i in range(4)]
    found = values_of(SpeedSource(point="nose", unit="px", window_ms=0), walk)
    assert found == [None, pytest.approx(50), pytest.approx(150), pytest.approx(250)]


def test_speed_starts_afresh_when_the_clock_stood_still() -> None:
    """A camera opened again may see the animal elsewhere, with no time between."""
    walk = [at([(float(x), 0, 1), GOOD]) for x in (0, 1, 2, 900, 901, 902)]
    found = values_of(SpeedSource(point="nose", unit="px", window_ms=60), walk, times_ms=[0, 20, 40, 40, 60, 80])
    assert found == [None, None, pytest.approx(50), None, None, pytest.approx(50)]


def test_speed_does_not_remember_what_left_its_window() -> None:
    """However long the history, the same window gives the same bits, so a replay may start anywhere."""
    places = np.random.default_rng(3).uniform(0, 1000, (400, 2)).astype(np.float32)
    poses = [at([(x, y, 1), GOOD]) for x, y in places.tolist()]
    times = [STEP_MS * i for i in range(400)]
    source = SpeedSource(point="nose", unit="px", window_ms=100)
    assert values_of(source, poses[390:], times_ms=times[390:])[-1] == values_of(source, poses, times_ms=times)[-1]


@given(
    corners=st.lists(st.tuples(st.integers(-50, 50), st.integers(-50, 50)), min_size=3, max_size=8),
    place=st.tuples(st.integers(-60, 60), st.integers(-60, 60)),
)
def test_depth_in_a_polygon_is_that_of_opencv(corners: list[tuple[int, int]], place: tuple[int, int]) -> None:
    """Whole numbers, which OpenCV's float32 holds exactly; crossing outlines included."""
    assume(len(set(corners)) > 1)
    zone = Polygon(name="any", unit="px", corners=tuple((float(x), float(y)) for x, y in corners))
    contour = np.array(corners, np.float32).reshape(-1, 1, 2)
    expected = cv2.pointPolygonTest(contour, (float(place[0]), float(place[1])), measureDist=True)
    assert depth_in(zone)(float(place[0]), float(place[1])) == pytest.approx(expected, abs=1e-5)


@given(
    corners=st.lists(st.tuples(st.floats(-50, 50), st.floats(-50, 50)), min_size=3, max_size=6),
    x=st.floats(-60, 60),
    y=st.floats(-60, 60),
)
def test_distance_to_a_polygon_is_that_to_the_nearest_of_many_places_on_its_outline(
    corners: list[tuple[float, float]], x: float, y: float
) -> None:
    ends = np.array(corners)
    assume(np.ptp(ends, axis=0).max() > 1e-3)
    shares = np.linspace(0, 1, 2001)[:, None, None]
    outline = ends + shares * (np.roll(ends, -1, axis=0) - ends)
    brute = float(np.hypot(outline[..., 0] - x, outline[..., 1] - y).min())
    depth = depth_in(Polygon(name="any", unit="px", corners=tuple(corners)))(x, y)
    # Places lie at most 142/2000 apart on an edge.
    assert abs(depth) <= brute + 1e-9
    assert brute - abs(depth) <= 0.072


def test_each_animal_has_its_own_state() -> None:
    subject = behaviour(ZoneSource(point="nose", zone="square"), animals=2, on=0.0, off=0.0)
    inside, outside = [(5, 5, 1), GOOD], [(50, 50, 1), GOOD]
    events: list[Event] = []
    for i, pose in enumerate([at(outside, outside), at(outside, inside), at(inside, inside), at(inside, outside)]):
        events += subject.update(frame_number=i, time_ns=i, pose=pose, motion=None)
    assert [(event.state, event.animal, event.frame) for event in events] == [("on", 1, 1), ("on", 0, 2), ("off", 1, 3)]


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        (
            SpeedSource(point="nsoe", unit="px", window_ms=100),
            r"'it': point 'nsoe' is not one of the network's points \(nose, tail\); .*\(did you mean 'nose'\?\)",
        ),
        (DistanceSource(point="nose", other_point="tial", unit="px"), r"'tial' .* \(nose, tail\)"),
        (SpeedSource(point="nose", unit="mm", window_ms=100), "'it' is in mm but there is no calibration"),
        (ZoneSource(point="nose", zone="mm_circle"), "'it' is in mm but there is no calibration"),
        (
            ZoneSource(point="nose", zone="sqare"),
            r"zone 'sqare' is not one of the zones \(square, circle, mm_circle\); .*\(did you mean 'square'\?\)",
        ),
    ],
)
def test_a_source_that_does_not_fit_is_refused(source: Source, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        behaviour(source)


@pytest.mark.parametrize(
    "zone",
    [
        Polygon(name="bad", unit="px", corners=((1.0, 1.0), (1.0, 1.0), (1.0, 1.0))),
        Polygon(name="bad", unit="px", corners=((1.0, math.nan), (1.0, 2.0), (2.0, 1.0))),
        Circle(name="bad", unit="px", centre=(math.inf, 0.0), radius=1.0),
    ],
)
def test_a_zone_without_a_shape_is_refused(zone: Zone) -> None:
    with pytest.raises(ConfigError, match="zone 'bad'"):
        depth_in(zone)


def test_a_threshold_that_no_value_can_cross_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"rule.on is nan"):
        behaviour(MotionSource(), on=math.nan)


# Nothing stays on unseen.

MS = 1_000_000


def why(events: Sequence[Event]) -> list[tuple[str, str, int]]:
    return [(event.state, event.reason, event.frame) for event in events]


@pytest.mark.parametrize("missing", ["hold", "end"])
@pytest.mark.parametrize(
    ("end_after_ms", "silent_ms", "ends"),
    [(None, 200, False), (None, 201, True), (50, 50, False), (50, 51, True), (1000, 999, False), (0, 30, False), (0, 31, True)],
)
def test_an_event_is_on_unseen_for_no_longer_than_stated(missing: str, end_after_ms: float | None, silent_ms: int, ends: bool) -> None:
    subject = behaviour(MotionSource(), missing=missing, end_after_ms=end_after_ms)
    feed(subject, [0.9] * 5)
    events = subject.wait(silent_ms * MS)
    assert why(events) == ([("off", "camera_lost", 4)] if ends else [])
    assert subject.wait(10**12) == [] if ends else subject.open() == [("it", 0, 0, 4 * STEP_MS * MS)]


@pytest.mark.parametrize(("interval_ms", "silent_ms", "ends"), [(100, 300, False), (100, 301, True), (10, 200, False), (10, 201, True)])
def test_by_default_three_intervals_may_pass_and_no_less_than_200_ms(interval_ms: int, silent_ms: int, ends: bool) -> None:
    subject = behaviour(MotionSource())
    feed(subject, [0.9] * 12, times_ms=[interval_ms * i for i in range(12)])
    assert bool(subject.wait(silent_ms * MS)) is ends


def test_before_the_second_frame_an_event_waits_for_the_camera_to_be_given_up() -> None:
    """A camera of one frame in two seconds is not lost after one."""
    subject = behaviour(MotionSource())
    feed(subject, [0.9])
    assert subject.wait(1_900 * MS, camera_lost=False) == []
    assert why(subject.wait(1_901 * MS, camera_lost=True)) == [("off", "camera_lost", 0)]


def test_at_half_a_frame_a_second_the_first_bout_lasts() -> None:
    subject = behaviour(MotionSource())
    feed(subject, [0.9])
    assert subject.wait(1_980 * MS) == []
    assert why(feed(subject, [0.9, 0.9, 0.1], times_ms=[2000, 4000, 6000], first_frame=1)) == [("off", "rule", 3)]


def test_before_the_second_frame_the_configured_rate_tells_the_interval() -> None:
    subject = Behaviour(
        (EventConfig(event="it", source=MotionSource(), rule=rule()),), ZONES, point_names=NAMES, animals=1, has_mm=False, rate_hz=10.0
    )
    feed(subject, [0.9])
    assert subject.wait(300 * MS) == []
    assert why(subject.wait(301 * MS)) == [("off", "camera_lost", 0)]


def test_a_first_frame_of_a_rate_that_nothing_tells_is_over_after_five_seconds() -> None:
    subject = behaviour(MotionSource())
    feed(subject, [0.9])
    assert subject.wait(5_000 * MS) == []
    assert why(subject.wait(5_001 * MS)) == [("off", "camera_lost", 0)]


def test_rules_that_take_over_know_the_interval_of_those_before() -> None:
    before, after, last = (behaviour(MotionSource()) for _ in range(3))
    feed(before, [0.1] * 5)  # 20 ms each
    after.expect_intervals(before.known_intervals_ns)
    last.expect_intervals(after.known_intervals_ns)  # at once, without a frame between
    for subject in (after, last):
        feed(subject, [0.9])
        assert subject.wait(200 * MS) == []
        assert why(subject.wait(201 * MS)) == [("off", "camera_lost", 0)]


@pytest.mark.parametrize("end_after_ms", [0, 5, 20])
def test_an_end_sooner_than_the_next_frame_does_not_make_an_event_strobe(end_after_ms: float) -> None:
    subject = behaviour(MotionSource(), end_after_ms=end_after_ms)
    assert why(feed(subject, [0.9] * 6 + [0.1])) == [("on", "rule", 0), ("off", "rule", 6)]
    feed(subject, [0.9] * 2, first_frame=7)
    assert subject.wait(30 * MS) == [], "one and a half intervals"
    assert why(subject.wait(31 * MS)) == [("off", "camera_lost", 8)]


def test_a_gap_that_nobody_waited_through_ends_the_event_all_the_same() -> None:
    """A recording, or a loop that was busy: the frame after the gap decides."""
    events = feed(behaviour(MotionSource()), [0.9] * 4 + [0.9], times_ms=[0, 20, 40, 60, 400])
    assert why(events) == [("on", "rule", 0), ("off", "camera_lost", 4), ("on", "rule", 4)]


def test_a_value_held_for_too_long_ends_the_event_as_missing() -> None:
    events = feed(behaviour(MotionSource(), end_after_ms=50), [0.9, 0.9, None, None, None, None, 0.9])
    assert why(events) == [("on", "rule", 0), ("off", "missing", 4), ("on", "rule", 6)]


def test_a_value_held_for_too_long_is_missing_also_where_no_frame_has_come_since() -> None:
    """The frames came in time: nothing is wrong with the camera."""
    subject = behaviour(MotionSource(), end_after_ms=50)
    feed(subject, [0.9, 0.9, None, None])
    assert why(subject.wait(15 * MS)) == [("off", "missing", 3)]


def test_an_end_by_a_missing_value_says_so_whatever_the_rule_does_about_it() -> None:
    events = feed(behaviour(MotionSource(), missing="end", maximum_gap_ms=20), [0.9, 0.9, None, None, None, 0.9, 0.1, 0.1, 0.1])
    assert why(events) == [("on", "rule", 0), ("off", "missing", 3), ("on", "rule", 5), ("off", "rule", 7)]


def test_a_bout_not_yet_announced_is_forgotten_unseen() -> None:
    events = feed(behaviour(MotionSource(), minimum_ms=100, end_after_ms=50), [0.9, 0.9, 0.9], times_ms=[0, 20, 500])
    assert events == [], "480 ms of which nothing is known are no bout of 100 ms"


def test_an_end_by_silence_is_not_told_twice_and_lets_a_new_bout_begin() -> None:
    subject = behaviour(MotionSource())
    feed(subject, [0.9] * 3)
    assert why(subject.wait(10**9)) == [("off", "camera_lost", 2)]
    again = subject.update(frame_number=3, time_ns=10**9, pose=NO_POINTS, motion=0.9)
    assert why(again) == [("on", "rule", 3)]


@pytest.mark.parametrize("reason", ["stopping", "reload", "swap", "engine", "error"])
def test_whatever_ends_the_rules_ends_their_events_with_its_reason(reason: Any) -> None:
    subject = behaviour(SpeedSource(point="nose", unit="px", window_ms=0), animals=2, on=-1, off=-1)
    pose = at([(0, 0, 1), (0, 0, 1)], [(0, 0, 1), (0, 0, 1)])
    for frame in range(3):
        subject.update(frame_number=frame, time_ns=frame * 20 * MS, pose=pose, motion=None)
    assert [(event.animal, event.reason, event.frame) for event in subject.end(reason)] == [(0, reason, 2), (1, reason, 2)]
    assert subject.end(reason) == []
