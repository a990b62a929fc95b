"""Letters on an image: measured, cut to a width, and written with a rim that keeps them legible on any ground."""

from functools import lru_cache

import cv2
import numpy as np

from tracker.frame import Image
from tracker.point_colours import Colour
from tracker.viewer.palette import DARK

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_RIM_PX = 3  # room for it around letters
_THICKEST = 2  # of the strokes that OpenCV 5 draws, whatever it is asked for
_LONGEST = 400  # letters; more could never be seen, and a mask of them would only cost memory


def measure(text: str, size: float, thickness: int) -> tuple[int, int]:
    """Width and height of the letters in pixels; size 1 is about 22 px high."""
    (width, height), _ = cv2.getTextSize(text[:_LONGEST], _FONT, size, thickness)
    return int(width), int(height)


def fit(text: str, width: int, size: float, thickness: int) -> str:
    """The text, or as much of its beginning as fits with two dots after it; empty where not even one letter does."""
    text = text[:_LONGEST]
    if measure(text, size, thickness)[0] <= width:
        return text
    low, high = 0, len(text)
    while low < high:  # the longest beginning that fits
        middle = (low + high + 1) // 2
        low, high = (middle, high) if measure(text[:middle].rstrip() + "..", size, thickness)[0] <= width else (low, middle - 1)
    return text[:low].rstrip() + ".." if low else ""


def wrap(text: str, width: int, size: float, thickness: int) -> list[str]:
    """Break a sentence into lines of at most this width; a word that is too long is cut."""
    lines: list[str] = []
    for word in text[:_LONGEST].split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and measure(longer, size, thickness)[0] <= width:
            lines[-1] = longer
        else:
            lines.append(fit(word, width, size, thickness))
    return lines


def write(canvas: Image, text: str, foot: tuple[int, int], colour: Colour, *, size: float, thickness: int, rim: bool) -> None:
    """Write onto `canvas` (uint8 (h, w, 3) RGB) itself.

    Args:
        canvas: what is written on; what would stand outside is left out.
        text: one line.
        foot: where the baseline starts, (x, y).
        colour: of the letters.
        size: 1 is about 22 px high.
        thickness: of the strokes.
        rim: a dark one around the letters, for text that stands on the picture itself.
    """
    letters, around, baseline = _rendered(text[:_LONGEST], round(size, 3), thickness)
    left, top = foot[0] - _room(thickness), foot[1] - baseline
    for ink, mask in ((DARK, around), (colour, letters)) if rim else ((colour, letters),):
        x0, y0 = max(0, left), max(0, top)
        x1, y1 = min(canvas.shape[1], left + mask.shape[1]), min(canvas.shape[0], top + mask.shape[0])
        if x1 > x0 and y1 > y0:
            blend(canvas[y0:y1, x0:x1], np.ascontiguousarray(mask[y0 - top : y1 - top, x0 - left : x1 - left]), ink)


def blend(canvas: Image, strength: Image, colour: Colour) -> None:
    """Mix a colour in where `strength` (uint8, same height and width) says how much."""
    x, y, width, height = cv2.boundingRect(strength)
    if width and height:
        part = canvas[y : y + height, x : x + width]
        share = strength[y : y + height, x : x + width, None].astype(np.float32) / 255
        part[:] = (part + share * (np.asarray(colour, np.float32) - part)).astype(np.uint8)


def shade(canvas: Image, box: tuple[int, int, int, int]) -> None:
    """Darken a box (left, top, width, height) as far as it lies on the canvas."""
    left, top, width, height = box
    part = canvas[max(0, top) : max(0, top + height), max(0, left) : max(0, left + width)]
    part[:] = (part * 0.45).astype(np.uint8)


@lru_cache(maxsize=256)
def _rendered(text: str, size: float, thickness: int) -> tuple[Image, Image, int]:
    """Masks of the letters and of their rim, both (h, w), and the row of the baseline.

    The rim is the letters grown by a pixel or two; drawing them thicker would not do, as OpenCV 5 then moves them apart.
    """
    (width, height), below = cv2.getTextSize(text, _FONT, size, thickness)
    room = _room(thickness)
    letters = np.zeros((height + below + 2 * room, width + 2 * room), np.uint8)
    cv2.putText(letters, text, (room, room + height), _FONT, size, 255, min(thickness, _THICKEST), cv2.LINE_AA)
    if thickness > _THICKEST:
        more = thickness - _THICKEST + 1
        letters = np.asarray(cv2.dilate(letters, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (more, more))), np.uint8)
    grow = 2 * max(1, round(1.6 * size)) + 1
    rim = cv2.dilate(letters, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (grow, grow)))
    return letters, np.asarray(rim, np.uint8), room + height


def _room(thickness: int) -> int:
    """Pixels around the letters for their rim and for what thick strokes take beside them."""
    return _RIM_PX + max(0, thickness - _THICKEST)
