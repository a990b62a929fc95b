"""How well a calibration that exists explains new images of a board."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from calib.intrinsics import pose_of, residuals_of, rms
from calib.lens import Lens
from calib.views import View
from tracker.calibration import Quality
from tracker.errors import CalibrationError

_RATIO, _MORE_PX = 1.5, 0.15  # new images may be this much worse than those the lens was solved from, and a little
_WORST_PX = 1.0  # for a file that does not say how well its own images were explained
_FEWEST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """Residuals on new images.

    Attributes:
        views: how many.
        rms_px, p95_px: of the residuals' lengths; the board's pose is solved anew in each view, the lens is not.
        reasons: against the calibration, one clause each.
    """

    views: int
    rms_px: float
    p95_px: float
    reasons: tuple[str, ...]


def validate(lens: Lens, quality: Quality | None, views: Sequence[View]) -> Validation:
    """Hold a lens against views that it was not solved from.

    Raises:
        CalibrationError: too few views.
    """
    if len(views) < _FEWEST:
        raise CalibrationError(f"the board was found in {len(views)} new images; expected at least {_FEWEST}")
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
    lengths = np.linalg.norm(np.concatenate(left), axis=1)
    return Validation(views=len(left), rms_px=error, p95_px=float(np.percentile(lengths, 95)), reasons=tuple(told))
