"""One session being recorded, on a thread of its own."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import msgspec

from tracker.errors import RecordingError
from tracker.frame import Frame
from tracker.messages import EventMessage, PoseMessage, RecordingMessage, SetupMessage
from tracker.recording.backlog import Backlog
from tracker.recording.encoder_trial import too_slow
from tracker.recording.ending import Ending
from tracker.recording.first_items import FirstItems
from tracker.recording.inbox import Inbox
from tracker.recording.place import FreeSpace, make_folder
from tracker.recording.priority import give_way
from tracker.recording.recent import Item
from tracker.recording.request import RecordedRig, Request
from tracker.recording.session_writer import SessionWriter, limits_of, why_not_written
from tracker.recording.spill import Spill

logger = logging.getLogger(__name__)

THREAD = "recorder"
_POLL_S = 0.05
_BEHIND_NS = 5_000_000_000  # how long a drop is still a problem after the last one
_FILES_S = 5.0  # how long the last sync of the files may take
_UNSEEN = "the last frames had no pose yet when the session ended: folder=%s frames=%d"


class Recording:
    """One session, its queue and its thread.

    Attributes:
        folder: of the session.
        over: nothing more is taken, and every file is closed.
        frames: in the video so far.
        failure: why the session could not be finished, in one sentence.
        warning: why frames may be dropped, as its first frames showed, in one sentence.
    """

    def __init__(
        self,
        request: Request,
        rig: RecordedRig,
        *,
        setup: SetupMessage | None,
        clock: Callable[[], int],
        refused: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Make the folder, and begin with the next frame.

        Args:
            request: what to record.
            rig: of which.
            setup: in use.
            clock: monotonic ns.
            refused: told why, where this machine plainly cannot record what the camera sends.

        Raises:
            RecordingError: the folder cannot be made, or its disk has too little space.
        """
        make_folder(request.folder, minimum_free_gb=rig.settings.minimum_free_gb)
        self.folder = request.folder
        self.over = False
        self.frames = 0
        self.failure: str | None = None
        self.warning: str | None = None
        self._request, self._rig, self._settings, self._clock = request, rig, rig.settings, clock
        self._tell_refused, self._is_refused = refused, False
        self._settled = threading.Event()  # it has begun, or never will
        self._inbox = Inbox(queue_frames=rig.settings.queue_frames, clock=clock)
        self._too_late = 0  # frames that were not encoded when it had to end
        self._writer: SessionWriter | None = None
        self._first_ns: int | None = None
        self._first = FirstItems(setup, clock)
        self._late_ns: int | None = None  # when a pose came last whose row had been written
        self._posed_ns = 0  # when a pose was taken that is newer than those before
        self._ending = Ending(clock)
        self._space = FreeSpace(self.folder, minimum_free_gb=rig.settings.minimum_free_gb, clock=clock)
        self._bytes, self._backlog = 0, Backlog(self.folder, clock)
        self._spill = Spill(self.folder, self._inbox.pending, minimum_free_gb=rig.settings.minimum_free_gb, clock=clock)
        self._thread = threading.Thread(target=self._run, name=THREAD, daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Frames that the queue did not take, and those that were not encoded at the end."""
        return self._inbox.dropped + self._too_late

    @property
    def last_ns(self) -> int:
        """Receipt of the last frame taken; -1 before the first."""
        return self._inbox.last_ns

    @property
    def problem(self) -> str | None:
        """What is wrong, in one sentence."""
        if self.failure is not None:
            return self.failure
        if self._inbox.dropped_ns is not None and self._clock() - self._inbox.dropped_ns < _BEHIND_NS:
            return f"{self.dropped} frames are not recorded: the encoder is behind; choose a faster preset or a lower frame rate"
        if self._late_ns is not None and self._writer is not None and self._clock() - self._late_ns < _BEHIND_NS:
            return (
                f"poses came too late to be recorded with their frames: {self._writer.late_poses} so far; "
                "the network stood still or was too far behind"
            )
        return None

    def offer(self, frame: Frame) -> None:
        """Take a frame, or drop and count it where the queue is full."""
        if self.takes_frames:
            self._inbox.offer(frame)

    def begin_with(self, items: list[Item], setup: SetupMessage | None) -> None:
        """Take what came before it began, at once and before anything else.

        Args:
            items: the oldest first.
            setup: in use before them, None for the one given at the start.
        """
        self._inbox.begin_with(items, setup)

    @property
    def takes_frames(self) -> bool:
        """Whether it is neither over nor ending."""
        return not self.over and self._ending.reason is None

    def put(self, item: PoseMessage | EventMessage | SetupMessage) -> None:
        """Take what the loop has made, at the end too: of frames that were taken before."""
        if not self.over:
            self._inbox.put(item)

    def stop(self, reason: str, *, within_s: float, hurried: Callable[[], bool] = lambda: False, hurried_s: float = 0.0) -> None:
        """Take nothing more, and wait for the files. Frames that are not encoded within that time are dropped, and counted.

        Args:
            reason: for the description.
            within_s: how long that may take.
            hurried: asked again and again whether it may take no longer than `hurried_s` from then on.
            hurried_s: this long.
        """
        self._ending.ask(reason, within_s=within_s)
        ends_s = time.monotonic() + within_s + _FILES_S
        while self._thread.is_alive() and time.monotonic() < ends_s:
            if not self._ending.is_hurried and hurried():
                self._ending.hurry(hurried_s)
                ends_s = min(ends_s, time.monotonic() + hurried_s + _FILES_S)
            self._thread.join(_POLL_S)
        if self._thread.is_alive():
            self.failure = f"{self.folder}: the disk does not take the last of the recording; `tracker recover` mends what is there"
            self.over = True

    def settle(self, within_s: float) -> None:
        """Wait until it has begun, or it is known that it cannot; for no longer than this where no frame comes.

        Raises:
            RecordingError: it cannot.
        """
        if self._settled.wait(within_s) and self._writer is None and self.failure is not None:
            raise RecordingError(self.failure)

    def status(self) -> RecordingMessage:
        """As it is published."""
        writer = self._writer
        return RecordingMessage(
            folder=str(self.folder),
            frames=self.frames,
            dropped=self.dropped,
            waiting=self._inbox.waiting,
            segment=len(writer.segments) + 1 if writer else 0,
            bytes=self._bytes,
            seconds=0.0 if self._first_ns is None else (self._clock() - self._first_ns) / 1e9,
        )

    def _run(self) -> None:
        give_way()
        try:
            self._record()
        except Exception as problem:
            self.failure = why_not_written(self.folder, problem)
            if not isinstance(problem, OSError | RecordingError):
                logger.exception("recording ended by a fault in rigtrack itself; please report the lines below")
            logger.error("recording ended: %s", self.failure)  # noqa: TRY400 the sentence says it all
            if self._writer is not None:
                self._writer.abandon()
            else:
                with suppress(OSError):  # a description that is on the disk stays
                    self.folder.rmdir()
        finally:
            self._spill.end()
            self.over = True
            self._settled.set()
            if self._is_refused and self.failure is not None:
                self._tell_refused(self.failure)

    def _record(self) -> None:
        ending: str | None = None
        ended_ns = 0
        while True:
            if ending is None and self._ending.reason is not None:
                ending, ended_ns = self._ending.reason, self._clock()
            item = self._inbox.take(_POLL_S)
            if item is not None:
                self._take(item)
            is_last = ending is not None and self._inbox.waiting == len(self._first.frames)
            if self._first.frames and (is_last or self._first.is_rate_known):
                self._begin()
            if is_last and not self._waits_for_poses(ended_ns):  # the loop goes on: the queue need never be empty
                break
            if self._writer is not None:
                synced = self._writer.tick(frames_wait=self._inbox.waiting > 0, heard_ns=self._inbox.heard_ns)
                if synced is not None:
                    self._inbox.pending.synced(synced)
                self._watch_space()
            self._ending.check_time()
        self._take_last()
        self._spill.end()
        if self._writer is not None:
            unseen = self._writer.awaited_poses
            if self._ending.is_over_time and not self._ending.is_hurried:  # a loop that is ending too gives no more
                self._writer.give_up_poses()
                self._late_ns = self._clock() if self._writer.late_poses else None
                unseen = 0
            self._writer.close(reason=ending or "", dropped=self.dropped)
            logger.info("recorded: folder=%s frames=%d dropped=%d", self.folder, self.frames, self.dropped)
            if unseen:
                logger.info(_UNSEEN, self.folder, unseen)
            if self._writer.late_poses:
                logger.warning("poses came too late for their frames: folder=%s poses=%d", self.folder, self._writer.late_poses)
        else:
            self.folder.rmdir()
            logger.info("nothing recorded, since no frame came: folder=%s", self.folder)

    def _take_last(self) -> None:
        """Poses and events of its frames that still wait here; the loop gives the events right after the last pose."""
        time.sleep(_POLL_S)
        for item in self._inbox.rest():
            if self._writer is None or isinstance(item, Frame) or item.received_ns > self.last_ns:
                continue
            if isinstance(item, PoseMessage):
                self._writer.pose(item)
            elif isinstance(item, EventMessage):
                self._writer.event(item)

    def _take(self, item: Item) -> None:
        if self._writer is None:
            self._first.take(item)
        elif isinstance(item, Frame):
            self._backlog.look(received_ns=item.received_ns, waiting=self._inbox.waiting)
            dropped = self._inbox.frame_done()
            if self._ending.is_over_time:
                self._too_late += 1
                return
            if self._ending.is_before(item):
                return
            self._writer.frame(item, dropped=dropped)
            self.frames += 1
        elif isinstance(item, PoseMessage):
            late = self._writer.late_poses
            if item.published_ns > self._writer.posed_ns:
                self._posed_ns = self._clock()
            self._writer.pose(item)
            self._late_ns = self._clock() if self._writer.late_poses > late else self._late_ns
        elif isinstance(item, EventMessage):
            self._writer.event(item)
        else:
            self._writer.setup(item)

    def _waits_for_poses(self, ended_ns: int) -> bool:
        """Whether the loop may still give a pose to a frame that was taken before the end."""
        if self._writer is None or not self._writer.awaited_poses:
            return False
        return not self._ending.is_over_time and self._clock() - max(ended_ns, self._posed_ns) < self._rig.pose_wait_ns

    def _begin(self) -> None:
        frames = self._first.frames
        description = msgspec.structs.replace(self._rig.describe(frames, self._request.meta), continues=self._request.continues)
        slow = too_slow(frames, description.video, self.folder, rate_hz=self._rig.rate_hz)
        if slow is not None and slow.is_certain:
            self._is_refused = True
            raise RecordingError(f"{self.folder}: cannot be recorded: {slow.sentence}")
        if slow is not None:
            self.warning = slow.sentence
            logger.warning("%s: %s", self.folder, slow.sentence)
        limits = limits_of(self._settings, rate_hz=description.video.rate_hz, pose_wait_ns=self._rig.pose_wait_ns)
        self._writer = SessionWriter(self.folder, description, limits, clock=self._clock)
        if self._first.setup is not None:
            self._writer.setup(self._first.setup)
        self._spill.begin()
        self._first_ns = frames[0].received_ns
        self._ending.set_duration(self._first_ns, self._request.duration_s)
        self._settled.set()
        logger.info("recording: folder=%s", self.folder)
        for item in self._first.release():
            self._take(item)

    def _watch_space(self) -> None:
        if self._writer is None or not self._space.is_due:
            return
        self._bytes = self._writer.bytes_written
        if (lack := self._space.shortage()) is not None:
            self.failure = f"{lack}; the session was finished"
            self._ending.reason = "the disk was nearly full"
