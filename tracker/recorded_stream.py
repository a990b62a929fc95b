"""What a tracker published, from a recorded session or from JSON lines as `tracker listen --json` writes them."""

import json
import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from tracker.errors import RecordingError, StreamError
from tracker.messages import EventMessage, PoseMessage, SetupMessage, decode

logger = logging.getLogger(__name__)

Progress = Callable[[float, float], None]  # how much is done, of how much
_MB = 1e6


def recorded_messages(
    path: Path, *, camera: str | None, progress: Progress = lambda done, total: None
) -> Iterator[PoseMessage | EventMessage | SetupMessage]:
    """The pose, event and setup messages of a file of JSON lines, or of the folder of a recorded session.

    Args:
        path: the file or folder.
        camera: whose; None where the file holds one camera only.
        progress: told how many frames of a session, or MB of a file, were gone through, of how many.

    Raises:
        StreamError: no such file, a line that is not of the stream, several cameras and none chosen, or no pose.
        RecordingError: a folder that is not a session, or damaged.
    """
    return _session(path, progress) if path.is_dir() else _file(path, camera, progress)


def _file(path: Path, camera: str | None, progress: Progress) -> Iterator[PoseMessage | EventMessage | SetupMessage]:
    wanted = "give the folder of a recorded session, or a file that `tracker listen --json` wrote"
    poses = 0
    try:
        with path.open(encoding="utf-8") as lines:
            for message in messages_in(_counted(lines, path.stat().st_size, progress), source=str(path), camera=camera):
                poses += isinstance(message, PoseMessage)
                yield message
    except FileNotFoundError:
        raise StreamError(f"{path}: there is no such folder or file; {wanted}") from None
    except OSError as problem:
        raise StreamError(f"{path}: cannot be read: {problem.strerror}; {wanted}") from None
    except UnicodeDecodeError as problem:
        raise StreamError(f"{path}: is not UTF-8 text ({problem.reason}); {wanted}") from None
    if not path.stat().st_size:
        raise StreamError(f"{path}: is empty: whatever was to write it ended before the first message; {wanted}")
    if not poses:
        which = f"pose.{camera}" if camera else "pose"
        raise StreamError(f"{path}: holds no {which} message; record with `tracker listen --json` while the tracker runs")


def _counted(lines: Iterable[str], size: int, progress: Progress) -> Iterator[str]:
    done = 0
    for line in lines:
        yield line
        done += len(line)  # nearly all of it is ASCII
        progress(done / _MB, size / _MB)


def _session(folder: Path, progress: Progress) -> Iterator[PoseMessage | EventMessage | SetupMessage]:
    try:
        from tracker.recording.read_session import RecordedSession
        from tracker.recording.session_messages import session_messages
    except ImportError as problem:
        raise RecordingError(f"a recorded session needs PyAV and pyarrow ({problem}); run `pip install '.[record]'`") from problem
    session = RecordedSession(folder)
    done = 0

    def advance(frames: int) -> None:
        nonlocal done
        done += frames
        progress(done, session.frame_count)

    yield from session_messages(session, advance=advance)


def messages_in(lines: Iterable[str], *, source: str, camera: str | None) -> Iterator[PoseMessage | EventMessage | SetupMessage]:
    """The pose, event and setup messages among JSON lines.

    A last line without an end, as a killed recorder leaves it, is left out with a warning.

    Raises:
        StreamError: a line that is not of the stream, or several cameras and none chosen.
    """
    chosen = camera is not None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            message = _message(line)
        except StreamError as problem:
            if not line.endswith("\n"):
                logger.warning("last line is cut off and was left out: file=%s line=%d", source, number)
                return
            raise StreamError(f"{source}:{number}: {problem}") from None
        if message is None or (chosen and message.camera != camera):
            continue
        camera = camera or message.camera
        if message.camera != camera:
            raise StreamError(f"{source}:{number}: holds poses of cameras '{camera}' and '{message.camera}'; choose one by its name")
        yield message


def _message(line: str) -> PoseMessage | EventMessage | SetupMessage | None:
    """One line's pose, event or setup, None for another topic."""
    try:
        topic = str(json.loads(line)["topic"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise StreamError("is not a JSON object with a topic; expected lines as `tracker listen --json` writes them") from None
    if not topic.startswith(("pose.", "event.", "setup.")):
        return None
    message = decode([topic.encode(), line.encode()])
    return message if isinstance(message, PoseMessage | EventMessage | SetupMessage) else None
