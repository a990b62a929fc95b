"""Answers that lie beside their labels on one side: when that is more than chance, and how it is said."""

import math

from trainer.scoring.measurements import PointMeasure

SURE_BIAS = 3.0  # standard errors; below that a bias is chance
LEAST_BIAS_PX = 0.5
FEWEST_FOR_BIAS = 5  # held-out labels; the spread of fewer says nothing


def is_biased(point: PointMeasure) -> bool:
    """Whether its answers lie beside its labels beyond chance."""
    size = math.hypot(*point.bias_px)
    return point.scored >= FEWEST_FOR_BIAS and size > LEAST_BIAS_PX and size > SURE_BIAS * point.bias_error_px


def bias_in_words(point: PointMeasure) -> str:
    """How far and where to: "snout 6.7 px left and 1.2 px above"."""
    x, y = point.bias_px
    across = f"{abs(x):.1f} px {'right' if x > 0 else 'left'}"
    down = f"{abs(y):.1f} px {'below' if y > 0 else 'above'}"
    words = " and ".join(said for value, said in ((x, across), (y, down)) if abs(value) >= LEAST_BIAS_PX / 2)
    return f"{point.name} {words}"
