"""The value every stage receives first: one camera image, its number, when it was taken, and what was not tracked before it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]  # (height, width) grey, or (height, width, 3) RGB


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One camera image and when it was taken.

    Attributes:
        image: uint8, (height, width) or (height, width, 3) RGB.
        number: the camera's own counter; a gap means lost frames.
        exposed_ns: start of exposure on the camera's clock, None where the camera has no clock.
        received_ns: host CLOCK_MONOTONIC when the frame was in host memory.
    """

    image: Image
    number: int
    exposed_ns: int | None
    received_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameCounts:
    """Frames that were not tracked, each counted once, since the tracker started.

    Attributes:
        lost: numbers the camera counted that never arrived.
        skipped: arrived, and replaced by a newer one before the loop took them.
        corrupt: arrived damaged.
    """

    lost: int
    skipped: int
    corrupt: int
