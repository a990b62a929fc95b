"""Mean absolute difference of two frames."""

import cv2

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
