"""Labels of one frame as arrays, and which animal of one annotator is which of another's."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped]

from trainer.project.layer import HIDDEN, FrameLabel

FAR_PX = 1e6  # between animals without a point in common: matched last


def label_arrays(label: FrameLabel, *, point_names: Sequence[str], animals: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Labels by name → arrays.

    Returns:
        float64 (animals, K, 2), source pixels, NaN where no point is placed; bool (animals, K), said to be out of sight.
    """
    points = np.full((animals, len(point_names), 2), np.nan)
    hidden = np.zeros((animals, len(point_names)), bool)
    for row, animal in enumerate(label.animals):
        for name, place in animal.items():
            column = point_names.index(name)
            if place == HIDDEN:
                hidden[row, column] = True
            else:
                points[row, column] = place
    return points, hidden


def same_animals(reference: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.int64]:
    """Which animal of `other` is each of `reference`, so that the mean distance between their points is least in all.

    Two annotators of a frame need not have begun with the same animal.

    Args:
        reference: float64 (animals, K, 2), NaN where no point is placed.
        other: the same of another annotator.

    Returns:
        int64 (animals,): `other[result]` stands in the order of `reference`.
    """
    animals = len(reference)
    cost = np.full((animals, animals), FAR_PX)
    for row, one in enumerate(reference):
        distance = np.hypot(*np.moveaxis(other - one, -1, 0))
        both = ~np.isnan(distance)
        met = both.any(axis=1)
        cost[row, met] = np.where(both, distance, 0).sum(axis=1)[met] / both.sum(axis=1)[met]
    return np.asarray(linear_sum_assignment(cost)[1], np.int64)
