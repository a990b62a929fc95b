"""Mean absolute difference of two frames, of all pixels or of blocks of them."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.frame import Image

_INT32_HOLDS_PX = 2**31 // 255 - 1  # pixels whose sum fits; larger images are summed in float64, which is exact to 2^53


class Motion:
    """How much the image changed since the frame before, 0..1.

    The value returned at the arrival of frame t belongs to the pair (t-1, t) that t completes. Without a size it is the mean of
    |now - before| over all pixels. With a size (w, h) the image of (W, H) is divided into w x h blocks first: block (i, j) holds
    the pixels of columns floor(i W / w) to floor((i + 1) W / w) and of rows likewise, the last ones not included. The value is
    the mean over blocks of |mean now - mean before|, each block counting by its number of pixels; noise within a block cancels.

    In a colour image the mean runs over channels too, so that a grey image stored as RGB gives the value of the grey one. The
    difference has no sign: bright animals on dark ground and dark ones on bright ground give the same values.

    Nothing is rounded but the one division at the end: differences of block sums are whole numbers, and the value is their sum
    over 255 times the number of pixels and channels. With a size equal to the image's it is the value without a size.
    """

    def __init__(self, size: tuple[int, int] | None = None) -> None:
        """Begin without a frame.

        Args:
            size: (w, h) in blocks, at most the image's own; None: every pixel by itself.
        """
        self._size = size
        self._before: Image | None = None
        self._sums: NDArray[Any] | None = None  # (h, w) or (h, w, 3), of the frame before

    def update(self, image: Image) -> float | None:
        """Complete the pair with the frame before.

        Args:
            image: uint8 (height, width) or (height, width, 3). It is kept until the next call and not copied, so the
                caller must not write into it afterwards: every frame is an array of its own.

        Returns:
            The value of the pair, or None on the first frame and on the first one of another size.
        """
        before, self._before = self._before, image
        before_sums = self._sums
        if self._size is not None:
            self._sums = _block_sums(image, self._size)
        if before is None or before.shape != image.shape:
            return None
        if self._sums is None or before_sums is None:
            return int(cv2.norm(before, image, cv2.NORM_L1)) / (image.size * 255)
        return int(np.abs(self._sums - before_sums).sum()) / (image.size * 255)

    def reset(self) -> None:
        """Forget the frame before."""
        self._before = self._sums = None


@dataclass(frozen=True, slots=True)
class MotionValues:
    """Of one pair of frames, 0..1; None on the first frame.

    Attributes:
        configured: of the blocks that were configured, which rules judge.
        full: of all pixels.
    """

    configured: float | None = None
    full: float | None = None


class ImageMotion:
    """Motion as configured and of all pixels, of the same frames."""

    def __init__(self, size: tuple[int, int] | None = None) -> None:
        """Begin without a frame; `size` as of `Motion`."""
        self._configured = Motion(size)
        self._full = None if size is None else Motion()

    def update(self, image: Image) -> MotionValues:
        """Complete the pair with the frame before; `image` as of `Motion.update`."""
        configured = self._configured.update(image)
        return MotionValues(configured, configured if self._full is None else self._full.update(image))


def _block_sums(image: Image, size: tuple[int, int]) -> NDArray[Any]:
    """Sum of each block of pixels, whole numbers: int32, or float64 for large images, (h, w) or (h, w, 3)."""
    height, width = image.shape[:2]
    columns, rows = (np.arange(count + 1) * side // count for count, side in zip(size, (width, height), strict=True))
    depth = cv2.CV_32S if height * width <= _INT32_HOLDS_PX else cv2.CV_64F
    return np.diff(np.diff(cv2.integral(image, sdepth=depth)[rows][:, columns], axis=0), axis=1)
