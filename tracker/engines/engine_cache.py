"""Engines built on this machine, kept in its own folder: `<fingerprint>.engine`. None made for another machine is ever used.

A file is: 16 bytes of magic, the header's length (4 bytes, little-endian), the header (JSON: what it was made for, length and SHA-256
of the payload), the payload. A truncated, foreign, tampered or stale file is refused, said so, and built again.

Nothing here holds the interpreter for long, whatever the size: what is read, written and hashed goes piece by piece.
"""

import fcntl
import hashlib
import json
import os
import stat
import struct
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from tracker.errors import EngineError
from tracker.gentle_reading import PIECE, read_and_hash

MAGIC = b"rigtrack engine\n"
SCHEMA = 1
KEPT_ENGINES = 32  # those not used for longest are removed beyond this
KEPT_BYTES = 4 << 30  # and beyond this
_LENGTH = struct.Struct("<I")
_LONGEST_HEADER = 65_536  # bytes; a real one has about 600
_PART = ".part"
_PART_IS_YOUNG_S = 60.0  # its writer may not have locked it yet

Say = Callable[[str], None]
Payload = NDArray[np.uint8]  # (bytes,), memory of its own: what happens to the file later does not matter


class EngineNotKeptError(EngineError):
    """An engine was built and cannot be written where it is to be kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeFor:
    """Everything a built engine depends on."""

    onnx_sha256: str
    runtime: str  # "tensorrt 8.6.0"
    device: str  # "NVIDIA H200", or the CPU's name
    capability: str  # compute capability, or the CPU's instruction set
    driver: str
    precision: str
    options: str  # what else the build was told: tactic sources, threads

    @property
    def fingerprint(self) -> str:
        """SHA-256 over every field, by name."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


def load_engine(folder: Path, made_for: MadeFor, *, say: Say) -> Payload | None:
    """Return the payload made for exactly this, or None; why there is none is said in one sentence."""
    path = engine_path(folder, made_for)
    if not path.exists():
        say(_why_missing(folder, made_for))
        return None
    try:
        payload = read_sealed(path, made_for)
    except EngineError as refusal:
        say(f"{refusal}; it is built again")
        return None
    with suppress(OSError):
        os.utime(path)  # the last use, by which the oldest are found
    return payload


def store_engine(folder: Path, made_for: MadeFor, payload: bytes | memoryview) -> Path:
    """Keep a payload for the next start, whole or not at all, and remove what is beyond the bounds and what killed writers left.

    Raises:
        EngineNotKeptError: the folder cannot be written, or its disk is full.
    """
    path = engine_path(folder, made_for)
    try:
        _remove_parts(folder)
        descriptor, name = tempfile.mkstemp(prefix=f".{made_for.fingerprint[:12]}.", suffix=_PART, dir=folder)
        part = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                fcntl.flock(file, fcntl.LOCK_EX)  # held until this process ends with the file: an unlocked part has no writer
                _write(file, made_for, memoryview(payload).cast("B"))
                part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        _remove_oldest(folder, spared=path)
    except OSError as problem:
        raise EngineNotKeptError(f"{path}: the engine could not be written: {problem.strerror}") from problem
    return path


def read_sealed(path: Path, made_for: MadeFor) -> Payload:
    """Read an engine file and check that it is whole, this user's own, and was made for exactly this.

    Raises:
        EngineError: it cannot be read, is somebody else's, is not an engine file, is damaged, or was made for something else.
    """
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                raise EngineError(f"{path}: is not a file that this user alone may write")
            header, start = _read_header(path, file)
            differences = _differences(header.get("made_for"), made_for)
            if differences:
                raise EngineError(f"{path}: was made for another machine or model: {differences}")
            payload, digest = _read_payload(file, start=start, size=found.st_size - start)
    except OSError as problem:
        raise EngineError(f"{path}: cannot be read: {problem.strerror}") from None
    if len(payload) != header.get("payload_bytes") or digest != header.get("payload_sha256"):
        raise EngineError(f"{path}: is damaged: {len(payload)} bytes of engine do not match the length and SHA-256 in its header")
    return payload


