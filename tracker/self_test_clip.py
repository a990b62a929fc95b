"""The self-test of a network that takes an image a frame: some frames and the time between them, in one file."""

import io
import lzma
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_NO_ARCHIVE = (ValueError, KeyError, EOFError, zipfile.BadZipFile, AttributeError, TypeError)
_BROKEN_STREAM = (zlib.error, lzma.LZMAError, OSError, RuntimeError)  # of deflate, lzma, bzip2, and a method or encryption that is unknown


class Clip(NamedTuple):
    """Frames in a row, as the network takes them."""

    images: NDArray[np.uint8]  # (frames, height, width, channels)
    seconds: NDArray[np.float32]  # (frames,), since the frame before; 0 for the first


def written_clip(clip: Clip) -> bytes:
    """The content of the file."""
    content = io.BytesIO()
    np.savez_compressed(content, images=clip.images, seconds=clip.seconds)
    return content.getvalue()


def read_clip(path: Path, shape: tuple[int, ...]) -> Clip | None:
    """Read the file; None where it holds no frames of this shape (height, width, channels).

    Raises:
        OSError: it cannot be read.
    """
    content = io.BytesIO(path.read_bytes())
    try:
        with np.load(content, allow_pickle=False) as found:
            images, seconds = found["images"], found["seconds"]
    except (*_NO_ARCHIVE, *_BROKEN_STREAM):
        return None
    if images.dtype != np.uint8 or images.shape[1:] != shape or seconds.dtype != np.float32 or seconds.shape != (len(images),):
        return None
    return Clip(images, seconds) if len(images) else None
