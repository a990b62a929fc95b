"""How well a calibration that exists explains new images of a board."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from calib.board_views import BoardView, all_pixels
from calib.intrinsics import pose_of, residuals_of, rms, solve
from calib.lens import Lens
from calib.same_place import counted_once, same_place
from calib.uncertainty import difference, grid, hull, predicted
from tracker.calibration import Quality
from tracker.errors import CalibrationError

_RATIO, _MORE_PX = 1.5, 0.15  # new images may be this much worse than those the lens was solved from, and a little
_WORST_PX = 1.0  # for a file that does not say how well its own images were explained
_FEWEST = 3
_FEWEST_TO_SOLVE = 8  # views from which a lens of their own can be solved, to be compared with
_APART_PX, _SIGMAS = 1.0, 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """Residuals on new images.

    Attributes:
        views: how many.
        rms_px, p95_px: of the residuals' lengths; the board's pose is solved anew in each view, the lens is not.
        apart_px: how far a lens solved from the new images alone differs where they showed corners (p95); None for too few images. A pose
            explains away much of a wrong focal length, so the residual alone would not tell it.
        reasons: against the calibration, one clause each.
    """

    views: int
    rms_px: float
    p95_px: float
    apart_px: float | None
    reasons: tuple[str, ...]


def validate(lens: Lens, quality: Quality | None, views: Sequence[BoardView]) -> Validation:
    """Hold a lens against views that it was not solved from.

    Raises:
        CalibrationError: too few views.
    """
    if len(views) < _FEWEST:
        raise CalibrationError(
            f"the board was found in {len(views)} new image{'' if len(views) == 1 else 's'}; expected at least {_FEWEST}: take more"
        )
    left, told = [], []
    for view in views:
        try:
            left.append(residuals_of(lens, view, pose_of(lens, view)))
        except CalibrationError as problem:
            told.append(str(problem))
    if not left:
        raise CalibrationError(f"the lens explains none of the new images: {told[0]}")
    error = rms(left)
    limit = _RATIO * quality.rms_px + _MORE_PX if quality is not None else _WORST_PX
    if not error <= limit:
        told.append(
            f"on new images the residual is {error:.2f} px; expected at most {limit:.2f} px: the lens was moved, refocused or badly solved"
        )
    apart, unsure = _apart(lens, views)
    if apart is not None and apart > _APART_PX + _SIGMAS * unsure:
        told.append(
            f"the new images lead to a lens that differs by {apart:.1f} px where they showed corners (p95), with {unsure:.1f} px uncertain"
        )
    lengths = np.linalg.norm(np.concatenate(left), axis=1)
    return Validation(views=len(left), rms_px=error, p95_px=float(np.percentile(lengths, 95)), apart_px=apart, reasons=tuple(told))


def _apart(lens: Lens, views: Sequence[BoardView]) -> tuple[float | None, float]:
    """How far a lens of the new views differs from the one held against them, and how uncertain it is itself: p95 inside their hull, px."""
    if len(views) < _FEWEST_TO_SOLVE:
        return None, 0.0
    try:
        solution = solve(views, size=lens.size, model=lens.model, start=lens)
        solution = counted_once(solution, same_place(views, width=lens.size[0]))
    except CalibrationError:
        return None, 0.0
    seen = all_pixels(views)
    outline, (_, _, places) = hull(seen).astype(np.float32), grid(lens.size)
    inside = np.array([cv2.pointPolygonTest(outline, (float(x), float(y)), measureDist=False) >= 0 for x, y in places])
    if not inside.any():
        return None, 0.0
    apart, unsure = (np.percentile(field.px.ravel()[inside], 95) for field in (difference(lens, solution.lens, seen), predicted(solution)))
    return float(apart), float(unsure)
