"""Pictures without colour, as cameras under infrared light make them: converted by looking up each of the 256 levels.

What a conversion makes of a level is asked of it once, by pictures of the size and kind in question in which every column holds every
level. Where it is not the same everywhere, nothing is looked up. Where copying the levels, or stretching the studio range, gives the same
of every level, that is done instead: it takes a third of the time.
"""

from collections.abc import Callable
from operator import attrgetter

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.frame import Image

_LEVELS = 256
_NEUTRAL = 128
_STUDIO = np.array([[255 / 219, -16 * 255 / 219]])  # 16 to 235 become 0 to 255 (ITU-R BT.601 and BT.709), as factor and summand
_EIGHT_BIT = frozenset(f"yuv{j}{chroma}p" for j in ("", "j") for chroma in ("420", "422", "444"))
_COLOURS = tuple(name for name in ("colorspace", "color_range", "color_primaries", "color_trc") if hasattr(av.VideoFrame, name))
_colours_of = attrgetter(*_COLOURS)


_Kind = tuple[str, int, int, tuple[int, ...]]  # all that decides what becomes of a picture's levels
_Convert = Callable[[Image], Image]


class Colourless:
    """Converts pictures whose chroma is neutral throughout. Used by one thread."""

    def __init__(self, rgb: Callable[[av.VideoFrame], Image]) -> None:
        """Prepare.

        Args:
            rgb: converts any picture to uint8 (height, width, 3).
        """
        self._rgb = rgb
        self._converters: dict[_Kind, _Convert | None] = {}

    def levels(self, picture: av.VideoFrame) -> Image | None:
        """What red, green and blue of a picture are alike, to the bit.

        Returns:
            uint8 (height, width), a new array; None where the picture has colour, or is of a kind that cannot be looked up.
        """
        kind = _kind_of(picture)
        if kind[0] not in _EIGHT_BIT:
            return None
        luma, blue, red = picture.planes
        if not (_is_neutral(plane_of(blue)) and _is_neutral(plane_of(red))):
            return None
        if kind not in self._converters:
            table = self._table(picture)
            self._converters[kind] = None if table is None else converter_by(table, width=picture.width)
        convert = self._converters[kind]
        return None if convert is None else convert(plane_of(luma))

    def _table(self, like: av.VideoFrame) -> NDArray[np.uint8] | None:
        """uint8 (256,); None where red, green and blue differ, or a level is not the same everywhere."""
        table = np.zeros(_LEVELS, np.uint8)
        for shift in range(0, _LEVELS, like.height):
            rows = (np.arange(like.height) + shift).astype(np.uint8)
            rgb = self._rgb(_picture_of(rows, like))
            table[rows] = rgb[:, 0, 0]
            if (rgb != table[rows][:, None, None]).any():
                return None
        return table


def converter_by(table: NDArray[np.uint8], *, width: int) -> _Convert:
    """The quickest way that makes of every level what a table says, to the bit.

    Args:
        table: uint8 (256,).
        width: of the pictures.

    Returns:
        Takes uint8 (height, width), and gives a new array of that shape.
    """
    padded = np.repeat(np.arange(_LEVELS, dtype=np.uint8)[:, None], width + 1, axis=1)
    expected = np.repeat(table[:, None], width, axis=1)
    every_level = padded[:, :width], padded[:, :width].copy()  # routines go row by row through the one, and through the other at once
    for quick in (np.copy, _from_studio_range):
        if all(np.array_equal(quick(levels), expected) for levels in every_level):
            return quick
    return lambda luma: np.asarray(cv2.LUT(luma, table), np.uint8)


def _from_studio_range(luma: Image) -> Image:
    return np.asarray(cv2.transform(luma, _STUDIO), np.uint8)


def plane_of(plane: av.video.plane.VideoPlane, *, channels: int = 1) -> Image:
    """The bytes of a plane, where they lie: uint8 (height, channels x width)."""
    return np.ndarray((plane.height, channels * plane.width), np.uint8, memoryview(plane), strides=(plane.line_size, 1))


def _kind_of(picture: av.VideoFrame) -> _Kind:
    return picture.format.name, picture.width, picture.height, _colours_of(picture)


def _is_neutral(chroma: Image) -> bool:
    return cv2.minMaxLoc(chroma)[:2] == (_NEUTRAL, _NEUTRAL)


def _picture_of(rows: NDArray[np.uint8], like: av.VideoFrame) -> av.VideoFrame:
    """A picture without colour in which each row has its own level, of the same kind as another."""
    picture = av.VideoFrame(like.width, like.height, like.format.name)
    for name, value in zip(_COLOURS, _colours_of(like), strict=True):
        setattr(picture, name, int(value))
    for plane in picture.planes:
        plane_of(plane)[:] = _NEUTRAL
    plane_of(picture.planes[0])[:] = rows[:, None]
    return picture
