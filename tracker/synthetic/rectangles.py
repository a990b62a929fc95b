"""White outline rectangles on black; the target is the centre of the largest. Every number is an image of its own."""

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.frame import Image
from tracker.synthetic.scene import Truth

SMALLEST, LARGEST = 0.08, 0.6  # sides, as fractions of the image's shorter side
LEAD = 1.1  # the largest has at least this many times the area of the next
TRIES = 100


class RectanglesScene:
    """`rectangles` outlines of varied size and aspect, which may overlap."""

    point_names: tuple[str, ...] = ("centre",)
    skeleton: tuple[tuple[str, str], ...] = ()

    def __init__(self, seed: int, *, width: int, height: int, rectangles: int) -> None:
        self._seed, self._width, self._height, self._rectangles = seed, width, height, rectangles

    def render(self, number: int) -> Image:
        """Draw one image: uint8 (height, width), 0 and 255 only."""
        picture = np.zeros((self._height, self._width), np.uint8)
        for left, top, right, bottom in self._corners(number).tolist():
            cv2.rectangle(picture, (left, top), (right, bottom), 255, thickness=1)
        return picture

    def truth(self, number: int) -> Truth:
        """Give the centre of the largest rectangle."""
        return Truth(points=self.centres(number)[:1], visible=np.array([True]))

    def centres(self, number: int) -> NDArray[np.float64]:
        """Give the centre of every rectangle, float64 (rectangles, 2), the largest first."""
        corners = self._corners(number)
        falling = corners[np.argsort(-_areas(corners), kind="stable")]
        return np.asarray((falling[:, :2] + falling[:, 2:]) / 2.0, np.float64)

    def _corners(self, number: int) -> NDArray[np.int64]:
        """Left, top, right and bottom pixel of each rectangle, int64 (rectangles, 4), all inside the image."""
        rng = np.random.default_rng([self._seed, number])
        corners = self._draw(rng)
        for _ in range(TRIES):
            areas = np.sort(_areas(corners))
            if len(areas) == 1 or areas[-1] >= LEAD * areas[-2]:
                break
            corners = self._draw(rng)
        return corners

    def _draw(self, rng: np.random.Generator) -> NDArray[np.int64]:
        shorter = min(self._width, self._height)
        sides = np.maximum(2, rng.uniform(SMALLEST, LARGEST, (self._rectangles, 2)) * shorter).astype(np.int64)
        room = np.array([self._width, self._height]) - sides
        corner = rng.integers(0, room)
        return np.concatenate([corner, corner + sides], axis=1)


def _areas(corners: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.asarray((corners[:, 2] - corners[:, 0]) * (corners[:, 3] - corners[:, 1]), np.int64)
