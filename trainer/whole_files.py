"""Files that are whole or as they were before, and folders that are found to take no file before hours are spent on one."""

import errno
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from tracker.whole_files import remedy, write_all
from trainer.errors import TrainingError

_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})
REFUSALS = _NO_SPACE | frozenset({errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.ENAMETOOLONG})
_PROBE_BYTES = 65_536  # a full disk is met before training, not after


def remove_parts(folder: Path, *, of: str = "*") -> None:
    """Delete what a process that was killed in `write_whole` has left of the file of that name; by default of any."""
    for part in folder.glob(f".{of}.*.part"):
        part.unlink(missing_ok=True)


def replace_files(folder: Path, files: Mapping[str, bytes], *, what: str) -> None:
    """Write all files under other names first, so that a full disk is met before any earlier one is touched.

    Args:
        folder: made if it is not there.
        files: name and content.
        what: what they are, for the sentence of a refusal: "the report".

    Raises:
        TrainingError: the folder cannot be written or its disk is full; earlier files are left as they were.
    """
    try:
        write_all(folder, files)
    except OSError as problem:
        raise TrainingError(f"{folder}: {what} could not be written: {problem.strerror}; {remedy(problem)}") from problem


def refuse_unwritable(folder: Path, *, option: str) -> None:
    """Refuse a folder that cannot be made or written to. Nothing is made, so that several processes may ask at once.

    Args:
        folder: where files are to be written; it and its parents need not exist.
        option: what it was given with, for the sentence: "--out".

    Raises:
        TrainingError: the reason in one sentence.
    """
    existing = next((path for path in (folder, *folder.parents) if os.path.lexists(path)), Path())
    try:
        if not existing.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        for name in folder.relative_to(existing).parts:
            with suppress(FileNotFoundError):
                (existing / name).lstat()  # says which names there cannot be
        with tempfile.TemporaryFile(dir=existing) as probe:
            probe.write(bytes(_PROBE_BYTES))
    except OSError as problem:
        raise TrainingError(f"{option} {folder}: cannot be written to: {problem.strerror}; {remedy(problem)}") from problem
    except ValueError as problem:  # a zero byte in the path
        raise TrainingError(f"{option} {folder}: is not a path ({problem}); choose another folder") from problem


@contextmanager
def disk_refusals(folder: Path) -> Iterator[None]:
    """A disk that takes no more is the user's to mend, in one sentence; what was kept before stays.

    Raises:
        TrainingError: instead of an OSError that says so of any file.
    """
    try:
        yield
    except OSError as problem:
        if problem.errno not in REFUSALS:
            raise
        place = problem.filename or folder
        do = "free space" if problem.errno in _NO_SPACE else "make it writable"
        raise TrainingError(f"{place}: cannot be written: {problem.strerror}; {do} and run the same command again") from problem
