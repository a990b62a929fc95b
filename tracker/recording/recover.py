"""Mend a session that was cut off: by a power cut, a kill or a full disk. What is whole stays as it is."""

import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pyarrow as pa  # type: ignore[import-untyped]

from tracker.bundle import remedy
from tracker.errors import RecordingError
from tracker.recording.session import (
    CLOSED_FILE,
    EVENTS_FILE,
    FRAMES_FILE,
    SETUPS_FILE,
    Closed,
    read_closed,
    read_description,
    sync_names,
    video_files,
    write_part,
)
from tracker.recording.tables import EVENTS, FRAMES, read_table

_REASON = "cut off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What became of a session.

    Attributes:
        closed: as it is in closed.json now.
        was_whole: it had been closed properly, and nothing was touched.
    """

    closed: Closed
    was_whole: bool


def recover(folder: Path) -> Recovered:
    """Make a session whole: as many rows as frames, and videos that every program can seek in. May be interrupted and begun again.

    Raises:
        RecordingError: the folder is not a session, cannot be written, or its files cannot be read.
    """
    description = read_description(folder)
    closed = read_closed(folder)
    if closed is not None:
        return Recovered(closed=closed, was_whole=True)
    try:
        rows = _table(folder, FRAMES_FILE, FRAMES)
        per_segment = _rows_per_segment(rows)
        videos = video_files(folder)
        kept = []
        cut_frames = 0
        for number, video in enumerate(videos, start=1):
            found = _count_packets(video)
            keep = min(found, per_segment.get(number, 0))
            _remux(video, keep, rate=Fraction(description.video.rate_hz).limit_denominator(1000))
            kept.append(keep)
            cut_frames += found - keep
        whole = _cut(rows, kept)
        _rewrite(folder / FRAMES_FILE, whole)
        _rewrite(folder / EVENTS_FILE, _table(folder, EVENTS_FILE, EVENTS))
        _cut_lines(folder / SETUPS_FILE)
        dropped = whole["record_dropped"][-1].as_py() if whole.num_rows else 0
        closed = Closed(
            reason=_REASON,
            frames=whole.num_rows,
            dropped=dropped,
            segments=kept,
            recovered=True,
            cut_frames=cut_frames,
            cut_rows=rows.num_rows - whole.num_rows,
        )
    except OSError as problem:
        raise RecordingError(f"{folder}: cannot be mended: {problem.strerror or problem}; {remedy(problem)}") from problem
    write_part(folder, CLOSED_FILE, closed)
    return Recovered(closed=closed, was_whole=False)


def unfinished(recordings: Path) -> list[Path]:
    """Sessions below a folder that were cut off, or are being recorded at the moment."""
    return sorted(path.parent for path in recordings.glob("*/session.json") if not (path.parent / CLOSED_FILE).exists())


def _table(folder: Path, name: str, schema: pa.Schema) -> pa.Table:
    path = folder / name
    return read_table(path, schema) if path.exists() else schema.empty_table()


def _rows_per_segment(rows: pa.Table) -> dict[int, int]:
    counts: dict[int, int] = {}
    for segment in rows["segment"].to_pylist():
        counts[segment] = counts.get(segment, 0) + 1
    return counts


def _cut(rows: pa.Table, kept: list[int]) -> pa.Table:
    """The rows up to the first whose frame is not in the video."""
    so_far: dict[int, int] = {}
    for index, segment in enumerate(rows["segment"].to_pylist()):
        so_far[segment] = so_far.get(segment, 0) + 1
        if segment > len(kept) or so_far[segment] > kept[segment - 1]:
            return rows.slice(0, index)
    return rows


def _count_packets(video: Path) -> int:
    """Frames that are whole in a video file; one that holds none cannot even be opened."""
    try:
        with av.open(str(video)) as container:
            return sum(1 for packet in container.demux(video=0) if packet.size)
    except (av.error.FFmpegError, IndexError):
        return 0


def _remux(video: Path, keep: int, *, rate: Fraction) -> None:
    """Write the first frames of a video again without encoding them, so that it has a length and an index; none: it is removed."""
    if keep == 0:
        video.unlink()
        return
    part = video.with_name(f".{video.name}.part")
    try:
        with av.open(str(video)) as source, av.open(str(part), "w", format="matroska") as target:
            stream = target.add_stream_from_template(source.streams.video[0])
            for number, packet in enumerate(_packets(source)):
                if number == keep:
                    break
                packet.stream = stream
                packet.time_base = 1 / rate
                packet.pts = packet.dts = number
                target.mux(packet)
    except av.error.FFmpegError as problem:
        part.unlink(missing_ok=True)
        if isinstance(problem, OSError):
            raise
        raise RecordingError(f"{video}: cannot be read to its end ({problem}); copy the folder to another disk and try again") from problem
    descriptor = os.open(part, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    part.replace(video)
    sync_names(video.parent)


def _packets(container: Any) -> Any:
    return (packet for packet in container.demux(video=0) if packet.size)


def _rewrite(path: Path, rows: pa.Table) -> None:
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as file:
        with pa.ipc.new_stream(file, rows.schema) as stream:
            stream.write_table(rows)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    sync_names(path.parent)


def _cut_lines(path: Path) -> None:
    """Leave out a last line that was not written to its end."""
    if path.exists():
        content = path.read_bytes()
        os.truncate(path, content.rfind(b"\n") + 1)
    else:
        path.touch()
