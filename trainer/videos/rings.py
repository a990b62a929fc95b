"""The rings that mark a label (red) and a prediction (blue) on an image, to a sixteenth of a pixel."""

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.frame import Image
from tracker.point_colours import Colour

TRUTH: Colour = (255, 0, 0)
PREDICTION: Colour = (0, 90, 255)  # lighter than pure blue, which vanishes in a dark infrared image
RING_RADIUS = 5
RING_THICKNESS = 2
SUBPIXEL_BITS = 4  # cv2 takes fixed-point coordinates


def draw_ring(image: Image, centre: NDArray[np.floating], colour: Colour) -> None:
    """Draw a ring of radius 5 and thickness 2 in place; nothing where the centre is NaN.

    Args:
        image: uint8 (h, w, 3) RGB.
        centre: x, y; pixel centres are whole numbers.
        colour: RGB.
    """
    _circle(image, centre, colour, radius=RING_RADIUS, thickness=RING_THICKNESS)


def draw_dot(image: Image, centre: NDArray[np.floating], colour: Colour, *, radius: int) -> None:
    """Draw a filled circle in place; arguments as `draw_ring`."""
    _circle(image, centre, colour, radius=radius, thickness=cv2.FILLED)


def in_colours(image: Image) -> Image:
    """A copy that coloured rings can be drawn on: uint8 (h, w, 3) RGB."""
    return image.copy() if image.ndim == 3 else np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2RGB), np.uint8)


def _circle(image: Image, centre: NDArray[np.floating], colour: Colour, *, radius: int, thickness: int) -> None:
    if np.isfinite(centre).all():
        scale = 2**SUBPIXEL_BITS
        where = (round(float(centre[0]) * scale), round(float(centre[1]) * scale))
        cv2.circle(image, where, radius * scale, colour, thickness=thickness, lineType=cv2.LINE_AA, shift=SUBPIXEL_BITS)
