"""Writes one session to the disk, in the order that a power cut may interrupt anywhere: description, video, then the rows about it."""

import os
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import av.error

from tracker.config import RecordingConfig
from tracker.errors import RecordingError
from tracker.frame import Frame
from tracker.messages import EventMessage, PoseMessage, SetupMessage, encoder
from tracker.recording.pending import Synced
from tracker.recording.session import (
    CLOSED_FILE,
    EVENTS_FILE,
    FRAMES_FILE,
    SESSION_FILE,
    SETUPS_FILE,
    Closed,
    Description,
    claimed,
    video_files,
    video_name,
    write_part,
)
from tracker.recording.tables import EVENTS, FRAMES, Row, Table, event_row, pose_columns
from tracker.recording.video_segment import VideoSegment
from tracker.recording.waiting_records import remove_waiting
from tracker.whole_files import remedy, sync_folder

_NS = 1_000_000_000
SYNC_EVERY_NS = _NS // 2
_IDLE_S = 1.0  # without a frame; or five frames' time, if that is longer


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When a session goes on in another file, and how long a row may wait for its pose.

    Attributes:
        segment_ns: length of a video file.
        idle_ns: without a frame for so long, the video file is finished; the next frame begins another.
        pose_wait_ns: a frame older than this gets no pose where the loop has given none at all for as long.
    """

    segment_ns: int
    idle_ns: int
    pose_wait_ns: int


def limits_of(settings: RecordingConfig, *, rate_hz: float, pose_wait_ns: int) -> Limits:
    """Those of a session as configured, of a camera with so many frames per second."""
    return Limits(segment_ns=int(settings.segment_s * 1e9), idle_ns=int(max(_IDLE_S, 5 / rate_hz) * 1e9), pose_wait_ns=pose_wait_ns)


@dataclass(slots=True, kw_only=True)
class _Waiting:
    row: Row
    received_ns: int
    index: int  # in its segment
    segment: VideoSegment
    settled: bool = field(default=False)


class SessionWriter:
    """One session's files. Used by one thread; `tick` is to be called at least every 0.1 s.

    A row is written once its frame is on the disk and its pose is known, so that a cut leaves at most as many rows as frames.

    Attributes:
        folder: of the session.
        description: of it.
        frames: written so far.
        segments: frames of each finished video file.
        late_poses: that came when their frames' rows had been written without them, or had not come when the session had to end.
        posed_ns: when the loop gave a pose last.
    """

    def __init__(self, folder: Path, description: Description, limits: Limits, *, clock: Callable[[], int] = time.monotonic_ns) -> None:
        """Write the description, and the tables' columns.

        Raises:
            RecordingError: the folder cannot be written, or holds a session.
            OSError: the disk refuses.
        """
        self.folder = folder
        self.description = description
        self.frames = self.late_poses = self.posed_ns = 0
        self.segments: list[int] = []
        self._limits, self._clock, self._encode = limits, clock, encoder()
        if (folder / SESSION_FILE).exists():
            raise RecordingError(f"{folder}: holds a session; a recording never writes into another")
        write_part(folder, SESSION_FILE, description)
        self._claim = ExitStack()
        self._claim.enter_context(claimed(folder))
        self._table = Table(folder / FRAMES_FILE, FRAMES)
        self._events = Table(folder / EVENTS_FILE, EVENTS)
        self._setups = open(folder / SETUPS_FILE, "xb", buffering=0)  # noqa: SIM115, PTH123 as the tables
        sync_folder(folder)
        self._video: VideoSegment | None = None
        self._segment_began_ns = self._written_ns = 0
        self._rows_until_ns = -1
        self._waiting: deque[_Waiting] = deque()
        self._event_rows: list[Row] = []
        self._given_up: deque[int] = deque()  # receipts of the frames whose rows were written before it was known whether they get poses
        self._synced_ns = clock()

    @property
    def bytes_written(self) -> int:
        """Size of the session's files, whatever else lies beside them."""
        paths = [*video_files(self.folder), self._table.path, self._events.path]
        return sum(path.stat().st_size for path in paths if path.exists())

    @property
    def awaited_poses(self) -> int:
        """Frames that have been encoded whose pose, or its absence, is not known yet."""
        return sum(not each.settled for each in self._waiting)

    def frame(self, frame: Frame, *, dropped: int) -> None:
        """Encode a frame and begin its row.

        Args:
            frame: uint8, of the session's size.
            dropped: frames before this one that are not in the video, so far.

        Raises:
            RecordingError: the image is not of the session's size and colour.
            OSError: the disk refuses.
        """
        video = self._segment(frame.received_ns)
        video.write(frame.image)
        row: Row = {
            "ordinal": self.frames,
            "segment": len(self.segments) + 1,
            "frame": frame.number,
            "exposed_ns": frame.exposed_ns,
            "received_ns": frame.received_ns,
            "record_dropped": dropped,
        }
        self._waiting.append(_Waiting(row=row, received_ns=frame.received_ns, index=video.frames - 1, segment=video))
        self.frames += 1
        self._written_ns = self._clock()

    def pose(self, message: PoseMessage) -> None:
        """Give a frame that was encoded its pose; frames before it that have none were skipped and get none."""
        self.posed_ns = max(self.posed_ns, message.published_ns)
        while self._given_up and self._given_up[0] <= message.received_ns:
            self.late_poses += self._given_up.popleft() == message.received_ns
        for each in self._waiting:
            if each.received_ns == message.received_ns:
                each.row.update(pose_columns(message))
            elif each.received_ns > message.received_ns:
                return
            each.settled = True

    def event(self, message: EventMessage) -> None:
        """Note a change of an event; it is on the disk after the next sync."""
        self._event_rows.append(event_row(message))

    def setup(self, message: SetupMessage) -> None:
        """Write what turns frames into poses from here on, synced.

        Raises:
            OSError: the disk refuses.
        """
        self._setups.write(self._encode(message) + b"\n")
        os.fdatasync(self._setups.fileno())

    def tick(self, *, frames_wait: bool = False, heard_ns: int | None = None) -> Synced | None:
        """Sync what is due, and finish a video file in which nothing more comes.

        Args:
            frames_wait: some are on their way here: then it is not the camera that is late.
            heard_ns: all that was given to the recorder before this time has come here; None: until now.

        Returns:
            What is synced, events and setups that were given included; None where nothing was due.

        Raises:
            RecordingError: the session's files were deleted.
            OSError: the disk refuses.
        """
        now = self._clock()
        if self._video is not None and not frames_wait and now - self._written_ns > self._limits.idle_ns:
            self._finish_segment()
        if now - self._synced_ns < SYNC_EVERY_NS:
            return None
        self._sync(heard_ns=now if heard_ns is None else heard_ns)
        in_video = sum(self.segments) + (self._video.synced if self._video is not None else 0)
        return Synced(frames=in_video, rows=self._table.rows, rows_until_ns=self._rows_until_ns)

    def give_up_poses(self) -> None:
        """Wait no longer: frames whose poses are still to come are counted among the late ones, and written without."""
        self.late_poses += self.awaited_poses

    def close(self, *, reason: str, dropped: int) -> None:
        """Finish every file, and say how it ended.

        Raises:
            OSError: the disk refuses.
        """
        self._finish_segment()
        for each in self._waiting:
            each.settled = True
        self._sync(heard_ns=0)
        self._table.close()
        self._events.close()
        self._setups.close()
        remove_waiting(self.folder)
        closed = Closed(reason=reason, frames=self.frames, dropped=dropped, segments=self.segments, late_poses=self.late_poses)
        write_part(self.folder, CLOSED_FILE, closed)
        self._claim.close()

    def abandon(self) -> None:
        """Close the files as they are, after the disk has refused; `tracker recover` mends them."""
        if self._video is not None:
            self._video.abandon()
        self._table.abandon()
        self._events.abandon()
        self._setups.close()
        self._claim.close()

    def _segment(self, received_ns: int) -> VideoSegment:
        if self._video is not None and received_ns - self._segment_began_ns >= self._limits.segment_ns:
            self._finish_segment()
        if self._video is None:
            self._video = VideoSegment(self.folder / video_name(len(self.segments) + 1), self.description.video)
            sync_folder(self.folder)
            self._segment_began_ns = received_ns
        return self._video

    def _finish_segment(self) -> None:
        if self._video is not None:
            self._video.close()
            self.segments.append(self._video.frames)
            self._video = None

    def _sync(self, *, heard_ns: int) -> None:
        if self._video is not None:
            for part in (self._video, self._table, self._events):
                if not part.is_there():
                    raise RecordingError(f"{part.path}: was deleted while it was being written; what follows cannot be kept there")
            self._video.sync()
        rows = []
        while self._waiting and self._is_ready(self._waiting[0], heard_ns):
            written = self._waiting.popleft()
            rows.append(written.row)
            self._rows_until_ns = written.received_ns
            if not written.settled:
                self._given_up.append(written.received_ns)
        self._table.append(rows)
        self._events.append(self._event_rows)
        self._event_rows = []
        self._synced_ns = self._clock()  # from its end: a disk that takes longer than the interval would leave no time to encode

    def _is_ready(self, waiting: _Waiting, heard_ns: int) -> bool:
        """Whether its frame is on the disk and its pose known, or the loop stands still: as long as it gives poses, this one may come."""
        newest_ns = max(waiting.received_ns, self.posed_ns)
        return waiting.index < waiting.segment.synced and (waiting.settled or heard_ns - newest_ns > self._limits.pose_wait_ns)


def why_not_written(folder: Path, problem: Exception) -> str:
    """Why a session could not go on, in one sentence."""
    if isinstance(problem, RecordingError):
        return str(problem)
    if isinstance(problem, OSError):
        what = problem.strerror or str(problem)
        return f"{folder}: cannot be written: {what}; {remedy(problem)}; what was recorded before is mended by `tracker recover`"
    if isinstance(problem, av.error.FFmpegError):
        return f"{folder}: the video cannot be encoded ({problem}); what was recorded before is mended by `tracker recover`"
    return f"{folder}: recording failed by a fault in rigtrack itself ({type(problem).__name__}); the tracker's log has the details"
