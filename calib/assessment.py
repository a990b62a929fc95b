"""Judge one camera's calibration. A small residual alone proves nothing: it says how well the lens fits where boards were held."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from calib.board_views import BoardView, all_pixels
from calib.coverage import Coverage, covered_by
from calib.intrinsics import FEWEST_VIEWS, Solution, pose_of, residuals_of, rms, solve
from calib.same_place import counted_once, same_place
from calib.uncertainty import Field, difference, predicted
from tracker.calibration import Quality
from tracker.errors import CalibrationError
from tracker.undistortion import LensModel

RMS_PX = 1.0
UNCERTAINTY_PX = 1.0  # one standard deviation, at 95 % of the image's places at most
HALVES_PX = 2.0  # two halves of the views, each with half of the data, may differ twice as far
_BAD_RATIO, _BAD_PX = 4.0, 0.5  # a view whose residual is so many times the median view's, and no trifle
_HELD_OUT_RATIO, _HELD_OUT_PX = 1.3, 0.05  # residual on views left out: this much above the residual on the views used, and a little


@dataclass(frozen=True, slots=True, kw_only=True)
class Halves:
    """Two solutions, from every other place of the board.

    Attributes:
        apart: px between them.
        held_out_px: rms of each half's views under the other half's lens.
    """

    apart: Field
    held_out_px: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """A solution and everything that speaks for or against it.

    Attributes:
        solution: judged.
        coverage: of its views; those of one place of the board count once.
        predicted: one standard deviation, px, over the image.
        halves: None where half of the views is too few to solve anything from.
        reasons: against it, one clause each; empty where it is good.
    """

    solution: Solution
    coverage: Coverage
    predicted: Field
    halves: Halves | None
    reasons: tuple[str, ...]

    @property
    def is_good(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.reasons

    @property
    def quality(self) -> Quality:
        """The same for calibration.yaml; null stands for a length without bound."""
        apart = self.halves.apart.percentile(95) if self.halves else math.inf
        return Quality(
            rms_px=round(self.solution.rms_px, 4),
            coverage=round(self.coverage.share, 4),
            points=len(all_pixels(self.solution.views)),
            verdict="good" if self.is_good else "rejected",
            reasons=self.reasons,
            views=self.coverage.views,
            tilt_directions=len(self.coverage.tilts),
            held_out_rms_px=round(self.halves.held_out_px, 4) if self.halves else None,
            uncertainty_p95_px=_finite(self.predicted.percentile(95)),
            halves_p95_px=_finite(apart),
        )


def solve_and_assess(views: Sequence[BoardView], *, size: tuple[int, int], model: LensModel) -> Assessment:
    """Solve a lens from all views and judge it.

    Raises:
        CalibrationError: nothing can be solved.
    """
    return assess(solve(views, size=size, model=model))


def assess(solution: Solution) -> Assessment:
    """Judge a solution. Views of one place of the board count once: the same image again is no reason to trust a lens more."""
    groups = same_place(solution.views, width=solution.lens.size[0])
    solution = counted_once(solution, groups)
    coverage = covered_by(solution.views, solution.lens)
    coverage = replace(coverage, views=len(groups), repeated=len(solution.views) - len(groups))
    return judged(solution, coverage, predicted(solution), _halves(solution, groups))


def judged(solution: Solution, coverage: Coverage, field: Field, halves: Halves | None) -> Assessment:
    """Judge what was measured of a solution.

    Args:
        solution: to judge.
        coverage: of its views.
        field: one standard deviation, px, over the image.
        halves: of its views; None where they could not be solved.
    """
    reasons = _reasons(solution, coverage, field, halves)
    return Assessment(solution=solution, coverage=coverage, predicted=field, halves=halves, reasons=reasons)


def _halves(solution: Solution, groups: Sequence[Sequence[int]]) -> Halves | None:
    """Views of one place are in one half: in the other they would be left out in name only."""
    if len(groups) // 2 < FEWEST_VIEWS:
        return None
    parts = [[solution.views[each] for group in groups[start::2] for each in group] for start in (0, 1)]
    try:
        lenses = [solve(part, size=solution.lens.size, model=solution.lens.model, start=solution.lens).lens for part in parts]
        left_out = [residuals_of(lens, view, pose_of(lens, view)) for lens, part in zip(lenses, parts[::-1], strict=True) for view in part]
    except CalibrationError:
        return None
    seen = all_pixels(solution.views)
    return Halves(apart=difference(lenses[0], lenses[1], seen), held_out_px=rms(left_out))


def _reasons(solution: Solution, coverage: Coverage, field: Field, halves: Halves | None) -> tuple[str, ...]:
    told = list(coverage.missing())
    if solution.rms_px > RMS_PX:
        told.append(f"the residual is {solution.rms_px:.2f} px; expected at most {RMS_PX:g} px")
    told += _bad_views(solution)
    uncertain = field.percentile(95)
    if math.isinf(uncertain):
        told.append(f"the lens model turns back on itself in {np.isinf(field.px).mean():.0%} of the image, where no point has a place then")
    elif uncertain > UNCERTAINTY_PX:
        told.append(f"a point is uncertain by {uncertain:.1f} px (p95 of the image); expected at most {UNCERTAINTY_PX:g} px")
    if halves is None:
        told.append("half of the views is not enough to solve the lens again, so nothing confirms it")
        return tuple(told)
    apart = halves.apart.percentile(95)
    if apart > HALVES_PX:
        bound = f"{apart:.1f} px" if math.isfinite(apart) else "more than the lens model reaches"
        told.append(f"two halves of the views differ by {bound} (p95 of the image); expected at most {HALVES_PX:g} px")
    if halves.held_out_px > held_out_limit_px(solution):
        told.append(f"on views left out the residual is {halves.held_out_px:.2f} px instead of {solution.rms_px:.2f} px")
    return tuple(told)


def _bad_views(solution: Solution) -> list[str]:
    """Views that fit far worse than the others: a wrong marker, a blurred image, a board that was bent or moved."""
    errors = [rms([each]) for each in solution.residuals]
    usual = float(np.median(errors))
    return [
        f"{view.name} alone has a residual of {error:.2f} px, the median view {usual:.2f} px: remove it or take it again"
        for view, error in zip(solution.views, errors, strict=True)
        if error > view_limit_px(solution)
    ]


def view_limit_px(solution: Solution) -> float:
    """The largest residual of a single view that is taken."""
    return max(_BAD_RATIO * float(np.median([rms([each]) for each in solution.residuals])), _BAD_PX)


def held_out_limit_px(solution: Solution) -> float:
    """The largest residual on views left out that is taken."""
    return _HELD_OUT_RATIO * solution.rms_px + _HELD_OUT_PX


def _finite(length: float) -> float | None:
    return round(float(length), 4) if np.isfinite(length) else None
