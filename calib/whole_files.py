"""Files that are whole or as they were before."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from tracker.errors import CalibrationError
from tracker.whole_files import check_writable, remedy, write_all


def check_place(folder: Path, names: Iterable[str] = ()) -> None:
    """Refuse before long work what `write_files` would refuse after it, as far as can be known then.

    Raises:
        CalibrationError: files of these names cannot be written into the folder.
    """
    try:
        check_writable(folder, names)
    except OSError as problem:
        raise CalibrationError(f"{problem.filename}: cannot be written to: {problem.strerror}; {remedy(problem)}") from problem


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files into a folder, which is made: all under other names first, synced, then renamed.

    Raises:
        CalibrationError: it cannot be written; earlier files are left as they were.
    """
    try:
        write_all(folder, files)
    except OSError as problem:
        raise CalibrationError(f"{folder}: cannot be written to: {problem.strerror}; {remedy(problem)}") from problem


def write_file(path: Path, content: bytes) -> None:
    """Write one file.

    Raises:
        CalibrationError: it cannot be written; an earlier one is left as it was.
    """
    write_files(path.parent, {path.name: content})
