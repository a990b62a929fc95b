"""The trainings that a verdict proposes are the one that was asked for, but for the change that is proposed."""

import argparse
import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import pytest

from tests.trainer.learnable import labelled
from trainer.__main__ import PROGRAM
from trainer.commands.behaviour_options import add_behaviour_training
from trainer.commands.choices import fit_settings, split_choice
from trainer.commands.forecast_options import add_forecast_training
from trainer.errors import TrainingError
from trainer.labels.split import SplitChoice
from trainer.networks.blocks import CropPlan, FrameShape, Layers
from trainer.networks.build import NetworkPlan, build
from trainer.networks.names import HEADS, VIEWS, refuse_misfits, usual_view
from trainer.networks.usual_training import PRETRAINED_RATE
from trainer.pipeline.training_verdict import trained_as
from trainer.scoring.correct_radius import Judging, correct_within
from trainer.scoring.next_commands import NextCommands
from trainer.scoring.training_record import next_commands
from trainer.training.fit_settings import EPOCHS, FitSettings
from trainer.training.training_options import options_of_training

# a value that is not the usual one for every option of `trainer fit` that a training for key points depends on
GIVEN = {
    "--empty": "hidden",
    "--minutes": "7",
    "--epochs": "3",
    "--seed": "5",
    "--learning-rate": "0.00123456789",
    "--pretrained-rate": "0.25",
    "--weight-decay": "0.01",
    "--optimiser": "adam",
    "--batch": "4",
    "--batches": "60",
    "--held-out-batch": "2",
    "--oversample": "points",
    "--averaging": "0.9",
    "--patience": "9",
    "--precision": "32",
    "--device": "cpu",
    "--workers": "0",
    "--flip": "",
    "--no-flip": "",
    "--rotation": "20",
    "--pairs": "left_ear:right_ear snout:snout",
    "--two-views": "",
    "--no-two-views": "",
    "--augment": "AUGMENT.yaml",
    "--network": "resnet18",
    "--head": "xy",
    "--width": "0.5",
    "--depth": "3",
    "--dropout": "0.2",
    "--coarse-width": "2",
    "--view": "full",
    "--weights": "mine.ckpt",
    "--background": "median",
    "--contrast": "local",
    "--train": "head",
    "--loss": "mse",
    "--target": "disk",
    "--folds": "4",
    "--fold": "1",
    "--hold-out": "monday tuesday",
    "--random-split": "0.123456789",
    "--no-held-out": "",
    "--correct-within": "3 snout=2.5",
    "--target-px": "0.3",
}
# of the place, of what is printed and of what becomes of the bundle
ELSEWHERE = {"-h", "--help", "--data", "--out", "--refresh", "--accept-worse", "--force", "--swap", "--json"}
TOGETHER = [name for name in GIVEN if name not in ("--flip", "--two-views", "--target", "--view", "--network")]


@dataclass(frozen=True)
class Asked:
    """Everything that a command asks for."""

    settings: FitSettings
    split: SplitChoice
    judging: Judging
    empty: str | None


def asked(options: argparse.Namespace) -> Asked:
    judging = Judging(correct_within=correct_within(options.correct_within), target_px=options.target_px)
    return Asked(fit_settings(options), split_choice(options), judging, options.empty)


def typed(command: str) -> argparse.Namespace:
    return PROGRAM.parser().parse_args(shlex.split(command)[1:])


def after(command: str, folder: Path) -> tuple[Asked, NextCommands]:
    """What a training that was so begun asks for, and what its verdict's commands are given."""
    options = typed(command)
    was = asked(options)
    words = options_of_training(was.settings, augment_file=options.augment, split=was.split, judging=was.judging, empty=options.empty)
    view = usual_view(was.settings.network) if was.settings.view == "auto" else was.settings.view
    labels = labelled(folder, 1)
    trained = trained_as(was.settings, plan(was.settings, view), labels=labels, options=words)
    return was, next_commands([folder / "mice"], folder / "mine", labels, trained)


