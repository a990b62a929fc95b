"""Begin a session at the onset of an event and end it some time after the last one; on a thread, so that no disk holds the loop up."""

import logging
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue

from tracker.config import RecordingConfig
from tracker.errors import RecordingError
from tracker.messages import EventMessage
from tracker.recording.describe import session_folder
from tracker.recording.place import free_folder
from tracker.recording.recorder import Recorder
from tracker.recording.request import Request

logger = logging.getLogger(__name__)

THREAD = "bouts"
ENDED = "the event was over"
_POLL_S = 0.02
_CLOSE_S = 5.0
_SAY_AGAIN_NS = 60_000_000_000  # why no session begins is logged once a minute, however often an event comes on


class Bouts:
    """Use it in a `with`, inside that of the recorder. `hear` is the loop's and never waits.

        armed ──onset──► recording ──all off──► waiting ──after_s──► armed
                             ▲─────another onset────┘

    A session that a person started is left alone: an onset meanwhile starts nothing. One that was started here and is stopped by a
    person, by a full disk or by a fault ends; the next onset begins another.
    """

    def __init__(self, recorder: Recorder, settings: RecordingConfig, *, camera: str, clock: Callable[[], int] = time.monotonic_ns) -> None:
        """Be armed.

        Args:
            recorder: of the rig.
            settings: with `on_event`.
            camera: its name, for those of sessions.
            clock: monotonic ns.
        """
        self._recorder, self._settings, self._camera, self._clock = recorder, settings, camera, clock
        self._after_ns = int(settings.after_s * 1e9)
        self._heard: SimpleQueue[EventMessage | None] = SimpleQueue()
        self._open: set[tuple[str, int]] = set()
        self._is_ours = False
        self._end_ns = 0
        self._refused = 0  # onsets that began nothing, since that was last logged
        self._said_ns: int | None = None  # when that was
        self._is_leaving = False
        self._thread = threading.Thread(target=self._run, name=THREAD, daemon=True)

    def __enter__(self) -> "Bouts":
        self._recorder.tell_events(self.hear)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_leaving = True  # what still waits begins nothing
        self._heard.put(None)
        self._thread.join(_CLOSE_S)

    def hear(self, message: EventMessage) -> None:
        """Take a change of an event; of others than the configured ones nothing comes."""
        if message.event in self._settings.on_event:
            if message.state == "on":
                self._recorder.hold_recent(message.received_ns)
            self._heard.put(message)

    def _run(self) -> None:
        while True:
            try:
                message = self._heard.get(timeout=_POLL_S)
            except Empty:  # an onset that waited here while files were finished is heard before an end is decided
                self._end_when_due()
                continue
            if message is None:
                return
            self._follow(message)

    def _follow(self, message: EventMessage) -> None:
        key = (message.event, message.animal)
        if message.state == "on":
            self._open.add(key)
            self._is_ours = self._is_ours and self._recorder.status is not None
            if not self._is_ours and not self._is_leaving:
                self._begin(message)
        else:
            self._open.discard(key)
            self._end_ns = max(self._end_ns, message.received_ns + self._after_ns)

    def _begin(self, onset: EventMessage) -> None:
        try:
            self._recorder.start(self._request(onset), with_recent=True)
            self._is_ours = True
            self._refused, self._said_ns = 0, None
        except RecordingError as problem:
            self._recorder.release_recent()
            if self._recorder.status is None:
                self._say_refused(onset.event, str(problem))
                self._recorder.note(str(problem))

    def _say_refused(self, event: str, sentence: str) -> None:
        """Log it at once, then once a minute; the status has the newest reason."""
        self._refused += 1
        now = self._clock()
        if self._said_ns is not None and now - self._said_ns < _SAY_AGAIN_NS:
            return
        logger.error("an event begins no recording: event=%s onsets=%d: %s", event, self._refused, sentence)
        self._refused, self._said_ns = 0, now

    def _request(self, onset: EventMessage) -> Request:
        meta = {"event": onset.event, "onset_frame": str(onset.onset_frame)}
        folder = session_folder(self._settings, None, camera=self._camera, meta=meta)
        return Request(folder=free_folder(folder), duration_s=None, meta=meta)

    def _end_when_due(self) -> None:
        if not self._is_ours or self._open or self._clock() < self._end_ns:
            return
        self._is_ours = False
        try:
            self._recorder.stop(ENDED)
        except RecordingError as problem:
            logger.warning("a recording begun by an event had ended before: %s", problem)
