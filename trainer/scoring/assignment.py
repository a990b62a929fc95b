"""Which predicted animal is which labelled one: the pairing with the least distance in all. Pure; never imports torch."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped]

FAR_PX = 1e6  # stands for "no point in common": paired last, and then undone
REACH = 0.5  # of an animal's own size: farther off on average, it was not found
SPOT = 0.05  # of the image's shorter side: the same for an animal of one point, which has no size


@dataclass(frozen=True, slots=True, kw_only=True)
class AnimalCounts:
    """How many animals were found in a set of frames.

    Attributes:
        labelled: animals with a labelled point, over all frames.
        found: those with a prediction near enough, each prediction for one animal.
        false: predictions that are of no labelled animal.
    """

    labelled: int
    found: int
    false: int

    @property
    def missed(self) -> int:
        """Labelled animals that were not found."""
        return self.labelled - self.found


def mean_distances(one: NDArray[np.floating], other: NDArray[np.floating]) -> NDArray[np.float64]:
    """Mean distance over the points that both have, of every pair of animals.

    Args:
        one: (a, K, 2 or more), px, NaN where missing.
        other: (b, K, 2 or more).

    Returns:
        float64 (a, b), NaN where the two have no point in common.
    """
    off = np.asarray(one[:, None, :, :2], np.float64) - np.asarray(other[None, :, :, :2], np.float64)
    distance = np.hypot(off[..., 0], off[..., 1])
    both = ~np.isnan(distance)
    mean = np.where(both, distance, 0).sum(axis=2) / np.maximum(both.sum(axis=2), 1)
    return np.where(both.any(axis=2), mean, np.nan)


def best_pairs(distance: NDArray[np.float64], *, within_px: NDArray[np.float64] | float = math.inf) -> NDArray[np.int64]:
    """Pair rows with columns so that as many as possible are paired and their distances are least in all (Kuhn 1955).

    Args:
        distance: (a, b), NaN for pairs that cannot be.
        within_px: farthest that a pair may be apart; one number, or (a, 1), or (1, b).

    Returns:
        int64 (pairs, 2): row and column, in order of the rows.
    """
    possible = distance <= within_px  # NaN is not
    pairs = np.stack(linear_sum_assignment(np.where(possible, distance, FAR_PX)), axis=1)
    return np.asarray(pairs[possible[pairs[:, 0], pairs[:, 1]]], np.int64)


def in_order_of_labels(predicted: NDArray[np.floating], points: NDArray[np.floating]) -> NDArray[np.float64]:
    """Each labelled animal's best prediction, however far it is: what the error of a network in training is measured on.

    Args:
        predicted: (n, A, K, 3); the rows of absent animals are zero, which is far from nearly everything.
        points: (n, L, K, 2), NaN where missing.

    Returns:
        float64 (n, L, K, 3), NaN where the animal is not labelled, or there are fewer rows than animals.
    """
    ordered = np.full((*points.shape[:3], 3), np.nan)
    for frame, (rows, labels) in enumerate(zip(predicted, points, strict=True)):
        for label, row in best_pairs(mean_distances(labels, rows)):
            ordered[frame, label] = rows[row]
    return ordered


def answers_of_labels(answers: NDArray[np.floating], labelled: NDArray[np.float64], *, spot_px: float) -> NDArray[np.float64]:
    """Which answer of a frame is of which labelled animal.

    An animal is found if an answer lies within half its size (the diagonal of the box around its labels) on average. A row
    whose confidences are all 0 is not an answer.

    Args:
        answers: (A, K, 3), source pixels.
        labelled: (L, K, 2), NaN where missing.
        spot_px: how far off an animal of a single point may be, which has no size.

    Returns:
        float64 (L, K, 3), NaN for an animal that is not labelled or was not found.
    """
    found = np.full((*labelled.shape[:2], 3), np.nan)
    there = np.flatnonzero(present(answers))
    pairs = best_pairs(mean_distances(labelled, answers[there]), within_px=reach_px(labelled, spot_px))
    found[pairs[:, 0]] = answers[there[pairs[:, 1]]]
    return found


def without_missed(predicted: NDArray[np.float64], points: NDArray[np.float64], answered: int) -> tuple[NDArray[np.float64], AnimalCounts]:
    """Take the labels of animals that were not found out of what is measured in px, and count them instead.

    Args:
        predicted: (n, A, K, 3), as `answers_of_labels` gives it for each frame.
        points: (n, A, K, 2), labels.
        answered: rows that the network answered, in all frames.
    """
    found = ~np.isnan(predicted[..., 0, 0])
    labelled = (~np.isnan(points[..., 0])).any(axis=2)
    counts = AnimalCounts(labelled=int(labelled.sum()), found=int(found.sum()), false=answered - int(found.sum()))
    return np.where(found[..., None, None], points, np.nan), counts


def present(answers: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which rows (..., K, 3) are an animal: bool (...); those of a network that found fewer are all zero."""
    return np.asarray((answers[..., 2] > 0).any(axis=-1), np.bool_)


def reach_px(labelled: NDArray[np.float64], spot_px: float) -> NDArray[np.float64]:
    """How far an answer may be off, for each animal: (L, 1), px."""
    if labelled.shape[1] == 1:
        return np.full((len(labelled), 1), spot_px)
    known = ~np.isnan(labelled)
    low, high = np.where(known, labelled, np.inf).min(axis=1), np.where(known, labelled, -np.inf).max(axis=1)
    extent = np.where(known.any(axis=1), high, 0) - np.where(known.any(axis=1), low, 0)
    return np.asarray(REACH * np.hypot(extent[:, :1], extent[:, 1:]), np.float64)
