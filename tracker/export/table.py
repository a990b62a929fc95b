"""A session as tables for any program: a row a frame, and a second file with a row a bout of an event. As Parquet or as CSV."""

import json
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
from pyarrow import csv as arrow_csv
from pyarrow import parquet

from tracker.export.bouts import Bout, session_bouts
from tracker.export.new_files import new_files
from tracker.export.session_poses import SessionPoses, Stretch
from tracker.export.spans import Span, spans

Form = Literal["parquet", "csv"]
_BOUTS = pa.schema(
    [
        ("event", pa.string()),
        ("animal", pa.int32()),
        ("on_s", pa.float64()),
        ("off_s", pa.float64()),
        ("duration_s", pa.float64()),
        ("onset_s", pa.float64()),
        ("on_published_s", pa.float64()),
        ("off_published_s", pa.float64()),
        ("on_unix_s", pa.float64()),
        ("off_unix_s", pa.float64()),
        ("on_frame", pa.int64()),
        ("off_frame", pa.int64()),
        ("value", pa.float64()),
        ("threshold", pa.float64()),
        ("added_delay_ms", pa.float64()),
        ("latency_ms", pa.float64()),
        ("off_reason", pa.string()),
    ]
)
_SESSIONS = pa.schema(
    [
        ("session", pa.string()),
        ("frames", pa.int64()),
        ("first_frame", pa.int64()),
        ("begin_s", pa.float64()),
        ("end_s", pa.float64()),
        ("gap_s", pa.float64()),
        ("begin_unix_s", pa.float64()),
        ("dropped", pa.int64()),
        ("end_reason", pa.string()),
    ]
)
_WHOSE = pa.field("session", pa.string())  # of a row, where there are several


def write_tables(poses: SessionPoses, out: Path, *, form: Form, force: bool) -> list[Path]:
    """Write frames to `out` and bouts beside it, as NAME.events.parquet or .csv. What is absent is empty (null), never a number.

    Of several sessions, a third file NAME.sessions.parquet or .csv says from when to when each goes, and rows of the others whose they are.

    Raises:
        RecordingError: a file is there and `force` does not allow to replace it, or it cannot be written.
    """
    several = len(poses.session.parts) > 1
    kinds = ["", ".events", *([".sessions"] if several else [])]
    paths = [out.with_name(f"{out.stem}{kind}{out.suffix}") for kind in kinds]
    schema, bouts_schema = _schema(poses), _BOUTS.insert(0, _WHOSE) if several else _BOUTS
    with new_files(paths, force=force) as (frames_part, bouts_part, *sessions_part):
        with _writer(frames_part, schema, form) as writer:
            for stretch in poses.stretches():
                writer.write_batch(_batch(poses, stretch, schema))
        with _writer(bouts_part, bouts_schema, form) as writer:
            rows = [_bout_row(poses, bout) for bout in session_bouts(poses)]
            writer.write_batch(pa.RecordBatch.from_pylist(rows, bouts_schema))
        for part in sessions_part:
            with _writer(part, _SESSIONS, form) as writer:
                writer.write_batch(pa.RecordBatch.from_pylist([_session_row(poses, span) for span in spans(poses)], _SESSIONS))
    return paths


def animal_prefix(poses: SessionPoses, animal: int) -> str:
    """What comes before the names of an animal's columns; nothing where there is one animal only."""
    return f"animal{animal}_" if poses.animals > 1 else ""


def _writer(path: Path, schema: pa.Schema, form: Form) -> AbstractContextManager[Any]:
    if form == "csv":
        writer: AbstractContextManager[Any] = arrow_csv.CSVWriter(str(path), schema.remove_metadata())
    else:
        writer = parquet.ParquetWriter(str(path), schema, compression="zstd")
    return writer


