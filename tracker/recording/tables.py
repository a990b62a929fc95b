"""The tables of a session, as Arrow streams: every batch can be read without those after it, so that a cut costs the last one."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
from numpy.typing import NDArray

from tracker.errors import RecordingError
from tracker.messages import EventMessage, PoseMessage

FRAMES = pa.schema(
    [
        ("ordinal", pa.int64()),  # from 0, over all segments
        ("segment", pa.int32()),  # the video file, from 1
        ("frame", pa.int64()),  # the camera's own number
        ("exposed_ns", pa.int64()),  # null where the camera has no clock
        ("received_ns", pa.int64()),
        ("record_dropped", pa.int64()),  # so far: frames that are not in the video because the recorder was behind
        ("taken_ns", pa.int64()),  # from here on null where the frame got no pose
        ("inferred_ns", pa.int64()),
        ("published_ns", pa.int64()),
        ("lost", pa.int64()),
        ("skipped", pa.int64()),
        ("corrupt", pa.int64()),
        ("setup", pa.int32()),  # its line in setups.jsonl names the points
        ("points", pa.list_(pa.float32())),  # animals x key points x (x, y, confidence); NaN where absent
        ("mm", pa.list_(pa.float64())),  # animals x key points x (X, Y); empty without a calibration
        ("ended", pa.list_(pa.struct([("event", pa.string()), ("animal", pa.int32()), ("reason", pa.string())]))),
        ("motion", pa.float64()),
        ("scores", pa.map_(pa.string(), pa.float64())),
        ("brightness", pa.map_(pa.string(), pa.float64())),
        ("motion_full", pa.float64()),
        ("without_network", pa.list_(pa.string())),  # classifiers whose scores are not their network's
    ]
)
EVENTS = pa.schema(
    [
        ("frame", pa.int64()),
        ("received_ns", pa.int64()),
        ("published_ns", pa.int64()),
        ("event", pa.string()),
        ("state", pa.string()),
        ("animal", pa.int32()),
        ("onset_frame", pa.int64()),
        ("value", pa.float64()),
        ("threshold", pa.float64()),
        ("added_delay_ms", pa.float64()),
        ("latency_ms", pa.float64()),
        ("reason", pa.string()),
        ("horizon_ms", pa.float64()),  # null where the event says what is now
    ]
)
ADDED = (
    "brightness",
    "motion_full",
    "without_network",
    "horizon_ms",
)  # columns at the end that sessions of earlier releases lack: null there
Row = dict[str, Any]


class Table:
    """Appends rows to an Arrow stream. Used by one thread."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        """Create the file with its schema.

        Raises:
            RecordingError: it exists.
            OSError: it cannot be created.
        """
        self.path = path
        self.rows = 0
        self._schema = schema
        try:
            self._file = open(path, "xb", buffering=0)  # noqa: SIM115, PTH123 a buffer of Python's own would be lost with the process
        except FileExistsError:
            raise RecordingError(f"{path}: exists; a recording never writes into another") from None
        self._writer = pa.ipc.new_stream(self._file, schema)

    def is_there(self) -> bool:
        """Whether the file still has a name: written bytes of a deleted one are lost when it is closed."""
        return os.fstat(self._file.fileno()).st_nlink > 0

    def append(self, rows: Sequence[Row]) -> None:
        """Write rows as one batch and wait until they are on the disk.

        Raises:
            OSError: the disk refuses.
        """
        if rows:
            self._writer.write_batch(pa.RecordBatch.from_pylist(list(rows), self._schema))
            os.fdatasync(self._file.fileno())
            self.rows += len(rows)

    def close(self) -> None:
        """Finish the stream. May be called twice.

        Raises:
            OSError: the disk refuses; the file is closed all the same.
        """
        if self._file.closed:
            return
        try:
            self._writer.close()
            os.fdatasync(self._file.fileno())
        finally:
            self._file.close()

    def abandon(self) -> None:
        """Close the file as it is, after the disk has refused."""
        self._file.close()


def load_converters() -> None:
    """Convert one row: the first time takes half a second, which must not fall into a session."""
    pa.RecordBatch.from_pylist([dict.fromkeys(FRAMES.names)], FRAMES)
    pa.RecordBatch.from_pylist([dict.fromkeys(EVENTS.names)], EVENTS)


def read_table(path: Path, schema: pa.Schema) -> pa.Table:
    """Every row that was written whole; the torn end of a stream that was cut off is left out, and columns added since are null.

    Raises:
        RecordingError: the file is not there or not such a table.
    """
    return pa.Table.from_batches(read_batches(path, schema), schema)


def read_batches(path: Path, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The same, as the batches were written, one at a time: what is held does not grow with the file.

    Raises:
        RecordingError: the file is not there or not such a table.
    """
    try:
        with pa.OSFile(str(path)) as file:
            if file.size() == 0:  # not even the columns were written: there are no rows
                return
            stream = pa.ipc.open_stream(file)
            if not any(stream.schema == pa.schema(list(schema)[: len(schema) - lacking]) for lacking in range(_added_to(schema) + 1)):
                raise RecordingError(f"{path}: has other columns than a session of this version; read it with the release that wrote it")
            for batch in _whole_batches(stream):
                yield _with_added(batch, schema)
    except pa.ArrowException as problem:
        raise RecordingError(f"{path}: is not an Arrow stream ({_first_line(problem)}); recover the session from its video") from None
    except OSError as problem:
        raise RecordingError(f"{path}: cannot be read: {os.strerror(problem.errno) if problem.errno else problem}") from problem


