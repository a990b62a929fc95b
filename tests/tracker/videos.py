"""Videos made by the tests, whose frames say their number, and files that are wrong in one way."""

import struct
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.tracker.recorded import picture
from tracker.frame import Image

MS = Fraction(1, 1000)


def numbered(number: int) -> Image:
    """A colour picture that says its number, 96x64."""
    return picture(number, colour=True)


def write_video(
    path: Path,
    count: int,
    *,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    rate: int = 25,
    image: Callable[[int], Image] = numbered,
    times_ms: Sequence[int] | None = None,
    metadata: Mapping[str, str] | None = None,
    **options: str,
) -> Path:
    """A video of this rate in Hz, or of these times, with B-frames where the codec has them and is told to."""
    with av.open(str(path), "w") as container:
        container.metadata.update(metadata or {})
        stream: Any = container.add_stream(codec, rate=rate, options=options)
        first = image(0)
        stream.height, stream.width, stream.pix_fmt = *first.shape[:2], pixels
        if times_ms is not None:
            stream.codec_context.time_base = stream.time_base = MS
        for number in range(count):
            made = image(number)
            frame = av.VideoFrame.from_ndarray(made, format="gray" if made.ndim == 2 else "rgb24")
            if times_ms is not None:
                frame.pts, frame.time_base = times_ms[number], MS
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def turned(path: Path) -> Path:
    """Say in an MP4 that it is to be shown turned by a quarter."""
    content = bytearray(path.read_bytes())
    matrix = content.index(b"tkhd") + 4 + 40
    assert struct.unpack(">i", content[matrix : matrix + 4])[0] == 0x10000, "there begins the matrix"
    quarter = (0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000)
    content[matrix : matrix + 36] = struct.pack(">9i", *quarter)
    path.write_bytes(content)
    return path


def promising(path: Path, count: int) -> Path:
    """Have the header of an AVI's stream tell another number of frames."""
    content = bytearray(path.read_bytes())
    length = content.index(b"strh") + 8 + 32
    content[length : length + 4] = struct.pack("<I", count)
    path.write_bytes(content)
    return path


def damaged(path: Path) -> Path:
    """Overwrite a fifth of a file, in its middle."""
    content = bytearray(path.read_bytes())
    begin, end = len(content) * 2 // 5, len(content) * 3 // 5
    content[begin:end] = np.random.default_rng(0).integers(0, 256, end - begin, dtype=np.uint8).tobytes()
    path.write_bytes(content)
    return path


def with_damaged_tags(path: Path) -> Path:
    """Have what a file says of itself, the name of the program that wrote it in the least, be no UTF-8."""
    content = path.read_bytes()
    assert b"Lavf" in content
    path.write_bytes(content.replace(b"Lavf", b"\xffavf").replace(b"Lavc", b"\xffavc"))
    with pytest.raises(UnicodeDecodeError):
        av.open(str(path)).close()
    return path
