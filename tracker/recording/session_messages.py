"""The messages of a recorded session, as its daemon published them."""

import math
from collections.abc import Callable, Iterator
from typing import Any

from tracker.errors import RecordingError, StreamError
from tracker.messages import VERSION, AnimalMessage, EventMessage, PoseMessage, SetupMessage, decode, topic
from tracker.recording.read_session import RecordedSession
from tracker.recording.session_chain import Part, SessionChain

_POSE_NUMBERS, _MM_NUMBERS = 3, 2
_BATCH = 500  # rows held at a time, as Python objects some MB


def session_messages(
    session: RecordedSession, *, advance: Callable[[int], None] = lambda frames: None
) -> Iterator[PoseMessage | EventMessage | SetupMessage]:
    """Setups first, then poses and events in the order of publication. Frames without a pose have no message.

    Args:
        session: whose rows are read a batch at a time.
        advance: told how many more frames were gone through.

    Raises:
        RecordingError: a pose that names a setup the session does not hold, or a damaged setup.
    """
    setups = session_setups(session)
    yield from setups.values()
    stamp = _stamp(session)
    events = iter(session.events.to_pylist())
    event = next(events, None)
    for batch in session.row_batches(_BATCH):
        for row in batch.to_pylist():
            if row["points"] is None:
                continue
            while event is not None and event["published_ns"] < row["published_ns"]:
                yield EventMessage(**stamp, **event)
                event = next(events, None)
            yield session_pose(row, setups, session)
        advance(batch.num_rows)
    while event is not None:
        yield EventMessage(**stamp, **event)
        event = next(events, None)


def session_events(part: Part) -> list[EventMessage]:
    """Every change of an event in a session, in the order of publication, with the times of the chain that it is a part of."""
    stamp = _stamp(part.session)
    return [EventMessage(**stamp, **event) for event in part.events().to_pylist()]


def session_setups(session: RecordedSession | SessionChain) -> dict[int, SetupMessage]:
    """What turned frames into poses and events, by the number that rows name.

    Raises:
        RecordingError: one cannot be read.
    """
    return {setup.setup: setup for setup in setup_messages(session)}


def _stamp(session: RecordedSession | SessionChain) -> dict[str, Any]:
    return {"v": VERSION, "camera": session.description.camera, "session": session.description.stream_session}


def setup_messages(session: RecordedSession | SessionChain) -> Iterator[SetupMessage]:
    """What turned frames into poses, in the order of publication.

    Raises:
        RecordingError: a damaged setup.
    """
    name = topic("setup", session.description.camera)
    for line in session.setups():
        try:
            message = decode([name, line])
        except StreamError as problem:
            raise RecordingError(f"{session.folder}: a setup in setups.jsonl cannot be read: {problem}") from None
        if isinstance(message, SetupMessage):
            yield message


def session_pose(row: dict[str, Any], setups: dict[int, SetupMessage], session: RecordedSession | SessionChain) -> PoseMessage:
    """The message of a row that has a pose.

    Raises:
        RecordingError: its setup is not there, or names none of its points.
    """
    setup = setups.get(row["setup"])
    if setup is None:
        raise RecordingError(f"{session.folder}: frame {row['frame']} names setup {row['setup']}, which setups.jsonl does not hold")
    names = setup.point_names
    if not names and row["points"]:
        raise RecordingError(f"{session.folder}: setup {setup.setup} in setups.jsonl names no key points")
    points, mm = _grouped(row["points"], _POSE_NUMBERS), _grouped(row["mm"], _MM_NUMBERS)
    animals = [
        AnimalMessage(
            id=index,
            points=dict(zip(names, points[index * len(names) :], strict=False)),
            mm=dict(zip(names, mm[index * len(names) :], strict=False)) if mm else {},
        )
        for index in range(len(points) // len(names) if names else 0)
    ]
    return PoseMessage(
        **_stamp(session),
        **{name: row[name] for name in ("frame", "received_ns", "published_ns", "exposed_ns", "taken_ns", "inferred_ns")},
        **{name: row[name] for name in ("lost", "skipped", "corrupt", "setup", "motion")},
        ended=[(each["event"], each["animal"], each["reason"]) for each in row["ended"]],
        animals=animals,
        scores=dict(row["scores"]),
        brightness=dict(row["brightness"] or ()),
        motion_full=row["motion_full"],
        without_network=list(row["without_network"] or ()),
    )


def _grouped(numbers: list[float], size: int) -> list[Any]:
    known = [None if math.isnan(number) else number for number in numbers]
    return [tuple(known[begin : begin + size]) for begin in range(0, len(known), size)]
