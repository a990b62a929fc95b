"""The number of a picture as dots: a Gray code with a parity bit, shown twice, and a checksum, between four corner markers. Pure.

One update changes one dot of the code and the parity. The second copy is inverted, and turned by half a turn about the middle: where an
update has reached only a part of the screen, or dark dots sooner than bright ones, the two copies differ. Where a screen has left out
several numbers, parts of two may by chance make a third in both copies; it has another checksum.
"""

import hashlib

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.frame import Image

WIDTH, HEIGHT = 16, 12  # of the whole, in units: one dot's place is a unit wide and high
ROWS, COLUMNS = 10, 8  # of dots
PANEL = (4, 1)  # left, top of the dots
MARKER, MARGIN = 3.0, 0.5  # side of a corner marker, and the white around it
MARKER_PLACES = (
    (MARGIN, MARGIN),
    (WIDTH - MARGIN - MARKER, MARGIN),
    (WIDTH - MARGIN - MARKER, HEIGHT - MARGIN - MARKER),
    (MARGIN, HEIGHT - MARGIN - MARKER),
)  # left, top by the marker's number
DICTIONARY = cv2.aruco.DICT_4X4_50
CODE_BITS = 15
MODULUS = 2**CODE_BITS  # numbers begin anew after so many pictures
UNIT_PX = 45
_DOT = 0.72  # side of a dot
_CODE, _REFERENCES, _CHECK, _AGAIN = slice(0, 2), slice(2, 4), slice(4, 8), slice(8, 10)  # rows


def cells(number: int) -> NDArray[np.bool_]:
    """Which dots are bright, (ROWS, COLUMNS): the code, the references, the checksum, the code again."""
    code = number % MODULUS
    gray = code ^ code >> 1
    bits = np.array([gray >> place & 1 for place in range(CODE_BITS)] + [gray.bit_count() & 1], np.bool_)
    upper = bits.reshape(2, COLUMNS)
    return np.concatenate([upper, references(), _check(code), ~upper[::-1, ::-1]])


def references() -> NDArray[np.bool_]:
    """The dots that never change, (2, COLUMNS): bright and dark in turn, and the other way round."""
    bright = np.arange(COLUMNS) % 2 == 0
    return np.stack([bright, ~bright])


def number_of(bright: NDArray[np.bool_]) -> int | None:
    """The number modulo MODULUS that such dots show, (ROWS, COLUMNS); None where copies, parity or checksum disagree."""
    upper, lower = bright[_CODE], ~bright[_AGAIN][::-1, ::-1]
    if not np.array_equal(upper, lower):
        return None
    *bits, parity = (int(bit) for bit in upper.ravel())
    if sum(bits) & 1 != parity:
        return None
    gray = sum(bit << place for place, bit in enumerate(bits))
    code = 0
    while gray:
        code ^= gray
        gray >>= 1
    return code if np.array_equal(bright[_CHECK], _check(code)) else None


class DotPicture:
    """Draws numbers: uint8 (HEIGHT, WIDTH) units, grey. The same array is drawn into each time."""

    def __init__(self, unit_px: int = UNIT_PX) -> None:
        self._image: Image = np.full((HEIGHT * unit_px, WIDTH * unit_px), 255, np.uint8)
        dictionary = cv2.aruco.getPredefinedDictionary(DICTIONARY)
        side = round(MARKER * unit_px)
        for marker, (left, top) in enumerate(MARKER_PLACES):
            x, y = round(left * unit_px), round(top * unit_px)
            self._image[y : y + side, x : x + side] = cv2.aruco.generateImageMarker(dictionary, marker, side)
        x, y = PANEL[0] * unit_px, PANEL[1] * unit_px
        self._panel = self._image[y : y + ROWS * unit_px, x : x + COLUMNS * unit_px]
        spot = np.zeros((unit_px, unit_px), np.uint8)
        margin = round((1 - _DOT) / 2 * unit_px)
        spot[margin : unit_px - margin, margin : unit_px - margin] = 255
        self._spots = np.tile(spot, (ROWS, COLUMNS))
        self._unit_px = unit_px

    def draw(self, number: int) -> Image:
        """The picture of a number, good until the next is drawn."""
        wide = cells(number).repeat(self._unit_px, axis=0).repeat(self._unit_px, axis=1)
        np.multiply(self._spots, wide, out=self._panel)
        return self._image


def marker_corners() -> NDArray[np.float32]:
    """Corners of the four markers in units, (4, 4, 2): each from its top left, clockwise."""
    square = np.array([(0, 0), (MARKER, 0), (MARKER, MARKER), (0, MARKER)], np.float32)
    return np.array(MARKER_PLACES, np.float32)[:, None] + square


def reference_rows() -> slice:
    """The rows of `cells` that never change."""
    return _REFERENCES


def _check(code: int) -> NDArray[np.bool_]:
    digest = hashlib.blake2b(code.to_bytes(2, "little"), digest_size=4).digest()
    return np.unpackbits(np.frombuffer(digest, np.uint8)).reshape(4, COLUMNS).astype(np.bool_)
