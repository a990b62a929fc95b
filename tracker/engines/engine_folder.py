"""Where this machine keeps the engines built on it. A folder that somebody else can write to is refused: engines are native code."""

import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tracker.errors import EngineError

_FOLDER = "engines"
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


class EngineFolderError(EngineError):
    """There is not a folder that engines can be kept in and loaded from."""


def engine_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """`engines` in the first folder of `$CACHE_DIRECTORY`, else in `$XDG_CACHE_HOME/rigtrack`, else in `~/.cache/rigtrack`.

    Raises:
        EngineFolderError: none of them is set and the user has no home folder.
    """
    service = environment.get("CACHE_DIRECTORY", "").partition(":")[0]
    if service:
        return Path(service) / _FOLDER
    home = environment.get("XDG_CACHE_HOME", "")
    if Path(home).is_absolute():
        return Path(home) / "rigtrack" / _FOLDER
    try:
        return Path.home() / ".cache" / "rigtrack" / _FOLDER
    except RuntimeError:
        raise EngineFolderError("there is no home folder to keep engines in; set XDG_CACHE_HOME to a folder of this user") from None


def ready_engine_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """The engine folder, made where it is not there yet.

    Raises:
        EngineFolderError: it cannot be made or written, or somebody else can write to it.
    """
    folder = engine_folder(environment)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.mkdir(exist_ok=True, mode=0o700)
        parent, own = folder.parent.stat(), folder.lstat()
    except OSError as problem:
        raise EngineFolderError(f"{folder}: cannot be made: {problem.strerror}") from None
    _check(folder.parent, parent)
    _check(folder, own)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise EngineFolderError(f"{folder}: cannot be written")
    return folder


@contextmanager
def temporary_engine_folder() -> Iterator[Path]:
    """A folder of this user's own for one engine, gone afterwards.

    Raises:
        EngineFolderError: none can be made.
    """
    try:
        temporary = tempfile.TemporaryDirectory(prefix="rigtrack-engine-")
    except OSError as problem:
        raise EngineFolderError(
            f"there is not a folder to build an engine in: {problem.strerror}; set TMPDIR to one that can be written"
        ) from problem
    with temporary as name:
        yield Path(name)


def _check(folder: Path, found: os.stat_result) -> None:
    if not stat.S_ISDIR(found.st_mode):
        raise EngineFolderError(f"{folder}: is not a folder, and engines are native code; remove it")
    if found.st_uid != os.geteuid():
        raise EngineFolderError(
            f"{folder}: belongs to user {found.st_uid}, this is user {os.geteuid()}, and engines are native code; give it its own"
        )
    if found.st_mode & _WRITABLE_BY_OTHERS:
        raise EngineFolderError(f"{folder}: others may write to it, and engines are native code; run `chmod go-w {folder}`")
