"""From the bytes of a GenICam camera's frame to a picture: uint8 RGB, or one channel where the sensor has one. Pure."""

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.frame import Image

BAYER = {  # GenICam and these constants name the colours of the first line's two pixels, then of the second's
    "BayerBG8": cv2.COLOR_BayerBGGR2RGB,
    "BayerGB8": cv2.COLOR_BayerGBRG2RGB,
    "BayerGR8": cv2.COLOR_BayerGRBG2RGB,
    "BayerRG8": cv2.COLOR_BayerRGGB2RGB,
}


def frame_bytes(pixel_format: str, *, width: int, height: int) -> int:
    """How many bytes a picture has; what a camera sends beyond them is padding."""
    return width * height * (3 if pixel_format == "RGB8" else 1)


def decode(memory: NDArray[np.uint8], pixel_format: str, *, width: int, height: int) -> Image:
    """Make a picture of a frame's bytes.

    Args:
        memory: uint8 (n,), n at least frame_bytes.
        pixel_format: Mono8, RGB8 or one of BAYER.
        width: px.
        height: px.

    Returns:
        uint8 (height, width) for Mono8, else (height, width, 3) RGB; memory of its own.
    """
    pixels = memory[: frame_bytes(pixel_format, width=width, height=height)]
    if pixel_format in BAYER:
        return np.asarray(cv2.cvtColor(pixels.reshape(height, width), BAYER[pixel_format]), np.uint8)
    return pixels.reshape((height, width, 3) if pixel_format == "RGB8" else (height, width)).copy()
