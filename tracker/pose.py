"""What is known of the animals in one frame: key points in source pixels, never rounded, in millimetres once located, and scores."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

KeyPoints = NDArray[np.float32]  # (animals, K, 3): x, y in source pixels, confidence 0..1
NO_KEY_POINTS: KeyPoints = np.zeros((0, 0, 3), np.float32)  # where no network finds any
PlanePoints = NDArray[np.float64]  # (animals, K, 2): X, Y in mm; of a rig (animals, K, 3): X, Y, Z


@dataclass(frozen=True, slots=True, kw_only=True)
class Pose:
    """The key points of every animal in one frame, and what was made of them.

    Attributes:
        points: float32 (animals, K, 3), x and y in source pixels (pixel centres are whole numbers), confidence 0..1.
        mm: float64 (animals, K, 2), in the space of a rig (animals, K, 3), or None without a calibration.
        scores: probability of each class of behaviour, by name; empty where there is no classifier.
        warming: classifiers that have no scores yet.
        no_region: classifiers without scores, since the key point that they follow is not to be found.
        without_network: classifiers whose scores are not their network's: `only_when` says that there is nothing to be found.
    """

    points: KeyPoints
    mm: PlanePoints | None
    scores: Mapping[str, float] = field(default_factory=dict)
    warming: tuple[str, ...] = ()
    no_region: tuple[str, ...] = ()
    without_network: tuple[str, ...] = ()
