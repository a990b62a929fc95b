"""Frames with a rare point, of a rare video or with a rare tag are shown more often, where that is asked for, and it is said."""

import argparse
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.trainer.learnable import GREY, labelled
from trainer.__main__ import PROGRAM
from trainer.behaviour.settings import BehaviourSettings
from trainer.commands.choices import fit_settings
from trainer.errors import TrainingError
from trainer.forecast.settings import ForecastSettings
from trainer.image_behaviour.settings import ImageSettings
from trainer.labels.checks import check_labels
from trainer.labels.labelled_frames import LabelledFrames
from trainer.networks.usual_training import IMAGES_HELD_OUT
from trainer.training.checkpoint import about_run
from trainer.training.datasets import EpochOrder, FrameStore
from trainer.training.fit import fit
from trainer.training.fit_settings import EPOCHS, FitSettings
from trainer.training.lightning_run import run_by_lightning
from trainer.training.new_learner import untrained
from trainer.training.oversampling import MOST, oversampling_sentence, times_shown

QUICK = FitSettings(epochs=1, batch=2, batches=1, workers=0, accelerator="cpu", precision="32", width=0.25)


@pytest.fixture
def frames(tmp_path: Path) -> LabelledFrames:
    """Eight frames: the tail is placed in two of them, one is of a second video, one is tagged."""
    made = labelled(tmp_path, 8)
    points = made.points.copy()
    points[2:, :, 1] = np.nan
    return replace(made, points=points, group=("monday",) * 7 + ("tuesday",), tags=(frozenset({"rearing"}), *((frozenset[str](),) * 7)))


def test_without_asking_every_frame_is_shown_as_often(frames: LabelledFrames) -> None:
    assert times_shown(frames, "nothing").tolist() == [1] * 8
    assert oversampling_sentence(frames, "nothing") is None


@pytest.mark.parametrize(
    ("by", "times", "sentence"),
    [
        ("points", [4, 4, 1, 1, 1, 1, 1, 1], "with 'tail' (2 of 8 frames) 4 times"),
        ("videos", [1, 1, 1, 1, 1, 1, 1, MOST], "with 'tuesday' (1 of 8 frames) 5 times"),
        ("tags", [MOST, 1, 1, 1, 1, 1, 1, 1], "with 'rearing' (1 of 8 frames) 5 times"),
    ],
)
def test_the_rarer_is_shown_as_many_times_as_often_up_to_five(frames: LabelledFrames, by: str, times: list[int], sentence: str) -> None:
    assert times_shown(frames, by).tolist() == times  # type: ignore[arg-type]
    said = oversampling_sentence(frames, by)  # type: ignore[arg-type]
    assert said is not None
    assert sentence in said


def test_where_nothing_is_rare_oversampling_says_that_it_changes_nothing(tmp_path: Path) -> None:
    even = labelled(tmp_path, 4)
    assert times_shown(even, "points").tolist() == [1] * 4
    assert oversampling_sentence(even, "videos") == "oversampling by videos changes nothing: none is half as frequent as another"


def test_oversampling_by_tags_without_any_tag_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no training frame has a tag"):
        times_shown(labelled(tmp_path, 2), "tags")


def test_a_pass_shows_a_frame_as_often_as_was_asked_in_an_order_of_chance() -> None:
    order = EpochOrder(3, pictures=12, seed=0, times=np.array([1, 4, 1]))
    shown = [draw.frame for draw in order]
    assert len(order) == len(shown) == 12
    assert Counter(shown) == {0: 2, 1: 8, 2: 2}
    assert shown[:6] != sorted(shown[:6])
    assert [draw.frame for draw in EpochOrder(5, pictures=5, seed=0, times=np.ones(5, np.int64))] == [
        draw.frame for draw in EpochOrder(5, pictures=5, seed=0)
    ]