def _added_to(schema: pa.Schema) -> int:
    """How many columns at the end of a table earlier releases lack."""
    return sum(column.name in ADDED for column in schema)


def _with_added(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The batch with null in the columns that its file does not have yet."""
    if batch.schema == schema:
        return batch
    columns = [batch[column.name] if column.name in batch.schema.names else pa.nulls(len(batch), column.type) for column in schema]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _whole_batches(stream: Any) -> Iterator[pa.RecordBatch]:
    while True:
        try:
            batch = stream.read_next_batch()
            batch.validate(full=True)
        except (StopIteration, pa.ArrowException, OSError):
            return
        yield batch


def numbers_of(values: Any, dtype: Any, *, missing: int | None = None) -> NDArray[Any]:
    """A column of numbers as an array (n). Arrow's own way loads pandas where it is installed, for half a second.

    Args:
        values: an Arrow array, or a column of a table.
        dtype: NumPy's of the same numbers.
        missing: what stands for a null; None for a column without nulls.
    """
    parts = [np.frombuffer(each.buffers()[1], dtype)[each.offset : each.offset + len(each)] for each in _pieces(values)]
    found = np.concatenate(parts) if parts else np.empty(0, dtype)
    return found if missing is None else np.where(known_in(values), found, np.array(missing, dtype))


def known_in(values: Any) -> NDArray[np.bool_]:
    """Which of a column's values are not null, (n); without pandas, likewise."""
    parts = [_validity(each) for each in _pieces(values)]
    return np.concatenate(parts) if parts else np.empty(0, np.bool_)


def _pieces(values: Any) -> list[Any]:
    chunks = values.chunks if isinstance(values, pa.ChunkedArray) else [values]
    return [chunk for chunk in chunks if len(chunk)]


def _validity(array: Any) -> NDArray[np.bool_]:
    """From Arrow's bitmap, the least significant bit first; there is none where nothing is null."""
    bitmap = array.buffers()[0]
    if bitmap is None:
        return np.ones(len(array), np.bool_)
    bits = np.unpackbits(np.frombuffer(bitmap, np.uint8), bitorder="little")
    return bits[array.offset : array.offset + len(array)].astype(np.bool_)


def pose_columns(message: PoseMessage) -> Row:
    """What the pose of a frame adds to its row."""
    points = [number for animal in message.animals for point in animal.points.values() for number in point]
    mm = [number for animal in message.animals for point in animal.mm.values() for number in point]
    return {
        "taken_ns": message.taken_ns,
        "inferred_ns": message.inferred_ns,
        "published_ns": message.published_ns,
        "lost": message.lost,
        "skipped": message.skipped,
        "corrupt": message.corrupt,
        "setup": message.setup,
        "points": _floats(points, np.float32),
        "mm": _floats(mm, np.float64),
        "ended": [{"event": event, "animal": animal, "reason": reason} for event, animal, reason in message.ended],
        "motion": message.motion,
        "scores": list(message.scores.items()),
        "brightness": list(message.brightness.items()),
        "motion_full": message.motion_full,
        "without_network": message.without_network,
    }


def event_row(message: EventMessage) -> Row:
    """A change of an event as a row."""
    return {name: getattr(message, name) for name in EVENTS.names}


def _floats(numbers: Sequence[float | None], dtype: Any) -> NDArray[Any]:
    return np.array([np.nan if number is None else number for number in numbers], dtype)


def _first_line(problem: Exception) -> str:
    return str(problem).partition("\n")[0]
