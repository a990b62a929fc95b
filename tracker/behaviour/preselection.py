"""Which frames go to a classifier's network, by what is cheap to know of them. Pure: no clock, no I/O, so that offline it is the same."""

from collections.abc import Iterable, Sequence

from tracker.behaviour.sources import Measure, PointSources, Sight
from tracker.config import Config
from tracker.config_rules import Condition, Preselection, TrialWindow, Zone
from tracker.errors import ConfigError
from tracker.event import Event
from tracker.parsing.value_fault import meant
from tracker.pose import KeyPoints, PlanePoints

NONE = "none"  # the class that says that there is nothing, where a network has one
_NS = 1e6  # in a millisecond


class FramesToClassify:
    """The preselection of one classifier, at work. Used by one thread at a time.

    Must be asked exactly once for every frame: speeds look back, and a trial is told by its first frame.
    """

    def __init__(
        self,
        only_when: Preselection,
        zones: Sequence[Zone],
        *,
        classifier: str,
        point_names: Sequence[str],
        animals: int,
        has_mm: bool,
    ) -> None:
        """Begin with nothing seen, in the middle of a trial or not: who knows the beginning of a session says `reset`.

        Args:
            only_when: as configured.
            zones: those that it may name.
            classifier: its name, for sentences.
            point_names: of the poses to come.
            animals: rows of the poses to come.
            has_mm: whether poses will carry mm.

        Raises:
            ConfigError: it names an unknown point or zone, or is in mm without a calibration.
        """
        self._only_when = only_when
        self._sources = PointSources(
            f"only_when of classifier '{classifier}'",
            {zone.name: zone for zone in zones},
            point_names=tuple(point_names),
            has_mm=has_mm,
            confidence=only_when.confidence,
        )
        self._animals = max(1, animals)
        self._gap_ns = round(only_when.maximum_gap_ms * _NS)
        self._trial = TrialClock(only_when.trial) if only_when.trial is not None else None
        self._measures = self._fresh()
        self._last_ns: int | None = None
        self._elapsed_ns = 0
        self._held_ns: int | None = None  # when the conditions held last

    def reset(self) -> None:
        """Begin anew, as at the start of a session."""
        self._measures = self._fresh()
        self._last_ns, self._elapsed_ns, self._held_ns = None, 0, None
        if self._trial is not None:
            self._trial.reset()

    def otherwise(self, class_names: Sequence[str]) -> tuple[float, ...]:
        """What stands for the network's probabilities in frames that do not go to it.

        Raises:
            ConfigError: the class that the configuration names is not one of them.
        """
        asked = self._only_when.otherwise
        if asked is not None and asked not in class_names:
            raise ConfigError(
                f"{self._sources.where}: otherwise is '{asked}'; expected one of the network's classes ({', '.join(class_names)})"
                f"{meant(asked, class_names)}"
            )
        return scores_without(class_names, asked)

    def goes(self, points: KeyPoints, mm: PlanePoints | None, time_ns: int) -> bool:
        """Whether this frame goes to the network.

        Args:
            points: float32 (animals, K, 3).
            mm: float64 (animals, K, 2), None without a calibration.
            time_ns: of the frame, as rules know it.
        """
        step_ns = 0 if self._last_ns is None else time_ns - self._last_ns
        self._elapsed_ns += max(0, step_ns)  # a clock that was set back stands still, as for rules
        self._last_ns = time_ns
        held = self._hold(points, mm)
        if held:
            self._held_ns = self._elapsed_ns
        in_window = self._trial.inside(self._elapsed_ns, set_back=step_ns < 0) if self._trial is not None else True
        return in_window and (held or (self._held_ns is not None and self._elapsed_ns - self._held_ns <= self._gap_ns))

    def take_events(self, events: Iterable[Event]) -> None:
        """Hear what the rules have decided at the frame that `goes` was asked about last."""
        if self._trial is not None:
            self._trial.take_events(events, self._elapsed_ns)

    def _fresh(self) -> list[list[tuple[Condition, Measure]]]:
        """The sources of every animal, which have seen nothing; none where there is no condition."""
        conditions = self._only_when.conditions
        animals = range(self._animals if conditions else 0)
        return [[(condition, self._sources.measure(condition.source)) for condition in conditions] for _ in animals]

    def _hold(self, points: KeyPoints, mm: PlanePoints | None) -> bool:
        """Whether all conditions hold for any animal. Every source is asked, whatever the others say: some look back."""
        if not self._measures:
            return True
        animals = points.tolist()
        places = mm.tolist() if mm is not None else [None] * len(animals)
        holds = False
        for measures, of_animal, at in zip(self._measures, animals, places, strict=True):
            sight = Sight(self._elapsed_ns, of_animal, at, None)
            values = [measure.value(sight) for _, measure in measures]
            holds |= all(self._one_holds(condition, value) for (condition, _), value in zip(measures, values, strict=True))
        return holds

    def _one_holds(self, condition: Condition, value: float | None) -> bool:
        if value is None:
            return self._only_when.missing == "network"
        return (condition.above is None or value > condition.above) and (condition.below is None or value < condition.below)


