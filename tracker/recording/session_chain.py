"""Sessions that went on with one another, read as one: one clock, video files and setups counted on."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pyarrow as pa  # type: ignore[import-untyped]
from pyarrow import compute

from tracker.errors import RecordingError
from tracker.recording.chain import chain_folders
from tracker.recording.read_session import RecordedSession
from tracker.recording.session import Closed, Description

_HOST_TIMES = ("received_ns", "published_ns", "taken_ns", "inferred_ns")


def clock_shift_ns(said: Description, first: Description) -> int:
    """What brings a session's times to the clock of another; by the time of day where the machine was started in between, or is another."""
    if said.boot_id and said.boot_id == first.boot_id:
        return 0
    return said.unix_offset_ns - first.unix_offset_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One session of a chain.

    Attributes:
        session: it.
        shift_ns: added to its host times gives times of the first session's clock.
        videos_before: number of video files of the sessions before it.
        setups_before: largest number of a setup in the sessions before it.
    """

    session: RecordedSession
    shift_ns: int
    videos_before: int
    setups_before: int

    @property
    def rows(self) -> pa.Table:
        """Its rows with the chain's times, segments and setups."""
        return _added(self.session.rows, self._added_to_rows)

    def row_batches(self, size: int) -> Iterator[pa.Table]:
        """The same rows, as `RecordedSession.row_batches`."""
        return (_added(table, self._added_to_rows) for table in self.session.row_batches(size))

    @property
    def _added_to_rows(self) -> dict[str, int]:
        return {"segment": self.videos_before, "setup": self.setups_before, **dict.fromkeys(_HOST_TIMES, self.shift_ns)}

    def events(self) -> pa.Table:
        """events.arrows with the chain's times."""
        return _added(self.session.events, dict.fromkeys(_HOST_TIMES, self.shift_ns))


class SessionChain:
    """One session after the other, with one clock, and video files and setups counted on: to be read as one session is.

    Attributes:
        parts: the sessions, in the order of recording.
        folder: of the first.
        description: of the first, with the notes of all; of a note that differs, the first text counts.
        closed: what the closed.json of all of them say together; None where one was cut off, or is still being recorded.
        frame_count: of all of them.
    """

    def __init__(self, sessions: Sequence[RecordedSession]) -> None:
        """Join sessions that `chain_folders` named, or take one alone.

        Raises:
            RecordingError: their pictures differ in size, so that px do not mean the same; or a setup is damaged.
        """
        first = sessions[0].description
        self.parts: list[Part] = []
        videos = setups = 0
        for session in sessions:
            said, video = session.description, session.description.video
            if (video.width, video.height) != (first.video.width, first.video.height):
                raise RecordingError(
                    f"{session.folder}: its pictures are {video.width}x{video.height}, those of {sessions[0].folder.name} "
                    f"{first.video.width}x{first.video.height}; take them apart, without --whole"
                )
            self.parts.append(Part(session=session, shift_ns=clock_shift_ns(said, first), videos_before=videos, setups_before=setups))
            if len(sessions) > 1:
                videos += len(session.closed.segments) if session.closed is not None else max(session.video_paths(), default=0)
                setups += max((_setup_number(session, line) for line in session.setups()), default=0)
        self.folder = sessions[0].folder
        notes = {key: text for session in reversed(sessions) for key, text in session.description.meta.items()}
        self.description = msgspec.structs.replace(first, meta=notes)
        self.closed = _closed([session.closed for session in sessions])
        self.frame_count = sum(session.frame_count for session in sessions)

    @property
    def events(self) -> pa.Table:
        """Events of every part."""
        return pa.concat_tables([part.events() for part in self.parts])

    def row_batches(self, size: int) -> Iterator[pa.Table]:
        """Rows of every part, as `RecordedSession.row_batches`."""
        for part in self.parts:
            yield from part.row_batches(size)

    def video_paths(self) -> dict[int, Path]:
        """The video file of every segment that holds frames, counted through all parts."""
        return {part.videos_before + number: path for part in self.parts for number, path in part.session.video_paths().items()}

    def setups(self) -> list[bytes]:
        """The JSON of every setup message, with the chain's numbers."""
        return [_renumbered(part, line) for part in self.parts for line in part.session.setups()]


def read_chain(folder: Path) -> SessionChain:
    """A session with all that belong together with it.

    Raises:
        RecordingError: as `chain_folders`, or one of them is damaged.
    """
    return SessionChain([RecordedSession(each) for each in chain_folders(folder)])


def _added(table: pa.Table, added: dict[str, int]) -> pa.Table:
    """A table with numbers added to some of its columns, where it has them."""
    for name, number in added.items():
        place = table.schema.get_field_index(name)
        if number and place >= 0:
            field = table.schema.field(place)
            table = table.set_column(place, field, compute.add(table[name], pa.scalar(number, pa.int64())).cast(field.type))
    return table


def _closed(each: Sequence[Closed | None]) -> Closed | None:
    known = [closed for closed in each if closed is not None]
    if len(known) < len(each):
        return None
    if len(known) == 1:
        return known[0]
    return Closed(
        reason=known[-1].reason,
        frames=sum(closed.frames for closed in known),
        dropped=sum(closed.dropped for closed in known),
        segments=[frames for closed in known for frames in closed.segments],
        recovered=any(closed.recovered for closed in known),
        cut_frames=sum(closed.cut_frames for closed in known),
        cut_rows=sum(closed.cut_rows for closed in known),
        late_poses=sum(closed.late_poses for closed in known),
    )


def _renumbered(part: Part, line: bytes) -> bytes:
    if not part.setups_before:
        return line
    return json.dumps({**json.loads(line), "setup": part.setups_before + _setup_number(part.session, line)}).encode()


def _setup_number(session: RecordedSession, line: bytes) -> int:
    try:
        return int(json.loads(line)["setup"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise RecordingError(f"{session.folder}: a setup in setups.jsonl cannot be read; take the folder from its copy") from None
