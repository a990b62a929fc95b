"""How a frame is seen when frames are compared: a small grey picture of the whole or of one region."""

from dataclasses import dataclass

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.frame import Image
from trainer.errors import TrainingError
from trainer.labels.images import Size, sized

SMALL_SIDE = 160  # px of the longer side; a limb of a mouse that fills a tenth of the view still moves by more than a pixel
THUMBNAIL_SIDE = 30  # px of the longer side; DeepLabCut clusters frames of this width

Grey = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """The part of the view by which frames are compared, in source pixels."""

    x: int
    y: int
    width: int
    height: int


def check_region(region: Region | None, size: Size, *, where: str) -> None:
    """Refuse a region that does not lie in images of a size (height, width).

    Raises:
        TrainingError: it does not.
    """
    if region is None:
        return
    inside = region.x >= 0 and region.y >= 0 and region.x + region.width <= size[1] and region.y + region.height <= size[0]
    if not inside or region.width < 1 or region.height < 1:
        raise TrainingError(
            f"{where}: region {region.x} {region.y} {region.width} {region.height} (x, y, width, height) does not lie in its "
            f"{sized(size)}; give one that does"
        )


def small_grey(picture: av.VideoFrame, region: Region | None) -> Grey:
    """A decoded picture, or a region of it, in grey: float32 (h, w) in grey levels, longer side at most `SMALL_SIDE`.

    The picture is shrunk by averaging before anything else is done with it, in the decoder's own pixel format: turning
    the whole of it into grey or RGB first takes ten times as long.
    """
    part = region or Region(x=0, y=0, width=picture.width, height=picture.height)
    scale = min(1.0, SMALL_SIDE / max(part.width, part.height))
    width, height = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    shrunk = picture.reformat(width=width, height=height, format="gray", interpolation="AREA").to_ndarray()
    left, top = int(part.x * scale), int(part.y * scale)
    right, bottom = max(left + 1, round((part.x + part.width) * scale)), max(top + 1, round((part.y + part.height) * scale))
    return np.asarray(shrunk[top:bottom, left:right], np.float32)


def thumbnail(small: Grey) -> Grey:
    """What frames are compared by: float32 (pixels,), rows one after the other, longer side at most `THUMBNAIL_SIDE`."""
    height, width = small.shape
    scale = min(1.0, THUMBNAIL_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_AREA), np.float32).ravel()


def image_thumbnail(image: Image, region: Region | None) -> Grey:
    """The same of an image file: uint8 (h, w) or (h, w, 3) RGB."""
    return thumbnail(image_small_grey(image, region))


def image_small_grey(image: Image, region: Region | None) -> Grey:
    """An image, or a region of it, as `small_grey` makes it: uint8 (h, w) or (h, w, 3) RGB to float32 (h, w)."""
    return small_grey(av.VideoFrame.from_ndarray(image, format="gray" if image.ndim == 2 else "rgb24"), region)
