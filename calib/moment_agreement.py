"""Whether images that are said to be of one moment are: two cameras stand to each other at every moment as at any other."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from calib.board_views import BoardView
from calib.intrinsics import pose_of
from calib.lens import Lens
from tracker.errors import CalibrationError

Array = NDArray[np.float64]
# Poses of real boards put one camera to the other within 0.3 degrees and 0.5 % of the board's distance at every moment, with noise of 1 px
# within 5 degrees and 9 %; those of unrelated images are 30 to 60 degrees and 40 to 110 % apart. In most cases none of these agree.
_TURN_DEG, _SHIFT = 15.0, 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What the moments that two cameras share say of how they stand to each other.

    Attributes:
        agreeing: moments that say what most say.
        others: the rest.
    """

    agreeing: tuple[str, ...]
    others: tuple[str, ...]

    @property
    def is_of_moments(self) -> bool:
        """Whether at least half of the others agree with the one that most agree with; always so where there is one moment alone."""
        return len(self.agreeing) - 1 >= len(self.others)


def agreement(lenses: tuple[Lens, Lens], views: tuple[Sequence[BoardView], Sequence[BoardView]]) -> Agreement:
    """Compare how two cameras stand to each other by the board's pose in both, at each moment by itself.

    A moment agrees with the one that most agree with if the turn from camera to camera differs by at most 15 degrees and the shift by
    at most a quarter of the board's distance. Views that no pose explains are left out.

    Args:
        lenses: of both cameras.
        views: of both; those of one moment have the same name.
    """
    poses = [_poses(lens, each) for lens, each in zip(lenses, views, strict=True)]
    names = [name for name in poses[0] if name in poses[1]]
    if not names:
        return Agreement(agreeing=(), others=())
    first, second = (np.stack([each[name] for name in names]) for each in poses)
    far_mm = float(np.median(np.abs((first[:, 2, 3] + second[:, 2, 3]) / 2)))
    agree = _agree(second @ np.linalg.inv(first), far_mm)
    best = agree[agree.sum(axis=0).argmax()]
    return Agreement(
        agreeing=tuple(name for name, good in zip(names, best, strict=True) if good),
        others=tuple(name for name, good in zip(names, best, strict=True) if not good),
    )


def _poses(lens: Lens, views: Sequence[BoardView]) -> dict[str, Array]:
    """Board to camera, (4, 4) each, by the name of the view."""
    found = {}
    for view in views:
        try:
            found[view.name] = pose_matrix(pose_of(lens, view))
        except CalibrationError:
            continue
    return found


def _agree(relative: Array, far_mm: float) -> NDArray[np.bool_]:
    """Which of the poses of the second camera to the first (n, 4, 4) agree with which, (n, n)."""
    turns, shifts = relative[:, :3, :3], relative[:, :3, 3]
    cosines = (np.einsum("aij,bij->ab", turns, turns) - 1) / 2  # of the angle between two rotations, by the trace of one into the other
    apart_mm = np.linalg.norm(shifts[:, None] - shifts[None], axis=2)
    return np.asarray((cosines >= np.cos(np.deg2rad(_TURN_DEG))) & (apart_mm <= _SHIFT * far_mm))


def pose_matrix(pose: Array) -> Array:
    """A pose (6,), Rodrigues vector and translation, as a matrix (4, 4)."""
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = cv2.Rodrigues(pose[:3])[0], pose[3:]
    return matrix


def pose_vector(matrix: Array) -> Array:
    """The reverse of `pose_matrix`."""
    return np.concatenate((np.ravel(cv2.Rodrigues(matrix[:3, :3])[0]), matrix[:3, 3])).astype(np.float64)
