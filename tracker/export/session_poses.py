"""A session's frames and poses as arrays, a stretch at a time, all with the same key points: what every format is written from."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
from numpy.typing import NDArray

from tracker.errors import RecordingError
from tracker.export.begin import begin_of
from tracker.messages import SetupMessage
from tracker.recording.read_session import RecordedSession
from tracker.recording.session import is_claimed
from tracker.recording.session_chain import SessionChain
from tracker.recording.session_messages import setup_messages

STRETCH = 10_000  # frames: 13 points of two animals take 3 MB
_NS = 1e9

Advance = Callable[[int], None]  # told how many more frames were read


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Consecutive frames of the video.

    Attributes:
        first: place of the first among all frames of the session, from 0.
        segment: (n,) int64, the video file, from 1.
        video_frame: (n,) int64, place in that file, from 0.
        camera_frame: (n,) int64, the camera's own number.
        received_ns: (n,) int64, host's monotonic clock.
        exposed_s: (n,) float64, the camera's clock since the first exposure it timed, NaN where it has none.
        has_pose: (n,) bool.
        points: (n, animals, key points, 3) float32, x and y in px and confidence; NaN where absent.
        mm: (n, animals, key points, 2) float64; NaN where absent.
        motion: (n,) float64, NaN where unknown.
        scores: (n, scores) float64, NaN where unknown.
        without_network: (n, classifiers) bool: whether `only_when` has decided it.
    """

    first: int
    segment: NDArray[np.int64]
    video_frame: NDArray[np.int64]
    camera_frame: NDArray[np.int64]
    received_ns: NDArray[np.int64]
    exposed_s: NDArray[np.float64]
    has_pose: NDArray[np.bool_]
    points: NDArray[np.float32]
    mm: NDArray[np.float64]
    motion: NDArray[np.float64]
    scores: NDArray[np.float64]
    without_network: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.segment)