def _schema(poses: SessionPoses) -> pa.Schema:
    fields = [
        *([_WHOSE] if len(poses.session.parts) > 1 else []),
        ("frame", pa.int64()),
        ("time_s", pa.float64()),
        ("unix_s", pa.float64()),
        ("exposed_s", pa.float64()),
        ("video", pa.int32()),
        ("video_frame", pa.int64()),
        ("camera_frame", pa.int64()),
        ("has_pose", pa.bool_()),
    ]
    for animal in range(poses.animals):
        for point in poses.point_names:
            name = f"{animal_prefix(poses, animal)}{point}"
            fields += [(f"{name}_x_px", pa.float32()), (f"{name}_y_px", pa.float32()), (f"{name}_confidence", pa.float32())]
            if poses.has_mm:
                fields += [(f"{name}_x_mm", pa.float64()), (f"{name}_y_mm", pa.float64())]
    fields += [("motion", pa.float64()), *((f"score_{name}", pa.float64()) for name in poses.score_names)]
    fields += [(f"without_network_{name}", pa.bool_()) for name in poses.preselected]
    description = poses.session.description
    told = {"session": poses.session.folder.name, "camera": description.camera, "bundle": poses.setup.bundle, "meta": description.meta}
    return pa.schema(fields, metadata={"rigtrack": json.dumps(told)})


def _batch(poses: SessionPoses, stretch: Stretch, schema: pa.Schema) -> pa.RecordBatch:
    count = len(stretch)
    part_of = np.searchsorted([part.videos_before for part in poses.session.parts], stretch.segment, "left") - 1
    videos_before = np.array([part.videos_before for part in poses.session.parts])
    names = np.array([part.session.folder.resolve().name for part in poses.session.parts])
    columns: list[Any] = [
        *([names[part_of]] if len(names) > 1 else []),
        range(stretch.first, stretch.first + count),
        poses.time_s(stretch.received_ns),
        poses.unix_s(stretch.received_ns),
        stretch.exposed_s,
        stretch.segment - videos_before[part_of],
        stretch.video_frame,
        stretch.camera_frame,
        stretch.has_pose,
    ]
    for animal in range(poses.animals):
        for point in range(len(poses.point_names)):
            columns += [stretch.points[:, animal, point, number] for number in range(3)]
            if poses.has_mm:
                columns += [stretch.mm[:, animal, point, number] for number in range(2)]
    columns += [stretch.motion, *stretch.scores.T, *stretch.without_network.T]
    arrays = [pa.array(column, field.type, from_pandas=True) for column, field in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _bout_row(poses: SessionPoses, bout: Bout) -> dict[str, Any]:
    on, off = bout.on or {}, bout.off or {}
    on_s, off_s = (poses.time_s(row["received_ns"]) if row else None for row in (on, off))
    return {
        "session": bout.span.name,
        "event": bout.event,
        "animal": bout.animal,
        "on_s": on_s,
        "off_s": off_s,
        "duration_s": bout.duration_s,
        "onset_s": None if bout.onset_ns is None else poses.time_s(bout.onset_ns),
        "on_published_s": poses.time_s(on["published_ns"]) if on else None,
        "off_published_s": poses.time_s(off["published_ns"]) if off else None,
        "on_unix_s": _unix_s(poses, on["received_ns"]) if on else None,
        "off_unix_s": _unix_s(poses, off["received_ns"]) if off else None,
        "on_frame": bout.on_frame,
        "off_frame": bout.off_frame,
        **{name: on.get(name) for name in ("value", "threshold", "added_delay_ms", "latency_ms")},
        "off_reason": off.get("reason"),
    }


def _unix_s(poses: SessionPoses, received_ns: int) -> float | None:
    return float(poses.unix_s(received_ns)) if poses.begin.known else None


def _session_row(poses: SessionPoses, span: Span) -> dict[str, Any]:
    closed = span.part.session.closed
    return {
        "session": span.name,
        "frames": span.end - span.first,
        "first_frame": span.first,
        "begin_s": span.begin_s,
        "end_s": span.end_s,
        "gap_s": span.gap_s,
        "begin_unix_s": _unix_s(poses, poses.received_ns[span.first]),
        "dropped": None if closed is None else closed.dropped,
        "end_reason": None if closed is None else closed.reason,
    }
