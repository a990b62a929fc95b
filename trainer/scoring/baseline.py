"""What knowing nothing costs: the two answers that every result is printed next to."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.scoring.metrics import point_errors


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """Mean distance, in source pixels, of two predictors that never look at the image.

    Attributes:
        mean_position_px: always answers each point's mean position in the training labels.
        image_centre_px: always answers the middle of the image, as a heat map that is black everywhere does.
        fitted_on: whose mean position it is, in words.
    """

    mean_position_px: float
    image_centre_px: float
    fitted_on: str


def mean_position(labels: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.float64]:
    """Mean of each key point over the frames that have it: float64 (K, 2); the image's centre for a point never labelled.

    Args:
        labels: (n, K, 2) or (n, A, K, 2) source pixels, NaN where missing; all animals count together.
        size: (height, width) of the images.
    """
    labels = labels.reshape(-1, *labels.shape[-2:])
    known = ~np.isnan(labels).any(axis=2, keepdims=True)
    total = np.where(known, labels, 0.0).sum(axis=0)
    count = known.sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), image_centre(size))


def image_centre(size: tuple[int, int]) -> NDArray[np.float64]:
    """The middle of an image of (height, width), where pixel centres are whole numbers: float64 (2,), x then y."""
    height, width = size
    return np.array([(width - 1) / 2, (height - 1) / 2])


def score_baselines(
    held_out: NDArray[np.float64], *, train: NDArray[np.float64], size: tuple[int, int], fitted_on: str = "training labels"
) -> Baseline:
    """Fit the mean position on the training labels and score both baselines on the held-out ones.

    Args:
        held_out: (n, K, 2) or (n, A, K, 2) source pixels, NaN where missing.
        train: (m, K, 2) or (m, A, K, 2), the same points.
        size: (height, width) of the images.
        fitted_on: what `train` is, in words.
    """
    return Baseline(
        mean_position_px=_cost(mean_position(train, size), held_out),
        image_centre_px=_cost(image_centre(size), held_out),
        fitted_on=fitted_on,
    )


def score_baselines_of_sizes(
    held_out: NDArray[np.float64],
    *,
    sizes: Sequence[tuple[int, int]],
    train: NDArray[np.float64],
    train_sizes: Sequence[tuple[int, int]],
    fitted_on: str = "training labels",
) -> Baseline:
    """As `score_baselines` for images of several sizes: a place is a share of its image's width and height.

    Args:
        held_out: (n, A, K, 2) source pixels, NaN where missing.
        sizes: (height, width) of each of the n images.
        train: (m, A, K, 2), the same points.
        train_sizes: (height, width) of each of the m images.
        fitted_on: what `train` is, in words.
    """
    own, known = (np.array(each, np.float64)[:, None, None, ::-1] for each in (sizes, train_sizes))  # width, height
    mean = mean_position((train + 0.5) / known - 0.5, (1, 1))  # an image of one pixel, whose centre is 0
    return Baseline(
        mean_position_px=_cost((mean + 0.5) * own - 0.5, held_out),
        image_centre_px=_cost((own - 1) / 2, held_out),
        fitted_on=fitted_on,
    )


def _cost(answer: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    return point_errors(np.broadcast_to(answer, truth.shape), truth).spread.mean_px