class SessionPoses:
    """All frames of a closed session, or of a chain of them, and the poses of one set of key points.

    Attributes:
        session: it; one alone is a chain of one.
        setup: that named the key points, the last of them in use.
        point_names: in the order of the arrays; none where classifiers ran alone, or no network.
        animals: rows of every pose; a row is an identity.
        score_names: of the class or forecast scores.
        preselected: classifiers of which some frames were decided without the network, by name.
        has_mm: whether any pose has millimetres.
        received_ns: (frames,) int64, of every frame.
        camera_frame: (frames,) int64, likewise.
        begin: when the first frame came, which is time 0 of every export.
    """

    def __init__(
        self,
        session: RecordedSession | SessionChain,
        *,
        setup: int | None = None,
        start: datetime | None = None,
        advance: Advance = lambda frames: None,
    ) -> None:
        """Look through the session once.

        Args:
            session: to be exported.
            setup: whose key points to take, where they changed during the session.
            start: when the video of an analysed session begins, where a person knows.
            advance: told of progress, now and in every later reading.

        Raises:
            RecordingError: it was cut off, is damaged, holds no frame, its key points changed and `setup` does not say which, or it was
                recorded live and given a start.
        """
        self.session = session if isinstance(session, SessionChain) else SessionChain([session])
        _refuse_unfinished(self.session)
        self._advance = advance
        seen = _look_through(self.session, advance)
        self.received_ns, self.camera_frame = seen.received_ns, seen.camera_frame
        first_ns, last_ns = int(self.received_ns[0]), int(self.received_ns[-1])
        self.begin = begin_of(self.session.description, first_ns=first_ns, last_ns=last_ns, start=start)
        self._first_exposed_ns = seen.first_exposed_ns
        self.score_names = tuple(sorted(seen.score_names))
        self.preselected = tuple(sorted(seen.preselected))
        self.has_mm = seen.has_mm
        self.setup, self._setups = _one_set_of_points(self.session, seen.widths, setup)
        self.point_names = tuple(self.setup.point_names)
        widest = max((width for number, width in seen.widths.items() if number in self._setups), default=0)
        self.animals = max(1, widest // (3 * len(self.point_names))) if self.point_names else 1

    @cached_property
    def edges(self) -> list[tuple[int, int]]:
        """Key points joined by a line, as places in `point_names`."""
        known = {name: place for place, name in enumerate(self.point_names)}
        return [(known[begin], known[end]) for begin, end in self.setup.skeleton if begin in known and end in known]

    def time_s(self, received_ns: Any) -> Any:
        """Seconds since the first frame came, float64 as the argument's shape."""
        return (received_ns - int(self.received_ns[0])) / _NS

    def unix_s(self, received_ns: Any) -> Any:
        """Unix time in seconds, float64 as the argument's shape; NaN where nobody knows when the session began."""
        since_ns = received_ns - int(self.received_ns[0])
        return (self.begin.unix_ns + since_ns) / _NS if self.begin.known else since_ns * np.nan

    def stretches(self, size: int = STRETCH) -> Iterator[Stretch]:
        """Every frame in the video's order, about `size` at a time.

        Raises:
            RecordingError: a row holds another number of values than its key points explain.
        """
        first, segment, in_segment = 0, 0, 0
        for table in self.session.row_batches(size):
            segments = _integers(table, "segment")
            places = np.empty(len(segments), np.int64)
            for number in np.unique(segments):  # a segment's frames follow one another
                here = segments == number
                begin = in_segment if number == segment else 0
                count = int(here.sum())
                places[here] = np.arange(begin, begin + count)
                segment, in_segment = int(number), begin + count
            yield self._stretch(table, first, segments, places)
            first += len(segments)
            self._advance(len(segments))

    def _stretch(self, table: pa.Table, first: int, segments: NDArray[np.int64], places: NDArray[np.int64]) -> Stretch:
        points = _column(table, "points")
        has_pose = points.is_valid().to_numpy(zero_copy_only=False) & np.isin(_integers(table, "setup"), list(self._setups))
        shape = (len(segments), self.animals, len(self.point_names))
        return Stretch(
            first=first,
            segment=segments,
            video_frame=places,
            camera_frame=_integers(table, "frame"),
            received_ns=_integers(table, "received_ns"),
            exposed_s=self._exposed_s(_column(table, "exposed_ns")),
            has_pose=has_pose,
            points=self._poses(points, has_pose, np.full((*shape, 3), np.nan, np.float32)),
            mm=self._poses(_column(table, "mm"), has_pose, np.full((*shape, 2), np.nan, np.float64)),
            motion=_column(table, "motion").to_numpy(zero_copy_only=False),
            scores=_scores(_column(table, "scores"), self.score_names),
            without_network=_named(_column(table, "without_network"), self.preselected),
        )

    def _exposed_s(self, column: pa.Array) -> NDArray[np.float64]:
        known = column.is_valid().to_numpy(zero_copy_only=False)
        since = column.fill_null(0).to_numpy() - self._first_exposed_ns
        return np.where(known, since / _NS, np.nan)

    def _poses(self, column: pa.Array, wanted: NDArray[np.bool_], found: NDArray[Any]) -> NDArray[Any]:
        """Lists of numbers of some frames, put into their places of `found` (n, animals, key points, numbers)."""
        if not found.size:
            return found
        lengths = column.value_lengths().fill_null(0).to_numpy().astype(np.int64)
        starts = np.cumsum(lengths) - lengths
        values = column.flatten().to_numpy(zero_copy_only=False)
        per_animal = found.shape[2] * found.shape[3]
        for length in np.unique(lengths[wanted]):
            if length % per_animal:
                raise RecordingError(
                    f"{self.session.folder}: a pose holds {length} numbers, {per_animal} an animal were expected of "
                    f"{', '.join(self.point_names)}: frames.arrows is damaged; take the folder from its copy"
                )
            rows = np.flatnonzero(wanted & (lengths == length))
            animals = length // per_animal
            found[rows, :animals] = values[starts[rows, None] + np.arange(length)].reshape(len(rows), animals, *found.shape[2:])
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What a first look found: `widths` are the most numbers of a pose by the setup's number, in the order of use."""

    received_ns: NDArray[np.int64]
    camera_frame: NDArray[np.int64]
    first_exposed_ns: int
    widths: dict[int, int]
    score_names: set[str]
    preselected: set[str]
    has_mm: bool


def _refuse_unfinished(session: SessionChain) -> None:
    for part in session.parts:
        folder = part.session.folder
        if part.session.closed is None:
            if is_claimed(folder):
                raise RecordingError(f"{folder}: is being recorded or mended at the moment; stop that first")
            raise RecordingError(f"{folder}: was cut off; run `tracker recover {folder}` first")
    if session.frame_count == 0:
        raise RecordingError(f"{session.folder}: holds no frames, so there is nothing to export")


def _look_through(session: SessionChain, advance: Advance) -> _Seen:
    received, frames, exposed = [], [], 0
    widths: dict[int, int] = {}
    names: set[str] = set()
    preselected: set[str] = set()
    has_mm = False
    for table in session.row_batches(STRETCH):
        received.append(_integers(table, "received_ns"))
        frames.append(_integers(table, "frame"))
        timed = _column(table, "exposed_ns").drop_null()
        exposed = exposed or (timed[0].as_py() if len(timed) else 0)
        lengths = _column(table, "points").value_lengths().fill_null(-1).to_numpy()
        setups = _integers(table, "setup")
        for number in dict.fromkeys(setups[lengths >= 0].tolist()):
            widths[number] = max(widths.get(number, 0), int(lengths[setups == number].max()))
        names.update(_column(table, "scores").keys.unique().to_pylist())
        preselected.update(_column(table, "without_network").flatten().unique().to_pylist())
        has_mm = has_mm or len(_column(table, "mm").flatten()) > 0
        advance(len(setups))
    return _Seen(
        received_ns=np.concatenate(received),
        camera_frame=np.concatenate(frames),
        first_exposed_ns=exposed,
        widths=widths,
        score_names=names,
        preselected=preselected,
        has_mm=has_mm,
    )


def _one_set_of_points(session: SessionChain, widths: dict[int, int], wanted: int | None) -> tuple[SetupMessage, set[int]]:
    """The setup that names the key points, and the numbers of all that name the same.

    Where a network came to a tracker that ran without one, its key points are taken: the frames before have no pose.
    """
    known = {setup.setup: setup for setup in setup_messages(session)}
    if not known:
        raise RecordingError(f"{session.folder}: names no key points in setups.jsonl, so its poses cannot be exported")
    unknown = [number for number, width in widths.items() if number not in known or (width and not known[number].point_names)]
    if unknown:
        raise RecordingError(f"{session.folder}: has poses of setup {unknown[0]}, whose key points setups.jsonl does not name")
    in_use = list(widths) or [max(known)]
    if wanted is not None and wanted not in in_use:
        raise RecordingError(f"{session.folder}: has no poses of setup {wanted}; expected one of {', '.join(map(str, in_use))}")
    by_names: dict[tuple[str, ...], list[int]] = {}
    for number in [number for number in in_use if known[number].point_names and wanted is None] or in_use:
        by_names.setdefault(tuple(known[number].point_names), []).append(number)
    if wanted is None and len(by_names) > 1:
        sets = "; ".join(f"setup {numbers[0]}: {', '.join(names)}" for names, numbers in by_names.items())
        raise RecordingError(
            f"{session.folder}: the key points changed during the session ({sets}); say with --setup whose poses to export, the frames "
            "of the others are then without a pose"
        )
    numbers = next(numbers for numbers in by_names.values() if wanted is None or wanted in numbers)
    return known[numbers[-1]], set(numbers)


def _column(table: pa.Table, name: str) -> pa.Array:
    column = table[name]
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _integers(table: pa.Table, name: str) -> NDArray[np.int64]:
    found: NDArray[np.int64] = _column(table, name).fill_null(-1).to_numpy().astype(np.int64)
    return found


def _scores(column: pa.MapArray, names: tuple[str, ...]) -> NDArray[np.float64]:
    """(n, names) float64 from a map for each frame, NaN where it has no such key."""
    offsets = column.offsets.to_numpy()
    frame_of = np.repeat(np.arange(len(column)), np.diff(offsets))
    keys = column.keys.slice(offsets[0], offsets[-1] - offsets[0]).to_numpy(zero_copy_only=False)
    values = column.items.slice(offsets[0], offsets[-1] - offsets[0]).to_numpy(zero_copy_only=False)
    found = np.full((len(column), len(names)), np.nan)
    for place, name in enumerate(names):
        here = keys == name
        found[frame_of[here], place] = values[here]
    return found


def _named(column: pa.ListArray, names: tuple[str, ...]) -> NDArray[np.bool_]:
    """(n, names) bool from a list of names for each frame."""
    found = np.zeros((len(column), len(names)), np.bool_)
    for row, named in enumerate(column.to_pylist() if names else ()):
        for name in named or ():
            found[row, names.index(name)] = True
    return found
