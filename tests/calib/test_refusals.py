"""Each reason to reject a calibration, where everything else about it is good, and the value beside it that is accepted."""

import numpy as np
import pytest

from calib.assessment import Assessment, Halves, judged
from calib.board_views import BoardView
from calib.coverage import COLUMNS, PLACES, ROWS, Coverage
from calib.intrinsics import Solution
from calib.uncertainty import GRID, Field
from tests.calib.views_of_truth import lens

VIEWS, CORNERS = 16, 12
EVERYTHING = Coverage(cells=np.ones((ROWS, COLUMNS), bool), places=frozenset(PLACES), tilts=frozenset(range(8)), views=VIEWS)


def over_image(px: float, *, share: float = 0.0, elsewhere: float = 0.0) -> Field:
    """`px` all over the image but for a share of it."""
    places = np.full(GRID[0] * GRID[1], px)
    places[: round(share * len(places))] = elsewhere
    return Field(x=np.arange(GRID[0], dtype=float), y=np.arange(GRID[1], dtype=float), px=places.reshape(GRID[1], GRID[0]))


def judged_with(
    *, rms_px: float = 0.2, uncertain: Field | None = None, apart: Field | None = None, held_out_px: float | None = None
) -> Assessment:
    """A calibration of which everything is good but for what is given; every corner has the same residual."""
    view = BoardView(name="view", ids=np.arange(CORNERS), mm=np.zeros((CORNERS, 3)), pixels=np.zeros((CORNERS, 2)))
    solution = Solution(
        lens=lens("five_parameter"),
        views=[view] * VIEWS,
        poses=np.zeros((VIEWS, 6)),
        residuals=[np.tile([rms_px, 0.0], (CORNERS, 1))] * VIEWS,
        covariance=np.zeros((9, 9)),
    )
    halves = Halves(apart=apart or over_image(0.1), held_out_px=rms_px if held_out_px is None else held_out_px)
    return judged(solution, EVERYTHING, uncertain or over_image(0.1), halves)


def accepted(assessment: Assessment) -> None:
    assert assessment.reasons == ()
    assert assessment.quality.verdict == "good"


def rejected(assessment: Assessment, reason: str) -> None:
    assert assessment.reasons == (reason,)
    assert assessment.quality.verdict == "rejected"
    assert assessment.quality.reasons == (reason,)


def test_a_residual_of_more_than_one_pixel_is_rejected_and_one_pixel_is_not() -> None:
    accepted(judged_with(rms_px=1.0))
    rejected(judged_with(rms_px=1.02), "the residual is 1.02 px; expected at most 1 px")


def test_an_uncertainty_over_one_pixel_in_more_than_a_twentieth_is_rejected() -> None:
    accepted(judged_with(uncertain=over_image(1.0, share=0.04, elsewhere=50.0)))
    rejected(
        judged_with(uncertain=over_image(0.1, share=0.06, elsewhere=1.2)),
        "a point is uncertain by 1.2 px (p95 of the image); expected at most 1 px",
    )


def test_a_lens_that_turns_back_in_more_than_a_twentieth_is_rejected() -> None:
    accepted(judged_with(uncertain=over_image(0.1, share=0.04, elsewhere=np.inf)))
    refused = judged_with(uncertain=over_image(0.1, share=0.06, elsewhere=np.inf))
    rejected(refused, "the lens model turns back on itself in 6% of the image, where no point has a place then")
    assert refused.quality.uncertainty_p95_px is None


@pytest.mark.parametrize(("px", "by"), [(2.2, "2.2 px"), (np.inf, "more than the lens model reaches")], ids=["far", "beyond reach"])
def test_halves_that_differ_in_more_than_a_twentieth_are_rejected(px: float, by: str) -> None:
    accepted(judged_with(apart=over_image(2.0, share=0.04, elsewhere=px)))
    rejected(
        judged_with(apart=over_image(0.1, share=0.06, elsewhere=px)),
        f"two halves of the views differ by {by} (p95 of the image); expected at most 2 px",
    )


def test_a_residual_on_views_left_out_a_third_above_the_others_is_rejected() -> None:
    accepted(judged_with(rms_px=0.2, held_out_px=0.30))
    rejected(judged_with(rms_px=0.2, held_out_px=0.32), "on views left out the residual is 0.32 px instead of 0.20 px")
    accepted(judged_with(rms_px=0.6, held_out_px=0.82))  # in proportion to the residual on the views used
    rejected(judged_with(rms_px=0.6, held_out_px=0.84), "on views left out the residual is 0.84 px instead of 0.60 px")
