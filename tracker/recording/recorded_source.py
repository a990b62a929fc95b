"""Which recorded session, and which of its video files, a path given for analysis is; and where that session is now."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tracker.errors import RecordingError
from tracker.recording.original_video import identify
from tracker.recording.session import (
    FRAMES_FILE,
    SESSION_FILE,
    SourceVideo,
    is_claimed,
    is_segment,
    read_closed,
    read_description,
    video_name,
)


def is_recorded(path: Path) -> bool:
    """Whether a path is the folder of a session, or a video file of one that lies in its folder."""
    if path.is_dir():
        return (path / SESSION_FILE).is_file()
    return is_segment(path.name) and (path.parent / SESSION_FILE).is_file()


def identify_recorded(path: Path) -> SourceVideo:
    """Which session, or which of its video files, this is: by when it began, its table of frames and the sizes of the videos.

    Args:
        path: of which `is_recorded` is true.

    Raises:
        RecordingError: it is not whole, holds no frames, or is an analysed video itself.
    """
    path = path.resolve()
    folder = path if path.is_dir() else path.parent
    source = read_description(folder).source
    if source is not None:
        raise RecordingError(f"{folder}: is itself an analysis of {source.path}; give that")
    closed = read_closed(folder)
    if closed is None:
        remedy = "is being recorded or mended at the moment; stop that first"
        raise RecordingError(f"{folder}: {remedy if is_claimed(folder) else f'was cut off; run `tracker recover {folder}` first'}")
    known = [number for number, frames in enumerate(closed.segments, start=1) if frames]
    wanted = [number for number in known if path == folder or video_name(number) == path.name]
    if not wanted:
        raise RecordingError(f"{path}: holds no frames, closed.json says; give the folder of the session, or another video of it")
    return _identified(path, folder, wanted)


def folder_of(source: SourceVideo, *, beside: Path) -> Path:
    """Where the recorded session of an analysis is: where it was, or beside the analysis under its name.

    Raises:
        RecordingError: it is not there any more, or is another one.
    """
    was = Path(source.session)
    there = [folder for folder in (was, beside.parent / was.name) if (folder / SESSION_FILE).is_file() and folder != beside]
    for folder in there:
        if _identified(folder, folder, source.segments).fingerprint == source.fingerprint:
            return folder
    if there:
        raise RecordingError(
            f"{there[0]}: is another session than the one that {beside} was made from; put that one back, or analyse this one"
        )
    raise RecordingError(
        f"{was}: the session that {beside} was made from is not there any more; put it back, or under its name '{was.name}' beside that "
        "folder, which then needs another name"
    )


def _identified(path: Path, folder: Path, segments: Sequence[int]) -> SourceVideo:
    about = read_description(folder)
    sizes = [_size(folder / video_name(number)) for number in segments]
    table = identify(folder / FRAMES_FILE).fingerprint
    said = msgspec.json.encode((about.created, about.stream_session, table, segments, sizes))
    return SourceVideo(
        path=str(path), bytes=sum(sizes), fingerprint=hashlib.sha256(said).hexdigest(), session=str(folder), segments=tuple(segments)
    )


def _size(video: Path) -> int:
    try:
        return video.stat().st_size
    except OSError as problem:
        raise RecordingError(f"{video}: cannot be read: {problem.strerror}; take the session's folder from its copy") from problem
