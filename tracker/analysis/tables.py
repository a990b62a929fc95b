"""The session's tables from what the network found: identity, calibration and rules, by the code that runs live.

All of it is made at the end, from the first frame on: identities and rules have a memory, and so an analysis that was interrupted gives
the same bytes as one that was not.
"""

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
from numpy.typing import NDArray

from tracker.analysis.unfinished_poses import noted_motion, noted_scores
from tracker.event import Event
from tracker.frame import Image
from tracker.messages import encoder
from tracker.pose import KeyPoints, Pose
from tracker.recording.frame_facts import FrameFacts
from tracker.recording.session import EVENTS_FILE, FRAMES_FILE, SETUPS_FILE
from tracker.recording.tables import EVENTS, FRAMES, Row, read_batches
from tracker.setup import Setup, setup_message
from tracker.whole_files import write_synced

_BATCH = 4096  # rows
_OF_EVENT = ("state", "animal", "onset_frame", "value", "threshold", "added_delay_ms", "reason", "horizon_ms")
_NO_IMAGE: Image = np.zeros((0, 0), np.uint8)  # for classifiers that take none


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamName:
    """How the session calls itself in its messages."""

    camera: str
    session: str


def write_tables(
    folder: Path, records: NDArray[Any], facts: FrameFacts, setup: Setup, stream: StreamName, *, scores: tuple[str, ...] = ()
) -> KeyPoints:
    """Write frames, events and setups.

    Args:
        folder: of the session; what is there of an earlier attempt is written over.
        records: time_ns, motion and points of every frame.
        facts: numbers and times of every frame.
        setup: fresh: no frame has gone through it.
        stream: named in the setup.
        scores: names of those that the records hold; without any, classifiers take the poses here.

    Returns:
        Key points as in the table: float32 (frames, animals, K, 3).

    Raises:
        OSError: the disk refuses.
    """
    begun = replace(setup_message(setup, number=1, cause="start", after=None, publisher=stream), published_ns=0)
    write_synced(folder / SETUPS_FILE, encoder()(begun) + b"\n")
    found = np.empty(records["points"].shape, np.float32)
    rectangles = setup.brightness.names
    events: list[Row] = []
    with (folder / FRAMES_FILE).open("wb") as file:
        with pa.ipc.new_stream(file, FRAMES) as table:
            for first in range(0, len(records), _BATCH):
                part = records[first : first + _BATCH]
                here = _part(facts, first)
                poses = _follow(part, here, setup, scores, found=found[first : first + _BATCH], events=events)
                table.write_batch(_batch(part, here, found[first : first + _BATCH], poses, first=first, rectangles=rectangles))
        file.flush()
        os.fsync(file.fileno())
    if len(records):
        last_ns = int(facts.received_ns[-1])
        events += [_event_row(event, last_ns) for event in setup.behaviour.end("stopping")]
    with (folder / EVENTS_FILE).open("wb") as file:
        with pa.ipc.new_stream(file, EVENTS) as table:
            if events:
                table.write_batch(pa.RecordBatch.from_pylist(events, EVENTS))
        file.flush()
        os.fsync(file.fileno())
    return found


def scores_at(folder: Path, frames: Collection[int]) -> dict[int, dict[str, float]]:
    """The scores of some frames, as they stand in a session's table.

    Args:
        folder: of the session.
        frames: their numbers, from 0.
    """
    found, first = {}, 0
    for batch in read_batches(folder / FRAMES_FILE, FRAMES):
        for frame in frames:
            if first <= frame < first + batch.num_rows:
                found[frame] = dict(batch["scores"][frame - first].as_py())
        first += batch.num_rows
    return found


def _part(facts: FrameFacts, first: int) -> FrameFacts:
    return FrameFacts(**{each.name: getattr(facts, each.name)[first : first + _BATCH] for each in fields(facts)})


