"""Choose at random."""

import numpy as np
from numpy.typing import NDArray

from trainer.selection.preference import Preference, Reason


def at_random(open_: NDArray[np.int64], *, seed: int) -> Preference:
    """All of `open_` (int64 indices of candidates) in an order that the seed decides."""
    order = np.random.default_rng(seed).permutation(open_)
    return Preference(bins=[order.tolist()], reason=lambda _: Reason(why="random", detail=f"seed {seed}"))
