"""What a verdict says of single key points, whose limits are what counts as right and what the task can do with."""

from dataclasses import replace

import pytest

from tests.trainer.test_verdict import CASES, GOOD, PLACE, point, with_points
from trainer.scoring.label_faults import Exchange
from trainer.scoring.measurements import PointMeasure
from trainer.scoring.verdict import RULE, verdict

INEXACT = {
    "not found": point("d", median_px=15.0, train_median_px=15.0),
    "biased": replace(point("d"), bias_px=(-6.7, 0.0), bias_error_px=0.1),
    "at the border": replace(point("d"), border=10, border_median_px=15.0, inner_median_px=1.3),
}


@pytest.mark.parametrize("found", INEXACT.values(), ids=INEXACT.keys())
def test_a_point_within_what_the_task_can_do_with_is_good(found: PointMeasure) -> None:
    measured = with_points(point("c"), found)
    assert verdict(measured, PLACE).steps[0].kind != "good"
    assert verdict(replace(measured, target_px=20.0), PLACE).steps[0].kind == "good"


def test_the_limit_that_decided_is_named() -> None:
    measured = replace(with_points(point("c"), point("d", median_px=9.0)), target_px=8.5)
    of_target = "'d' is not found on held-out frames: a median error of 9.0 px, where 8.5 px are asked for."
    assert verdict(measured, PLACE).sentence.startswith(of_target)
    of_radius = "'d' is not found on held-out frames: a median error of 9.0 px, where 2.4 px count as right."
    assert verdict(replace(measured, target_px=2.0), PLACE).sentence.startswith(of_radius)
    wide = replace(point("e", median_px=40.0), radius_px=12.0)
    both = replace(with_points(point("c"), point("d", median_px=30.0), wide), target_px=8.5)
    assert "a median error of 40.0 and 30.0 px, where 12.0 and 8.5 px count as right or are asked for." in verdict(both, PLACE).sentence
    biased = replace(with_points(replace(point("c"), bias_px=(-6.7, 0.0), bias_error_px=0.1)), target_px=5.0)
    assert "c 6.7 px left (5.0 px are asked for)." in verdict(biased, PLACE).sentence
    assert "not found where they are beyond the larger of 3 times what counts as right and what the task can do with" in RULE


def test_a_point_found_in_training_alone_is_no_second_step_beside_over_fitting() -> None:
    over_fitted = CASES["over-fitted"][0]
    point_too = replace(over_fitted, crossing=None, points=(point("a"), point("b"), point("d", median_px=60.0, train_median_px=0.6)))
    assert [step.kind for step in verdict(point_too, PLACE).steps] == ["over-fitted"]
    never = replace(point_too, points=(*point_too.points[:2], point("d", median_px=60.0, train_median_px=60.0)))
    assert [step.kind for step in verdict(never, PLACE).steps] == ["over-fitted", "lost point"]


def test_a_name_is_said_to_mean_two_places_only_where_no_point_that_is_told_is_nearly_learnt() -> None:
    never, nearly = point("d", median_px=60.0, train_median_px=60.0), point("e", median_px=9.0, train_median_px=3.0)
    step = verdict(with_points(point("c"), never, nearly), PLACE).steps[0]
    assert step.do.startswith("Look at the labels of 'd', 'e' beside the answers")
    assert step.do.endswith(": whether all are placed alike.")
    alone = verdict(with_points(point("c"), never), PLACE).steps[0]
    assert alone.do.endswith(": a name that means two places cannot be learnt.")


@pytest.mark.parametrize(
    ("train_median_px", "asks"),
    [(2.5, "Label more frames in which 'd' can be seen."), (2.7, "Look at the labels of 'd' beside the answers")],
    ids=["by less than can be seen", "by more"],
)
def test_a_point_hardly_inexact_on_the_frames_learnt_from_needs_more_labels(train_median_px: float, asks: str) -> None:
    found = verdict(with_points(point("c"), point("d", median_px=60.0, train_median_px=train_median_px)), PLACE)
    assert GOOD.radius_px < train_median_px
    assert found.steps[0].do.startswith(asks)


def test_no_longer_training_is_proposed_with_labels_that_are_exchanged() -> None:
    fell = replace(GOOD, falling=0.2, mean_px=8.0)
    assert verdict(fell, PLACE).steps[0].kind == "too short"
    for share, kind in ((0.2, "exchanged"), (0.5, "other names")):
        ears = Exchange(first="leftear", second="rightear", learnt=share, scored=0.1, frames=19)
        kinds = [step.kind for step in verdict(replace(fell, exchanges=(ears,)), PLACE).steps]
        assert kinds[0] == kind
        assert "too short" not in kinds
