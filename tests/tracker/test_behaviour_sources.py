"""What rules of behaviour measure: places, distances, speeds, zones, and sources that are refused."""

import math
from collections.abc import Sequence

import cv2
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.tracker.behaviour_rules import NAMES, STEP_MS, ZONES, at, behaviour, rule
from tracker.behaviour.sources import Sight, measure_of
from tracker.behaviour.zones import depth_in
from tracker.config import Circle, DistanceSource, EventConfig, MotionSource, Polygon, Source, SpeedSource, Zone, ZoneSource
from tracker.errors import ConfigError
from tracker.event import Event
from tracker.pose import Pose


def values_of(
    source: Source, poses: Sequence[Pose], *, times_ms: Sequence[float] | None = None, has_mm: bool = False
) -> list[float | None]:
    """What a source measures on the first animal, frame by frame."""
    item = EventConfig(event="it", source=source, rule=rule())
    measure = measure_of(item, {zone.name: zone for zone in ZONES}, point_names=NAMES, has_mm=has_mm)
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
