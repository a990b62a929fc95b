"""How loss and error went over the epochs: whether they still fall, and where the held-out loss leaves the training loss behind."""

from collections.abc import Sequence

import numpy as np

STILL_FALLING = 0.05  # the last fifth of the epochs improved the held-out error by more than this share
RISEN = 0.05  # a held-out loss above its smallest by more than this share of its whole fall has risen, and not by chance
FEWEST_EPOCHS_MIDWAY = 3  # in a third: two single losses are compared
FEWEST_EPOCHS = 8  # before that a loss has hardly begun to fall


def still_falling(held_out_px: Sequence[float | None]) -> float | None:
    """By what share the last fifth of the epochs lowered the median held-out error of the fifth before; None for fewer than 10 epochs.

    Args:
        held_out_px: error after each epoch; None where it was not measured.
    """
    errors = [error for error in held_out_px if error is not None]
    fifth = len(errors) // 5
    if fifth < 2:
        return None
    before, last = float(np.median(errors[-2 * fifth : -fifth])), float(np.median(errors[-fifth:]))
    return (before - last) / before if before > 0 else 0.0


def fell_midway(losses: Sequence[float]) -> float | None:
    """Which share of its whole fall a loss fell by in the middle third of the epochs; None for fewer than 9, or where it did not fall.

    A learning rate that goes to zero flattens every loss towards the end, however short the training was. In the middle third it is
    still between three quarters and a quarter of its highest: a loss that falls much there would fall on in a longer training.

    Args:
        losses: of each epoch.
    """
    third = len(losses) // 3
    if third < FEWEST_EPOCHS_MIDWAY:
        return None
    fall = losses[0] - min(losses)
    return (losses[third - 1] - losses[2 * third - 1]) / fall if fall > 0 else None


def crossing(train: Sequence[float | None], held_out: Sequence[float | None]) -> int | None:
    """The epoch from which the training loss stays below a held-out loss that has begun to rise; None where there is none.

    From there on the network memorises its training frames. The held-out loss is smoothed by a median of three epochs;
    it has risen where it ends above its smallest by more than `RISEN` of what it fell by before.

    Args:
        train: loss of each epoch.
        held_out: of the same epochs.

    Returns:
        Its place in the two sequences.
    """
    if len(train) < FEWEST_EPOCHS or any(value is None for value in (*train, *held_out)):
        return None
    learnt, other = np.array(train, np.float64), np.array(held_out, np.float64)
    if not (np.isfinite(learnt).all() and np.isfinite(other).all()):
        return None
    smooth = np.median(np.stack([other, np.append(other[1:], other[-1]), np.append(other[0], other[:-1])]), axis=0)
    lowest = int(np.lexsort((other, smooth))[0])
    if smooth[-1] - smooth[lowest] <= RISEN * (smooth[0] - smooth[lowest]):
        return None
    above = np.flatnonzero(learnt >= other)
    apart = int(above[-1]) + 1 if above.size else 0
    return max(apart, lowest) if apart < len(learnt) else None
