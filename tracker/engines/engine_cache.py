"""Engines built on this machine, kept beside the model: `engines/<fingerprint>.engine`. None made for another machine is ever used.

A file is: 16 bytes of magic, the header's length (4 bytes, little-endian), the header (JSON: what it was made for, length and SHA-256
of the payload), the payload. A truncated, foreign, tampered or stale file is refused, said so, and built again.
"""

import hashlib
import json
import struct
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from tracker.bundle import write_synced
from tracker.errors import EngineError

MAGIC = b"rigtrack engine\n"
SCHEMA = 1
_LENGTH = struct.Struct("<I")
_LONGEST_HEADER = 65_536  # bytes; a real one has about 600

Say = Callable[[str], None]


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


def load_engine(folder: Path, made_for: MadeFor, *, say: Say) -> bytes | None:
    """Return the payload made for exactly this, or None; why there is none is said in one sentence."""
    path = _path(folder, made_for)
    if not path.exists():
        say(_why_missing(folder, made_for))
        return None
    try:
        return read_sealed(path, made_for)
    except EngineError as refusal:
        say(f"{refusal}; it is built again")
        return None


def store_engine(folder: Path, made_for: MadeFor, payload: bytes, *, say: Say) -> Path | None:
    """Keep a payload for the next start, whole or not at all. A folder that cannot be written is said, and costs a build at every start."""
    path = _path(folder, made_for)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".engine.", dir=folder) as fresh:
            write_synced(Path(fresh) / path.name, _seal(made_for, payload))
            (Path(fresh) / path.name).replace(path)
    except OSError as problem:
        say(f"{path}: the engine could not be kept: {problem.strerror}; it will be built again at every start")
        return None
    return path


def read_sealed(path: Path, made_for: MadeFor) -> bytes:
    """Read an engine file and check that it is whole and was made for exactly this.

    Raises:
        EngineError: it cannot be read, is not an engine file, is damaged, or was made for something else.
    """
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise EngineError(f"{path}: cannot be read: {problem.strerror}") from None
    header, payload = _split(path, content)
    differences = _differences(header.get("made_for"), made_for)
    if differences:
        raise EngineError(f"{path}: was made for another machine or model: {differences}")
    if len(payload) != header.get("payload_bytes") or hashlib.sha256(payload).hexdigest() != header.get("payload_sha256"):
        raise EngineError(f"{path}: is damaged: {len(payload)} bytes of engine do not match the length and SHA-256 in its header")
    return payload


def _path(folder: Path, made_for: MadeFor) -> Path:
    return folder / f"{made_for.fingerprint}.engine"


def _seal(made_for: MadeFor, payload: bytes) -> bytes:
    header = json.dumps(
        {
            "schema": SCHEMA,
            "made_for": asdict(made_for),
            "payload_bytes": len(payload),
            "payload_sha256": hashlib.sha256(payload).hexdigest(),
        }
    ).encode()
    return MAGIC + _LENGTH.pack(len(header)) + header + payload


def _split(path: Path, content: bytes) -> tuple[dict[str, object], bytes]:
    if not content.startswith(MAGIC):
        raise EngineError(f"{path}: is not an engine file of rigtrack")
    start = len(MAGIC) + _LENGTH.size
    if len(content) < start:
        raise EngineError(f"{path}: is cut off within its first {start} bytes")
    (length,) = _LENGTH.unpack_from(content, len(MAGIC))
    try:
        header = json.loads(content[start : start + min(length, _LONGEST_HEADER)])
    except ValueError:
        raise EngineError(f"{path}: its header is damaged") from None
    if not isinstance(header, dict) or header.get("schema") != SCHEMA:
        raise EngineError(f"{path}: its header is not of schema {SCHEMA}")
    return header, content[start + length :]


def _differences(found: object, expected: MadeFor) -> str:
    """What differs, as `field: theirs, here ours`; empty when nothing does."""
    if not isinstance(found, dict):
        return "its header does not say for which"
    rows = [(field.name, found.get(field.name), getattr(expected, field.name)) for field in fields(expected)]
    return "; ".join(f"{name} {str(theirs)[:24]}, here {ours[:24]}" for name, theirs, ours in rows if theirs != ours)


def _why_missing(folder: Path, made_for: MadeFor) -> str:
    """Name what changed since the newest engine of the same model and precision was built, if there is one."""
    for path in sorted(folder.glob("*.engine"), key=lambda path: path.stat().st_mtime, reverse=True):
        try:
            with path.open("rb") as file:
                header, _ = _split(path, file.read(len(MAGIC) + _LENGTH.size + _LONGEST_HEADER))
        except (EngineError, OSError):
            continue
        theirs = header.get("made_for")
        if isinstance(theirs, dict) and all(theirs.get(name) == getattr(made_for, name) for name in ("onnx_sha256", "precision")):
            return f"{path.name[:12]}….engine does not fit any more ({_differences(theirs, made_for)}); a new one is built"
    return f"no engine for {made_for.runtime} {made_for.precision} on {made_for.device} in {folder}; it is built"
