"""Which session the next one goes on with: the camera's newest, where only the tracker's end, a kill or a power cut ended it."""

from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

from tracker.errors import RecordingError
from tracker.recording.session import SESSION_FILE, TRACKER_ENDED, Description, is_claimed, read_closed, read_description


class _Session(NamedTuple):
    created: datetime
    folder: Path
    about: Description


def session_to_continue(recordings: Path, camera: str, notes: Mapping[str, str], *, now: datetime) -> str | None:
    """Name of the camera's newest recorded session below a folder, if nobody chose its end; else None.

    Nobody did where it was cut off and is not mended yet, or was finished because the tracker ended. None is continued twice: of a
    session that goes on in another one, that one counts. None of a later time than now counts, for its clock was wrong. Where
    a session.json that was written after the newest cannot be read, or the folder cannot be looked into, nothing is continued:
    what it says may be what matters.

    Args:
        recordings: folder of the sessions.
        camera: its name in the stream.
        notes: of the session that begins. One that notes something otherwise, such as another animal, goes on with none.
        now: when the session begins, with a time zone.
    """
    try:
        sessions, unreadable = _sessions(recordings, camera)
    except OSError:
        return None
    past = [one for one in sessions if one.created <= now]
    if not past:
        return None
    newest = max(past, key=_by_time)
    if any(newest.created < changed <= now for changed in unreadable):
        return None
    last = _end_of_chain(newest, sessions)
    agrees = all(last.about.meta.get(key, text) == text for key, text in notes.items())
    return last.folder.name if last.created <= now and agrees and _was_broken_off(last.folder) else None


def _sessions(recordings: Path, camera: str) -> tuple[list[_Session], list[datetime]]:
    """A camera's recorded sessions, and when each session.json was last written that cannot be read, whose camera is not known."""
    sessions, unreadable = [], []
    for path in recordings.glob(f"*/{SESSION_FILE}"):
        try:
            about = read_description(path.parent)
            created = _time_of(about.created)
        except (RecordingError, ValueError):
            unreadable += _last_written(path)
            continue
        if about.camera == camera and about.source is None:
            sessions.append(_Session(created, path.parent, about))
    return sessions, unreadable


def _time_of(text: str) -> datetime:
    """Of ISO 8601, in UTC where it does not say; ValueError: it is not."""
    time = datetime.fromisoformat(text)
    return time if time.tzinfo is not None else time.replace(tzinfo=timezone.utc)


def _last_written(path: Path) -> list[datetime]:
    try:
        return [datetime.fromtimestamp(path.stat().st_mtime, timezone.utc)]
    except (OSError, OverflowError, ValueError):  # gone meanwhile, or of no year that there is
        return []


def _by_time(session: _Session) -> datetime:
    return session.created


def _end_of_chain(session: _Session, sessions: list[_Session]) -> _Session:
    """The last of those that go on with a session, one after the other; itself where none does."""
    left = list(sessions)
    while after := [one for one in left if one.about.continues == session.folder.name]:
        session = max(after, key=_by_time)
        left.remove(session)
    return session


def _was_broken_off(folder: Path) -> bool:
    try:
        closed = read_closed(folder)
    except RecordingError:
        return False
    return not is_claimed(folder) if closed is None else closed.reason == TRACKER_ENDED
