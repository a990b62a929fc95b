"""What a set of views covers of the image and of the board's tilts, and what is missing. Pure; capturing and judging use the same rules."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from calib.board_views import BoardView
from calib.intrinsics import pose_of
from calib.lens import Lens
from tracker.errors import CalibrationError

Array = NDArray[np.float64]
COLUMNS, ROWS = 10, 8
CELLS_WANTED = 0.8  # share of the image's cells that a corner was seen in
VIEWS_WANTED, VIEWS_NEEDED = 30, 15
TILTS_WANTED = 4
SECTORS = ("right", "lower right", "down", "lower left", "left", "upper left", "up", "upper right")  # of 45 degrees, from x towards y
_TILT_DEG = 12.0  # a board seen more squarely than this tilts in no direction: it cannot tell focal length from distance
_EDGE, _CORNER = 0.1, 0.15  # how near to an edge, or to both edges of a corner, a corner of the board must come, by width or height


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What has been covered so far.

    Attributes:
        cells: bool (ROWS, COLUMNS), where a corner was seen.
        places: names of the image's edges and corners that were reached.
        tilts: numbers of `SECTORS` towards which the board was tilted away.
        views: how many views.
        repeated: views beside these that show the board where another one does.
    """

    cells: NDArray[np.bool_] = field(default_factory=lambda: np.zeros((ROWS, COLUMNS), bool))
    places: frozenset[str] = frozenset()
    tilts: frozenset[int] = frozenset()
    views: int = 0
    repeated: int = 0

    @property
    def share(self) -> float:
        """Of the cells."""
        return float(self.cells.mean())

    def plus(self, other: "Coverage") -> "Coverage":
        """Both together."""
        return Coverage(
            cells=self.cells | other.cells,
            places=self.places | other.places,
            tilts=self.tilts | other.tilts,
            views=self.views + other.views,
            repeated=self.repeated + other.repeated,
        )

    def missing(self, *, views: int = VIEWS_NEEDED) -> tuple[str, ...]:
        """What is wanted and not there, one clause each; empty where nothing is."""
        unreached = [place for place in PLACES if place not in self.places]
        told = []
        if self.share <= CELLS_WANTED:
            told.append(f"corners were seen in {self.share:.0%} of the image; expected more than {CELLS_WANTED:.0%}")
        if unreached:
            told.append(f"the board never came near the {_list(unreached)}")
        if len(self.tilts) < TILTS_WANTED:
            told.append(f"the board was tilted in {len(self.tilts)} of 8 directions; expected at least {TILTS_WANTED}")
        if self.views < views:
            beside = f", beside {self.repeated} that show the board where another one does" if self.repeated else ""
            count = f"there {'is' if self.views == 1 else 'are'} {self.views} view{'' if self.views == 1 else 's'}"
            told.append(f"{count}{beside}; expected at least {views}")
        return tuple(told)


def covered(view: BoardView, lens: Lens) -> Coverage:
    """What one view covers. The lens may be a rough one: it only gives the direction of the tilt."""
    share = (view.pixels + 0.5) / np.array(lens.size)
    cells = np.zeros((ROWS, COLUMNS), bool)
    column = np.clip((share[:, 0] * COLUMNS).astype(int), 0, COLUMNS - 1)
    row = np.clip((share[:, 1] * ROWS).astype(int), 0, ROWS - 1)
    cells[row, column] = True
    return Coverage(cells=cells, places=frozenset(_places(share)), tilts=_tilts(view, lens), views=1)


def covered_by(views: Sequence[BoardView], lens: Lens) -> Coverage:
    """What all views cover."""
    total = Coverage()
    for view in views:
        total = total.plus(covered(view, lens))
    return total


def rough_lens(size: tuple[int, int]) -> Lens:
    """A guess before anything is known: 60 degrees across, no distortion."""
    focal = 0.87 * size[0]
    return Lens(model="five_parameter", size=size, parameters=np.array([focal, focal, (size[0] - 1) / 2, (size[1] - 1) / 2, 0, 0, 0, 0, 0]))


def tilt(pose: Array, mm: Array) -> tuple[float, float]:
    """How far a board is turned away from the line of sight, and where to.

    Args:
        pose: of the board, (6,).
        mm: its corners, (n, 3).

    Returns:
        Degrees, and degrees from x towards y.
    """
    rotation = np.asarray(cv2.Rodrigues(pose[:3])[0], np.float64)
    sight = rotation @ mm.mean(axis=0) + pose[3:]
    sight = sight / np.linalg.norm(sight)
    normal = rotation[:, 2] if rotation[:, 2] @ sight > 0 else -rotation[:, 2]
    across = normal - (normal @ sight) * sight
    return float(np.degrees(np.arccos(np.clip(normal @ sight, -1, 1)))), float(np.degrees(np.arctan2(across[1], across[0])) % 360)


def _tilts(view: BoardView, lens: Lens) -> frozenset[int]:
    try:
        angle, towards = tilt(pose_of(lens, view), view.mm)
    except (CalibrationError, cv2.error, np.linalg.LinAlgError):  # a view that a rough lens cannot place
        return frozenset()
    return frozenset({round(towards / 45) % 8}) if angle >= _TILT_DEG else frozenset()


PLACES = (
    "left edge",
    "right edge",
    "top edge",
    "bottom edge",
    "top left corner",
    "top right corner",
    "bottom left corner",
    "bottom right corner",
)


def _places(share: Array) -> list[str]:
    """Names of the edges and corners that corners at (n, 2), as shares of the image, come near to."""
    x, y = share[:, 0], share[:, 1]
    near = {
        "left edge": x < _EDGE,
        "right edge": x > 1 - _EDGE,
        "top edge": y < _EDGE,
        "bottom edge": y > 1 - _EDGE,
        "top left corner": (x < _CORNER) & (y < _CORNER),
        "top right corner": (x > 1 - _CORNER) & (y < _CORNER),
        "bottom left corner": (x < _CORNER) & (y > 1 - _CORNER),
        "bottom right corner": (x > 1 - _CORNER) & (y > 1 - _CORNER),
    }
    return [name for name, hit in near.items() if hit.any()]


def _list(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
