"""Whether probabilities are what they say: of the frames given 0.8, are eight of ten true?"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityBins:
    """Frames in bins of equal width by their probability. All (bins,).

    Attributes:
        said: float64, mean probability of the bin's frames, NaN where it has none.
        true: float64, share of them that are true, NaN likewise.
        frames: int64, how many they are.
    """

    said: NDArray[np.float64]
    true: NDArray[np.float64]
    frames: NDArray[np.int64]

    @property
    def ece(self) -> float:
        """Expected calibration error (Naeini 2015): |said − true| averaged over frames."""
        used = self.frames > 0
        if not used.any():
            return float("nan")
        return float((np.abs(self.said[used] - self.true[used]) * self.frames[used]).sum() / self.frames.sum())

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        said, true = ([None if np.isnan(x) else float(x) for x in values] for values in (self.said, self.true))
        return {"ece": self.ece, "said": said, "true": true, "frames": self.frames.tolist()}


def calibration(probability: NDArray[np.floating[Any]], true: NDArray[np.bool_], *, bins: int = BINS) -> ReliabilityBins:
    """Compare probabilities (n,) with what was true (n,).

    For exclusive classes give the likeliest class's probability and whether that class was right (Guo 2017).
    """
    place = np.minimum((probability * bins).astype(int), bins - 1)
    frames = np.bincount(place, minlength=bins)
    counts = np.where(frames > 0, frames, np.nan)
    return ReliabilityBins(
        said=np.bincount(place, weights=probability, minlength=bins) / counts,
        true=np.bincount(place, weights=true, minlength=bins) / counts,
        frames=frames.astype(np.int64),
    )
