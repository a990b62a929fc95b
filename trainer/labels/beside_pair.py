"""On which side of two points a third one lies, and how steadily: what tells the left of an animal from its right."""

import numpy as np
from numpy.typing import NDArray

AS_EXACT_PX = 1.0  # labels agree no better; without it any point that never moves would do, however near to the line


def beside(one: NDArray[np.float64], other: NDArray[np.float64], third: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance of a point from the line through a pair, px, (…): negative on the other side, NaN where one is missing.

    Args:
        one: (…, 2) px, the first of the pair.
        other: (…, 2) px, the second.
        third: (…, 2) px, the point.

    Returns:
        float64 (…); NaN also where the pair is in one place.
    """
    across, along = other - one, third - (one + other) / 2
    length = np.linalg.norm(across, axis=-1)
    crossed = across[..., 0] * along[..., 1] - across[..., 1] * along[..., 0]
    found: NDArray[np.float64] = np.divide(crossed, length, out=np.full_like(crossed, np.nan), where=length > 0)
    return found


def steadiness(distances: NDArray[np.float64]) -> float:
    """How far a point is from a line as a multiple of how much that varies: a tail's tip is far and passes to the other side.

    Args:
        distances: as `beside` gives them, of any shape; their signs do not count, since names may be exchanged.

    Returns:
        Median over a pixel and the range of nine tenths of them; 0 without any distance.
    """
    known = np.abs(distances[~np.isnan(distances)])
    if not known.size:
        return 0.0
    low, usual, high = np.quantile(known, [0.05, 0.5, 0.95])
    return float(usual / (high - low + AS_EXACT_PX))
