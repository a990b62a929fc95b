"""Run the rules over a recorded stream: JSON lines as `tracker listen --json` writes them, through the code that runs live."""

import json
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from tracker.behaviour.behaviour import Behaviour
from tracker.config import EventConfig, Zone
from tracker.errors import StreamError
from tracker.event import Event
from tracker.messages import PoseMessage, decode
from tracker.pose import KeyPoints, PlanePoints, Pose

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What the rules say about one stretch of a recording in which session, key points and animals stayed the same.

    Attributes:
        session: of the tracker that recorded it.
        times_ns: frame number to the time that the rules used, in the order of the recording.
        events: in the order in which they were decided.
    """

    session: str
    times_ns: dict[int, int]
    events: list[Event]


def replay_file(path: Path, events: tuple[EventConfig, ...], *, zones: tuple[Zone, ...], camera: str | None) -> list[Replay]:
    """Replay a file of JSON lines.

    Args:
        path: the file.
        events: rules to apply, those of the recording or others.
        zones: what they refer to.
        camera: whose poses; None where the file holds one camera only.

    Raises:
        StreamError: no such file, a line that is not of the stream, or several cameras and none chosen.
        ConfigError: the rules do not fit the recorded key points.
    """
    try:
        with path.open(encoding="utf-8") as lines:
            found = list(replay(poses_in(lines, source=str(path), camera=camera), events, zones=zones))
    except OSError as problem:
        raise StreamError(f"{path}: cannot be read: {problem.strerror}; give a file that `tracker listen --json` wrote") from None
    except UnicodeDecodeError as problem:
        raise StreamError(f"{path}: is not UTF-8 text ({problem.reason}); give a file that `tracker listen --json` wrote") from None
    if not found:
        which = f"pose.{camera}" if camera else "pose"
        raise StreamError(f"{path}: holds no {which} message; record with `tracker listen --json` while the tracker runs")
    return found


def replay(messages: Iterable[PoseMessage], events: tuple[EventConfig, ...], *, zones: tuple[Zone, ...]) -> Iterator[Replay]:
    """Replay poses. A new session, or other key points, starts afresh, as the tracker itself did.

    Raises:
        StreamError: a pose whose key points cannot be read.
        ConfigError: the rules do not fit the recorded key points.
    """
    for (session, names, animals, has_mm), stretch in groupby(messages, key=_kind):
        behaviour = Behaviour(events, zones, point_names=names, animals=animals, has_mm=has_mm)
        times_ns: dict[int, int] = {}
        decided: list[Event] = []
        for message in stretch:
            time_ns = message.received_ns if message.exposed_ns is None else message.exposed_ns
            times_ns[message.frame] = time_ns
            pose = _pose(message, names, has_mm=has_mm)
            decided += behaviour.update(frame_number=message.frame, time_ns=time_ns, pose=pose, motion=message.motion)
        yield Replay(session=session, times_ns=times_ns, events=decided)


def poses_in(lines: Iterable[str], *, source: str, camera: str | None) -> Iterator[PoseMessage]:
    """The pose messages among JSON lines. A last line without an end, as a killed recorder leaves it, is left out with a warning.

    Raises:
        StreamError: a line that is not of the stream, or several cameras and none chosen.
    """
    chosen = camera is not None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            message = _message(line)
        except StreamError as problem:
            if not line.endswith("\n"):
                logger.warning("last line is cut off and was left out: file=%s line=%d", source, number)
                return
            raise StreamError(f"{source}:{number}: {problem}") from None
        if message is None or (chosen and message.camera != camera):
            continue
        camera = camera or message.camera
        if message.camera != camera:
            raise StreamError(f"{source}:{number}: holds poses of cameras '{camera}' and '{message.camera}'; choose one by its name")
        yield message


def _message(line: str) -> PoseMessage | None:
    """One line's pose, None for another topic."""
    try:
        topic = json.loads(line)["topic"]
    except (ValueError, KeyError, TypeError):
        raise StreamError("is not a JSON object with a topic; expected lines as `tracker listen --json` writes them") from None
    if not str(topic).startswith("pose."):
        return None
    message = decode([str(topic).encode(), line.encode()])
    return message if isinstance(message, PoseMessage) else None


def _kind(message: PoseMessage) -> tuple[str, tuple[str, ...], int, bool]:
    first = message.animals[0] if message.animals else None
    return message.session, tuple(first.points) if first else (), len(message.animals), bool(first and first.mm)


def _pose(message: PoseMessage, names: tuple[str, ...], *, has_mm: bool) -> Pose:
    """The arrays as they were live. JSON has no NaN: null, which stands for it, becomes NaN again."""
    animals, count = message.animals, len(names)
    try:
        points: KeyPoints = np.array([[a.points[name] for name in names] for a in animals], np.float32).reshape(len(animals), count, 3)
        if not has_mm:
            return Pose(points=points, mm=None)
        mm: PlanePoints = np.array([[a.mm[name] for name in names] for a in animals], np.float64).reshape(len(animals), count, 2)
        return Pose(points=points, mm=mm)
    except (KeyError, TypeError, ValueError):
        raise StreamError(
            f"frame {message.frame} of session {message.session}: its key points cannot be read;"
            " expected [x, y, confidence] and, with a calibration, [X, Y] for each, the same for all animals"
        ) from None
