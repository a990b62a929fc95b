"""Points are found, but their confidence is not the chance of being right, or does not tell where a point is out of sight."""

import argparse
import math
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.trainer.scored import noise_frames, scored_with
from tests.trainer.test_verdict import GOOD, PARSER, PLACE
from trainer.labels.labelled_frames import LabelledFrames
from trainer.scoring.confidence_measure import auc_error, measure_confidence
from trainer.scoring.correct_radius import Radii
from trainer.scoring.hidden_points import auc
from trainer.scoring.label_faults import Suspect
from trainer.scoring.measure import Circumstances, measure
from trainer.scoring.measurements import ConfidenceMeasure, Measurements
from trainer.scoring.next_step import MISCALIBRATED
from trainer.scoring.verdict import verdict

DOUBTED = ConfidenceMeasure(points=60, error=0.206, by_chance=0.147, of_right=0.52, of_wrong=0.17)
BLIND = ConfidenceMeasure(points=60, error=0.03, by_chance=0.1, hidden="tongue", auc=0.8, auc_error=0.03)
WITHIN_PX = np.array([2.0, 2.0])


def test_a_confidence_that_means_little_is_not_called_good() -> None:
    found = verdict(replace(GOOD, confidence=DOUBTED), PLACE)
    assert found.sentence.startswith(
        "The confidence means little: on 60 held-out points it is off by 0.21 (expected calibration error; 0.15 may be chance), on average "
        "it is 0.52 where they are right, 0.17 where they are wrong or out of sight. Held-out median 1.30 px"
    )
    assert [step.kind for step in found.steps] == ["confidence"]
    assert found.steps[0].command.startswith("trainer select 'videos/monday 1.mp4' --project mouse --count 20")
    assert "a rule's threshold is to lie between 0.17 and 0.52, the means of wrong and right points." in found.steps[0].do
    assert found.needs_labels.startswith("Labels are needed most of ")


def test_a_mean_of_points_that_are_not_there_is_not_said() -> None:
    all_right = verdict(replace(GOOD, confidence=replace(DOUBTED, of_wrong=math.nan)), PLACE)
    assert "on average it is 0.52 where they are right. Held-out median" in all_right.sentence
    all_wrong = verdict(replace(GOOD, confidence=replace(DOUBTED, of_right=math.nan)), PLACE)
    assert "on average it is 0.17 where they are wrong or out of sight. Held-out median" in all_wrong.sentence


def test_after_a_short_training_a_longer_one_comes_before_more_labels() -> None:
    longer, more = verdict(replace(GOOD, confidence=DOUBTED, pictures=7_200), PLACE).steps
    assert (longer.kind, more.kind) == ("confidence", "confidence")
    assert longer.do.startswith("For a confidence that means what it says, train longer: 7200 pictures shown")
    assert longer.command.startswith("trainer fit --data mouse --out models/mine-longer ")
    assert more.command.startswith("trainer select ")
    for step in (longer, more):
        assert isinstance(PARSER.parse_args(shlex.split(step.command)[1:]), argparse.Namespace)


def test_a_point_whose_absence_confidence_does_not_tell_is_named() -> None:
    [step] = verdict(replace(GOOD, confidence=BLIND), PLACE).steps
    assert step.why.startswith("The confidence hardly tells where 'tongue' is out of sight: in only 80% of all pairs")
    assert "threshold" not in step.do, "as sure of wrong points as of right ones, or not known"
    assert "label more frames in which 'tongue' is seen and such in which it is hidden" in step.do


@pytest.mark.parametrize(
    "measured",
    [
        replace(GOOD, confidence=replace(DOUBTED, by_chance=0.21)),
        replace(GOOD, confidence=replace(DOUBTED, error=MISCALIBRATED, by_chance=0.01)),
        replace(GOOD, confidence=replace(BLIND, auc_error=0.06)),
        replace(GOOD, confidence=replace(BLIND, auc=0.97)),
    ],
    ids=["may be chance", "little", "order may be chance", "told"],
)
def test_a_confidence_that_is_off_by_little_or_by_chance_is_good(measured: Measurements) -> None:
    assert verdict(measured, PLACE).steps[0].kind == "good"


