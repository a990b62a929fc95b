"""What a gap between training and held-out error means, in one sentence with its remedy. The rule is stated beside it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from trainer.scoring.evaluate import Evaluation

OVERFIT_RATIO = 1.5  # held-out median over training median, both scored the same way
OVERFIT_PX = 0.5  # and at least this much apart: a ratio between errors far below annotators' own precision says nothing
BASELINE_SHARE = 0.5  # a mean error above this share of the mean-position baseline: the network hardly looks at the image
STILL_FALLING = 0.05  # the last fifth of the epochs improved the held-out error by more than this share
RULE = (
    f"Rule: over-fitted when the held-out median is more than {OVERFIT_RATIO:g} times the training median and more than {OVERFIT_PX:g} px "
    f"above it; under-fitted when the mean error exceeds {BASELINE_SHARE:.0%} of the mean-position baseline, or when the last fifth of the "
    f"epochs still lowered the held-out error by more than {STILL_FALLING:.0%}. Both sets are scored in the same way: the finished "
    "engine, no augmentation, no dropout."
)
NO_EPOCHS: Mapping[str, Any] = {"epochs": []}


def diagnosis(train: Evaluation, held_out: Evaluation | None, history: Mapping[str, Any] = NO_EPOCHS) -> str:
    """One sentence: over-fitted, under-fitted, or neither, with the figures that say so.

    Args:
        train: the bundle on frames that it has learnt from.
        held_out: on frames that it has not; None where there are none.
        history: "epochs", a list of {"val_error_px"}; without it nothing is said about training longer.
    """
    if held_out is None or math.isnan(held_out.errors.spread.median_px):
        return "No labelled frame was held out, so nothing can be said about over-fitting: label more frames or hold some out."
    learnt, found, baseline = train.errors.spread, held_out.errors.spread, held_out.baseline.mean_position_px
    gap = f"held-out median {found.median_px:.2f} px, training median {learnt.median_px:.2f} px"
    if learnt.median_px > 0:
        gap += f", a gap of {found.median_px / learnt.median_px - 1:+.0%}"
    if found.mean_px > BASELINE_SHARE * baseline:
        return (
            f"Under-fitted or mislabelled: a mean error of {found.mean_px:.1f} px is more than {BASELINE_SHARE:.0%} of the "
            f"{baseline:.1f} px that always answering the mean position costs ({gap}); train longer, and look at the worst frames."
        )
    if found.median_px > OVERFIT_RATIO * learnt.median_px and found.median_px - learnt.median_px > OVERFIT_PX:
        return (
            f"Over-fitted: {gap}; more labelled frames (most of all like the worst ones), stronger augmentation or a larger weight "
            "decay will help."
        )
    falling = still_falling([row.get("val_error_px") for row in history["epochs"]])
    if falling is not None and falling > STILL_FALLING:
        return f"Under-fitted: the last fifth of the epochs still lowered the held-out error by {falling:.0%} ({gap}); train longer."
    if history["epochs"] and falling is None:
        return f"Not over-fitted: {gap}; {len(history['epochs'])} epochs are too few to say whether the held-out error still falls."
    ended = ", and the held-out error has stopped falling" if history["epochs"] else ""
    return f"Neither over- nor under-fitted: {gap}{ended}."


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
