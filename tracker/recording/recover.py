"""Mend a session that was cut off: by a power cut, a kill or a full disk. What is whole stays as it is; nothing is deleted unseen."""

import os
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import pyarrow as pa  # type: ignore[import-untyped]

from tracker.errors import RecordingError
from tracker.recording.copied_video import UNREAD, copy_video, packets, put_aside, tagged_frames
from tracker.recording.recover_waiting import (
    Waiting,
    encode_to,
    extended,
    frames_encoded,
    read_all_waiting,
    to_encode,
    with_events,
    with_rows_of_video,
    with_setups,
)
from tracker.recording.session import (
    CLOSED_FILE,
    EVENTS_FILE,
    FRAMES_FILE,
    SETUPS_FILE,
    Closed,
    Description,
    VideoFormat,
    claimed,
    is_claimed,
    is_segment,
    read_closed,
    read_description,
    video_files,
    video_name,
    write_part,
)
from tracker.recording.tables import EVENTS, FRAMES, read_table
from tracker.recording.video_container import open_container
from tracker.recording.waiting_records import remove_waiting, waiting_files
from tracker.recording.whole_session import is_whole
from tracker.whole_files import remedy, sync_folder, write_whole

_REASON = "cut off"
_TORN_BYTES = 65_536
_READINGS = 2  # of each video: to count its frames, and to write it again
_LATEST_ROW_S = 8.0  # rows are this much younger than their frames: a sync, and the longest wait for a loop that stands still


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What became of a session.

    Attributes:
        closed: as it is in closed.json now.
        was_whole: it had been closed properly, and nothing was touched.
    """

    closed: Closed
    was_whole: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _SegmentVideo:
    """A video file as it was found.

    Attributes:
        path: of the file.
        frames: whole ones from its beginning on, without a gap.
        rows: that name it.
        fault: what is wrong beyond a cut end, None for nothing.
        aside: frames without a row that a recovery put aside before it was interrupted.
    """

    path: Path
    frames: int
    rows: int
    fault: str | None
    aside: int = 0

    @property
    def keep(self) -> int:
        """Frames that have a row."""
        return min(self.frames, self.rows)

    @property
    def without_row(self) -> int:
        """Frames that have none. What was put aside while they still stand in the video is these once more."""
        return self.frames - self.keep or self.aside


class _BytesRead:
    """Counts the bytes of a session's videos that were read, and tells of them."""

    def __init__(self, folder: Path, progress: Callable[[int, int], None]) -> None:
        self._progress, self._done = progress, 0
        self._all = _READINGS * sum(path.stat().st_size for path in video_files(folder))

    def more(self, count: int) -> None:
        """So many more were read."""
        self._done += count
        self._progress(self._done, self._all)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What there is of a session.

    Attributes:
        videos: in their sequence.
        rows: those found, and those known from the files of what waited, of frames in the videos.
        events: likewise.
        waiting: those files.
        rate: of the videos' time stamps, Hz.
        read: told of what is read.
    """

    videos: list[_SegmentVideo]
    rows: pa.Table
    events: pa.Table
    waiting: Waiting
    rate: Fraction
    read: _BytesRead


def recover(folder: Path, *, cut: bool = False, progress: Callable[[int, int], None] = lambda _done, _of: None) -> Recovered:
    """Make a session whole: as many rows as frames, and videos that every program can seek in. May be interrupted and begun again.

    Args:
        folder: of the session.
        cut: accept that more is cut than a cut-off recording explains, such as everything behind damage.
        progress: told how many bytes of video are through, of how many; each is read twice.

    Raises:
        RecordingError: the folder is not a session, is being recorded, cannot be written, has lost files since it was closed, or more
            than its last seconds would be cut, and `cut` does not accept that. Nothing was changed then.
    """
    _refuse_empty(folder)
    description = read_description(folder)
    closed = read_closed(folder)
    if closed is not None and is_whole(folder, description, closed, cut=cut):
        _tidy(folder)
        return Recovered(closed=closed, was_whole=True)
    if description.source is not None:
        raise RecordingError(f"{folder}: is an unfinished analysis of {description.source.path}; give `tracker analyse` again to go on")
    with claimed(folder):
        was_open = closed is None  # whatever waited is in the other files of a session that was closed
        found = _look_at_all(folder, description, _BytesRead(folder, progress), waited=was_open)
        if not cut:
            _refuse_loss(folder, found.videos, description)
        try:
            closed = _mend(folder, found, description.video)
        except OSError as problem:
            raise RecordingError(f"{folder}: cannot be mended: {problem.strerror or problem}; {remedy(problem)}") from problem
        write_part(folder, CLOSED_FILE, closed)
        _tidy(folder)
    return Recovered(closed=closed, was_whole=False)


def _tidy(folder: Path) -> None:
    """Remove what waited, from a session that is closed: before that, an interrupted removal would leave a part to be taken for all."""
    with suppress(OSError):  # it is of no use and does no harm
        remove_waiting(folder)
        sync_folder(folder)


def _refuse_empty(folder: Path) -> None:
    """A session's folder is made when it is asked for, and its description when the first frames have come."""
    if folder.is_dir() and all(path.suffix == ".part" for path in folder.iterdir()):
        raise RecordingError(
            f"{folder}: is empty: the tracker ended before the first frames had come, so nothing was recorded; delete the folder, unless a "
            "tracker is just about to record into it"
        )


