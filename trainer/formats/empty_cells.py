"""What an empty cell of another tool's labels means: a point that cannot be seen, or one that nobody has labelled. No file says."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from trainer.errors import LabelError
from trainer.labels.labelled_frames import LabelledFrames

Empty = Literal["hidden", "unlabelled"]
MOST = 0.5  # a point that is empty in more than this share of the animals is left out on purpose, one way or the other


def settle_empty(frames: LabelledFrames, meaning: Empty | None, *, source: Path) -> LabelledFrames:
    """Give the empty points of every animal that has others their meaning.

    Args:
        frames: as a reader gave them.
        meaning: what an empty cell means, None where nobody has said.
        source: what was read, to begin the question with.

    Returns:
        The frames; with `hidden`, their empty points are hidden.

    Raises:
        LabelError: nobody has said, and a point is empty in most frames: the question, in words.
    """
    empty = _empty(frames)
    if meaning == "hidden":
        return replace(frames, hidden=frames.hidden | empty)
    labelled = _labelled(frames)
    shares = empty[labelled].mean(axis=0)
    often = [place for place, share in enumerate(shares.tolist()) if share > MOST]
    if meaning is None and often:
        counts = ", ".join(f"'{frames.point_names[place]}' in {int(empty[labelled][:, place].sum())}" for place in often)
        raise LabelError(
            f"{source}: of {int(labelled.sum())} labelled animals no place is given for {counts}; does an empty cell mean that the point "
            "cannot be seen there, or that nobody has labelled it? give --empty hidden or --empty unlabelled"
        )
    return frames


def count_empty(frames: LabelledFrames) -> dict[str, int]:
    """In how many labelled animals a point is neither placed nor hidden, by point; without points that always are one of these."""
    counts = _empty(frames).sum(axis=(0, 1))
    return {name: count for name, count in zip(frames.point_names, counts.tolist(), strict=True) if count}


def _labelled(frames: LabelledFrames) -> NDArray[np.bool_]:
    """(n, A): animals of which any point is placed."""
    return np.asarray((~np.isnan(frames.points[..., 0])).any(axis=2))


def _empty(frames: LabelledFrames) -> NDArray[np.bool_]:
    """(n, A, K): points that are neither placed nor hidden, of animals that are labelled."""
    return np.asarray(np.isnan(frames.points[..., 0]) & ~frames.hidden & _labelled(frames)[..., None])
