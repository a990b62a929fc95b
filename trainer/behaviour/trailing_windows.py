"""Means and deviations of the past of every feature, for a learner that remembers nothing."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def with_windows(features: NDArray[np.float32], windows: Sequence[float]) -> NDArray[np.float32]:
    """Features, and of each its mean and standard deviation over the frames up to and with this one.

    Args:
        features: (frames, count).
        windows: frames in each window, rounded, one at least; at the start of the video as many as there are.

    Returns:
        float32 (frames, count · (1 + 2 · windows)).
    """
    sums = _sums(features.astype(np.float64))
    squares = _sums(features.astype(np.float64) ** 2)
    ends = np.arange(1, len(features) + 1)
    parts = [features]
    for window in windows:
        begins = np.maximum(0, ends - max(1, round(window)))
        frames = (ends - begins)[:, None]
        mean = (sums[ends] - sums[begins]) / frames
        variance = (squares[ends] - squares[begins]) / frames - mean**2
        parts += [mean.astype(np.float32), np.sqrt(np.maximum(variance, 0)).astype(np.float32)]
    return np.concatenate(parts, axis=1)


def _sums(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
