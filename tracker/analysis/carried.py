"""What the networks of an unfinished analysis carry from frame to frame, on the disk: one file, which belongs to one frame.

Only what comes from images is kept. Identities, conditions and events follow from the rows that are kept, and are made of them again.
"""

import hashlib
from pathlib import Path

import msgspec

from tracker.classifiers.classifier import Carried
from tracker.whole_files import write_whole

_FORMAT = 1  # one more where what is kept, or what is made of it, changes
_FILE, _FILES = "carried-{:09d}.bin", "carried-*.bin"


class NotCarriedError(Exception):
    """What was kept cannot be gone on from; the text says why, as the words behind a colon."""


class CarriedNetworks(msgspec.Struct, frozen=True, kw_only=True):
    """What all networks carry behind one frame.

    Attributes:
        made_by: of every network its own name, "" for that of the key points, with the hash of its graph, and what it runs on.
        points: states of the network that finds the key points; empty where it has none, or where there is none.
        classifiers: by name.
    """

    made_by: dict[str, str]
    points: dict[str, bytes] = {}  # msgspec copies it
    classifiers: dict[str, Carried] = {}


class _Content(msgspec.Struct, frozen=True, kw_only=True):
    """The whole file."""

    format: int
    frames: int
    networks: CarriedNetworks


def write_carried(folder: Path, frames: int, networks: CarriedNetworks) -> str:
    """Write it under a name of its own, beside that of an earlier frame, which stays.

    Args:
        folder: of the unfinished session.
        frames: that went by before it was carried.
        networks: what they carry.

    Returns:
        The SHA-256 of the file.

    Raises:
        OSError: the disk refuses.
    """
    content = msgspec.msgpack.encode(_Content(format=_FORMAT, frames=frames, networks=networks))
    write_whole(folder / _FILE.format(frames), content)
    return hashlib.sha256(content).hexdigest()


def read_carried(folder: Path, frames: int, sha256: str | None) -> CarriedNetworks:
    """Read what was written for so many frames.

    Args:
        folder: of the unfinished session.
        frames: whose rows are kept.
        sha256: of the file; None where none was kept.

    Raises:
        NotCarriedError: it is not there, damaged, or of another release.
    """
    if sha256 is None:
        raise NotCarriedError("an older release kept nothing of it")
    path = folder / _FILE.format(frames)
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise NotCarriedError(f"{path.name} cannot be read: {problem.strerror}") from problem
    if hashlib.sha256(content).hexdigest() != sha256:
        raise NotCarriedError(f"{path.name} is damaged")
    try:
        found = msgspec.msgpack.decode(content, type=_Content)
    except msgspec.DecodeError as problem:  # whole, so it was written in another way
        raise NotCarriedError(f"{path.name} is of another release") from problem
    if (found.format, found.frames) != (_FORMAT, frames):
        raise NotCarriedError(f"{path.name} is of another release")
    return found.networks


def remove_carried(folder: Path, *, but: int | None = None) -> None:
    """Remove what was kept, except behind so many frames."""
    kept = None if but is None else _FILE.format(but)
    for path in folder.glob(_FILES):
        if path.name != kept:
            path.unlink()
