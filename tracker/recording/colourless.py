"""Pictures without colour, as cameras under infrared light make them: converted by looking up each of the 256 levels.

What a conversion makes of a level is asked of it once, by pictures of the size and kind in question in which every column holds every
level. Where it is not the same everywhere, nothing is looked up.
"""

from collections.abc import Callable
from dataclasses import dataclass

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.frame import Image

_LEVELS = 256
_NEUTRAL = 128
_EIGHT_BIT = frozenset(f"yuv{j}{chroma}p" for j in ("", "j") for chroma in ("420", "422", "444"))
_COLOURS = tuple(name for name in ("colorspace", "color_range", "color_primaries", "color_trc") if hasattr(av.VideoFrame, name))


@dataclass(frozen=True, slots=True)
class _Kind:
    """All that decides what becomes of a picture's levels; `colours` are the values of `_COLOURS`."""

    format: str
    width: int
    height: int
    colours: tuple[int, ...]


class Colourless:
    """Converts pictures whose chroma is neutral throughout. Used by one thread."""

    def __init__(self, rgb: Callable[[av.VideoFrame], Image]) -> None:
        """Prepare.

        Args:
            rgb: converts any picture to uint8 (height, width, 3).
        """
        self._rgb = rgb
        self._tables: dict[_Kind, NDArray[np.uint8] | None] = {}

    def levels(self, picture: av.VideoFrame) -> Image | None:
        """What red, green and blue of a picture are alike, to the bit.

        Returns:
            uint8 (height, width), a new array; None where the picture has colour, or is of a kind that cannot be looked up.
        """
        if (form := picture.format.name) not in _EIGHT_BIT:
            return None
        luma, *chroma = (plane_of(plane) for plane in picture.planes)
        if not all(map(_is_neutral, chroma)):
            return None
        kind = _Kind(form, picture.width, picture.height, tuple(int(getattr(picture, name)) for name in _COLOURS))
        if kind not in self._tables:
            self._tables[kind] = self._table(kind)
        table = self._tables[kind]
        return None if table is None else np.asarray(cv2.LUT(luma, table), np.uint8)

    def _table(self, kind: _Kind) -> NDArray[np.uint8] | None:
        """uint8 (256,); None where red, green and blue differ, or a level is not the same everywhere."""
        table = np.zeros(_LEVELS, np.uint8)
        for shift in range(0, _LEVELS, kind.height):
            rows = (np.arange(kind.height) + shift).astype(np.uint8)
            rgb = self._rgb(_picture_of(rows, kind))
            table[rows] = rgb[:, 0, 0]
            if (rgb != table[rows][:, None, None]).any():
                return None
        return table


def plane_of(plane: av.video.plane.VideoPlane, *, channels: int = 1) -> Image:
    """The bytes of a plane, where they lie: uint8 (height, channels x width)."""
    return np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)[:, : channels * plane.width]


def _is_neutral(chroma: Image) -> bool:
    return cv2.minMaxLoc(chroma)[:2] == (_NEUTRAL, _NEUTRAL)


def _picture_of(rows: NDArray[np.uint8], kind: _Kind) -> av.VideoFrame:
    """A picture without colour in which each row has its own level."""
    picture = av.VideoFrame(kind.width, kind.height, kind.format)
    for name, value in zip(_COLOURS, kind.colours, strict=True):
        setattr(picture, name, value)
    for plane in picture.planes:
        plane_of(plane)[:] = _NEUTRAL
    plane_of(picture.planes[0])[:] = rows[:, None]
    return picture
