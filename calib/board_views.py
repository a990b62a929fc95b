"""Corner tables: what is calibrated from, whether it came from images, from a file or from a synthetic camera."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calib.board import Board
from calib.corners import Corners


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardView:
    """One image of the board.

    Attributes:
        name: of the image, for people; two cameras' views of one moment have one name in a rig.
        ids: int64 (n,), which inner corners of the board, ascending.
        mm: float64 (n, 3), where they are on the board.
        pixels: float64 (n, 2), where they are in the image.
    """

    name: str
    ids: NDArray[np.int64]
    mm: NDArray[np.float64]
    pixels: NDArray[np.float64]


def view_of(board: Board, corners: Corners, *, name: str) -> BoardView:
    """The corners of one image with their places on the board."""
    return BoardView(name=name, ids=corners.ids, mm=board.corners_mm[corners.ids], pixels=corners.pixels)


def all_pixels(views: Sequence[BoardView]) -> NDArray[np.float64]:
    """Every corner of every view, (N, 2)."""
    return np.concatenate([view.pixels for view in views]) if views else np.empty((0, 2))
