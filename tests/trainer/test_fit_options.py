"""Every option of `trainer fit` does something with every task, or is refused with it."""

import argparse
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tracker.errors import RigtrackError
from trainer.__main__ import PROGRAM
from trainer.commands.behaviour_options import refuse_behaviour_options, refuse_misfits_of_images
from trainer.commands.behaviour_request import behaviour_request
from trainer.commands.choices import fit_settings, split_choice
from trainer.commands.fit_behaviour import with_rig
from trainer.commands.forecast_options import forecast_request, refuse_forecast_options
from trainer.commands.image_options import image_request
from trainer.errors import TrainingError
from trainer.scoring.correct_radius import correct_within

ROOT = Path(__file__).resolve().parents[2]
SAID = {
    "pairs": "a:b",
    "averaging": "0.9",
    "pretrained_rate": "0.5",
    "size": "32x32",
    "network": "timm:resnet18",
    "correct_within": "3",
    "augment": "no_such_file.yaml",
    "class_words": "no_such_words.txt",
    "only_when": "no_such_rig.yaml",
    "rules": "no_such_rules.yaml",
}
NOT_TRIED = ("help", "task", "data", "region", "json")  # read by the command itself, whatever the task


def of_key_points(options: argparse.Namespace) -> object:
    refuse_forecast_options(options)
    refuse_behaviour_options(options)
    direct = [getattr(options, name) for name in ("out", "refresh", "accept_worse", "force", "swap", "target_px", "empty")]
    return fit_settings(options), split_choice(options), correct_within(options.correct_within), direct


def of_poses(options: argparse.Namespace) -> object:
    refuse_forecast_options(options)
    return behaviour_request(options), options.memorise, options.permuted


def of_images(options: argparse.Namespace) -> object:
    refuse_forecast_options(options)
    refuse_misfits_of_images(options)
    return with_rig(image_request(options), options), options.memorise, options.permuted


def of_forecast(options: argparse.Namespace) -> object:
    return forecast_request(options), options.memorise, options.permuted


def fit_parser() -> argparse.ArgumentParser:
    actions = PROGRAM.parser()._actions
    found: argparse.ArgumentParser = next(each for each in actions if isinstance(each, argparse._SubParsersAction)).choices["fit"]
    return found


def words(action: argparse.Action, spelling: str) -> list[str]:
    """The option with a value that is not the usual one."""
    if action.nargs == 0:
        return [spelling]
    numbers: dict[Any, str] = {int: "3", float: "0.25"}
    value = str(list(action.choices)[-1]) if action.choices else SAID.get(action.dest) or numbers.get(action.type, "7")
    return [spelling, *[value] * (action.nargs if isinstance(action.nargs, int) else 1)]


@pytest.mark.parametrize(
    ("task", "asked"),
    [
        ("--task keypoints", of_key_points),
        ("--task behaviour", of_poses),
        ("--task behaviour --region frame", of_images),
        ("--task behaviour --region 0,0,9,9", of_images),
        ("--task behaviour --region 81 --follow nose", of_images),
        ("--task forecast", of_forecast),
    ],
)
def test_every_option_changes_what_is_asked_or_is_refused(task: str, asked: Callable[[argparse.Namespace], object]) -> None:
    parser = fit_parser()
    base = ["--data", "a", *task.split()]
    usual, ignored = asked(parser.parse_args(base)), []
    for action in parser._actions:
        for spelling in action.option_strings if action.dest not in NOT_TRIED else ():
            try:
                ignored += [spelling] if asked(parser.parse_args([*base, *words(action, spelling)])) == usual else []
            except RigtrackError as refusal:
                named = spelling in str(refusal) or SAID.get(action.dest, spelling) in str(refusal)
                ignored += [] if named else [f"{spelling}: {refusal}"]
    assert ignored == []


@pytest.mark.parametrize(
    ("given", "instead"),
    [
        ("--hold-out a", "use --parts"),
        ("--validate a", "use --parts"),
        ("--no-mirror", "use --no-flips"),
        ("--threshold-rule j", "use --alarm-rule"),
        ("--members 3", "leave it out"),
    ],
)
def test_an_option_of_behaviour_is_refused_with_forecasts_and_its_sibling_named(given: str, instead: str) -> None:
    options = fit_parser().parse_args(["--data", "a", "--task", "forecast", *given.split()])
    with pytest.raises(TrainingError, match=f"^{given.split()[0]} does not go with --task forecast; {instead}$"):
        of_forecast(options)


@pytest.mark.parametrize("region", ["", "--region frame"])
def test_pairs_of_behaviour_are_learnt_with_and_typed_again(region: str) -> None:
    words = ["--task", "behaviour", *region.split(), "--pairs", "cw:ccw", "tail:tail"]
    request = (of_images if region else of_poses)(fit_parser().parse_args(["--data", "a", *words]))[0]  # type: ignore[index]
    assert request.settings.pairs == (("cw", "ccw"), ("tail", "tail"))
    assert request.options[:3] == ("--pairs", "cw:ccw", "tail:tail")


@pytest.mark.parametrize("task", ["behaviour", "forecast"])
@pytest.mark.parametrize("given", ["--background median", "--oversample points", "--batches 4", "--contrast local", "--no-flip"])
def test_an_option_of_key_points_is_refused_with_every_other_task(task: str, given: str) -> None:
    options = fit_parser().parse_args(["--data", "a", "--task", task, *given.split()])
    with pytest.raises(TrainingError, match=f"^{given.split()[0]} is for key points; leave it out with --task {task}$"):
        (of_poses if task == "behaviour" else of_forecast)(options)


@pytest.mark.parametrize("given", ["--data", "--refresh", "--swap"])
def test_a_mistake_in_a_path_is_told_before_torch_is_imported(given: str, tmp_path: Path) -> None:
    """It takes 10 to 30 s on a busy machine."""
    (tmp_path / "labels.csv").write_text("scorer\n")
    arguments = ["fit", *(["--data", str(tmp_path / "labels.csv")] if given != "--data" else []), given, str(tmp_path / "absent")]
    code = f"import sys; from trainer.__main__ import main; print(main({arguments!r}), 'torch' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert told.stdout == "1 False\n"
    assert f"{tmp_path / 'absent'}: " in told.stderr
