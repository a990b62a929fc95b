"""The image files of a project as a page may see them: those named in frames.json, and nothing that a link leads to."""

import os
import stat
from pathlib import Path, PurePosixPath

from trainer.errors import LabelError
from trainer.project.store import Project

MEDIA_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".bmp": "image/bmp", ".webp": "image/webp"}


def read_image_file(project: Project, name: str) -> bytes:
    """The bytes of an image file, opened by the name that frames.json gives it.

    Raises:
        LabelError: the project names no such image, or it is missing, a link, or no file.
    """
    if all(frame.image != name for frame in project.frames):
        raise LabelError(f"{name[:200]}: no such image in this project")
    try:
        return _read_inside(project.folder, PurePosixPath(name))
    except OSError as problem:
        raise LabelError(f"{name}: cannot be read: {problem.strerror}; put the image file back") from problem


def media_type(name: str) -> str:
    """What a browser is told that an image file is."""
    return MEDIA_TYPES.get(PurePosixPath(name).suffix.lower(), "application/octet-stream")


def _read_inside(folder: Path, name: PurePosixPath) -> bytes:
    """Open step by step from the folder; a link at any step is refused by the system, so none can be slipped in between."""
    here = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in name.parts[:-1]:
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=here)
            os.close(here)
            here = inner
        # without O_NONBLOCK, opening a pipe waits for whoever writes into it
        file = os.open(name.parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=here)
    finally:
        os.close(here)
    with open(file, "rb") as opened:  # noqa: PTH123  # a descriptor has no path
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise LabelError(f"{name}: is not a regular file; put the image file back")
        return opened.read()
