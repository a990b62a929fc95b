"""Run the rules over a recorded stream, through the code that runs live."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from tracker.behaviour.behaviour import Behaviour
from tracker.behaviour.sources import OfTheImage
from tracker.config_rules import BrightnessSource, EventConfig, Zone
from tracker.errors import StreamError
from tracker.event import Event, Reason
from tracker.messages import EventMessage, PoseMessage, SetupMessage
from tracker.pose import KeyPoints, PlanePoints, Pose
from tracker.recorded_stream import Progress, recorded_messages

_BY_THE_TRACKER: tuple[Reason, ...] = (
    "missing",
    "camera_lost",
    "reload",
    "swap",
    "stopping",
    "engine",
    "error",
)  # ends that no frame brought


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What the rules say about one stretch of a recording: one session and one setup, so that rules, key points and animals stay the same.

    Attributes:
        session: of the tracker that recorded it.
        setup: its number in that session.
        times_ns: frame number to the time that the rules used, in the order of the recording.
        events: in the order in which they were decided. Those still on at the stretch's end are ended there, as they were live.
    """

    session: str
    setup: int
    times_ns: dict[int, int]
    events: list[Event]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayedEvent:
    """What the rules decided, and in which session of a tracker."""

    session: str
    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a replay applies."""

    events: tuple[EventConfig, ...]
    zones: tuple[Zone, ...]

    @property
    def of_the_image(self) -> "Rules":
        """Those that need no key points: what there is to say while no network finds any."""
        return Rules(events=tuple(item for item in self.events if isinstance(item.source, OfTheImage)), zones=self.zones)


class _Kind(NamedTuple):
    """What stays the same throughout a stretch."""

    session: str
    setup: int
    names: tuple[str, ...]
    animals: int
    has_mm: bool


class _Step(NamedTuple):
    """What was decided at a frame, or at none: the tracker ended something by itself."""

    kind: _Kind
    events: list[Event]
    frame: int = -1
    time_ns: int | None = None


def replay_file(path: Path, rules: Rules | None, *, camera: str | None) -> list[Replay]:
    """Replay a file of JSON lines, or the folder of a recorded session, and keep what was found.

    Args and errors are those of `replay_events`.
    """
    return list(replay(recorded_messages(path, camera=camera), rules))


def replay_events(
    path: Path,
    rules: Rules | None,
    *,
    camera: str | None,
    progress: Progress = lambda done, total: None,
    has_points: bool | None = None,
) -> Iterator[ReplayedEvent]:
    """Replay a file of JSON lines, or the folder of a recorded session: each event as soon as it is decided, and nothing is kept.

    Args:
        path: the file or folder.
        rules: to apply to all of it; None applies those in use live, which the file holds.
        camera: whose poses; None where the file holds one camera only.
        progress: told how many frames of a session, or MB of a file, were gone through, of how many.
        has_points: as `find_points`; of all sessions that are replayed one after the other.

    Raises:
        StreamError: no such file, a line that is not of the stream, several cameras and none chosen, or no rules in the file.
        RecordingError: a folder that is not a session, or damaged.
        ConfigError: the rules do not fit the recorded key points.
    """
    for step in _steps(recorded_messages(path, camera=camera, progress=progress), rules, has_points=has_points):
        for event in step.events:
            yield ReplayedEvent(session=step.kind.session, event=event)


def find_points(folders: Iterable[Path]) -> bool | None:
    """Whether a network finds key points somewhere in these sessions, as their setups say; None where that is not known before a replay.

    Raises:
        RecordingError: a folder that is not a session, or damaged.
    """
    known: bool | None = None
    for folder in folders:
        if not folder.is_dir():
            return None
        for message in recorded_messages(folder, camera=None):  # a session's setups come first
            if not isinstance(message, SetupMessage):
                break
            known = known or bool(message.point_names)
    return known


def replay(messages: Iterable[PoseMessage | EventMessage | SetupMessage], rules: Rules | None) -> Iterator[Replay]:
    """Replay poses. A new session or setup starts afresh, as the tracker itself did.

    Rules given here that need key points begin with the first stretch that has any, as if the points had been missing until then.

    What ended live without a frame stands in the next pose; after the last pose of a session the recorded events say it. Where
    neither does, because the tracker was killed or events were not recorded, what is on ends as "stopping".

    Args:
        messages: of one camera, in the order of the stream; setups may stand anywhere before the poses that name them.
        rules: to apply throughout; None applies those of each setup.

    Raises:
        StreamError: a pose whose key points cannot be read, that lacks a brightness the rules ask for, or whose setup is not
            among the messages and is needed.
        ConfigError: the rules do not fit the recorded key points.
    """
    kind: _Kind | None = None
    times_ns: dict[int, int] = {}
    events: list[Event] = []
    for step in _steps(messages, rules):
        if kind is not None and step.kind != kind:
            yield Replay(session=kind.session, setup=kind.setup, times_ns=times_ns, events=events)
            times_ns, events = {}, []
        kind = step.kind
        if step.time_ns is not None:
            times_ns[step.frame] = step.time_ns
        events += step.events
    if kind is not None:
        yield Replay(session=kind.session, setup=kind.setup, times_ns=times_ns, events=events)


def _steps(
    messages: Iterable[PoseMessage | EventMessage | SetupMessage], rules: Rules | None, *, has_points: bool | None = None
) -> Iterator[_Step]:
    """What the rules say to each pose, as `replay`; and to each end of a stretch. `has_points` as in `replay_events`."""
    without_points: _Kind | None = None  # a stretch whose rules of key points had nothing to say, as long as none has any
    setups: dict[tuple[str, int], SetupMessage] = {}
    ended: list[tuple[str, int, Reason]] = []  # live since the last pose, as the events say
    stretch: _ReplayStretch | None = None
    for message in messages:
        if isinstance(message, SetupMessage):
            setups[message.session, message.setup] = message
        elif isinstance(message, EventMessage):
            if stretch is not None and message.session == stretch.kind.session and message.reason in _BY_THE_TRACKER:
                ended.append((message.event, message.animal, message.reason))
        else:
            kind = _kind(message)
            if stretch is not None:
                yield stretch.end_these(_known(message.ended) if stretch.kind.session == kind.session else ended)
            ended = []
            if stretch is None or stretch.kind != kind:
                before = stretch
                if before is not None:
                    yield before.end(_cause(before.kind, kind, setups))
                has_points, without_points = (True, None) if kind.names else (has_points, without_points or kind)
                if rules is not None and has_points is not False and not kind.names:
                    stretch = _ReplayStretch(kind, rules.of_the_image)
                else:
                    stretch = _ReplayStretch(kind, rules or _recorded_rules(message, setups))
                if before is not None and before.kind.session == kind.session:
                    stretch.follow(before)
            yield stretch.add(message)
    if stretch is not None:
        yield stretch.end_these(ended)
        yield stretch.end("stopping")
    if rules is not None and has_points is None and without_points is not None:
        _ReplayStretch(without_points, rules)  # refuses those of key points


def _known(ended: Iterable[tuple[str, int, str]]) -> Iterator[tuple[str, int, Reason]]:
    return ((event, animal, reason) for event, animal, reason in ended if reason in _BY_THE_TRACKER)


class _ReplayStretch:
    """The rules at work on one stretch."""

    def __init__(self, kind: _Kind, rules: Rules) -> None:
        self.kind = kind
        self.behaviour = Behaviour(rules.events, rules.zones, point_names=kind.names, animals=kind.animals, has_mm=kind.has_mm)
        self._regions = {item.source.region: item.event for item in rules.events if isinstance(item.source, BrightnessSource)}

    def follow(self, before: "_ReplayStretch") -> None:
        """Go on from the stretch before, as the rules do live after a reload."""
        self.behaviour.follow(before.behaviour)

    def add(self, message: PoseMessage) -> _Step:
        time_ns = message.received_ns if message.exposed_ns is None else message.exposed_ns
        for region, event in self._regions.items():
            if region not in message.brightness:
                known = "; ".join(message.brightness) or "none"
                raise StreamError(
                    f"frame {message.frame} of session {message.session}: the brightness of {region}, which behaviour '{event}' asks for, "
                    f"was not recorded (recorded: {known}); give that event a rectangle that was in use live"
                )
        pose = _pose(message, self.kind.names, has_mm=self.kind.has_mm)
        events = self.behaviour.update(
            frame_number=message.frame, time_ns=time_ns, pose=pose, motion=message.motion, brightness=message.brightness
        )
        return _Step(self.kind, events, message.frame, time_ns)

    def end_these(self, ended: Iterable[tuple[str, int, Reason]]) -> _Step:
        return _Step(self.kind, self.behaviour.end_these(ended))

    def end(self, reason: Reason) -> _Step:
        return _Step(self.kind, self.behaviour.end(reason))


def _cause(before: _Kind, after: _Kind, setups: Mapping[tuple[str, int], SetupMessage]) -> Reason:
    """Why a stretch ended; a setup that the recording does not hold may have been a reload or a swap."""
    if before.session != after.session:
        return "stopping"
    setup = setups.get((after.session, after.setup))
    return "swap" if setup is not None and setup.cause == "swap" else "reload"


def _recorded_rules(message: PoseMessage, setups: Mapping[tuple[str, int], SetupMessage]) -> Rules:
    setup = setups.get((message.session, message.setup))
    if setup is None:
        raise StreamError(
            f"the recording holds no rules for frame {message.frame} of session {message.session} (setup {message.setup}); "
            "give some with --config, or record with `tracker listen --json`, which asks for setups too"
        )
    try:
        return Rules(
            events=msgspec.convert(setup.behaviour, tuple[EventConfig, ...]),
            zones=msgspec.convert(setup.zones, tuple[Zone, ...]),
        )
    except msgspec.ValidationError as problem:
        raise StreamError(
            f"the rules recorded in setup {setup.setup} of session {setup.session} cannot be read ({problem}); give rules with --config"
        ) from None


def _kind(message: PoseMessage) -> _Kind:
    first = message.animals[0] if message.animals else None
    names = tuple(first.points) if first else ()
    return _Kind(message.session, message.setup, names, len(message.animals), bool(first and first.mm))


def _pose(message: PoseMessage, names: tuple[str, ...], *, has_mm: bool) -> Pose:
    """The arrays as they were live. JSON has no NaN: null, which stands for it, becomes NaN again."""
    animals, count = message.animals, len(names)
    try:
        points: KeyPoints = np.array([[a.points[name] for name in names] for a in animals], np.float32).reshape(len(animals), count, 3)
        if not has_mm:
            return Pose(points=points, mm=None, scores=message.scores)
        mm: PlanePoints = np.array([[a.mm[name] for name in names] for a in animals], np.float64).reshape(len(animals), count, 2)
        return Pose(points=points, mm=mm, scores=message.scores)
    except (KeyError, TypeError, ValueError):
        raise StreamError(
            f"frame {message.frame} of session {message.session}: its key points cannot be read;"
            " expected [x, y, confidence] and, with a calibration, [X, Y] for each, the same for all animals"
        ) from None
