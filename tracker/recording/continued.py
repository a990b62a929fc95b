"""Which session the next one goes on with: the camera's newest, where only the tracker's end, a kill or a power cut ended it."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tracker.errors import RecordingError
from tracker.recording.session import TRACKER_ENDED, Description, is_claimed, read_closed, read_description


def session_to_continue(recordings: Path, camera: str, notes: Mapping[str, str]) -> str | None:
    """Name of the camera's newest recorded session below a folder, if nobody chose its end; else None.

    Nobody did where it was cut off and is not mended yet, or was finished because the tracker ended.

    Args:
        recordings: folder of the sessions.
        camera: its name in the stream.
        notes: of the session that begins. One that notes something otherwise, such as another animal, goes on with none.
    """
    newest: tuple[str, Path, Description] | None = None
    for path in recordings.glob("*/session.json"):
        with suppress(RecordingError):  # what cannot be read is nobody's
            said = read_description(path.parent)
            if said.camera == camera and said.source is None and (newest is None or said.created > newest[0]):
                newest = said.created, path.parent, said
    if newest is None:
        return None
    _, folder, said = newest
    agrees = all(said.meta.get(key, text) == text for key, text in notes.items())
    return folder.name if agrees and _was_broken_off(folder) else None


def _was_broken_off(folder: Path) -> bool:
    try:
        closed = read_closed(folder)
    except RecordingError:
        return False
    return not is_claimed(folder) if closed is None else closed.reason == TRACKER_ENDED
