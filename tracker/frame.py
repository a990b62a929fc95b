"""The value every stage receives first: one camera image, its number and when it was taken."""

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
    """Cumulative counts of frames before this one that got no pose, since the start of the daemon.

    Attributes:
        lost: numbers that the camera counted and that never arrived.
        skipped: frames that arrived whole and were passed over for a newer one, by `pace: newest_frame`.
        corrupt: frames that arrived damaged.
    """

    lost: int
    skipped: int
    corrupt: int
