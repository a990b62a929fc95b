"""Error against the number of labelled frames as a·n^-b + c, and what may be read from it.

Learning curves of networks follow such a law over a wide range (Hestness et al. 2017, Deep Learning Scaling is Predictable,
Empirically); c is what more frames of the same kind do not mend: imprecise labels, or too small a network.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls  # type: ignore[import-untyped]

FEWEST_SIZES = 4  # for three unknowns
REACH = 3.0  # no reading beyond so many times the largest size: the fit says nothing about what it has not seen
DRAWS = 400
_EXPONENTS = np.arange(0.05, 2.0001, 0.01)


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerLaw:
    """error(n) = a·n^-b + c in source pixels, with a and c at least 0 and 0.05 ≤ b ≤ 2."""

    a: float
    b: float
    c: float

    def at(self, frames: NDArray[np.float64]) -> NDArray[np.float64]:
        """The error to be expected with so many frames."""
        return np.asarray(self.a * frames**-self.b + self.c, np.float64)

    def frames_for(self, error_px: float) -> float:
        """How many frames an error needs; infinite where no number does."""
        if error_px <= self.c or self.a <= 0:
            return math.inf
        exponent = math.log(self.a / (error_px - self.c)) / self.b
        return math.exp(exponent) if exponent < 700 else math.inf


def fit_power_law(frames: NDArray[np.float64], error_px: NDArray[np.float64]) -> PowerLaw:
    """Least squares of residuals relative to the mean at each size, so that large errors at few frames do not outweigh what matters.

    For each exponent of a fine grid, a and c follow from linear least squares; the best exponent is taken.

    Args:
        frames: (n,), more than 0.
        error_px: (n,), more than 0.
    """
    scale = _mean_at(frames, error_px)
    best, best_cost = PowerLaw(a=0.0, b=1.0, c=float(np.mean(error_px))), math.inf
    for exponent in _EXPONENTS.tolist():
        law = _linear(frames, error_px, scale, exponent)
        cost = float(np.sum(((law.at(frames) - error_px) / scale) ** 2))
        if cost < best_cost:
            best, best_cost = law, cost
    return best


def bootstrap(repeats: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]], *, seed: int = 0) -> list[PowerLaw]:
    """Laws of repeats drawn with replacement, whole curves at a time, since the sizes of one repeat share their frames.

    Args:
        repeats: frames and errors of each repeat; none come back for fewer than two, which say nothing about chance.
        seed: of the draws.
    """
    if len(repeats) < 2:
        return []
    rng = np.random.default_rng(seed)
    laws: dict[tuple[int, ...], PowerLaw] = {}
    drawn = []
    for _ in range(DRAWS):
        chosen = tuple(sorted(rng.integers(len(repeats), size=len(repeats)).tolist()))
        if chosen not in laws:
            laws[chosen] = fit_power_law(*(np.concatenate([repeats[place][part] for place in chosen]) for part in (0, 1)))
        drawn.append(laws[chosen])
    return drawn


def interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Where the middle 95 % of values lie; None for no values."""
    if not values:
        return None
    ordered = sorted(values)
    last = len(ordered) - 1
    return ordered[round(0.025 * last)], ordered[round(0.975 * last)]


def _mean_at(frames: NDArray[np.float64], error_px: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean error of each point's size; its own error would favour whatever came out low by chance."""
    _, place = np.unique(frames, return_inverse=True)
    return np.asarray((np.bincount(place, error_px) / np.bincount(place))[place], np.float64)


def _linear(frames: NDArray[np.float64], error_px: NDArray[np.float64], scale: NDArray[np.float64], exponent: float) -> PowerLaw:
    """The best a ≥ 0 and c ≥ 0 for one exponent."""
    (a, c), _ = nnls(np.column_stack([frames**-exponent, np.ones_like(frames)]) / scale[:, None], error_px / scale)
    return PowerLaw(a=float(a), b=exponent, c=float(c))
