"""How far predictions are from the truth. The one reduction for training, validation and test frames; pure numpy, nothing is rounded.

The figure that judges a network is the Euclidean distance per frame and key point. Neither R² nor the mean squared error
of a heat map does: a heat map that is black everywhere costs hardly more than a perfect one, and R² measures how far the
animal walks as much as how well it is found. Both are computed for comparison with older work only.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.errors import TrainingError

WITHIN_PX = (2, 5, 10)

Offsets = NDArray[np.float64]  # (n, A, K, 2): prediction minus truth in source pixels, NaN where the truth is missing
Distances = NDArray[np.float64]  # (n, A, K) in source pixels, NaN where the truth is missing


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Where distances lie, in source pixels; NaN where no point was labelled."""

    mean_px: float
    median_px: float
    p95_px: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PointErrors:
    """The error of every key point in every frame, from which each figure is one reduction over all labelled points.

    The axis of animals may be left out, for frames with one.

    Attributes:
        offset_px: float64 (n, A, K, 2), prediction minus truth, NaN where the truth is missing.
        true_px: float64 (n, A, K, 2), NaN where missing.
        distance_px: float64 (n, A, K), Euclidean length of the offset, NaN where missing.
    """

    offset_px: Offsets
    true_px: NDArray[np.float64]
    distance_px: Distances

    @property
    def missing(self) -> int:
        """Points without a truth, which no figure counts."""
        return int(np.isnan(self.distance_px).sum())

    @property
    def found(self) -> int:
        """Points with a truth, which every figure counts."""
        return self.distance_px.size - self.missing

    @property
    def spread(self) -> Spread:
        """Mean, median and 95th percentile of the distance over all labelled points."""
        return _spread(self.distance_px)

    @property
    def per_point(self) -> tuple[Spread, ...]:
        """The same for each of the K key points, all animals together."""
        return tuple(_spread(column) for column in self.columns)

    @property
    def columns(self) -> tuple[NDArray[np.float64], ...]:
        """Distances of each key point: K times float64 (n · A,), NaN where missing."""
        points = self.distance_px.shape[-1]
        return tuple(self.distance_px.reshape(-1, points).T)

    @property
    def per_frame_px(self) -> NDArray[np.float64]:
        """Mean distance of each frame's labelled points: float64 (n,), NaN for a frame without any."""
        distance = self.distance_px.reshape(len(self.distance_px), -1)
        known = ~np.isnan(distance)
        count = known.sum(axis=1)
        mean = np.where(known, distance, 0.0).sum(axis=1) / np.maximum(count, 1)
        return np.where(count > 0, mean, np.nan)

    def of_frames(self, chosen: NDArray[np.int64] | NDArray[np.bool_]) -> "PointErrors":
        """The errors of some frames, by index or by mask (n,)."""
        return PointErrors(offset_px=self.offset_px[chosen], true_px=self.true_px[chosen], distance_px=self.distance_px[chosen])

    def of_point(self, point: int) -> "PointErrors":
        """The errors of one key point, by its place."""
        one = slice(point, point + 1)
        return PointErrors(offset_px=self.offset_px[..., one, :], true_px=self.true_px[..., one, :], distance_px=self.distance_px[..., one])

    @property
    def rms_distance_px(self) -> float:
        """Root of the mean squared distance: sqrt(2) times `rmse_px`, and never below the mean distance."""
        return math.sqrt(_mean(self.distance_px**2))

    @property
    def rmse_px(self) -> float:
        """Root of the mean squared error of one coordinate."""
        return math.sqrt(self.mse_px2)

    @property
    def log_mse(self) -> float:
        """Natural logarithm of the mean squared error of one coordinate (px²); minus infinity for a perfect prediction."""
        return math.log(self.mse_px2) if self.mse_px2 != 0 else -math.inf

    @property
    def mse_px2(self) -> float:
        """Mean squared error of one coordinate."""
        return _mean(self.offset_px**2)

    @property
    def r2_per_coordinate(self) -> NDArray[np.float64]:
        """Coefficient of determination, 1 - SS(residual) / SS(total): float64 (K, 2), NaN where the truth never varies."""
        points = self.true_px.shape[-2]
        truth, offset = self.true_px.reshape(-1, points, 2), self.offset_px.reshape(-1, points, 2)
        labelled = (~np.isnan(truth)).sum(axis=0)
        centre = np.nansum(truth, axis=0) / np.maximum(labelled, 1)
        total = np.nansum((truth - centre) ** 2, axis=0)
        residual = np.nansum(offset**2, axis=0)
        varies = total > 0
        return np.where(varies, 1 - residual / np.where(varies, total, 1), np.nan)

    @property
    def r2(self) -> float:
        """Mean of R² over the coordinates whose truth varies."""
        return _mean(self.r2_per_coordinate)

    def within(self, limit_px: float) -> float:
        """Share of labelled points no farther than `limit_px` from their truth, 0..1."""
        found = self.distance_px[~np.isnan(self.distance_px)]
        return float(np.mean(found <= limit_px)) if found.size else math.nan


def point_errors(predicted: NDArray[np.floating], true: NDArray[np.floating]) -> PointErrors:
    """Compare predictions with the truth.

    Args:
        predicted: (n, A, K, 2 or more), x and y first, source pixels; a confidence behind them is not looked at. Animals
            are in the labels' order; their axis may be left out of both.
        true: (n, A, K, 2), source pixels, NaN where a point is missing.

    Raises:
        TrainingError: the shapes disagree, or a prediction is not a finite number.
    """
    if predicted.ndim not in (3, 4) or predicted.shape[-1] < 2 or true.shape != (*predicted.shape[:-1], 2):
        raise TrainingError(f"predictions of shape {predicted.shape} and labels of shape {true.shape} do not belong together")
    located = np.asarray(predicted[..., :2], np.float64)
    if not np.isfinite(located).all():
        frame, *_, point = np.argwhere(~np.isfinite(located).all(axis=-1))[0].tolist()
        raise TrainingError(f"the prediction for frame {frame}, point {point} is not a number; the network has diverged: train it again")
    truth = np.asarray(true, np.float64)
    whole = np.where(np.isnan(truth).any(axis=-1, keepdims=True), np.nan, truth)  # half a label is not a label
    offset = located - whole
    return PointErrors(offset_px=offset, true_px=whole, distance_px=np.hypot(offset[..., 0], offset[..., 1]))


def _spread(distances: NDArray[np.float64]) -> Spread:
    found = distances[~np.isnan(distances)]
    if not found.size:
        return Spread(mean_px=math.nan, median_px=math.nan, p95_px=math.nan)
    median, p95 = np.percentile(found, [50, 95])
    return Spread(mean_px=float(np.mean(found)), median_px=float(median), p95_px=float(p95))


def _mean(values: NDArray[np.float64]) -> float:
    found = values[~np.isnan(values)]
    return float(np.mean(found)) if found.size else math.nan


def share_beyond(limit_px: NDArray[np.float64], distance_px: Distances) -> float:
    """Share of the labelled points that are farther off than their limit, (K,) or one for all; 0 without labels."""
    known = np.isfinite(distance_px)
    return float((distance_px > limit_px)[known].mean()) if known.any() else 0.0
