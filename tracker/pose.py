"""Where the animals are in one frame: key points in source pixels, never rounded, and in millimetres once located."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

KeyPoints = NDArray[np.float32]  # (animals, K, 3): x, y in source pixels, confidence 0..1
PlanePoints = NDArray[np.float64]  # (animals, K, 2): X, Y in mm; of a rig (animals, K, 3): X, Y, Z


@dataclass(frozen=True, slots=True, kw_only=True)
class Pose:
    """The key points of every animal in one frame.

    Attributes:
        points: float32 (animals, K, 3), x and y in source pixels (pixel centres are whole numbers), confidence 0..1.
        mm: float64 (animals, K, 2), in the space of a rig (animals, K, 3), or None without a calibration.
    """

    points: KeyPoints
    mm: PlanePoints | None
