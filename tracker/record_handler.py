"""Carries out the commands that start and stop recording, beside whatever else the tracker is told."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

from tracker.config import Config, RecordingConfig
from tracker.errors import ConfigError
from tracker.recording.describe import session_folder
from tracker.recording.place import free_folder
from tracker.recording.recorder import Recorder
from tracker.recording.request import Request
from tracker.recording.session import TRACKER_ENDED
from tracker.worker import Answer, Worker

_CLOSE_S = 0.5
_SETTLE_S = 3.0  # a start without frames is answered after so long; with them, rate and encoder are known within a second
_LONGEST_S = 31 * 86_400
_META_ENTRIES, _META_LETTERS = 100, 4096


class RecordHandler:
    """Has a worker of its own, since a disk may take its time while other commands are answered.

    Attributes:
        commands: by name, what `Control` answers with.
    """

    def __init__(self, config: Config, recorder: Recorder) -> None:
        self._settings = config.recording or RecordingConfig()
        self._camera = config.name
        self._recorder = recorder
        self._worker = Worker()
        self.commands: dict[str, Callable[[dict[str, Any]], Answer | Future[Answer]]] = {
            "record_start": self.start,
            "record_stop": self.stop,
        }

    def start(self, request: dict[str, Any]) -> "Future[Answer]":
        """Begin a session: {"name": NAME or null, "seconds": NUMBER or null, "meta": {NAME: TEXT}}, each of them optional.

        A name that was given must be free; one made by the configuration, which two starts in a second share, becomes the next that is.
        """
        asked, is_named = self.request(request), request.get("name") is not None
        return self._worker.submit(f"the start of recording to {asked.folder.name}", lambda: self._start(asked, is_named=is_named))

    def stop(self, _: dict[str, Any]) -> "Future[Answer]":
        """Finish the session that is being recorded."""
        return self._worker.submit("the end of a recording", self._stop)

    def request(self, values: dict[str, Any]) -> Request:
        """What is to be recorded.

        Raises:
            ConfigError: a value of another kind than expected.
            RecordingError: the session's name has a placeholder without a value.
        """
        name, seconds, meta = values.get("name"), values.get("seconds"), values.get("meta") or {}
        if name is not None and not isinstance(name, str):
            raise ConfigError("record_start: name is not text; expected the name of the session's folder")
        if seconds is not None and (not isinstance(seconds, int | float) or isinstance(seconds, bool) or not 0 < seconds <= _LONGEST_S):
            raise ConfigError(f"record_start: seconds is {seconds!r:.60}; expected a number above 0, at most {_LONGEST_S}")
        if (
            not isinstance(meta, dict)
            or len(meta) > _META_ENTRIES
            or not all(_is_note(key) and _is_note(text) for key, text in meta.items())
        ):
            raise ConfigError("record_start: meta is not notes; expected a name and a text for each, such as {'animal': 'M17'}")
        folder = session_folder(self._settings, name, camera=self._camera, meta=meta)
        return Request(folder=folder, duration_s=seconds, meta=meta)

    def close(self, *, hurried: Callable[[], bool], reason: str = TRACKER_ENDED) -> None:
        """Take no more commands, and finish what is being recorded; `hurried` and `reason` as for the recorder."""
        self._worker.close(_CLOSE_S)
        self._recorder.close(hurried=hurried, reason=reason)

    def _start(self, asked: Request, *, is_named: bool) -> Answer:
        folder = self._recorder.start(asked if is_named else replace(asked, folder=free_folder(asked.folder)))
        return {"folder": str(folder), "warning": self._recorder.settle(_SETTLE_S)}

    def _stop(self) -> Answer:
        found = self._recorder.stop()
        return {"folder": found.folder, "frames": found.frames, "dropped": found.dropped}


def _is_note(text: object) -> bool:
    return isinstance(text, str) and len(text) <= _META_LETTERS and text.isprintable()
