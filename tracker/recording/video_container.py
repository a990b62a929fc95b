"""A video, opened for reading."""

from pathlib import Path

import av
from av.container import InputContainer


def open_container(path: Path) -> InputContainer:
    """Open a video: a title, or what else is said of it, that is no UTF-8 hides no frames.

    Raises:
        av.FFmpegError: it is not there, or no video.
    """
    return av.open(str(path), "r", metadata_errors="replace")
