"""What every synthetic scene is: images and their exact truth, both pure functions of the seed and the frame number."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tracker.frame import Image


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """Where the key points of one frame really are.

    Attributes:
        points: float64 (K, 2), x and y in pixels, exact (pixel centres are whole numbers).
        visible: bool (K,), False where something nearer to the camera covers the point.
    """

    points: NDArray[np.float64]
    visible: NDArray[np.bool_]


class Scene(Protocol):
    """A rendered world. Any frame number may be asked for, in any order: the same number gives the same bytes."""

    point_names: tuple[str, ...]
    skeleton: tuple[tuple[str, str], ...]

    def render(self, number: int) -> Image:
        """Draw one frame: uint8 (height, width), grey, a fresh array."""
        ...

    def truth(self, number: int) -> Truth:
        """Give the key points of that frame."""
        ...
