"""The square of source pixels that goes with a key point: the rig and the trainer cut with this very code."""

import math
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.bundle_description import Following
from tracker.frame import Image

_GREY = 1  # channels
_FARTHEST = 1 << 40  # pixels: beyond every image, and still counted in 64 bits


class LastPlace(NamedTuple):
    """Where a key point was seen last.

    Attributes:
        pixel: x and y in source pixels; None where it has no place.
        seen_ns: time of that frame.
    """

    pixel: tuple[int, int] | None
    seen_ns: int


class FollowedSquare:
    """Cuts a square out of every frame, around a key point or, for a while, around the last place it was seen at.

    Used by one thread at a time.

    Attributes:
        last: where the point was seen last, all that a square depends on besides its own frame.
        padded: frames so far whose square reached over the image's edge; the pixels of the edge are repeated there.
        absent: frames so far without a square.
    """

    def __init__(self, about: Following, *, side: int, channels: int) -> None:
        """Begin with a point that was never seen.

        Args:
            about: whose point, and for how long its last place counts.
            side: of the square in source pixels.
            channels: that the network takes: 1 (grey) or 3 (RGB).
        """
        self._confidence, self._hold_ns = about.confidence, round(about.hold_ms * 1e6)
        self._side, self._channels = side, channels
        self._offsets = np.arange(side) - side // 2
        self.padded = self.absent = 0
        self.reset()

    def reset(self) -> None:
        """Forget where the point was."""
        self.last = LastPlace(None, 0)

    def cut(self, image: Image, point: NDArray[np.float32], time_ns: int) -> Image | None:
        """Cut the square of one frame.

        Args:
            image: uint8 (height, width) or (height, width, 3) RGB.
            point: float32 (3,), x and y in its pixels, and confidence; NaN where it was not found.
            time_ns: of the frame.

        Returns:
            uint8 (side, side, channels); None where the point has been absent for too long.
        """
        x, y, confidence = point.tolist()
        if math.isfinite(x) and math.isfinite(y) and confidence >= self._confidence:
            self.last = LastPlace((_pixel(x), _pixel(y)), time_ns)
        elif self.last.pixel is None or not 0 <= time_ns - self.last.seen_ns <= self._hold_ns:
            self.last = LastPlace(None, 0)
        if self.last.pixel is None:
            self.absent += 1
            return None
        return self._coloured(self._square(image, *self.last.pixel))

    def _square(self, image: Image, x: int, y: int) -> Image:
        height, width = image.shape[:2]
        left, top = x - self._side // 2, y - self._side // 2
        if left >= 0 and top >= 0 and left + self._side <= width and top + self._side <= height:
            return image[top : top + self._side, left : left + self._side]
        self.padded += 1
        rows, columns = np.clip(y + self._offsets, 0, height - 1), np.clip(x + self._offsets, 0, width - 1)
        return image[rows[:, None], columns]

    def _coloured(self, square: Image) -> Image:
        if self._channels == _GREY:
            grey = square if square.ndim == 2 else cv2.cvtColor(square, cv2.COLOR_RGB2GRAY)
            return np.asarray(grey, np.uint8)[:, :, None]
        return square if square.ndim == 3 else np.asarray(cv2.cvtColor(square, cv2.COLOR_GRAY2RGB), np.uint8)


def _pixel(coordinate: float) -> int:
    """The pixel that a finite coordinate lies in; a network that fails may give any number."""
    return min(max(math.floor(coordinate + 0.5), -_FARTHEST), _FARTHEST)