def plan(settings: FitSettings, view: str, *, animals: int = 1) -> NetworkPlan:
    layers = Layers(width=settings.width, depth=settings.depth, dropout=settings.dropout)
    crop = CropPlan(height=64, width=64, shrink=1, pool=4)
    frame = FrameShape(height=96, width=96, channels=1)
    return NetworkPlan(
        head=settings.head, points=2, frame=frame, crop=crop, animals=animals, network=settings.network, view=view, layers=layers
    )


def command_with(names: Sequence[str], folder: Path) -> str:
    (folder / "wide.yaml").write_text("scale: [0.5, 2.0]\nlight: 0.5\nflip: 0.25\nrotation_deg: 12.5\n")
    given = " ".join(f"{name} {GIVEN[name]}" for name in names)
    return f"trainer fit --data mice --out mine {given}".replace("AUGMENT.yaml", shlex.quote(str(folder / "wide.yaml")))


def test_every_option_of_a_training_for_key_points_is_in_the_round_trip() -> None:
    others = argparse.ArgumentParser()
    add_behaviour_training(others)
    add_forecast_training(others)
    commands = next(action for action in PROGRAM.parser()._actions if isinstance(action, argparse._SubParsersAction))
    offered = set(commands.choices["fit"]._option_string_actions) - set(others._option_string_actions)
    assert offered - ELSEWHERE == set(GIVEN)


@pytest.mark.parametrize("names", [*([name] for name in GIVEN), TOGETHER], ids=[*GIVEN, "together"])
def test_the_next_training_is_the_one_asked_for_but_for_its_change(names: list[str], tmp_path: Path) -> None:
    was, commands = after(command_with(names, tmp_path), tmp_path)
    assert was != asked(typed(command_with([], tmp_path))) or names == ["--no-two-views"]
    settings = was.settings
    same = settings if settings.minutes is not None else replace(settings, epochs=settings.epochs or EPOCHS)
    tripled = replace(
        same,
        epochs=None if same.epochs is None else 3 * same.epochs,
        minutes=None if same.minutes is None else 3 * same.minutes,
    )
    assert asked(typed(commands.longer(3))) == replace(was, settings=tripled)
    assert asked(typed(commands.patient())) == replace(was, settings=replace(same, patience=5))
    assert asked(typed(commands.hold_out())) == Asked(same, replace(was.split, everything=False), was.judging, was.empty)
    curve = typed(commands.curve(0.7))
    assert (fit_settings(curve), split_choice(curve), curve.target_px, curve.empty) == (same, was.split, 0.7, was.empty)


def combinations() -> list[str]:
    """Every network with every head and view that it takes."""
    found = []
    for network, head, view in product(("compact", "trackrat", "resnet18", "alexnet"), HEADS, VIEWS):
        try:
            refuse_misfits(network, head, view)
        except TrainingError:
            continue
        found.append(f"--network {network} --head {head} --view {view}")
    return found


@pytest.mark.parametrize("chosen", combinations())
def test_a_network_that_sees_more_is_one_that_can_be_built(chosen: str, tmp_path: Path) -> None:
    layers = (
        "--width 0.5 --depth 2 --dropout 0.1 --weights mine.ckpt --pretrained-rate 0.5 --train head"
        if "compact" in chosen or "trackrat" in chosen
        else ""
    )
    loss = "--loss mse"
    was, commands = after(f"trainer fit --data mice --out mine {chosen} {layers} {loss} --no-flip", tmp_path)
    proposed = commands.other_view()
    if proposed is None:
        assert was.settings.head == "several"  # of which there is one network, with one view
        return
    settings = asked(typed(proposed)).settings
    assert settings.view != was.settings.view
    build(replace(plan(settings, settings.view), crop=CropPlan(height=96, width=96, shrink=1, pool=4)))  # refuses misfits
    assert settings.augment == was.settings.augment
    assert settings.loss == was.settings.loss
    if "resnet18" not in chosen and "alexnet" not in chosen:
        assert (settings.weights, settings.pretrained_rate, settings.trained) == ("scratch", PRETRAINED_RATE, "all")
    assert math.isclose(settings.width, 1.0)
