"""Takes what the camera delivers and what the loop makes of it; neither of them ever waits for it. Needs no library of its own."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tracker.errors import RecordingError
from tracker.frame import Frame
from tracker.messages import ArmedMessage, EventMessage, PoseMessage, RecordingMessage, SetupMessage
from tracker.recording.recent import Recent
from tracker.recording.request import RecordedRig, Request
from tracker.recording.session import TRACKER_ENDED

if TYPE_CHECKING:
    from tracker.recording.recording import Recording

_STOP_S = 30.0  # how long frames that wait for the encoder may take when recording is stopped
_ENDED_S = 86_400.0  # when the camera's file is over and nobody waits
_END_S = 1.0  # when the whole tracker is told to end


class Recorder:
    """Records a session when asked to. `offer` is the capture thread's, `pose`, `event` and `setup` the loop's, the rest any thread's."""

    def __init__(self, rig: RecordedRig | None, *, clock: Callable[[], int] = time.monotonic_ns) -> None:
        """Record nothing yet.

        Args:
            rig: what is recorded; None for one that never is.
            clock: monotonic time in ns.
        """
        self._rig, self._clock = rig, clock
        self._recording: Recording | None = None
        self._setup: SetupMessage | None = None
        self._starting = threading.Lock()
        self._recent = _recent_of(rig)
        self._route = threading.Lock()  # between recent frames and a session; held for moments, by nobody who waits for a disk
        self._tell_event: Callable[[EventMessage], None] = lambda _: None
        self._note: str | None = None

    def offer(self, frame: Frame) -> None:
        """Record a frame, if a session is being recorded. Never waits: a frame that does not fit the queue is dropped and counted."""
        if self._recent is not None:
            with self._route:
                if self._recording is not None and self._recording.takes_frames:
                    self._recording.offer(frame)
                else:
                    self._recent.put(frame)
        elif self._recording is not None:
            self._recording.offer(frame)

    def pose(self, message: PoseMessage) -> None:
        """Record a frame's pose."""
        self._put(message)

    def event(self, message: EventMessage) -> None:
        """Record a change of an event, which may begin a session."""
        self._put(message)
        self._tell_event(message)

    def setup(self, message: SetupMessage) -> None:
        """Record what turns frames into poses from here on; a session that begins later begins with it."""
        self._setup = message
        self._put(message)

    def _put(self, message: PoseMessage | EventMessage | SetupMessage) -> None:
        """Give it to the session, one that is ending too: its last frames have no poses yet; else to the recent frames."""
        if self._recent is None:
            if self._recording is not None:
                self._recording.put(message)
            return
        with self._route:
            recording = self._recording
            if recording is None or not recording.takes_frames:
                is_of_its_frames = recording is not None and message.received_ns <= recording.last_ns
                if recording is not None and (is_of_its_frames or isinstance(message, PoseMessage)):
                    recording.put(message)  # a later pose tells that frames before it have none
                if not is_of_its_frames:
                    self._recent.put(message)
                return
            recording.put(message)
            if isinstance(message, SetupMessage):
                self._recent.setup = message

    def tell_events(self, hear: Callable[[EventMessage], None]) -> None:
        """Tell every change of an event from here on; must not wait."""
        self._tell_event = hear

    def hold_recent(self, onset_ns: int) -> None:
        """Keep what came shortly before this time until a session begins with it."""
        if self._recent is not None:
            with self._route:
                if self._recording is None or not self._recording.takes_frames:
                    self._recent.hold(onset_ns)

    def release_recent(self) -> None:
        """Keep no more than the last seconds again: no session begins."""
        if self._recent is not None:
            with self._route:
                self._recent.release()

    def note(self, sentence: str) -> None:
        """Why no session could begin, as a problem until one does."""
        self._note = sentence

    @property
    def armed(self) -> ArmedMessage | None:
        """What is held for a session that an event may begin, None where none may at the moment."""
        recent, rig = self._recent, self._rig
        if recent is None or rig is None or self.status is not None:
            return None
        return ArmedMessage(events=list(rig.settings.on_event), frames=recent.frames, bytes=recent.image_bytes)

    def start(self, request: Request, *, with_recent: bool = False, refused: Callable[[str], None] = lambda _: None) -> Path:
        """Begin a session with the next frame.

        Args:
            request: what to record.
            with_recent: begin with the frames of the last seconds, where they are kept.
            refused: told why on the recorder's thread, where the first frames show that this machine plainly cannot.

        Returns:
            Its folder.

        Raises:
            RecordingError: one is being recorded, the folder cannot be made, the disk has too little space, or a library is missing.
        """
        if self._rig is None:
            raise RecordingError(
                "this tracker does not record: its configuration has no section recording; add `recording: {}` and start it again"
            )
        with self._starting:
            if self._recording is not None and not self._recording.over:
                raise RecordingError(f"a session is being recorded to {self._recording.folder}; stop it first")
            recording = load_libraries()(request, self._rig, setup=self._setup, clock=self._clock, refused=refused)
            with self._route:
                if self._recent is not None and with_recent:
                    setup = self._recent.setup
                    recording.begin_with(self._recent.take(), setup)
                elif self._recent is not None:
                    self._recent.clear()
                self._recording, self._note = recording, None
            return request.folder

    def settle(self, within_s: float) -> str | None:
        """Wait until the session has begun, or it is known that it cannot; no longer where no frame comes.

        Returns:
            Why frames may be dropped, None where nothing says so.

        Raises:
            RecordingError: it cannot.
        """
        recording = self._recording
        if recording is None:
            return None
        recording.settle(within_s)
        return recording.warning

    def stop(self, reason: str = "stopped") -> RecordingMessage:
        """Finish the session, and wait for its files.

        Raises:
            RecordingError: none is being recorded, or its files could not be finished.
        """
        recording = self._recording
        if recording is None or recording.over:
            raise RecordingError("no session is being recorded")
        recording.stop(reason, within_s=_STOP_S)
        if recording.failure is not None:
            raise RecordingError(recording.failure)
        return recording.status()

    def close(self, *, hurried: Callable[[], bool] = lambda: True, reason: str = TRACKER_ENDED) -> None:
        """Finish what is being recorded. May be called twice; a fault is logged.

        Args:
            hurried: whether the tracker was told to end, and must within moments; asked as long as it lasts. A file that was read
                to its end leaves time to record it all.
            reason: for the description.
        """
        if self._recording is not None and not self._recording.over:
            self._recording.stop(reason, within_s=_ENDED_S, hurried=hurried, hurried_s=_END_S)

    @property
    def status(self) -> RecordingMessage | None:
        """The session that is being recorded, None while there is none."""
        return None if self._recording is None or self._recording.over else self._recording.status()

    @property
    def problem(self) -> str | None:
        """What is wrong with the recording that runs or ran last, in one sentence."""
        return self._note or (None if self._recording is None else self._recording.problem)

    @property
    def counts(self) -> tuple[int, int]:
        """Frames recorded and frames dropped, of the session that runs or ran last."""
        return (0, 0) if self._recording is None else (self._recording.frames, self._recording.dropped)


def _recent_of(rig: RecordedRig | None) -> Recent | None:
    if rig is None or not rig.settings.on_event:
        return None
    return Recent(before_ns=int(rig.settings.before_s * 1e9), limit_bytes=rig.settings.before_mb * 1_000_000)


def load_libraries() -> "type[Recording]":
    """Load what recording needs: to be called before the loop runs, since loading holds the interpreter for half a second.

    Raises:
        RecordingError: PyAV or pyarrow is not installed.
    """
    try:
        from tracker.recording.recording import Recording
        from tracker.recording.tables import load_converters
    except ImportError as problem:
        raise RecordingError(f"recording needs PyAV and pyarrow ({problem}); run `pip install '.[record]'`") from problem
    load_converters()
    return Recording