def engine_path(folder: Path, made_for: MadeFor) -> Path:
    """The file that holds the engine made for this."""
    return folder / f"{made_for.fingerprint}.engine"


def _write(file: BinaryIO, made_for: MadeFor, payload: memoryview) -> None:
    pieces = [payload[start : start + PIECE] for start in range(0, len(payload), PIECE)]
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    header = json.dumps(
        {"schema": SCHEMA, "made_for": asdict(made_for), "payload_bytes": len(payload), "payload_sha256": digest.hexdigest()}
    ).encode()
    file.write(MAGIC + _LENGTH.pack(len(header)) + header)
    for piece in pieces:
        file.write(piece)
    file.flush()
    os.fsync(file.fileno())


def _read_header(path: Path, file: BinaryIO) -> tuple[dict[str, object], int]:
    """The header, and where the payload starts."""
    start = len(MAGIC) + _LENGTH.size
    begin = file.read(start)
    if not begin.startswith(MAGIC):
        raise EngineError(f"{path}: is not an engine file of rigtrack")
    if len(begin) < start:
        raise EngineError(f"{path}: is cut off within its first {start} bytes")
    (length,) = _LENGTH.unpack_from(begin, len(MAGIC))
    try:
        header = json.loads(file.read(min(length, _LONGEST_HEADER)))
    except (ValueError, RecursionError):
        raise EngineError(f"{path}: its header is damaged") from None
    if not isinstance(header, dict) or header.get("schema") != SCHEMA:
        raise EngineError(f"{path}: its header is not of schema {SCHEMA}")
    return header, start + length


def _read_payload(file: BinaryIO, *, start: int, size: int) -> tuple[Payload, str]:
    """What follows the header, and its SHA-256; pages are touched and hashed without the interpreter's lock."""
    payload = np.empty(max(size, 0), np.uint8)
    file.seek(start)
    count, digest = read_and_hash(file, (payload.data[at : at + PIECE] for at in range(0, len(payload), PIECE)))
    return payload[:count], digest


def _remove_parts(folder: Path) -> None:
    """Remove what writers left that were killed: a part that nobody holds the lock of."""
    for part in folder.glob(f".*{_PART}"):
        with suppress(OSError), part.open("rb") as file:
            if time.time() - os.fstat(file.fileno()).st_mtime > _PART_IS_YOUNG_S:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                part.unlink()


def _remove_oldest(folder: Path, *, spared: Path) -> None:
    number, size = 1, spared.stat().st_size
    for path, found in _newest_first(folder):
        if path == spared:
            continue
        number, size = number + 1, size + found.st_size
        if number > KEPT_ENGINES or size > KEPT_BYTES:
            path.unlink(missing_ok=True)


def _newest_first(folder: Path) -> list[tuple[Path, os.stat_result]]:
    """Every engine by its last use; one that another process removes meanwhile is left out."""
    found = []
    for path in folder.glob("*.engine"):
        with suppress(OSError):
            found.append((path, path.lstat()))
    return sorted(found, key=lambda entry: entry[1].st_mtime, reverse=True)


def _differences(found: object, expected: MadeFor) -> str:
    """What differs, as `field: theirs, here ours`; empty when nothing does."""
    if not isinstance(found, dict):
        return "its header does not say for which"
    rows = [(field.name, found.get(field.name), getattr(expected, field.name)) for field in fields(expected)]
    return "; ".join(f"{name} {str(theirs)[:24]}, here {ours[:24]}" for name, theirs, ours in rows if theirs != ours)


def _why_missing(folder: Path, made_for: MadeFor) -> str:
    """Name what changed since the newest engine of the same model and precision was built, if there is one."""
    for path, _ in _newest_first(folder):
        try:
            with path.open("rb") as file:
                header, _ = _read_header(path, file)
        except (EngineError, OSError):
            continue
        theirs = header.get("made_for")
        if isinstance(theirs, dict) and all(theirs.get(name) == getattr(made_for, name) for name in ("onnx_sha256", "precision")):
            return f"{path.name[:12]}….engine does not fit any more ({_differences(theirs, made_for)}); a new one is built"
    return f"no engine for {made_for.runtime} {made_for.precision} on {made_for.device} in {folder}; it is built"
