"""Weights that another network has learnt learn on at a share of the learning rate, which is said, kept and an option."""

from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.trainer.learnable import labelled
from tests.trainer.test_refresh import project
from tests.trainer.test_weights import QUICK, empty, library_weights
from trainer.__main__ import PROGRAM
from trainer.commands.choices import fit_settings
from trainer.errors import TrainingError
from trainer.experiments.search_space import Dimension, changed, refuse_without_effect
from trainer.labels.split import Split
from trainer.labels.split_record import write_record
from trainer.scoring.starting_weights import trained_apart_from
from trainer.scoring.training_record import TrainedAs
from trainer.training.augmentation_choice import settled
from trainer.training.checkpoint import about_run, differences
from trainer.training.fit import fit
from trainer.training.fit_settings import FitSettings, fit_options
from trainer.training.new_learner import untrained
from trainer.training.training_options import beginning_apart_from, without_option


@pytest.mark.parametrize(("asked", "share"), [({}, 0.1), ({"pretrained_rate": 0.5}, 0.5), ({"pretrained_rate": 1.0}, 1.0)])
def test_weights_taken_over_learn_at_the_share_of_the_rate_that_is_said(tmp_path: Path, asked: dict[str, Any], share: float) -> None:
    frames = labelled(tmp_path, 4)
    torch.save(library_weights(), tmp_path / "weights.pth")
    settings = replace(QUICK, weights=str(tmp_path / "weights.pth"), learning_rate=0.004, **asked)
    learner = untrained(frames, settings)
    shares = {id(one): group["share"] for group in learner.configure_optimizers().param_groups for one in group["params"]}
    found = {name.split(".")[0]: shares[id(one)] for name, one in learner.network.named_parameters()}
    assert found == {"backbone": share, "head": 1.0}
    said = settled(settings, frames)[1][0]
    assert said.startswith(f"weights: those taken over from {tmp_path / 'weights.pth'} learn at {share:g} of the learning rate, ")
    assert f"{share * 0.004:g} at its highest, fresh ones at 0.004 (change it with --pretrained-rate, --learning-rate)" in said


def test_nothing_is_said_of_rates_where_no_weights_are_taken_over(tmp_path: Path) -> None:
    assert not [one for one in settled(QUICK, labelled(tmp_path, 2))[1] if one.startswith("weights: ")]


@pytest.mark.parametrize("share", [0.0, 1.5, float("nan")])
def test_a_rate_of_weights_taken_over_that_is_no_share_is_refused(tmp_path: Path, share: float) -> None:
    with pytest.raises(TrainingError, match=r"pretrained_rate is .*; expected a share of the learning rate, above 0, at most 1"):
        untrained(labelled(tmp_path, 2), replace(QUICK, pretrained_rate=share))


def test_trainings_from_before_there_was_a_rate_of_weights_taken_over_go_on(tmp_path: Path) -> None:
    frames = labelled(tmp_path, 2)
    learner = untrained(frames, QUICK)
    usual, other = (
        about_run(learner.plan, frames, empty(frames), settings=one, colour="grey") for one in (QUICK, replace(QUICK, pretrained_rate=0.5))
    )
    assert isinstance(usual["settings"], dict)
    assert "pretrained_rate" not in usual["settings"]
    assert {"epochs", "minutes", "depth"} <= set(usual["settings"])
    assert differences(usual, other) == "with pretrained rate 0.1 instead of 0.5"
    assert differences(other, usual) == "with pretrained rate 0.5 instead of 0.1"
    assert FitSettings().as_plain() == {name: value for name, value in asdict(FitSettings()).items() if name != "pretrained_rate"}


def test_the_rate_of_weights_taken_over_is_an_option_that_may_be_searched() -> None:
    asked = fit_settings(PROGRAM.parser().parse_args(["fit", "--data", "x", "--pretrained-rate", "0.3"]))
    assert asked.pretrained_rate == 0.3
    assert fit_options(asked) == ("--pretrained-rate", "0.3")
    found = changed(FitSettings(), {"pretrained_rate": 0.02})
    assert found.pretrained_rate == 0.02
    assert without_option({"pretrained_rate": 0.02}) == []
    for wrong in ("0", "1.5", "fast"):
        with pytest.raises(SystemExit):
            PROGRAM.parser().parse_args(["fit", "--data", "x", "--pretrained-rate", wrong])


@pytest.mark.parametrize(
    ("space", "weights", "refused"),
    [
        (["pretrained_rate"], "scratch", True),
        (["pretrained_rate", "weights"], "scratch", False),
        (["pretrained_rate"], "imagenet", False),
        (["learning_rate"], "scratch", False),
    ],
)
def test_a_rate_of_weights_that_no_network_is_brought_is_not_searched(space: list[str], weights: str, refused: bool) -> None:
    listed = {
        "pretrained_rate": Dimension(choices=(0.1, 1.0)),
        "weights": Dimension(choices=("scratch", "imagenet")),
        "learning_rate": Dimension(choices=(0.1, 1.0)),
    }
    given = {name: listed[name] for name in space}
    with pytest.raises(TrainingError, match="every network begins at random: give --weights, or leave") if refused else nullcontext():
        refuse_without_effect(given, FitSettings(weights=weights))


def test_a_search_of_that_rate_alone_ends_before_it_begins(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project(tmp_path / "mice", range(8))
    (tmp_path / "space.yaml").write_text("pretrained_rate: {choices: [0.1, 1.0]}\n")
    asked = ["sweep", "--data", str(tmp_path / "mice"), "--study", str(tmp_path / "s.db"), "--space", str(tmp_path / "space.yaml")]
    assert PROGRAM.main(asked) == 1
    assert "the space names pretrained_rate, the rate of weights that are brought" in capsys.readouterr().err
    assert not (tmp_path / "s.db").exists()


def test_another_training_at_random_is_not_given_the_rate_of_weights(tmp_path: Path) -> None:
    frames = labelled(tmp_path, 4)
    run = tmp_path / "mine.run"
    write_record(run, frames, Split(train=np.arange(4), held_out=np.arange(0), description="all"))
    checkpoint = run / "checkpoints" / "last.ckpt"
    checkpoint.parent.mkdir()
    checkpoint.write_bytes(b"weights")
    asked = FitSettings(weights=str(checkpoint), pretrained_rate=0.5, trained="head", batch=4)
    assert beginning_apart_from(asked, frames, run=tmp_path / "other.run") == FitSettings(batch=4)
    for kept in (FitSettings(weights="imagenet", pretrained_rate=0.5, trained="head"), FitSettings(pretrained_rate=0.5)):
        assert beginning_apart_from(kept, frames, run=run) == kept
    later = TrainedAs(options=("--weights", str(checkpoint), "--pretrained-rate", "0.5", "--batch", "4"))
    assert trained_apart_from(later, frames).options == ("--batch", "4")


def test_the_history_has_the_learning_rate_that_was_asked_for_where_all_weights_are_taken_over(tmp_path: Path) -> None:
    frames = labelled(tmp_path, 4)
    first = fit(frames, empty(frames), replace(QUICK, network="compact", epochs=2), tmp_path / "first")
    again = fit(frames, empty(frames), replace(QUICK, network="compact", epochs=2, weights=str(first.checkpoint)), tmp_path / "again")
    rates = [[epoch.learning_rate for epoch in result.history.epochs] for result in (first, again)]
    assert rates[0] == pytest.approx(rates[1])
