"""Sections of `tracker.yaml`: zones, sources of events, rules, and classifiers."""

from typing import Annotated, Literal

from msgspec import Meta

from tracker.config_values import XY, Extent, Fraction, Length, Milliseconds, Name, Offset, Past, Section, Slope, Text, Threshold


class Polygon(Section, frozen=True, kw_only=True, tag_field="shape", tag="polygon"):
    """A closed polygon; its last corner joins its first."""

    name: Name
    unit: Literal["px", "mm"] = "px"
    corners: Annotated[tuple[XY, ...], Meta(min_length=2, max_length=10_000)]  # two are a line


class Circle(Section, frozen=True, kw_only=True, tag_field="shape", tag="circle"):
    """A circle."""

    name: Name
    unit: Literal["px", "mm"] = "px"
    centre: XY
    radius: Length


Zone = Polygon | Circle


class ZoneSource(Section, frozen=True, kw_only=True, tag_field="kind", tag="zone"):
    """Depth of a key point inside a zone: signed distance to its edge, positive inside, in the zone's unit."""

    point: Text
    zone: Name


class SpeedSource(Section, frozen=True, kw_only=True, tag_field="kind", tag="speed"):
    """Speed of a key point over a trailing window, in px/s or mm/s."""

    point: Text
    unit: Literal["px", "mm"] = "px"
    window_ms: Milliseconds = 100


class DistanceSource(Section, frozen=True, kw_only=True, tag_field="kind", tag="distance"):
    """Distance between two key points of one animal, in px or mm."""

    point: Text
    other_point: Text
    unit: Literal["px", "mm"] = "px"


class MotionSource(Section, frozen=True, kw_only=True, tag_field="kind", tag="motion"):
    """Mean absolute frame difference of the pair just completed, 0..1."""


class ClassSource(Section, frozen=True, kw_only=True, tag_field="kind", tag="class"):
    """Probability of a class of behaviour that a classifier finds, 0..1."""

    classifier: Name
    class_name: Text
    horizon_ms: Milliseconds | None = None  # of a class that is forecast: how far ahead, as its bundle says; null: the class is now
    delay_ms: Milliseconds = 0  # of a class that is told later than it is: by how much, as its bundle says

    @property
    def score(self) -> str:
        """The name of the score that it is."""
        return f"{self.classifier}.{self.class_name}"


class ForecastSource(Section, frozen=True, kw_only=True, tag_field="kind", tag="forecast"):
    """Probability that a burst of motion follows within the horizon, by the published rule on the motion of the last frames."""

    horizon_ms: Milliseconds = 1500  # how far ahead is meant; stated in every event
    past_frames: Past = 89  # that are looked back on
    share: Fraction = 0.2  # of the range: quiet is below it
    least_range: Fraction = 0.0006  # of motion
    range_slope: Slope = 5300
    level_slope: Slope = 11000
    longest_gap_ms: Milliseconds = 1000  # longer without a frame, and the past is forgotten


class BinaryForecastSource(Section, frozen=True, kw_only=True, tag_field="kind", tag="binary_forecast"):
    """Whether a burst of motion follows, 0 or 1, by the first published rule: quiet now, and lively within the last frames."""

    horizon_ms: Milliseconds = 1500
    past_frames: Past = 45
    share: Fraction = 0.1
    least_range: Fraction = 0.001
    longest_gap_ms: Milliseconds = 1000


class BrightnessSource(Section, frozen=True, kw_only=True, tag_field="kind", tag="brightness"):
    """Mean of a rectangle of the camera's image, 0..1 (white); px, of the image as it comes."""

    left: Offset
    top: Offset
    width: Extent
    height: Extent

    @property
    def region(self) -> str:
        """What the rectangle is called in the stream."""
        return f"{self.left},{self.top},{self.width},{self.height}"


class HeightSource(Section, frozen=True, kw_only=True, tag_field="kind", tag="height"):
    """Height of a key point, its Z in mm; for `tracker triangulate`."""

    point: Text


Source = (
    ZoneSource
    | SpeedSource
    | DistanceSource
    | MotionSource
    | BrightnessSource
    | ClassSource
    | ForecastSource
    | BinaryForecastSource
    | HeightSource
)


class Rule(Section, frozen=True, kw_only=True):
    """When a value becomes an event: hysteresis, then duration and gap, then refractory time. Causal."""

    when: Literal["above", "below"] = "above"
    on: Threshold  # crossing this starts a bout
    off: Threshold  # crossing this back ends it; on the other side of `on`, or equal to it
    minimum_ms: Milliseconds = 0  # a bout shorter than this is never announced
    maximum_gap_ms: Milliseconds = 0  # an interruption no longer than this does not end a bout
    refractory_ms: Milliseconds = 0  # no new onset for this long after a bout ended
    confidence: Fraction = 0.5  # a key point below this counts as missing
    missing: Literal["hold", "end"] = "end"  # while the value is missing: keep the state, or treat it as not crossing
    end_after_ms: Milliseconds | None = None
    """How long frames, or the value under `missing: hold`, may stay away before an open event is ended, never less than one and
    a half frame intervals; None: the longer of 200 ms and three frame intervals."""


class EventConfig(Section, frozen=True, kw_only=True):
    """One named event."""

    event: Name
    source: Source
    rule: Rule

    @property
    def horizon_ms(self) -> float | None:
        """How far ahead it means; None where it says what is now."""
        return self.source.horizon_ms if isinstance(self.source, ClassSource | ForecastSource | BinaryForecastSource) else None

    @property
    def delay_ms(self) -> float:
        """How much later than it is the source tells of a frame."""
        return self.source.delay_ms if isinstance(self.source, ClassSource) else 0.0


class Condition(Section, frozen=True, kw_only=True):
    """That a source's value is above or below a number, or between two; a tie is neither."""

    source: ZoneSource | SpeedSource | DistanceSource
    above: Threshold | None = None
    below: Threshold | None = None


class TrialWindow(Section, frozen=True, kw_only=True):
    """A part of every trial. A trial begins with the first frame and after a gap, or with an event."""

    from_ms: Milliseconds = 0  # of the trial, included
    until_ms: Milliseconds | None = None  # not included; null: until the next trial
    event: Name | None = None  # whose "on" begins a trial; null: the first frame does, and the first after a gap
    gap_ms: Milliseconds = 1000  # longer without a frame, and the next begins a trial; where no event does


class Preselection(Section, frozen=True, kw_only=True):
    """Which frames go to a classifier's network. The others are decided without it: there is nothing."""

    conditions: tuple[Condition, ...] = ()  # all of them must hold, of any animal
    trial: TrialWindow | None = None  # null: at any time
    missing: Literal["network", "nothing"] = "network"  # where a condition's value is missing: it holds, or does not
    confidence: Fraction = 0.5  # a key point below this counts as missing
    maximum_gap_ms: Milliseconds = 0  # for so long after the conditions held, frames still go to the network
    otherwise: Text | None = None  # class of probability 1 where the network is not asked; null: 'none' where there is one, else no class


class ClassifierConfig(Section, frozen=True, kw_only=True):
    """A network that finds behaviour in poses or images, one step a frame. It runs on the CPU."""

    name: Name
    bundle: Text  # as `trainer fit --task behaviour` writes it
    threads: Annotated[int, Meta(ge=1, le=64)] = 1
    only_when: Preselection | None = None  # null: the network takes every frame
