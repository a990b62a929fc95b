"""Several centres from one heat map: local maxima, non-maximum suppression, a threshold; and how many of them are right."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainer.networks.peaks import LOW, local_maxima
from trainer.scoring.assignment import AnimalCounts, best_pairs, mean_distances

MOST = 8  # peaks kept of a map; an image holds five rectangles at most
# of the map's probability within a peak's window, below which it counts as nothing: half the share of one of five equal spots
THRESHOLD = 0.1


def peaks_of(probability: Tensor, *, cell: int, radius: int, count: int = MOST) -> Tensor:
    """The highest peaks of each map, of which none lies in the window of a higher one.

    Args:
        probability: (n, h, w), sums to 1 or less.
        cell: image pixels per cell.
        radius: of a peak's window, cells.
        count: peaks of a map at most.

    Returns:
        float32 (n, count, 3), highest first: x and y in image pixels, the mean position within the window, and the
        probability within it; all zero where there are fewer peaks.
    """
    left = torch.where(local_maxima(probability[:, None]), probability[:, None], LOW)[:, 0]
    down = torch.arange(probability.shape[1])
    right = torch.arange(probability.shape[2])
    found = []
    for _ in range(count):
        height, place = left.flatten(1).max(1)
        row, column = place // probability.shape[2], place % probability.shape[2]
        off_y, off_x = down - row[:, None], right - column[:, None]
        near = (off_y.abs() <= radius)[:, :, None] & (off_x.abs() <= radius)[:, None]
        inside = probability * near
        mass = inside.sum((1, 2))
        # the middle of cell i is at (i + 0.5) · cell - 0.5, as pixel centres are whole numbers
        x = (column + (inside.sum(1) * off_x).sum(1) / mass.clamp_min(1e-12) + 0.5) * cell - 0.5
        y = (row + (inside.sum(2) * off_y).sum(1) / mass.clamp_min(1e-12) + 0.5) * cell - 0.5
        found.append(torch.where((height > 0)[:, None], torch.stack([x, y, mass], 1), 0.0))
        left = torch.where(near, LOW, left)
    return torch.stack(found, 1).float()


def count_centres(
    peaks: NDArray[np.float32], centres: NDArray[np.float64], *, within_px: float, threshold: float = THRESHOLD
) -> AnimalCounts:
    """Centres found of those present, and peaks that are of no rectangle; each peak counts for one centre.

    Args:
        peaks: (n, P, 3), as `peaks_of` gives them.
        centres: (n, R, 2), px.
        within_px: farthest that a peak may be from its centre.
        threshold: probability in a peak's window, below which it is none.
    """
    found = shown = 0
    for image_peaks, truth in zip(peaks, centres, strict=True):
        there = image_peaks[image_peaks[:, 2] >= threshold]
        shown += len(there)
        found += len(best_pairs(mean_distances(truth[:, None], there[:, None]), within_px=within_px))
    return AnimalCounts(labelled=int(centres.shape[0] * centres.shape[1]), found=found, false=shown - found)


def peaks_shown(peaks: NDArray[np.float32], *, threshold: float = THRESHOLD) -> NDArray[np.int64]:
    """Number of peaks above the threshold in each image: int64 (n,)."""
    return np.asarray((peaks[..., 2] >= threshold).sum(axis=1), np.int64)
