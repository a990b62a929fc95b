"""Files that appear under their names only once all of them are whole and on the disk."""

import errno
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tracker.errors import RecordingError
from tracker.whole_files import remedy, sync_folder


@contextmanager
def new_files(paths: Sequence[Path], *, force: bool, at_most: int = 0) -> Iterator[list[Path]]:
    """Paths to write to, which are renamed when the block ends well and deleted when it does not.

    Args:
        paths: that the files are to have.
        force: replace those that are there.
        at_most: bytes that they may take together. So much has to be free at the beginning: HDF5 does not give way to a full disk
            in good order.

    Raises:
        RecordingError: one of them is there, or cannot be written.
    """
    there = [path for path in paths if os.path.lexists(path)]
    if there and not force:
        raise _exists(there[0])
    parts = [path.with_name(f".{path.stem}.{os.getpid()}.{uuid.uuid4().hex}.part{path.suffix}") for path in paths]
    claimed: dict[Path, int] = {}  # with the number of the file that holds the name
    try:
        _try_space(parts[0], at_most)
        yield parts
        for part in parts:
            _sync(part)
        if not force:
            for path in paths:
                claimed[path] = _claim(path)
        for part, path in zip(parts, paths, strict=True):
            part.replace(path)
            claimed.pop(path, None)
        for folder in {path.parent for path in paths}:
            sync_folder(folder)
    except OSError as problem:
        why = problem.strerror or " ".join(str(problem).split())
        raise RecordingError(f"{paths[0]}: cannot be written: {why}; {remedy(problem)}") from problem
    except RuntimeError as problem:  # what HDF5 raises when it closes a file on a full disk
        why = " ".join(str(problem).split())
        raise RecordingError(f"{paths[0]}: cannot be written: {why}; free space or choose another folder") from problem
    finally:
        with suppress(OSError):  # such as a folder that is a file, which was said above
            for part in parts:
                part.unlink(missing_ok=True)
            for path, number in claimed.items():
                if path.stat().st_ino == number:  # else an export with --force has put its own there
                    path.unlink()


def remove_parts(folders: Iterable[Path], *, process: int) -> None:
    """Delete what a process that has ended left half written."""
    for folder in folders:
        for part in folder.glob(f".*.{process}.*.part*"):
            part.unlink(missing_ok=True)


def _exists(path: Path) -> RecordingError:
    return RecordingError(f"{path}: exists; give --force to replace it, or another place with --out")


def _claim(path: Path) -> int:
    """Take a name that nobody else has taken meanwhile, such as a second export of the same session.

    Returns:
        Inode number of the empty file.

    Raises:
        RecordingError: it is taken.
    """
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    except FileExistsError:
        raise _exists(path) from None
    try:
        return os.fstat(descriptor).st_ino
    finally:
        os.close(descriptor)


def _try_space(path: Path, size: int) -> None:
    """Take so much of the disk and give it back: limits and quotas of the user are seen too."""
    if size:
        with path.open("wb") as file:
            free = shutil.disk_usage(path.parent).free
            if free < size:
                raise OSError(errno.ENOSPC, f"{free / 1e6:.0f} MB are free, up to {size / 1e6:.0f} MB are needed")
            os.posix_fallocate(file.fileno(), 0, size)
        path.unlink()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
