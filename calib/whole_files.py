"""Files that are whole or as they were before."""

import os
import uuid
from collections.abc import Mapping
from pathlib import Path

from tracker.errors import CalibrationError
from tracker.whole_files import write_synced


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files into a folder, which is made: all under other names first, synced, then renamed.

    Raises:
        CalibrationError: it cannot be written; earlier files are left as they were.
    """
    fresh = {folder / f".{name}.{os.getpid()}.{uuid.uuid4().hex}.part": folder / name for name in files}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for part, final in fresh.items():
            write_synced(part, files[final.name])
        for part, final in fresh.items():
            part.replace(final)
    except OSError as problem:
        raise CalibrationError(f"{folder}: cannot be written to: {problem.strerror}; choose another folder or free space") from problem
    finally:
        for part in fresh:
            part.unlink(missing_ok=True)


def write_file(path: Path, content: bytes) -> None:
    """Write one file.

    Raises:
        CalibrationError: it cannot be written; an earlier one is left as it was.
    """
    write_files(path.parent, {path.name: content})
