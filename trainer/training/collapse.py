"""A network that answers the same whatever it sees: found out while it trains, not after (a loss can fall all the same)."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

STUCK = 0.1  # answers that move less than this share of how the labels move: the image hardly matters
PATIENCE = 3  # epochs in a row; the first answers of any network stand still
LEAST_FRAMES = 5


def movement(predicted: NDArray[np.floating], true: NDArray[np.floating]) -> float | None:
    """How much predictions move from frame to frame as a share of how much the labels do: 0 for a constant answer, about 1 when good.

    The root of the variance of predicted coordinates over that of the labelled ones, summed over points.

    Args:
        predicted: (n, A, K, 2), source pixels, rows in the order of the labels.
        true: (n, A, K, 2), NaN where missing; only labelled points count.

    Returns:
        None where too few frames are labelled, or the labels do not move.
    """
    known = ~np.isnan(true).any(axis=-1, keepdims=True) & ~np.isnan(predicted).any(axis=-1, keepdims=True)
    often = known.sum(axis=0) >= LEAST_FRAMES
    if not often.any():
        return None
    labels, answers = _variance(true, known)[often[..., 0]], _variance(predicted, known)[often[..., 0]]
    return math.sqrt(answers.sum() / labels.sum()) if labels.sum() > 0 else None


def has_collapsed(movements: Sequence[float | None]) -> bool:
    """Whether the last epochs' answers stood still, from the first epoch on or at last."""
    last = movements[-PATIENCE:]
    return len(last) == PATIENCE and all(one is not None and one < STUCK for one in last)


def collapse_sentence(share: float) -> str:
    """What to tell people."""
    return (
        f"the network answers nearly the same for every held-out frame: its points move {share:.0%} as much as the labels; lower the "
        "learning rate, check that the labels belong to these images, or run `trainer diagnose`"
    )


def _variance(values: NDArray[np.floating], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Over the frames in which a point is known: (A, K, 2)."""
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, values, 0).sum(axis=0) / count
    spread: NDArray[np.float64] = np.where(known, (values - mean) ** 2, 0).sum(axis=0) / count
    return spread
