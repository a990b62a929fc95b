"""What a rule looks at: one number per animal and frame, or None where the points it needs are missing."""

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, NamedTuple, Protocol

from tracker.behaviour.burst_forecast import BurstForecast
from tracker.behaviour.zones import Depth, depth_in
from tracker.config_rules import (
    BinaryForecastSource,
    BrightnessSource,
    ClassSource,
    DistanceSource,
    EventConfig,
    ForecastSource,
    HeightSource,
    MotionSource,
    SpeedSource,
    Zone,
    ZoneSource,
)
from tracker.errors import ConfigError
from tracker.parsing.value_fault import meant

# Positions enter the speed's sums as whole multiples of 1/FINE px or mm: about a millionth, far below what a key point can mean.
# Whole numbers can be added and taken away for weeks without an error that grows.
FINE = 1 << 20
NO_REGIONS: Mapping[str, float] = MappingProxyType({})
OfTheImage = MotionSource | ForecastSource | BinaryForecastSource | BrightnessSource | ClassSource  # there is one value, not one per animal
_NOTHING = (0, 0, 0, 0, 0, 0, 0, 0)  # sums over a speed's window: t, t², x, y, z, t·x, t·y, t·z


class Sight(NamedTuple):
    """One animal in one frame."""

    time_ns: int  # never goes back
    points: Sequence[Sequence[float]]  # K of x, y, confidence
    mm: Sequence[Sequence[float]] | None  # K of X, Y, or in space of X, Y, Z
    motion: float | None
    brightness: Mapping[str, float] = NO_REGIONS  # by region
    scores: Mapping[str, float] = MappingProxyType({})


class Measure(Protocol):
    """One source for one animal. Must be asked exactly once for every frame."""

    def value(self, sight: Sight) -> float | None:
        """The source's value in this frame, None where it is missing."""
        ...


At = tuple[float, float, float]


class Place:
    """Where one key point is, in px or mm; None when its confidence is too low or it has no place. On a plane the third number is 0."""

    def __init__(self, index: int, unit: Literal["px", "mm"], *, confidence: float) -> None:
        self._index, self._in_mm, self._confidence = index, unit == "mm", confidence

    def of(self, sight: Sight) -> At | None:
        """X, y and z of the point in this frame."""
        x, y, confidence = sight.points[self._index]
        z = 0.0
        if not confidence >= self._confidence:  # NaN counts as none
            return None
        if self._in_mm:
            if sight.mm is None:
                return None
            x, y, z = (*sight.mm[self._index], 0.0)[:3]
        return (x, y, z) if math.isfinite(x) and math.isfinite(y) and math.isfinite(z) else None


class ZoneDepth:
    """Depth of a point inside a zone: distance to its edge, positive inside."""

    def __init__(self, place: Place, depth: Depth) -> None:
        self._place, self._depth = place, depth

    def value(self, sight: Sight) -> float | None:
        """Depth in the zone's unit."""
        at = self._place.of(sight)
        return None if at is None else self._depth(at[0], at[1])