def test_confidence_is_doubted_where_nothing_else_is_wrong_or_only_single_labels_are() -> None:
    wrong = Suspect(place=(3, 0, 1), learnt=True, image="monday/0003.png", point="snout", error_px=40.0, confidence=0.95)
    kinds = [step.kind for step in verdict(replace(GOOD, confidence=DOUBTED, suspects=(wrong,)), PLACE).steps]
    assert kinds == ["confidence", "single labels"]
    over_fitted = replace(GOOD, confidence=DOUBTED, train_median_px=0.6, median_px=3.0, mean_px=4.0)
    assert "confidence" not in [step.kind for step in verdict(over_fitted, PLACE).steps]
    few = replace(GOOD, confidence=DOUBTED, scored=4, right=4)
    assert "confidence" not in [step.kind for step in verdict(few, PLACE).steps]


def answered(frames: LabelledFrames, *, confidence: float, right: NDArray[np.bool_]) -> ConfidenceMeasure:
    """Points (n, 2) that are right and that are not, all with the same confidence."""
    found = measure_confidence(scored_with(frames, np.where(right, 0.5, 9.0), confidence), within_px=WITHIN_PX)
    assert found is not None
    return found


def test_exact_confidences_are_seldom_doubted_and_wrong_ones_are(tmp_path: Path) -> None:
    rng, frames = np.random.default_rng(3), noise_frames(tmp_path, 30)
    exact = [answered(frames, confidence=0.7, right=rng.random((30, 2)) < 0.7) for _ in range(40)]
    assert sum(one.error > one.by_chance for one in exact) <= 2
    timid = answered(frames, confidence=0.5, right=np.ones((30, 2), bool))
    assert timid.error == pytest.approx(0.5)
    assert timid.by_chance < 0.3
    assert timid.points == 60
    assert timid.of_right == pytest.approx(0.5)
    assert np.isnan(timid.of_wrong)


def test_chance_is_larger_with_fewer_frames_and_points_of_one_frame_count_once(tmp_path: Path) -> None:
    many = noise_frames(tmp_path, 40)
    few, alone = many.subset(np.arange(8)), replace(many, points=many.points.copy())
    alone.points[:, :, 1] = np.nan
    by_chance = {
        name: answered(frames, confidence=0.75, right=np.ones((len(frames), 2), bool)).by_chance
        for name, frames in (("many", many), ("few", few), ("alone", alone))
    }
    assert by_chance["few"] > 1.5 * by_chance["many"]
    assert by_chance["alone"] == pytest.approx(by_chance["many"])
    assert by_chance["few"] >= 0.25, "of eight that are called 0.75 all may be right"


def test_a_training_is_measured_with_its_confidence(tmp_path: Path) -> None:
    frames = noise_frames(tmp_path, 20)
    right = scored_with(frames, np.full((20, 2), 0.5), 0.6)
    about = Circumstances(labels=frames, radii=Radii(px=(2.0, 2.0), source="as given"))
    found = measure(right, right, about)
    assert found.confidence is not None
    assert found.confidence.error == pytest.approx(0.4)
    assert measure(right, None, about).confidence is None


def test_the_point_whose_absence_is_told_worst_is_measured_where_labels_are_enough(tmp_path: Path) -> None:
    frames = noise_frames(tmp_path, 20)
    frames.points[:6, 0, 1] = np.nan
    frames.hidden[:6, 0, 1] = True
    confidence = np.full((20, 2), 0.9)
    confidence[:6, 1], confidence[6:9, 1] = 0.6, 0.5
    found = measure_confidence(scored_with(frames, np.full((20, 2), 0.5), confidence), within_px=WITHIN_PX)
    assert found is not None
    assert found.hidden == "tail <base>"
    assert found.auc == pytest.approx(11 / 14)
    assert found.auc_error == pytest.approx(auc_error(11 / 14, 14, 6))
    assert found.of_wrong == pytest.approx(0.6)
    frames.points[5:6, 0, 1], frames.hidden[2:6, 0, 1] = 3.0, False
    few = measure_confidence(scored_with(frames, np.full((20, 2), 0.5), confidence), within_px=WITHIN_PX)
    assert few is not None
    assert few.hidden is None


def test_the_error_of_an_auc_is_how_far_it_scatters() -> None:
    """Drawn from exponential distributions, of which the formula holds; one with four times the scale is larger in four of five pairs."""
    rng = np.random.default_rng(0)
    drawn = [auc(rng.exponential(4.0, 8), rng.exponential(1.0, 90)) for _ in range(2000)]
    assert np.mean(drawn) == pytest.approx(0.8, abs=0.005)
    assert np.std(drawn) == pytest.approx(auc_error(0.8, 8, 90), rel=0.06)
