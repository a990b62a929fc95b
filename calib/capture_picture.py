"""Draw what a person who holds a board needs to see: the corners found, and the part of the image that is still to be covered."""

import cv2
import numpy as np

from calib.board_views import BoardView
from calib.coverage import COLUMNS, ROWS, Coverage
from tracker.frame import Image
from tracker.point_colours import Colour

_GREEN: Colour = (0, 158, 115)
_AMBER: Colour = (230, 159, 0)
_BLUE: Colour = (86, 180, 233)
_TINT = 0.28
_SHIFT = 4  # of sub-pixel coordinates in OpenCV's drawing
_FRAME_SHARE = 0.012  # thickness of the frame that flashes when a view is kept, by width


def draw(image: Image, view: BoardView | None, coverage: Coverage, *, scale: float, kept: bool) -> Image:
    """The image in colour, smaller by `scale`: covered cells green, the others amber, corners circled, framed green if it was kept."""
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA) if scale < 1 else image
    canvas = np.asarray(cv2.cvtColor(small, cv2.COLOR_GRAY2RGB) if small.ndim == 2 else small.copy(), np.uint8)
    _tint(canvas, coverage)
    if view is not None:
        radius = max(3, round(size[0] / 160))
        for x, y in view.pixels * scale:
            centre = (round(float(x) * (1 << _SHIFT)), round(float(y) * (1 << _SHIFT)))
            cv2.circle(canvas, centre, radius << _SHIFT, _BLUE, 2, cv2.LINE_AA, _SHIFT)
    if kept:
        thickness = max(4, round(_FRAME_SHARE * size[0]))
        cv2.rectangle(canvas, (0, 0), (size[0] - 1, size[1] - 1), _GREEN, 2 * thickness)
    return canvas


def _tint(canvas: Image, coverage: Coverage) -> None:
    colours = np.where(coverage.cells[..., None], np.array(_GREEN), np.array(_AMBER)).astype(np.uint8)
    height, width = canvas.shape[:2]
    row = np.minimum((np.arange(height) + 0.5) / height * ROWS, ROWS - 1).astype(int)
    column = np.minimum((np.arange(width) + 0.5) / width * COLUMNS, COLUMNS - 1).astype(int)
    tint = colours[row[:, None], column[None]]
    canvas[:] = cv2.addWeighted(canvas, 1 - _TINT, tint, _TINT, 0)
