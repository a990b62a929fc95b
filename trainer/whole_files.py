"""Several files written together: all of them whole, or all as they were before."""

import os
from collections.abc import Mapping
from pathlib import Path

from tracker.bundle import write_synced
from trainer.errors import TrainingError


def replace_files(folder: Path, files: Mapping[str, bytes], *, what: str) -> None:
    """Write all files under other names first, so that a full disk is met before any earlier one is touched.

    Args:
        folder: made if it is not there.
        files: name and content.
        what: what they are, for the sentence of a refusal: "the report".

    Raises:
        TrainingError: the folder cannot be written or its disk is full; earlier files are left as they were.
    """
    fresh = {folder / f".{name}.{os.getpid()}.part": folder / name for name in files}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for part, final in fresh.items():
            write_synced(part, files[final.name])
        for part, final in fresh.items():
            part.rename(final)
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as problem:
        raise TrainingError(f"{folder}: {what} could not be written: {problem.strerror}; free space or choose another folder") from problem
    finally:
        for part in fresh:
            part.unlink(missing_ok=True)
