"""Choose by motion: frames that differ most from the frame before."""

import numpy as np
from numpy.typing import NDArray

from trainer.selection.candidates import Candidates
from trainer.selection.preference import Preference, Reason

SPREAD = 0.5  # of the time that falls to each frame, so that one bout does not take all


def by_motion(candidates: Candidates, open_: NDArray[np.int64], *, count: int) -> Preference:
    """The largest mean absolute frame difference first, spread out in time.

    Args:
        candidates: of one video.
        open_: int64 indices of those that may be chosen.
        count: how many are wanted, which says how far they are spread.
    """
    motion = candidates.motion
    moving = open_[motion[open_] > 0]
    order = moving[np.argsort(-motion[moving], kind="stable")]
    return Preference(
        bins=[order.tolist()],
        reason=lambda index: Reason(why="motion", detail=f"change {motion[index]:.2f} grey levels"),
        spread_s=SPREAD * candidates.duration_s / count,
    )
