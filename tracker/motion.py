"""Mean absolute difference of two frames, live and offline, with the same bits."""

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.frame import Image


class Motion:
    """How much the image changed since the frame before: the mean of |now - before| over all pixels, 0..1.

    The value returned at the arrival of frame t belongs to the pair (t-1, t) that t completes. In a colour image the mean
    runs over pixels and channels, so that a grey image stored as RGB gives the value of the grey one. The difference has no
    sign: bright animals on dark ground and dark ones on bright ground give the same values.

    Differences are summed as whole numbers and divided once, so the value has no rounding but that of the division.
    """

    def __init__(self) -> None:
        self._before: Image | None = None

    def update(self, image: Image) -> float | None:
        """Complete the pair with the frame before.

        Args:
            image: uint8 (height, width) or (height, width, 3). It is kept until the next call and not copied, so the
                caller must not write into it afterwards: every frame is an array of its own.

        Returns:
            The value of the pair, or None on the first frame and on the first one of another size.
        """
        before, self._before = self._before, image
        if before is None or before.shape != image.shape:
            return None
        return int(cv2.norm(before, image, cv2.NORM_L1)) / (image.size * 255)

    def reset(self) -> None:
        """Forget the frame before."""
        self._before = None


def motion_of(frames: Iterable[Image]) -> NDArray[np.float64]:
    """The same values for a recording, by numpy alone; the reference that the live value must equal bit for bit.

    Returns:
        float64 (frames,): at t the pair (t-1, t); NaN where `Motion.update` returns None. The series that starts with
        the pair (0, 1) is therefore `motion_of(frames)[1:]`.
    """
    values: list[float] = []
    before: Image | None = None
    for image in frames:
        if before is None or before.shape != image.shape:
            values.append(np.nan)
        else:
            # int16 holds every difference of two uint8; uint8 itself would wrap.
            total = int(np.abs(image.astype(np.int16) - before.astype(np.int16)).sum(dtype=np.int64))
            values.append(total / (image.size * 255))
        before = image
    return np.asarray(values, np.float64)
