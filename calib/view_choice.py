"""Which views are worth keeping while a board is shown to a camera. Pure: told of every frame, it answers keep or why not."""

from dataclasses import dataclass

import numpy as np

from calib.board_views import BoardView
from calib.coverage import VIEWS_WANTED, Coverage, covered, rough_lens

_STILL = 0.003  # share of the image's width that corners may move from one frame to the next: about the blur of a corner
_ELSEWHERE = 0.08  # share of the width that all corners must have moved by since every view that was kept
_NEW_CELLS = 2
_NOTHING_NEW = "nothing new: go where the image is amber, or tilt the board another way"
_TIMES_WANTED = 2  # more views than that cost time and add nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Whether to keep a view, and why, in a few words for whoever holds the board."""

    keep: bool
    why: str


class ViewChoice:
    """The views kept so far.

    Args:
        size: (width, height) of the images.
        moving: whether the images follow each other in time, so that a board can be seen to move; stills are taken as they are.
        wanted: how many views.
    """

    def __init__(self, size: tuple[int, int], *, moving: bool, wanted: int = VIEWS_WANTED) -> None:
        self.size, self.wanted = size, wanted
        self._moving = moving
        self._lens = rough_lens(size)
        self._kept: list[BoardView] = []
        self._covered: list[Coverage] = []
        self._last: BoardView | None = None

    @property
    def coverage(self) -> Coverage:
        """Of all views kept."""
        total = Coverage()
        for each in self._covered:
            total = total.plus(each)
        return total

    @property
    def missing(self) -> tuple[str, ...]:
        """What is still wanted, one clause each."""
        return self.coverage.missing(views=self.wanted)

    @property
    def kept(self) -> int:
        """How many views."""
        return len(self._kept)

    def judge(self, view: BoardView | None) -> Choice:
        """Judge the next frame; a view that is to be kept must be given to `add`."""
        before, self._last = self._last, view
        if view is None:
            return Choice(keep=False, why="no board in sight")
        if self._moving and not self._is_still(view, before):
            return Choice(keep=False, why="hold the board still")
        return self._gain(view)

    def add(self, view: BoardView) -> None:
        """Count a view as kept."""
        self._kept.append(view)
        self._covered.append(covered(view, self._lens))

    def remove_last(self) -> None:
        """Count the last view as never kept."""
        del self._kept[-1:], self._covered[-1:]

    def _gain(self, view: BoardView) -> Choice:
        total, here = self.coverage, covered(view, self._lens)
        if here.places - total.places:
            return Choice(keep=True, why=f"kept: {min(here.places - total.places)} reached")
        if int((here.cells & ~total.cells).sum()) >= _NEW_CELLS:
            return Choice(keep=True, why="kept: new part of the image")
        if here.tilts - total.tilts:
            return Choice(keep=True, why="kept: new tilt")
        if self.kept >= _TIMES_WANTED * self.wanted or not self.missing:
            return Choice(keep=False, why=_NOTHING_NEW)
        if self.kept < self.wanted and all(_shift(view, other) > _ELSEWHERE * self.size[0] for other in self._kept):
            return Choice(keep=True, why="kept: another place")
        return Choice(keep=False, why=_NOTHING_NEW)

    def _is_still(self, view: BoardView, before: BoardView | None) -> bool:
        return before is not None and _shift(view, before) < _STILL * self.size[0]


def _shift(view: BoardView, other: BoardView) -> float:
    """Mean distance in px between the corners that both show; infinite where there are none."""
    shared, here, there = np.intersect1d(view.ids, other.ids, assume_unique=True, return_indices=True)
    if not len(shared):
        return float("inf")
    return float(np.linalg.norm(view.pixels[here] - other.pixels[there], axis=1).mean())
