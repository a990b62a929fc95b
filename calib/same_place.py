"""Views that show the board where another view shows it already. They confirm that view, and say nothing else of the lens."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from calib.board_views import BoardView
from calib.intrinsics import Solution, covariance_from

# Share of the image's width that every corner moves less than: a tenth of a cell of the coverage grid, and three times what a board
# held still moves between two frames. Boards that were moved on purpose differ by 4 % and more; those left standing by 0.02 %.
SAME_PLACE = 0.01
_ALIKE = 0.5  # share of a view's corners that the other has to show too, to be compared by them


def same_place(views: Sequence[BoardView], *, width: int) -> list[list[int]]:
    """Which views are of one place of the board.

    Args:
        views: of one board by one camera.
        width: of the images, px.

    Returns:
        Numbers of views, a list for each place: that with the most corners first. In the sequence of the views.
    """
    corners = np.full((len(views), 1 + max((int(view.ids.max(initial=0)) for view in views), default=0), 2), np.nan)
    for number, view in enumerate(views):
        corners[number, view.ids] = view.pixels
    fullest: list[int] = []
    groups: dict[int, list[int]] = {}
    for number in sorted(range(len(views)), key=lambda each: -len(views[each].ids)):
        moved = np.linalg.norm(corners[fullest] - corners[number], axis=2)  # (places, corners), NaN where one of both lacks it
        shared = np.isfinite(moved).sum(axis=1) >= max(1.0, _ALIKE * len(views[number].ids))
        alike = np.flatnonzero(shared & ~(moved >= SAME_PLACE * width).any(axis=1))
        if len(alike):
            groups[fullest[int(alike[0])]].append(number)
        else:
            fullest.append(number)
            groups[number] = [number]
    return sorted(groups.values(), key=min)


def counted_once(solution: Solution, groups: Sequence[Sequence[int]]) -> Solution:
    """The same lens, with the covariance that one view of each place leaves: the errors of corners that stand still are the same ones.

    Args:
        solution: from all views.
        groups: of its views, as `same_place` gives them.
    """
    if len(groups) == len(solution.views):
        return solution
    return replace(solution, covariance=covariance_from(solution, [group[0] for group in groups]))