def test_a_training_takes_as_many_steps_as_its_schedule_has(
    frames: LabelledFrames, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = replace(QUICK, oversample="videos")  # 7 + 5 pictures a pass, six batches of two
    steps = untrained(frames, settings).steps
    made = fit(frames, frames.subset(np.array([0, 1, 2])), settings, tmp_path / "run", progress=True)
    assert len(made.history.batch_loss) == 6
    assert steps == 6
    assert "'tuesday' (1 of 8 frames) 5 times" in capsys.readouterr().err


def test_held_out_frames_are_answered_as_many_at_a_time_as_was_asked(frames: LabelledFrames, tmp_path: Path) -> None:
    stores = FrameStore(frames, GREY), FrameStore(frames.subset(np.arange(5)), GREY)
    settings = replace(QUICK, held_out_batch=3)
    learner, sizes = untrained(frames, settings), list[int]()
    learner.averaged.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    run_by_lightning(learner, stores, settings, tmp_path, resume=None, shown=None)
    assert sizes[:2] == [3, 2]


def test_a_held_out_batch_of_none_is_refused(frames: LabelledFrames) -> None:
    with pytest.raises(TrainingError, match="held_out_batch is 0; expected more than 0"):
        untrained(frames, replace(QUICK, held_out_batch=0))


def test_the_size_of_held_out_batches_does_not_make_it_another_training(frames: LabelledFrames) -> None:
    plan = untrained(frames, QUICK).plan
    runs = [about_run(plan, frames, frames, settings=replace(QUICK, held_out_batch=batch), colour="grey") for batch in (2, 8)]
    assert runs[0] == runs[1]


def test_help_states_the_usual_batches_rate_and_epochs(capsys: pytest.CaptureFixture[str]) -> None:
    words = "fit --data x --batch 3 --held-out-batch 5 --learning-rate 0.01 --epochs 7 --oversample tags"
    asked = fit_settings(PROGRAM.parser().parse_args(words.split()))
    assert isinstance(asked, FitSettings)
    assert (asked.batch, asked.held_out_batch, asked.learning_rate, asked.epochs, asked.oversample) == (3, 5, 0.01, 7, "tags")
    with pytest.raises(SystemExit):
        PROGRAM.parser().parse_args(["fit", "--help"])
    said = re.sub(r"\s+", " ", capsys.readouterr().out)
    helps = {option: said.split(f" {option} ", 2)[-1].split(" --")[0] for option in ("--batch", "--learning-rate", "--epochs")}
    rates = [ForecastSettings(kind=kind).rate for kind in ("convlstm-small", "lstm")]
    assert (
        f"({FitSettings().batch}; of behaviour from poses {BehaviourSettings().batch}, from images {ImageSettings().batch}; "
        in (helps["--batch"])
    )
    assert f"of a forecast {ForecastSettings().batch})" in helps["--batch"]
    assert f"({EPOCHS}; of behaviour {BehaviourSettings().epochs}; of a forecast {ForecastSettings().epochs})" in helps["--epochs"]
    assert BehaviourSettings().epochs == ImageSettings().epochs
    assert (
        f"({FitSettings().learning_rate:g}; of behaviour {BehaviourSettings().learning_rate:g}; "
        f"of a forecast {rates[0]:g}, {rates[1]:g} with lstm)"
    ) in helps["--learning-rate"]
    assert BehaviourSettings().learning_rate == ImageSettings().learning_rate
    assert (
        f"({FitSettings().held_out_batch}; of behaviour from poses a whole video, from images {IMAGES_HELD_OUT}, of large ones fewer; "
        f"of a forecast {ForecastSettings().held_out_batch}, "
    ) in said.split(" --held-out-batch ", 2)[-1].split(" --")[0]


def test_lopsided_labels_come_with_the_option_that_shows_the_rare_more_often(tmp_path: Path) -> None:
    made = labelled(tmp_path, 24)
    points = made.points.copy()
    points[2:, :, 1] = np.nan
    found = check_labels(replace(made, points=points, group=("monday",) * 23 + ("tuesday",)))
    said = {one.kind: one.sentence for one in found}
    assert "(--oversample points)" in said["rare point"]
    assert "(--oversample videos)" in said["lopsided"]
    assert isinstance(PROGRAM.parser().parse_args(["fit", "--data", "x", "--oversample", "videos"]), argparse.Namespace)
