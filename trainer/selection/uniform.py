"""Choose uniformly: frames at equal distances in time."""

import numpy as np
from numpy.typing import NDArray

from trainer.selection.candidates import Candidates
from trainer.selection.preference import Preference, Reason


def by_time(candidates: Candidates, open_: NDArray[np.int64], *, count: int) -> Preference:
    """One bin for each of `count` equal spans of time, the frame nearest its middle first.

    Args:
        candidates: of one video.
        open_: int64 indices of those that may be chosen.
        count: how many spans.
    """
    seconds = candidates.seconds[open_] - candidates.seconds[0]
    width = max(candidates.duration_s / count, np.finfo(np.float64).tiny)
    span = np.minimum((seconds / width).astype(np.int64), count - 1)
    from_middle = np.abs(seconds - (span + 0.5) * width)
    order = np.lexsort((from_middle, span))
    bins = [open_[order[span[order] == each]].tolist() for each in np.unique(span)]
    return Preference(bins=bins, reason=lambda _: Reason(why="uniform", detail=f"one in {width:.1f} s"))