def _follow(
    part: NDArray[Any], facts: FrameFacts, setup: Setup, score_names: tuple[str, ...], *, found: KeyPoints, events: list[Row]
) -> list[Pose]:
    """Take frames through identity, calibration, classifiers and rules, as the loop does, into `found` and `events`."""
    poses: list[Pose] = []
    rectangles = setup.brightness.names
    for index, record in enumerate(part):
        time_ns, points = int(record["time_ns"]), np.array(record["points"])
        if setup.identity is not None:
            points = setup.identity.update(points, time_ns)
        pose = Pose(points=points, mm=setup.locate.to_mm(points) if setup.locate else None)
        if score_names:
            without = setup.scores.without_network(pose, time_ns)  # as when the scores were found
            pose = replace(pose, scores=noted_scores(score_names, record), without_network=without)
        else:
            pose = setup.scores.of(pose, _NO_IMAGE, time_ns)
        changes = setup.behaviour.update(
            frame_number=int(facts.frame[index]),
            time_ns=time_ns,
            pose=pose,
            motion=noted_motion(record),
            brightness=dict(zip(rectangles, record["brightness"].tolist(), strict=True)),
        )
        setup.scores.take_events(changes)
        events += [_event_row(event, int(facts.received_ns[index])) for event in changes]
        found[index] = points
        poses.append(pose)
    return poses


def _batch(
    part: NDArray[Any], facts: FrameFacts, points: KeyPoints, poses: list[Pose], *, first: int, rectangles: tuple[str, ...]
) -> pa.RecordBatch:
    count = len(part)
    columns = dict.fromkeys(("received_ns", "taken_ns", "inferred_ns", "published_ns"), _numbers(facts.received_ns))
    columns |= {name: _numbers(getattr(facts, name)) for name in ("frame", "segment", "record_dropped", "lost", "corrupt")}
    columns |= {
        "ordinal": _numbers(np.arange(first, first + count, dtype=np.int64)),
        "exposed_ns": _numbers(facts.exposed_ns, known=facts.is_exposed),
        "skipped": _numbers(np.zeros(count, np.int64)),
        "setup": _numbers(np.ones(count, np.int32)),
        "points": _lists(points.reshape(count, -1)),
        "mm": _lists(np.array([pose.mm for pose in poses if pose.mm is not None], np.float64).reshape(count, -1)),
        "ended": _each([[]] * count, "ended"),
        "motion": _unless_nan(part["motion"][:, 0]),
        "motion_full": _unless_nan(part["motion"][:, 1]),
        "scores": _each([list(pose.scores.items()) for pose in poses], "scores"),
        "without_network": _each([list(pose.without_network) for pose in poses], "without_network"),
        "brightness": _each([list(zip(rectangles, row, strict=True)) for row in part["brightness"].tolist()], "brightness"),
    }
    return pa.RecordBatch.from_arrays([columns[name] for name in FRAMES.names], schema=FRAMES)


def _numbers(values: NDArray[Any], *, known: NDArray[np.bool_] | None = None) -> pa.Array:
    """A column of numbers, null where not known. Arrow's own way from an array loads pandas where it is installed."""
    values = np.ascontiguousarray(values)
    bits = None if known is None else pa.py_buffer(np.packbits(known, bitorder="little"))
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [bits, pa.py_buffer(values)])


def _unless_nan(values: NDArray[np.float64]) -> pa.Array:
    return _numbers(values, known=~np.isnan(values))


def _lists(rows: NDArray[Any]) -> pa.Array:
    """A list for each row; NaN stays NaN."""
    offsets = np.arange(len(rows) + 1, dtype=np.int32) * rows.shape[1]
    return pa.ListArray.from_arrays(_numbers(offsets), _numbers(rows.ravel()))


def _each(rows: Sequence[Sequence[Any]], column: str) -> pa.Array:
    """A column of lists of other things; where all are empty, without pandas too."""
    kind = FRAMES.field(column).type
    if any(rows):
        return pa.array(rows, kind)
    offsets = pa.py_buffer(np.zeros(len(rows) + 1, np.int32))
    return pa.Array.from_buffers(kind, len(rows), [None, offsets], children=[pa.nulls(0, kind.field(0).type)])


def _event_row(event: Event, time_ns: int) -> Row:
    return {
        "frame": event.frame,
        "received_ns": time_ns,
        "published_ns": time_ns,
        "event": event.name,
        "latency_ms": 0.0,
        **{name: getattr(event, name) for name in _OF_EVENT},
    }
