"""The command that a search prints for its winner asks for the very training that the search was asked for, with what it found."""

import argparse
import json
import shlex
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.trainer.test_next_options import GIVEN, command_with
from trainer.__main__ import PROGRAM
from trainer.commands.choices import fit_settings, split_choice
from trainer.commands.sweep import asked_training
from trainer.experiments.search_space import PRESETS, changed
from trainer.training.augment_file import read_augment_file
from trainer.training.fit_settings import FitSettings
from trainer.training.training_options import AskedTraining, augment_file_of, needs_augment_file, without_option

PARSER = PROGRAM.parser()
NOT_OF_TRAINING = {"-h", "--help", "--data", "--out", "--json", "--task"}
OTHER_TASKS = ("behaviour", "forecast")  # titles of groups of options; `trainer sweep --task` searches those in another way
NOT_OF_SEARCH = {"--correct-within", "--target-px"}  # a search judges nothing by them
TOGETHER = [name for name in GIVEN if name not in ("--flip", "--two-views", "--target", "--view", "--network", *NOT_OF_SEARCH)]


def typed(command: str) -> argparse.Namespace:
    return PARSER.parse_args(shlex.split(command)[1:])


def asked(options: argparse.Namespace) -> Any:
    return fit_settings(options), split_choice(options), options.empty, [str(one) for one in options.data]


def stored(options: argparse.Namespace) -> AskedTraining:
    """As the database gives it back."""
    return msgspec.convert(json.loads(json.dumps(msgspec.to_builtins(asked_training(options, fit_settings(options))))), AskedTraining)


def options_of(command: str) -> set[str]:
    commands = next(action for action in PARSER._actions if isinstance(action, argparse._SubParsersAction))
    groups = [group for group in commands.choices[command]._action_groups if not str(group.title).startswith(OTHER_TASKS)]
    return {spelling for group in groups for action in group._group_actions for spelling in action.option_strings}


def test_every_option_that_a_search_shares_with_a_training_is_tried_here() -> None:
    assert (options_of("sweep") & options_of("fit")) - NOT_OF_TRAINING == set(GIVEN) - NOT_OF_SEARCH


@pytest.mark.parametrize(
    "names", [*([name] for name in GIVEN if name not in NOT_OF_SEARCH), TOGETHER], ids=lambda names: "+".join(names[:2])
)
def test_the_winners_command_carries_every_option_that_was_given(names: list[str], tmp_path: Path) -> None:
    fit = typed(command_with(names, tmp_path).replace("--data mice", "--data 'my mice/table.csv'"))
    words = command_with(names, tmp_path).replace(
        "trainer fit --data mice --out mine", "trainer sweep --data 'my mice/table.csv' --study s.db"
    )
    search = stored(typed(words))
    assert asked(typed(search.command(search.settings, out="models/best"))) == asked(fit)


@pytest.mark.parametrize(
    "values",
    [
        {"learning_rate": 0.00123456789, "batch": 32, "weight_decay": 0.01, "averaging": 0.99},
        {"epochs": 7, "loss.target": "disk", "dropout": 0.2},
        {"augment.rotation_deg": 12.5},
        {"augment.blur": 0.5, "augment.scale": [0.5, 2.0], "augment.flip": 0.25},
        {"weights": "my weights.ckpt", "trained": "head", "pretrained_rate": 0.25},
    ],
    ids=["usual", "length and loss", "rotation", "augmentation", "weights"],
)
def test_the_winners_command_asks_for_what_was_found(values: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "given.yaml").write_text("light: 0.5\npairs: [[a, b]]\n")
    search = stored(typed(f"trainer sweep --data mice --study s.db --batch 4 --augment {tmp_path}/given.yaml"))
    found = changed(search.settings, values)
    file = tmp_path / "augment.yaml" if needs_augment_file(values) else None
    if file is not None:
        file.write_bytes(augment_file_of(found.augment))
        assert read_augment_file(file) == found.augment
    assert fit_settings(typed(search.command(found, out="models/best", augment_file=file))) == found
    assert without_option(values) == []


def test_every_setting_that_a_preset_searches_can_be_told_to_a_training() -> None:
    assert [without_option(preset.space) for preset in PRESETS.values()] == [[]] * len(PRESETS)


def test_a_setting_without_an_option_is_named() -> None:
    assert without_option({"loss.coarse": 0.3, "batch": 4}) == ["loss.coarse"]
    assert FitSettings().loss.coarse != 0.3
