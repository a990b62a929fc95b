"""A video cut into five blocks of consecutive frames, with a gap behind each cut that is judged by nobody."""

import itertools
from collections.abc import Callable
from typing import Protocol, TypeVar

import numpy as np

from trainer.ethogram.bouts import UNCURATABLE, YES, Marks

BLOCKS = 5
GAP_S = 1.0  # what one second holds, the next frame holds too
_MOST = 0.1  # of a block, unless a bout goes on behind the cut
_MOST_OF_BOUT = 0.5


class Cuttable(Protocol):
    """What of a video is needed to cut it."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def marks(self) -> Marks: ...  # noqa: D102 int8 (frames, classes)
    @property
    def fps(self) -> float: ...  # noqa: D102
    @property
    def in_time(self) -> bool: ...  # noqa: D102


Video = TypeVar("Video", bound=Cuttable)


def in_blocks(video: Video, block: Callable[[int, int, str, Marks], Video]) -> tuple[Video, ...]:
    """Five blocks of frames in a row, called "NAME block 1" to 5.

    The first frames behind each cut are uncuratable, so that none that is scored looks like one that is learnt from: a second of them, a
    tenth of the block at most, and the rest of a bout that goes on there, up to half of the block. They are still there to warm up with.

    Args:
        video: to cut.
        block: makes one of first frame, end, name and marks.
    """
    edges = np.linspace(0, len(video.marks), BLOCKS + 1).round().astype(int).tolist()
    found = []
    for number, (first, end) in enumerate(itertools.pairwise(edges), 1):
        if end > first:
            marks = video.marks[first:end].copy()
            if video.in_time and first:
                marks[: _gap(video, first, end)] = UNCURATABLE
            found.append(block(first, end, f"{video.name} block {number}", marks))
    return tuple(found)


def _gap(video: Cuttable, first: int, end: int) -> int:
    """Frames behind a cut that teach nothing and are not scored."""
    on = video.marks == YES
    goes_on = on[first:end] & on[first - 1]
    bout = int(np.logical_and.accumulate(goes_on, axis=0).any(axis=1).sum())
    return max(min(round(GAP_S * video.fps), round(_MOST * (end - first))), min(bout, round(_MOST_OF_BOUT * (end - first))))
