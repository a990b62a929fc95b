"""Mean and standard deviation of a few figures, which is how a figure of several runs is given."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class SpreadOfRuns:
    """Mean and standard deviation (n - 1) of several figures; the deviation of one figure does not exist."""

    mean: float
    sd: float | None
    count: int

    @property
    def words(self) -> str:
        """For people."""
        return f"{self.mean:.2f} ± {self.sd:.2f}" if self.sd is not None else f"{self.mean:.2f}"

    def as_json(self) -> dict[str, float | int | None]:
        """For programs."""
        return {"mean": self.mean if self.count else None, "sd": self.sd, "count": self.count}


def spread(values: Sequence[float]) -> SpreadOfRuns:
    """Mean and deviation of those that are numbers."""
    known = np.array([value for value in values if math.isfinite(value)], np.float64)
    if not known.size:
        return SpreadOfRuns(mean=math.nan, sd=None, count=0)
    return SpreadOfRuns(mean=float(known.mean()), sd=float(known.std(ddof=1)) if known.size > 1 else None, count=int(known.size))
