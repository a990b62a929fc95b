"""Files that are on the disk whole, or as they were before, and what to do where they cannot be written."""

import errno
import os
import tempfile
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path

_REMEDIES: dict[int | None, str] = {
    None: "free space or choose another folder",  # some libraries say only in their text what happened
    errno.ENOSPC: "free space or choose another folder",
    errno.EDQUOT: "free space or choose another folder",
    errno.EROFS: "choose a folder on a disk that is not mounted read-only",
    errno.EACCES: "change the folder's permissions or choose another one",
    errno.EPERM: "change the folder's permissions or choose another one",
    errno.EEXIST: "a part of that path is a file: choose another folder",
    errno.ENOTDIR: "a part of that path is a file: choose another folder",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EFBIG: "choose a folder on a disk that takes larger files",
}


def write_synced(path: Path, content: bytes) -> None:
    """Write a file and wait until it is on the disk."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def remedy(problem: OSError) -> str:
    """What to do about a file or folder that could not be written: the words after the semicolon of a refusal."""
    return _REMEDIES.get(problem.errno, "choose another folder")


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under another name beside it, synced, then renamed; its name outlives a power cut after `sync_folder`.

    The folder must be there. Several processes may write the same file: the last one wins.

    Raises:
        OSError: it cannot be written; what was there before is untouched, and nothing else is left.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.{uuid.uuid4().hex}.part")
    try:
        write_synced(part, content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_all(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write several files into a folder, which is made: all under other names first, synced, then renamed.

    So a full disk is met before any earlier file is touched.

    Raises:
        OSError: they cannot be written; earlier files are left as they were.
    """
    fresh = {folder / f".{name}.{os.getpid()}.{uuid.uuid4().hex}.part": folder / name for name in files}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for part, final in fresh.items():
            write_synced(part, files[final.name])
        for part, final in fresh.items():
            part.replace(final)
        sync_folder(folder)
    finally:
        for part in fresh:
            part.unlink(missing_ok=True)


def nearest(folder: Path) -> Path:
    """The folder, or the first one above it that is there."""
    return next(path for path in (folder, *folder.parents) if os.path.lexists(path))


def check_writable(folder: Path, names: Iterable[str] = ()) -> None:
    """Find out before long work whether files can be written into a folder that is there or can be made; nothing stays behind.

    Args:
        folder: of the files.
        names: theirs. Files of these names may be there.

    Raises:
        OSError: they cannot be; with the path as its file name.
    """
    for name in names:
        if (folder / name).is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(folder / name))
    try:
        with tempfile.TemporaryDirectory(prefix=".rigtrack-check-", dir=nearest(folder)):
            pass
    except OSError as problem:
        raise type(problem)(problem.errno, problem.strerror, str(folder)) from problem


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk.

    Raises:
        OSError: the disk refuses.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
