"""The power that goes while files take their names."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def power_gone_after(renamed: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """After so many files have taken their names, no further one does."""
    real, count = Path.replace, 0

    def interrupted(path: Path, target: Path) -> Path:
        nonlocal count
        if count == renamed:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        count += 1
        return real(path, target)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(Path, "replace", interrupted)
        yield
