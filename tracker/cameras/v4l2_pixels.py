"""From the bytes of a V4L2 buffer to a picture: uint8 RGB, or one channel where the format has one. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.frame import Image

_DIRECTLY_RGB: int = getattr(cv2, "IMREAD_COLOR_RGB", 0)  # OpenCV 4.8 to 4.10 lack it
Bytes = NDArray[np.uint8]  # (n,): what the driver wrote


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How a picture lies in a buffer. `line_bytes` may be more than the pixels need: the rest of a line is padding."""

    fourcc: str
    width: int
    height: int
    line_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _FormatReader:
    """How one format is read; `lines` for each line of the picture and `pixel_bytes` are 0 for a compressed one."""

    decode: Callable[[Bytes, Layout], Image | None]
    lines: float
    pixel_bytes: int


def _plane(memory: Bytes, layout: Layout, *, lines: int, bytes_wide: int) -> Bytes:
    return memory[: lines * layout.line_bytes].reshape(lines, layout.line_bytes)[:, :bytes_wide]


def _grey(memory: Bytes, layout: Layout) -> Image:
    return _plane(memory, layout, lines=layout.height, bytes_wide=layout.width).copy()


def _rgb(memory: Bytes, layout: Layout) -> Image:
    return _three(memory, layout).copy()


def _bgr(memory: Bytes, layout: Layout) -> Image:
    return np.asarray(cv2.cvtColor(_three(memory, layout), cv2.COLOR_BGR2RGB), np.uint8)


def _three(memory: Bytes, layout: Layout) -> Image:
    lines = _plane(memory, layout, lines=layout.height, bytes_wide=3 * layout.width)
    return np.lib.stride_tricks.as_strided(lines, (layout.height, layout.width, 3), (layout.line_bytes, 3, 1), writeable=False)


def _packed(code: int) -> Callable[[Bytes, Layout], Image]:
    def decode(memory: Bytes, layout: Layout) -> Image:
        lines = _plane(memory, layout, lines=layout.height, bytes_wide=2 * layout.width)
        pairs = np.lib.stride_tricks.as_strided(lines, (layout.height, layout.width, 2), (layout.line_bytes, 2, 1), writeable=False)
        return np.asarray(cv2.cvtColor(pairs, code), np.uint8)

    return decode


def _nv12(memory: Bytes, layout: Layout) -> Image:
    lines = _plane(memory, layout, lines=layout.height * 3 // 2, bytes_wide=layout.width)
    return np.asarray(cv2.cvtColor(lines, cv2.COLOR_YUV2RGB_NV12), np.uint8)


def _jpeg(memory: Bytes, _: Layout) -> Image | None:
    image = cv2.imdecode(memory, _DIRECTLY_RGB or cv2.IMREAD_COLOR) if memory.size else None
    if image is None:
        return None
    return np.asarray(image if _DIRECTLY_RGB else cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


# Where the settings name none, the first that the device offers is taken: least work first, one channel last.
_READERS = {
    "RGB3": _FormatReader(decode=_rgb, lines=1, pixel_bytes=3),
    "BGR3": _FormatReader(decode=_bgr, lines=1, pixel_bytes=3),
    "YUYV": _FormatReader(decode=_packed(cv2.COLOR_YUV2RGB_YUYV), lines=1, pixel_bytes=2),
    "UYVY": _FormatReader(decode=_packed(cv2.COLOR_YUV2RGB_UYVY), lines=1, pixel_bytes=2),
    "NV12": _FormatReader(decode=_nv12, lines=1.5, pixel_bytes=1),
    "MJPG": _FormatReader(decode=_jpeg, lines=0, pixel_bytes=0),
    "JPEG": _FormatReader(decode=_jpeg, lines=0, pixel_bytes=0),
    "GREY": _FormatReader(decode=_grey, lines=1, pixel_bytes=1),
}
FORMATS = tuple(_READERS)


def line_bytes(fourcc: str, *, width: int, stated: int) -> int:
    """Bytes of one line; drivers that leave it out have no padding."""
    return max(stated, width * _READERS[fourcc].pixel_bytes)


def decode(memory: Bytes, layout: Layout) -> Image | None:
    """Make a picture of a buffer's bytes.

    Returns:
        uint8 (height, width) or (height, width, 3) RGB, memory of its own; for a compressed format the size that the picture
        itself states. None where the bytes are too few or cannot be decoded.
    """
    reader = _READERS[layout.fourcc]
    if memory.size < round(layout.height * reader.lines) * layout.line_bytes:
        return None
    try:
        return reader.decode(memory, layout)
    except cv2.error:  # a damaged header can claim a size that OpenCV refuses to allocate
        return None
