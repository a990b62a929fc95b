"""The places in space that the sessions of a rig give, as a table for any program: a row a moment. As Parquet or as CSV."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]

from tracker.errors import RecordingError
from tracker.export.new_files import new_files
from tracker.export.table import Form, table_writer
from tracker.messages import EventMessage, Pose3DMessage, SetupMessage

_ROWS = 5000  # written at a time
_NS = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenPlaces:
    """What is in a table.

    Attributes:
        moments: rows.
        placed: of these, those in which some key point has a place.
        point_names: in the order of the columns.
    """

    moments: int
    placed: int
    point_names: tuple[str, ...]


def write_places(
    messages: Iterable[SetupMessage | Pose3DMessage | EventMessage],
    out: Path,
    *,
    form: Form,
    cameras: Sequence[str],
    unix_offset_ns: int,
    force: bool,
) -> WrittenPlaces:
    """Write the moments; events are left out. What is absent is empty (null), never a number.

    Args:
        messages: of the rig, in their order.
        out: the file. It appears under its name only when it is whole.
        form: of the file, which its name ends in.
        cameras: of the rig, whose frames stand beside the places.
        unix_offset_ns: from the rig's clock to unix time.
        force: replace a file that is there.

    Raises:
        RecordingError: no moment comes, the key points change, another ending, the file is there and `force` does not allow to replace it,
            or it cannot be written.
    """
    if out.suffix != f".{form}":
        raise RecordingError(f"{out}: the name of such a file ends in .{form}; name it so")
    found = _Moments(messages)
    with new_files([out], force=force) as (part,):
        first = next(found, None)
        if first is None:
            raise RecordingError(
                "the sessions give no moment, so there is nothing to write; without --to, `tracker triangulate` prints what they do give"
            )
        schema = _schema(found.point_names, cameras)
        rows: list[dict[str, Any]] = []
        moments = placed = 0
        with table_writer(part, schema, form) as writer:
            for message in chain((first,), found):
                rows.append(_row(message, first.time_ns, unix_offset_ns))
                moments, placed = moments + 1, placed + _is_placed(message)
                if len(rows) == _ROWS:
                    writer.write_batch(pa.RecordBatch.from_pylist(rows, schema))
                    rows.clear()
            writer.write_batch(pa.RecordBatch.from_pylist(rows, schema))
    return WrittenPlaces(moments=moments, placed=placed, point_names=found.point_names)


class _Moments:
    """Iterates over the moments, and knows their key points."""

    def __init__(self, messages: Iterable[SetupMessage | Pose3DMessage | EventMessage]) -> None:
        self._messages = iter(messages)
        self.point_names: tuple[str, ...] = ()

    def __iter__(self) -> "_Moments":
        return self

    def __next__(self) -> Pose3DMessage:
        for message in self._messages:
            if isinstance(message, Pose3DMessage):
                return message
            if isinstance(message, SetupMessage):
                self._take(tuple(message.point_names))
        raise StopIteration

    def _take(self, names: tuple[str, ...]) -> None:
        if self.point_names and set(names) != set(self.point_names):
            raise RecordingError(
                f"the key points change during the sessions (from {', '.join(self.point_names)} to {', '.join(names)}), and a table has "
                "one set of columns; give the sessions before and after apart"
            )
        self.point_names = self.point_names or names


def _schema(names: Sequence[str], cameras: Sequence[str]) -> pa.Schema:
    fields = [("frame", pa.int64()), ("time_s", pa.float64()), ("unix_s", pa.float64())]
    fields += [(f"frame_{camera}", pa.int64()) for camera in cameras]
    for name in names:
        fields += [(f"{name}_{number}", pa.float64()) for number in ("x_mm", "y_mm", "z_mm", "confidence", "error_px")]
        fields.append((f"{name}_cameras", pa.string()))
    return pa.schema(fields)


def _row(message: Pose3DMessage, begin_ns: int, unix_offset_ns: int) -> dict[str, Any]:
    row: dict[str, Any] = {
        "frame": message.frame,
        "time_s": (message.time_ns - begin_ns) / _NS,
        "unix_s": (message.time_ns + unix_offset_ns) / _NS,
        **{f"frame_{camera}": number for camera, number in message.frames.items()},
    }
    (animal,) = message.animals
    for name, (x, y, z, confidence) in animal.points.items():
        numbers = {"x_mm": x, "y_mm": y, "z_mm": z, "confidence": confidence, "error_px": animal.error_px[name]}
        row |= {f"{name}_{number}": value for number, value in numbers.items()}
        row[f"{name}_cameras"] = " ".join(animal.cameras[name]) or None
    return row


def _is_placed(message: Pose3DMessage) -> bool:
    return any(point[0] is not None for animal in message.animals for point in animal.points.values())