def preselections(config: Config, *, point_names: Sequence[str], animals: int) -> dict[str, FramesToClassify]:
    """What chooses the frames of those classifiers that do not take every one, by the classifier's name.

    Args:
        config: with classifiers, zones, and a calibration or none.
        point_names: of the poses to come.
        animals: rows of the poses to come.

    Raises:
        ConfigError: one names an unknown point or zone, or is in mm without a calibration.
    """
    return {
        each.name: FramesToClassify(
            each.only_when,
            config.zones,
            classifier=each.name,
            point_names=point_names,
            animals=animals,
            has_mm=config.calibration is not None,
        )
        for each in config.classifiers
        if each.only_when is not None
    }


class TrialClock:
    """How long the trial has lasted."""

    def __init__(self, window: TrialWindow) -> None:
        """Begin at a time of which nobody knows whether it lies in a trial: it is taken to lie in the window."""
        self._window = window
        self._from_ns = round(window.from_ms * _NS)
        self._until_ns = None if window.until_ms is None else round(window.until_ms * _NS)
        self._gap_ns = round(window.gap_ms * _NS)
        self._known = False
        self._began_ns: int | None = None
        self._last_ns: int | None = None

    def reset(self) -> None:
        """No trial has begun."""
        self._known, self._began_ns, self._last_ns = True, None, None

    def inside(self, now_ns: int, *, set_back: bool) -> bool:
        """Whether a frame of this time lies in the window. To be asked for every frame.

        Args:
            now_ns: how long frames have gone by.
            set_back: whether the frame's clock stands earlier than at the frame before: how long that is ago nobody knows, so a trial that
                a gap begins begins here too.
        """
        if self._window.event is None:
            first = self._last_ns is None and self._known
            if first or set_back or (self._last_ns is not None and now_ns - self._last_ns > self._gap_ns):
                self._known, self._began_ns = True, now_ns
            self._last_ns = now_ns
        if not self._known:
            return True
        if self._began_ns is None:
            return False
        since_ns = now_ns - self._began_ns
        return self._from_ns <= since_ns and (self._until_ns is None or since_ns < self._until_ns)

    def take_events(self, events: Iterable[Event], now_ns: int) -> None:
        """Begin a trial where its event has come on."""
        if any(event.state == "on" and event.name == self._window.event for event in events):
            self._known, self._began_ns = True, now_ns


def scores_without(class_names: Sequence[str], otherwise: str | None) -> tuple[float, ...]:
    """Probabilities where the network is not asked: 1 for the class `otherwise`, or the one called "none", and 0 for all others."""
    return tuple(float(name == (otherwise or NONE)) for name in class_names)
