"""Two bundles on the same frames: the verdict, and what it must not be fooled by."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.trainer.scored import noise_frames, scored_with
from trainer.errors import TrainingError
from trainer.reports.compare_bundles import page, paired_plot
from trainer.reports.error_plots import PEOPLE_LABEL
from trainer.scoring.compare import Comparison, compare
from trainer.scoring.evaluation import Evaluation
from trainer.scoring.floor import Floor

NAMES = ("old", "new")


def compared(folder: Path, first: NDArray[np.float64], second: NDArray[np.float64]) -> Comparison:
    labels = noise_frames(folder, len(first))
    return compare(NAMES, (scored_with(labels, first), scored_with(labels, second)))


def errors(count: int, *, around: float, seed: int) -> NDArray[np.float64]:
    return around + np.random.default_rng(seed).uniform(-0.5, 0.5, (count, 2))


def test_the_better_one_is_named_with_how_much_and_how_surely(tmp_path: Path) -> None:
    found = compared(tmp_path, errors(60, around=2.0, seed=1), errors(60, around=1.4, seed=2))
    assert found.sentence.startswith("new is better than old by 0.")
    assert found.overall.mean_px == pytest.approx(-0.6, abs=0.15)
    assert found.overall.high_px < 0
    assert "p < 0.001, 60 frames); so is every key point by itself." in found.sentence
    swapped = compared(tmp_path, errors(60, around=1.4, seed=2), errors(60, around=2.0, seed=1))
    assert swapped.sentence.startswith("old is better than new by 0.")


def test_no_difference_is_said_as_what_these_frames_can_show(tmp_path: Path) -> None:
    found = compared(tmp_path, errors(40, around=2.0, seed=1), errors(40, around=2.0, seed=2))
    assert found.sentence.startswith("No difference that 40 frames can show: new minus old is ")
    assert found.overall.low_px < 0 < found.overall.high_px


def test_key_points_that_differ_are_named(tmp_path: Path) -> None:
    first, second = errors(60, around=2.0, seed=1), errors(60, around=2.0, seed=2)
    first[:, 0] += 1
    second[:, 1] += 1
    sentence = compared(tmp_path, first, second).sentence
    assert "snout 1." in sentence or "snout 0.9" in sentence
    assert "px better with new" in sentence
    assert "px better with old" in sentence


def test_one_slow_drift_is_not_taken_for_many_independent_frames(tmp_path: Path) -> None:
    """Differences that wander slowly: their mean is off by chance, and an interval for independent frames would leave out 0."""
    steps = np.random.default_rng(4).normal(0, 1, 200)
    drift = np.convolve(steps, np.ones(40) / 6, mode="same")
    drift += 0.3 - drift.mean()
    found = compared(tmp_path, np.full((200, 2), 10.0), 10.0 + np.repeat(drift[:, None], 2, axis=1))
    independent = 1.96 * drift.std() / np.sqrt(200)
    assert abs(drift.mean()) > independent  # what taking frames as independent would claim
    assert found.overall.block > 10
    assert not found.overall.shown


def test_bundles_whose_points_stand_in_another_order_compare(tmp_path: Path) -> None:
    labels = noise_frames(tmp_path, 20)
    first = scored_with(labels, errors(20, around=2.0, seed=1))
    found = compare(NAMES, (first, first.of_points([1, 0])))
    assert found.overall.mean_px == 0.0
    assert found.overall.p == 1.0
    assert [point.mean_px for point in found.per_point] == [0.0, 0.0]


def test_other_points_and_other_frames_are_refused(tmp_path: Path) -> None:
    first = scored_with(noise_frames(tmp_path, 8), np.ones((8, 2)))
    renamed = replace(first, frames=replace(first.frames, point_names=("snout", "ear")))
    with pytest.raises(TrainingError, match="the first bundle finds snout, tail <base>, the second snout, ear"):
        compare(NAMES, (first, renamed))
    other = scored_with(noise_frames(tmp_path, 8, seed=1), np.ones((8, 2)))
    with pytest.raises(TrainingError, match="different frames"):
        compare(NAMES, (first, other))


@pytest.mark.parametrize("missing", [0, 3])
def test_too_few_frames_are_refused(tmp_path: Path, missing: int) -> None:
    labels = noise_frames(tmp_path, 5 + missing)
    labels.points[5:] = np.nan

    def one() -> Evaluation:
        return scored_with(labels, np.ones((5 + missing, 2)))

    with pytest.raises(TrainingError, match="5 frames are too few"):
        compare(NAMES, (one(), one()))


def test_a_mean_that_differs_where_ranks_do_not_is_not_called_no_difference(tmp_path: Path) -> None:
    """The interval leaves out 0 because of a few frames, in which the second bundle is far off; elsewhere it is as good or better."""
    first, second = np.full((60, 2), 2.0), np.full((60, 2), 1.99)
    second[::4] = 6.0
    found = compared(tmp_path, first, second)
    assert found.overall.low_px > 0
    assert found.overall.p > 0.05
    assert "No difference" not in found.sentence
    assert found.sentence.startswith("Not settled: in the mean of 60 frames old is better than new by ")


def test_the_distance_between_people_stands_beside_two_bundles(tmp_path: Path) -> None:
    found = compared(tmp_path, errors(20, around=2.0, seed=1), errors(20, around=1.4, seed=2))
    assert found.as_json()["floor_px"] is None
    floor = Floor(per_point={"snout": 1.0, "tail <base>": 2.0}, source="2 annotators of mice")
    beside = replace(found, floor=floor)
    assert [line.get_label() for line in paired_plot(beside).axes[0].lines].count(PEOPLE_LABEL) == 1
    assert beside.as_json()["floor_px"] == {"snout": 1.0, "tail <base>": 2.0}
    assert "Annotators are 1.50 px apart (2 annotators of mice)" in page(beside, created="today")
