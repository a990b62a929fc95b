"""Grey pictures, in one channel or in three equal ones: programs store the same picture in either way."""

import numpy as np

from tracker.frame import Image


def is_grey(image: Image) -> bool:
    """Whether an image, uint8 (h, w) or (h, w, c), has no colour."""
    return image.ndim == 2 or bool((image == image[:, :, :1]).all())


def in_one_channel(image: Image) -> Image:
    """A grey picture as uint8 (h, w), contiguous; one with colours as it is."""
    return image if image.ndim == 2 or not is_grey(image) else np.ascontiguousarray(image[:, :, 0])