def unfinished(recordings: Path) -> list[Path]:
    """Sessions below a folder that were cut off; not those that are being recorded at the moment.

    Raises:
        OSError: the folder cannot be looked into: it may not be entered, or its disk does not answer.
    """
    found = (path.parent for path in recordings.glob("*/session.json") if not (path.parent / CLOSED_FILE).exists())
    return sorted(folder for folder in found if not is_claimed(folder) and not folder.name.startswith("."))  # a dot: being analysed


def _table(folder: Path, name: str, schema: pa.Schema) -> pa.Table:
    path = folder / name
    return read_table(path, schema) if path.exists() else schema.empty_table()


def _look_at_all(folder: Path, description: Description, read: _BytesRead, *, waited: bool) -> _Found:
    rate = Fraction(description.video.rate_hz).limit_denominator(1000)
    waiting, again = (read_all_waiting(folder), _encoded_before(folder)) if waited else (Waiting(), [])
    rows = _table(folder, FRAMES_FILE, FRAMES)
    rows = rows.filter(pa.array([segment not in again for segment in rows["segment"].to_pylist()], pa.bool_()))
    videos = _videos(folder, rows, rate, read, again=again)
    rows = with_rows_of_video(rows, [video.frames for video in videos], waiting)
    counts = Counter(rows["segment"].to_pylist())
    return _Found(
        videos=[replace(video, rows=counts[number]) for number, video in enumerate(videos, start=1)],
        rows=rows,
        events=with_events(_table(folder, EVENTS_FILE, EVENTS), waiting),
        waiting=waiting,
        rate=rate,
        read=read,
    )


def _encoded_before(folder: Path) -> list[int]:
    """Number of the video that an interrupted recovery has encoded, and that is encoded again."""
    videos = video_files(folder)[-1:] if waiting_files(folder) else []
    return [_number(path.name) for path in videos if frames_encoded(path)]


def _videos(folder: Path, rows: pa.Table, rate: Fraction, read: _BytesRead, *, again: list[int]) -> list[_SegmentVideo]:
    counts = Counter(rows["segment"].to_pylist())
    there = {path.name: path for path in video_files(folder) if _number(path.name) not in again}
    unread = (path.name.removesuffix(UNREAD) for path in folder.glob(f"video-*.mkv{UNREAD}"))
    last = max([*counts, *map(_number, (*there, *filter(is_segment, unread)))], default=0)
    return [
        _look(there.get(video_name(number)) or folder / video_name(number), counts[number], rate, read) for number in range(1, last + 1)
    ]


def _look(path: Path, rows: int, rate: Fraction, read: _BytesRead) -> _SegmentVideo:
    """See what there is of a segment.

    Raises:
        RecordingError: the file may not be read.
    """
    aside = put_aside(path)
    try:
        with path.open("rb") as file:
            file.read(1)
    except FileNotFoundError:
        if aside is None or rows > 0:
            return _SegmentVideo(path=path, frames=0, rows=rows, fault="is missing")
        return _SegmentVideo(path=path, frames=0, rows=0, fault=None, aside=_whole_frames(aside, rate)[0])
    except OSError as problem:
        raise RecordingError(f"{path}: cannot be read: {problem.strerror}; nothing was changed") from problem
    frames, fault = _whole_frames(path, rate, read.more)
    fault = fault or ("cannot be read as a video" if frames == 0 and rows > 0 else None)
    return _SegmentVideo(path=path, frames=frames, rows=rows, fault=fault, aside=tagged_frames(aside) if aside is not None else 0)


