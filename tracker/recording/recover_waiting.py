"""What a recovery makes of the files of what waited for the encoder: rows, and a video file of the frames that no video holds."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import av
import msgspec
import pyarrow as pa  # type: ignore[import-untyped]

from tracker.errors import RecordingError
from tracker.messages import EventMessage, PoseMessage, SetupMessage, encoder
from tracker.recording.encoder_choice import choose_encoder
from tracker.recording.session import VideoFormat
from tracker.recording.tables import Row, event_row, pose_columns
from tracker.recording.video_container import open_container
from tracker.recording.video_segment import VideoSegment
from tracker.recording.waiting_records import WaitingFrame, read_waiting, waiting_files
from tracker.whole_files import sync_folder

_ENCODED_TAG = "ENCODED_BY_RECOVERY"
_EVENT_KEY = ("event", "state", "animal", "received_ns", "published_ns")


@dataclass(frozen=True, slots=True)
class Waiting:
    """All that these files hold.

    Attributes:
        frames: by their ordinals.
        poses: by the receipt of their frames.
        events: in their sequence.
        setups: likewise.
    """

    frames: dict[int, WaitingFrame] = field(default_factory=dict)
    poses: dict[int, PoseMessage] = field(default_factory=dict)
    events: list[EventMessage] = field(default_factory=list)
    setups: list[SetupMessage] = field(default_factory=list)

    def row(self, given: int, **place: int) -> Row:
        """Of the frame given so many frames after the first, with the pose that it had; `place` is said otherwise than it was given."""
        facts = self.frames[given].facts
        pose = self.poses.get(facts.received_ns)
        return {
            "ordinal": given,
            "frame": facts.frame,
            "exposed_ns": facts.exposed_ns,
            "received_ns": facts.received_ns,
            "record_dropped": facts.record_dropped,
            **(pose_columns(pose) if pose is not None else {}),
            **place,
        }


def read_all_waiting(folder: Path) -> Waiting:
    """Read them; what is not whole is left out.

    Raises:
        RecordingError: one cannot be read.
    """
    found = Waiting()
    for path in waiting_files(folder):
        try:
            for record in read_waiting(path):
                _put(found, record)
        except OSError as problem:
            raise RecordingError(f"{path}: cannot be read: {problem.strerror}; nothing was changed") from problem
    return found


def _put(found: Waiting, record: WaitingFrame | PoseMessage | EventMessage | SetupMessage) -> None:
    if isinstance(record, WaitingFrame):
        found.frames[record.facts.ordinal] = record
    elif isinstance(record, PoseMessage):
        found.poses[record.received_ns] = record
    elif isinstance(record, EventMessage):
        found.events.append(record)
    else:
        found.setups.append(record)


def with_rows_of_video(rows: pa.Table, frames: Sequence[int], waiting: Waiting) -> pa.Table:
    """The table, and a row for each frame behind it that a video holds and whose facts are known.

    Args:
        rows: as they were found.
        frames: in each video file.
        waiting: what is known besides.
    """
    segments = list(chain.from_iterable(repeat(number, count) for number, count in enumerate(frames, start=1)))
    if rows["segment"].to_pylist() != segments[: rows.num_rows]:  # more is damaged than the end: which frame is which, is not known
        return rows
    more = []
    for ordinal in range(rows.num_rows, len(segments)):
        if ordinal not in waiting.frames:
            break
        more.append(waiting.row(ordinal, segment=segments[ordinal]))
    return extended(rows, more)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToEncode:
    """Frames that are in no video.

    Attributes:
        images: of them, in their sequence; uint8, of the session's size.
        rows: theirs.
    """

    images: list[Any]
    rows: list[Row]


def to_encode(rows: pa.Table, waiting: Waiting, form: VideoFormat, *, segment: int) -> ToEncode:
    """What is to follow the rows that are kept, in a video file of its own; frames that are missing in between count as dropped."""
    first = rows["ordinal"][-1].as_py() + 1 if rows.num_rows else 0
    shape = (form.height, form.width, 3) if form.colour else (form.height, form.width)
    images, new = [], list[Row]()
    for ordinal in sorted(number for number in waiting.frames if number >= first):
        image = waiting.frames[ordinal].image
        if image is None or image.shape != shape:
            continue
        missing = ordinal - first - len(new)
        dropped = waiting.frames[ordinal].facts.record_dropped + missing
        new.append(waiting.row(ordinal, ordinal=first + len(new), segment=segment, record_dropped=dropped))
        images.append(image)
    return ToEncode(images=images, rows=new)


def encode_to(path: Path, found: ToEncode, form: VideoFormat) -> None:
    """Write a video file whole, or not at all; it says that a recovery wrote it.

    Raises:
        RecordingError: it cannot be encoded.
        OSError: it cannot be written.
    """
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    works = choose_encoder(form.encoder, width=form.width + form.width % 2, height=form.height + form.height % 2).name
    try:
        with VideoSegment(part, msgspec.structs.replace(form, encoder=works), tags={_ENCODED_TAG: str(len(found.images))}) as video:
            for image in found.images:
                video.write(image)
    except av.error.FFmpegError as problem:
        part.unlink(missing_ok=True)
        if isinstance(problem, OSError):
            raise
        raise RecordingError(f"{path}: cannot be encoded ({problem}); the files waiting-*.raw are left as they are") from problem
    part.replace(path)
    sync_folder(path.parent)


def frames_encoded(video: Path) -> int:
    """How many frames of a video a recovery has encoded: all or none."""
    try:
        with open_container(video) as container:
            said = container.metadata.get(_ENCODED_TAG, "")
    except (av.error.FFmpegError, IndexError):
        return 0
    return int(said) if said.isdecimal() else 0


def extended(table: pa.Table, more: Sequence[Row]) -> pa.Table:
    """A table with rows behind it."""
    return pa.concat_tables([table, pa.Table.from_pylist(list(more), table.schema)]) if more else table


def with_events(events: pa.Table, waiting: Waiting) -> pa.Table:
    """The table of events, with those that it does not have yet."""
    there = Counter(tuple(row[name] for name in _EVENT_KEY) for row in events.to_pylist())
    more = []
    for row in map(event_row, waiting.events):
        key = tuple(row[name] for name in _EVENT_KEY)
        there[key] -= 1
        if there[key] < 0:
            more.append(row)
    return extended(events, more)


def with_setups(lines: bytes, waiting: Waiting) -> bytes:
    """setups.jsonl without a torn last line, and with those that it does not have yet."""
    there = lines[: lines.rfind(b"\n") + 1].splitlines(keepends=True)
    encode = encoder()
    more = (encode(setup) + b"\n" for setup in waiting.setups)
    return b"".join([*there, *(line for line in more if line not in there)])
