"""How the names of video files end, and a video found by its name."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

VIDEO_ENDINGS = (".avi", ".m4v", ".mjpeg", ".mjpg", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ogv", ".ts", ".webm", ".wmv")
_BELOW = ("", "videos")  # where DeepLabCut and many people keep them


def video_ending(name: str) -> str:
    """The ending of a file name if it is that of a video, else nothing."""
    ending = PurePosixPath(name).suffix
    return ending if ending.lower() in VIDEO_ENDINGS else ""


def find_video(name: str, *, near: Sequence[Path]) -> Path | None:
    """A video by its name, with ending or without, in one of the folders or in `videos` inside one; None where there is none."""
    for folder in (folder / below for folder in near for below in _BELOW):
        if video_ending(name):
            if (folder / name).is_file():
                return folder / name
        elif folder.is_dir():
            found = sorted(path for path in folder.iterdir() if path.stem == name and video_ending(path.name) and path.is_file())
            if found:
                return found[0]
    return None
