"""Where the videos of a project are on this machine: videos.json, which may be wrong on another one and is then simply not believed."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from trainer.errors import ProjectError
from trainer.labels.moved_files import file_name, find_moved
from trainer.project.files import locked, replace_file
from trainer.video_files.endings import find_video

PLACES_FILE = "videos.json"


class _PlacesFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    schema: int = 1
    videos: dict[str, str] = {}


def remember_videos(folder: Path, places: Mapping[str, Path]) -> None:
    """Keep where the videos behind groups of frames are.

    Args:
        folder: the project's.
        places: video files by the group (folder of pictures) that their frames are in.

    Raises:
        ProjectError: a disk that is full, or a damaged file.
    """
    with locked(folder):
        known = _read(folder)
        fresh = known | {group: str(path.resolve()) for group, path in places.items()}
        if fresh != known:
            content = msgspec.json.encode(_PlacesFile(videos=dict(sorted(fresh.items()))))
            replace_file(folder / PLACES_FILE, msgspec.json.format(content, indent=2) + b"\n")


def place_of_video(folder: Path, group: str, video: str, *, near: Sequence[Path] = ()) -> Path | None:
    """The file of a video.

    Args:
        folder: the project's.
        group: of its frames.
        video: its name, with ending or without.
        near: folders in which it is looked for first; then where it was, beside the project, and in `videos` there.

    Returns:
        An existing file; None where it is none of these places.

    Raises:
        ProjectError: videos.json is damaged.
    """
    name = file_name(video)
    found = find_video(name, near=near)
    if found is not None:
        return found
    around = [folder.resolve().parent, folder.resolve()]
    written = _read(folder).get(group)
    moved = find_moved(written, near=around) if written is not None else None
    return moved or find_video(name, near=around)


def _read(folder: Path) -> dict[str, str]:
    path = folder / PLACES_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=_PlacesFile).videos
    except FileNotFoundError:
        return {}
    except OSError as problem:
        raise ProjectError(f"{path}: cannot be read: {problem.strerror}") from problem
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise ProjectError(f"{path}: {problem}; expected where the videos are: delete the file, it can be done without") from None
