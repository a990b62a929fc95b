"""What a rule measures: depth in a zone, distance, speed, height; and what does not go with a set-up."""

import math
from collections.abc import Sequence
from typing import Any, Literal

import cv2
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.tracker.fed_rules import GOOD, NAMES, STEP_MS, ZONES, at, behaviour, rule
from tracker.behaviour.behaviour import Behaviour
from tracker.behaviour.sources import Sight, measure_of
from tracker.behaviour.zones import depth_in
from tracker.config_rules import (
    Circle,
    DistanceSource,
    EventConfig,
    HeightSource,
    MotionSource,
    Polygon,
    Source,
    SpeedSource,
    Zone,
    ZoneSource,
)
from tracker.errors import ConfigError
from tracker.pose import Pose


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