class Height:
    """Height of a point: its Z in the rig's frame of reference."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def value(self, sight: Sight) -> float | None:
        """Z in mm."""
        at = self._place.of(sight)
        return None if at is None else at[2]


class Distance:
    """Distance between two points of one animal."""

    def __init__(self, place: Place, other: Place) -> None:
        self._place, self._other = place, other

    def value(self, sight: Sight) -> float | None:
        """Distance in px or mm."""
        at, other = self._place.of(sight), self._other.of(sight)
        return None if at is None or other is None else math.dist(at, other)


class MotionEnergy:
    """The frame difference, as it comes."""

    def value(self, sight: Sight) -> float | None:
        """Mean absolute difference of the pair of frames just completed, 0..1."""
        return sight.motion


class MotionForecast:
    """What a published rule makes of the motion so far."""

    def __init__(self, source: ForecastSource | BinaryForecastSource) -> None:
        self._forecast = BurstForecast(source)

    def value(self, sight: Sight) -> float | None:
        """Probability that a burst follows, 0..1; None until enough frames were seen."""
        return self._forecast.update(sight.motion, sight.time_ns)


class ClassProbability:
    """The score of a class, as it comes; it belongs to the image, not to one animal."""

    def __init__(self, score: str) -> None:
        self._score = score

    def value(self, sight: Sight) -> float | None:
        """Probability, 0..1; None while the classifier warms up."""
        return sight.scores.get(self._score)


class RegionBrightness:
    """The mean of one rectangle, as it comes."""

    def __init__(self, region: str) -> None:
        self._region = region

    def value(self, sight: Sight) -> float | None:
        """Mean of the rectangle, 0..1; None where nobody measured it."""
        return sight.brightness.get(self._region)


class Speed:
    """Speed of a point: slope of the straight line that fits x, y and z best over a trailing window (ordinary least squares).

    The fit uses every position seen in the window and their true times, so lost frames and uneven intervals do no harm, and
    the noise of the coordinates averages out. It describes the middle of the window: on a steady change it lags by half of it.
    The value is missing while the positions seen span less than half the window. A window shorter than the frame interval
    gives the speed between the last two frames, and so does a gap in the frames longer than the window.
    """

    def __init__(self, place: Place, window_ns: int) -> None:
        self._place, self._window_ns = place, window_ns
        self._seen: deque[tuple[int, int, int, int]] = deque()  # time in ns since `_origin_ns`, x, y and z in 1/FINE
        self._origin_ns = 0
        self._previous_ns = 0  # time of the frame before, seen or not
        self._sums = _NOTHING

    def value(self, sight: Sight) -> float | None:
        """Speed in px/s or mm/s."""
        at = self._place.of(sight)
        now_ns, previous_ns = sight.time_ns, self._previous_ns
        self._previous_ns = now_ns
        if at is None:
            return None
        if self._seen and self._seen[-1][0] + self._origin_ns >= now_ns:
            self._forget()  # the clock stood still or was set back: the old positions have no known time any more
        self._add(now_ns, at)
        self._drop_older_than(min(now_ns - self._window_ns, previous_ns) - self._origin_ns)
        if len(self._seen) < 2 or 2 * (self._seen[-1][0] - self._seen[0][0]) < self._window_ns:
            return None
        return self._slope()

    def _forget(self) -> None:
        self._seen.clear()
        self._sums = _NOTHING

    def _add(self, now_ns: int, at: At) -> None:
        if not self._seen:
            self._origin_ns = now_ns
        t, x, y, z = now_ns - self._origin_ns, round(at[0] * FINE), round(at[1] * FINE), round(at[2] * FINE)
        self._seen.append((t, x, y, z))
        st, stt, sx, sy, sz, stx, sty, stz = self._sums
        self._sums = (st + t, stt + t * t, sx + x, sy + y, sz + z, stx + t * x, sty + t * y, stz + t * z)

    def _drop_older_than(self, oldest: int) -> None:
        while self._seen[0][0] < oldest:
            t, x, y, z = self._seen.popleft()
            st, stt, sx, sy, sz, stx, sty, stz = self._sums
            self._sums = (st - t, stt - t * t, sx - x, sy - y, sz - z, stx - t * x, sty - t * y, stz - t * z)

    def _slope(self) -> float:
        n = len(self._seen)
        st, stt, sx, sy, sz, stx, sty, stz = self._sums
        # Whole numbers up to the one division, which Python rounds correctly whatever their size.
        spread = (n * stt - st * st) * FINE
        per_ns = math.hypot((n * stx - st * sx) / spread, (n * sty - st * sy) / spread, (n * stz - st * sz) / spread)
        return per_ns * 1e9


def measure_of(
    item: EventConfig, zones: Mapping[str, Zone], *, point_names: Sequence[str], has_mm: bool, dimensions: Literal[2, 3] = 2
) -> Measure:
    """Make one event's source for one animal.

    Args:
        item: the event.
        zones: by name.
        point_names: of the key points.
        has_mm: whether sights carry mm.
        dimensions: of these mm: 2 on the plane of one camera, 3 in the space of a rig, which has no px and no picture.

    Raises:
        ConfigError: it names an unknown point or zone, needs mm where there is no calibration, or does not go with the dimensions.
    """
    source, where = item.source, f"behaviour '{item.event}'"
    if isinstance(source, MotionSource | ForecastSource | BinaryForecastSource):
        if dimensions == 3:
            raise ConfigError(f"{where} is motion of a picture, which a rig does not have; put it into a camera's tracker.yaml")
        return MotionEnergy() if isinstance(source, MotionSource) else MotionForecast(source)
    if isinstance(source, ClassSource | BrightnessSource) and dimensions == 3:
        raise ConfigError(f"{where} is of one camera, which a rig is not; put it into a camera's tracker.yaml")
    if isinstance(source, ClassSource):
        return ClassProbability(source.score)
    if isinstance(source, BrightnessSource):
        return RegionBrightness(source.region)
    points = PointSources(
        where, zones, point_names=tuple(point_names), has_mm=has_mm, dimensions=dimensions, confidence=item.rule.confidence
    )
    if isinstance(source, HeightSource):
        if dimensions == 2:
            raise ConfigError(f"{where} is a height, which one camera cannot see; put it into the file of `tracker triangulate`")
        return Height(points.place(source.point, "mm"))
    return points.measure(source)


@dataclass(frozen=True, slots=True)
class PointSources:
    """Makes sources of key points.

    Attributes:
        where: whose they are, for sentences: "behaviour 'freezing'".
        zones: by name.
        point_names: of the key points.
        has_mm: whether sights carry mm.
        confidence: a point with less is missing.
        dimensions: as in `measure_of`.
    """

    where: str
    zones: Mapping[str, Zone]
    point_names: tuple[str, ...]
    has_mm: bool
    confidence: float
    dimensions: Literal[2, 3] = 2

    def measure(self, source: ZoneSource | SpeedSource | DistanceSource) -> Measure:
        """One source for one animal; a ConfigError as in `measure_of`."""
        if isinstance(source, SpeedSource):
            return Speed(self.place(source.point, source.unit), round(source.window_ms * 1e6))
        if isinstance(source, DistanceSource):
            return Distance(self.place(source.point, source.unit), self.place(source.other_point, source.unit))
        if source.zone not in self.zones:
            known = ", ".join(self.zones) or "none"
            raise ConfigError(
                f"{self.where}: zone '{source.zone}' is not one of the zones ({known}); add it or correct the name"
                f"{meant(source.zone, self.zones)}"
            )
        zone = self.zones[source.zone]
        return ZoneDepth(self.place(source.point, zone.unit), depth_in(zone))

    def place(self, point: str, unit: Literal["px", "mm"]) -> Place:
        """Where a point is; a ConfigError likewise."""
        if not self.point_names:
            raise ConfigError(f"{self.where}: needs point '{point}', and no network finds key points; give engine.bundle, or remove this")
        if point not in self.point_names:
            known = ", ".join(self.point_names)
            raise ConfigError(
                f"{self.where}: point '{point}' is not one of the network's points ({known}); correct the name"
                f"{meant(point, self.point_names)}"
            )
        if unit == "px" and self.dimensions == 3:
            raise ConfigError(f"{self.where} is in px, which places in space do not have; write `unit: mm`")
        if unit == "mm" and not self.has_mm:
            raise ConfigError(f"{self.where} is in mm but there is no calibration; give one, or use px")
        return Place(self.point_names.index(point), unit, confidence=self.confidence)
