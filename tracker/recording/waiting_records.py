"""The files of what waits for the encoder: raw records, each with its checksum, that a cut may end anywhere.

waiting-001.raw …  of a session that is being recorded or was cut off; a closed session has none. One record after another:

    4 bytes  RWR1
    u32      bytes of the head
    u64      bytes of the image, 0 for none
    u32      CRC-32 of these two numbers, head and image
             head, JSON: facts of a frame, or a message as it was published
             image, uint8, (height, width) or (height, width, 3) RGB, line by line
"""

import mmap
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from tracker.errors import StreamError
from tracker.frame import Frame, Image
from tracker.messages import EventMessage, PoseMessage, SetupMessage, decode, encoder, topic
from tracker.recording.pending import Given
from tracker.recording.session import SessionPart

_MARK = b"RWR1"
_BEGIN = struct.Struct("<4sIQI")
_LENGTHS = struct.Struct("<IQ")
_NAME = re.compile(r"waiting-\d{3,}\.raw")
_encode_message = encoder()


class FrameFacts(SessionPart, frozen=True, kw_only=True, tag="frame"):
    """What a frame's row has before its pose, and the shape of its image."""

    ordinal: int
    frame: int
    exposed_ns: int | None
    received_ns: int
    record_dropped: int
    shape: tuple[int, ...]


class Published(SessionPart, frozen=True, kw_only=True, tag="message"):
    """A message that the loop made."""

    kind: str
    camera: str
    message: msgspec.Raw


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingFrame:
    """A frame as it was read.

    Attributes:
        facts: of it.
        image: uint8, (height, width) or (height, width, 3); None where the video had it when the record was written.
    """

    facts: FrameFacts
    image: Image | None


Record = WaitingFrame | PoseMessage | EventMessage | SetupMessage
_read_head = msgspec.json.Decoder(FrameFacts | Published).decode
_KINDS: dict[type, str] = {PoseMessage: "pose", EventMessage: "event", SetupMessage: "setup"}


def waiting_name(number: int) -> str:
    """File name, counted from 1."""
    return f"waiting-{number:03d}.raw"


def waiting_files(folder: Path) -> list[Path]:
    """The files of a session that are there, in their order; a folder, a pipe or a dead link of such a name is none."""
    numbered = [path for path in folder.glob("waiting-*.raw") if _NAME.fullmatch(path.name) and path.is_file()]
    return sorted(numbered, key=lambda path: int(path.stem.removeprefix("waiting-")))


def remove_waiting(folder: Path) -> None:
    """Remove them all: what they hold is in the session's other files.

    Raises:
        OSError: one cannot be removed.
    """
    for path in waiting_files(folder):
        path.unlink(missing_ok=True)


def as_record(given: Given, *, with_image: bool) -> tuple[bytes, Image | None]:
    """What is written of one thing that was given: the bytes before the image, and the image."""
    item = given.item
    image: Image | None = None
    if isinstance(item, Frame):
        image = np.ascontiguousarray(item.image) if with_image and item.image.size else None
        head = msgspec.json.encode(
            FrameFacts(
                ordinal=given.ordinal,
                frame=item.number,
                exposed_ns=item.exposed_ns,
                received_ns=item.received_ns,
                record_dropped=given.dropped,
                shape=image.shape if image is not None else (),
            )
        )
    else:
        message = msgspec.Raw(_encode_message(item))
        head = msgspec.json.encode(Published(kind=_KINDS[type(item)], camera=item.camera, message=message))
    size = image.nbytes if image is not None else 0
    checksum = zlib.crc32(head, zlib.crc32(_LENGTHS.pack(len(head), size)))
    if image is not None:
        checksum = zlib.crc32(image.data, checksum)
    return _BEGIN.pack(_MARK, len(head), size, checksum) + head, image


def read_waiting(path: Path) -> Iterator[Record]:
    """Every record that is whole, in its place; images are views of the file.

    A record whose bytes are not those that were written is left out; what follows is looked for by its mark.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        if path.stat().st_size == 0:
            return
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    content = memoryview(mapped)
    place = mapped.find(_MARK)
    while 0 <= place <= len(content) - _BEGIN.size:
        _, head_bytes, image_bytes, checksum = _BEGIN.unpack_from(content, place)
        begin, end = place + _BEGIN.size, place + _BEGIN.size + head_bytes + image_bytes
        head, image = content[begin : begin + head_bytes], content[begin + head_bytes : end]
        if end <= len(content) and checksum == zlib.crc32(image, zlib.crc32(head, zlib.crc32(_LENGTHS.pack(head_bytes, image_bytes)))):
            record = _record(head, image)
            if record is not None:
                yield record
            place = mapped.find(_MARK, end)
        else:
            place = mapped.find(_MARK, place + 1)


def _record(head: memoryview, image: memoryview) -> Record | None:
    """What it says; None where another release wrote it otherwise."""
    try:
        found = _read_head(head)
        if isinstance(found, FrameFacts):
            return WaitingFrame(facts=found, image=np.frombuffer(image, np.uint8).reshape(found.shape) if len(image) else None)
        message = decode([topic(found.kind, found.camera), bytes(found.message)])
    except (msgspec.DecodeError, StreamError, ValueError):
        return None
    return message if isinstance(message, PoseMessage | EventMessage | SetupMessage) else None