def _whole_frames(path: Path, rate: Fraction, read: Callable[[int], None] = lambda _: None) -> tuple[int, str | None]:
    """Count the frames of a video file up to the first gap in its time stamps, which count frames; and what is wrong beyond a cut end."""
    frames, gap, end = 0, False, 0
    try:
        with open_container(path) as container:
            for packet in packets(container):
                gap = gap or packet.pts is None or abs(Fraction(packet.pts) * packet.time_base * rate - frames) >= Fraction(3, 4)
                if gap:
                    break
                frames, end = frames + 1, (packet.pos or 0) + packet.size
                read(packet.size)
    except (av.error.FFmpegError, IndexError):
        gap = frames > 0
    torn_end = path.stat().st_size - end < _TORN_BYTES  # as a power cut leaves it
    return frames, "is damaged" if gap and not torn_end else None


def _refuse_loss(folder: Path, videos: list[_SegmentVideo], description: Description) -> None:
    rate_hz = description.video.rate_hz
    without_pose = _LATEST_ROW_S * rate_hz + 10 + _behind(description.config.get("capture"))
    remedy_words = "nothing was changed. Copy the folder first; then `tracker recover --cut` keeps what goes together"
    for video in videos:
        without_row = video.frames - video.rows
        if video.fault is not None:
            raise RecordingError(
                f"{video.path}: {video.fault}: {video.frames} of its frames can be read, and {video.rows} rows name it; {remedy_words}"
            )
        if without_row > without_pose or -without_row > rate_hz + 1:
            raise RecordingError(
                f"{folder / FRAMES_FILE}: has rows for {video.rows} of the {video.frames} frames of {video.path.name}, other than a "
                f"cut-off recording explains, so one of the two is damaged; {remedy_words}"
            )


def _behind(capture: object) -> int:
    """Frames by which the loop may have been behind the camera, whose rows waited for their poses."""
    frames = capture.get("queue_frames") if isinstance(capture, dict) and capture.get("pace") == "every_frame" else 0
    return frames if isinstance(frames, int) else 0


def _mend(folder: Path, found: _Found, form: VideoFormat) -> Closed:
    encoded = sum(frames_encoded(video.path) for video in found.videos)
    for video in found.videos:
        if not (video.keep and frames_encoded(video.path) == video.keep):  # it is as it is to be, and says so
            copy_video(video.path, keep=video.keep, of=video.frames, rate=found.rate, read=found.read.more)
    kept = {_number(video.path.name): video.keep for video in found.videos}
    whole = _cut(found.rows, kept)
    cut_rows = found.rows.num_rows - whole.num_rows
    number = max(kept, default=0) + 1
    waited = to_encode(whole, found.waiting, form, segment=number)
    if waited.images:
        encode_to(folder / video_name(number), waited, form)
        kept[number] = len(waited.images)
        whole = extended(whole, waited.rows)
    _rewrite(folder / FRAMES_FILE, whole)
    _rewrite(folder / EVENTS_FILE, found.events)
    setups = folder / SETUPS_FILE
    write_whole(setups, with_setups(setups.read_bytes() if setups.exists() else b"", found.waiting))
    sync_folder(folder)
    return Closed(
        reason=_REASON,
        frames=whole.num_rows,
        dropped=whole["record_dropped"][-1].as_py() if whole.num_rows else 0,
        segments=list(kept.values()),
        recovered=True,
        cut_frames=sum(video.without_row for video in found.videos),
        cut_rows=cut_rows,
        encoded_frames=encoded + len(waited.images),
    )


def _number(name: str) -> int:
    """Of a segment, by the name of its file."""
    return int(name[6:-4])


def _cut(rows: pa.Table, kept: dict[int, int]) -> pa.Table:
    """The rows whose frames are in the videos: of each segment the first so many."""
    so_far: Counter[int] = Counter()
    chosen = []
    for segment in rows["segment"].to_pylist():
        so_far[segment] += 1
        chosen.append(so_far[segment] <= kept.get(segment, 0))
    return rows.filter(pa.array(chosen, pa.bool_()))


def _rewrite(path: Path, rows: pa.Table) -> None:
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as file:
        with pa.ipc.new_stream(file, rows.schema) as stream:
            stream.write_table(rows)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    sync_folder(path.parent)
