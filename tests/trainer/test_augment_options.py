"""What is asked of mirroring and turning on the command line holds in every training, is said, and is kept with what it made."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.trainer.learnable import GREY, labelled
from tracker.bundle import read_bundle
from tracker.bundle_description import Augmentation
from trainer.__main__ import main
from trainer.experiments.run import RUN_FILE, RUNS
from trainer.formats.write_synthetic_set import write_synthetic_set
from trainer.networks.blocks import CropPlan
from trainer.training.augment import UNCHANGED
from trainer.training.datasets import Draw, FrameStore, TrainingFrames

QUICK = ["--epochs", "1", "--batch", "4", "--batches", "40", "--workers", "0", "--device", "cpu", "--precision", "32"]
ASKED = ["--no-flip", "--rotation", "30", "--pairs", "snout:tail_base"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("synthetic") / "set"
    write_synthetic_set(folder, scene="rodent", count=10, seed=1, width=64, height=64, rectangles=1)
    return folder


def test_a_bundle_and_its_report_say_how_images_were_mirrored(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "model"
    assert main(["fit", "--data", str(data), "--out", str(out), *QUICK]) == 0
    sentence = (
        "50% of the training images are mirrored (left_ear and right_ear then change places); they are turned by up to 180° either way"
    )
    assert sentence in capsys.readouterr().err
    kept = read_bundle(out).description.training.augmentation
    assert kept == Augmentation(flip=0.5, rotation_deg=180.0, pairs=(("left_ear", "right_ear"),), two_views=False)
    assert sentence in (out / "report.html").read_text()
    assert json.loads((out / "metrics.json").read_text())["settings"]["augment"]["flip"] == 0.5


def test_options_hold_and_another_choice_is_another_training(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "model"
    command = ["fit", "--data", str(data), "--out", str(out), *QUICK]
    assert main([*command, *ASKED]) == 0
    assert "no training image is mirrored; they are turned by up to 30° either way" in capsys.readouterr().err
    kept = read_bundle(out).description.training.augmentation
    assert kept is not None
    assert (kept.flip, kept.rotation_deg) == (0.0, 30.0)
    assert ("snout", "tail_base") in kept.pairs
    assert main([*command, *ASKED]) == 0, "the same command goes on"
    assert main([*command, "--rotation", "40"]) == 1
    assert "holds a training" in capsys.readouterr().err


def test_a_file_holds_and_an_option_stands_before_it(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "augment.yaml"
    path.write_text("rotation_deg: 30\nflip: 0.25\nblur: 0\n")
    out = tmp_path / "model"
    assert main(["fit", "--data", str(data), "--out", str(out), *QUICK, "--augment", str(path), "--rotation", "20"]) == 0
    found = json.loads((out / "metrics.json").read_text())["settings"]["augment"]
    assert (found["rotation_deg"], found["flip"], found["blur"], found["noise"]) == (20.0, 0.25, 0.0, 0.5)


@pytest.mark.parametrize("command", [["crossval", "--folds", "2"], ["curve", "--sizes", "4"]], ids=["crossval", "curve"])
def test_experiments_train_and_say_the_same(command: list[str], data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command, "--data", str(data), "--out", str(tmp_path / "e"), *QUICK, *ASKED]) == 0
    assert "no training image is mirrored; they are turned by up to 30° either way" in capsys.readouterr().err
    runs = [json.loads(path.read_text()) for path in (tmp_path / "e" / RUNS).glob(f"*/{RUN_FILE}")]
    assert runs
    assert {(run["settings"]["augment"]["flip"], run["settings"]["augment"]["rotation_deg"]) for run in runs} == {(0.0, 30.0)}
    assert {run["settings"]["augment"]["two_views"] for run in runs} == {False}, "settled once, on all labels"


def test_a_sweep_trains_the_same_and_its_command_for_a_bundle_says_so(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "space.yaml").write_text("augment.rotation_deg: {choices: [20.0, 30.0]}\n")
    command = ["sweep", "--data", str(data), "--study", str(tmp_path / "s.db"), "--space", str(tmp_path / "space.yaml")]
    assert main([*command, "--sampler", "grid", "--confirm", "0", *QUICK, *ASKED]) == 0
    said = capsys.readouterr()
    assert "no training image is mirrored" in said.err
    assert "--no-flip --rotation " in said.out
    assert "--pairs snout:tail_base" in said.out


@pytest.mark.parametrize(("pairs", "sign"), [((), 1), ((("head", "tail"),), -1)], ids=["no pair", "a pair"])
def test_training_pictures_are_mirrored_with_the_pairs_in_force(pairs: tuple[tuple[str, str], ...], sign: int, tmp_path: Path) -> None:
    """The way from tail to head is mirrored, and turned round where the two change places."""
    store = FrameStore(labelled(tmp_path, 1), GREY)
    settings = replace(UNCHANGED, flip=1.0, pairs=pairs)
    crop = CropPlan(height=96, width=96, shrink=1, pool=1)
    made = TrainingFrames(store, crop=crop, settings=settings, seed=0)[Draw(0, 0, 0)].points.numpy()[0]
    before = store.points(0)[0]
    expected = sign * (before[0] - before[1]) * [-1, 1]
    np.testing.assert_allclose(made[0] - made[1], expected, atol=1e-3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--rotation", "400"], "expected degrees from 0 to 180"),
        (["--pairs", "leftear"], "expected two names with a colon between"),
    ],
)
def test_wrong_usage_ends_with_status_2(options: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["fit", "--data", "x", "--out", "y", *options])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_a_pair_of_unknown_points_ends_with_a_sentence(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "--data", str(data), "--out", str(tmp_path / "m"), *QUICK, "--pairs", "left_ear:rigt_ear"]) == 1
    assert (
        "'rigt_ear' is not among the key points snout, left_ear, right_ear, tail_base; did you mean 'right_ear'?" in capsys.readouterr().err
    )


def test_labels_can_be_looked_at_before_any_training(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagnose", "--data", str(data), "--labels-only"]) == 0
    assert "left_ear and right_ear then change places" in capsys.readouterr().out
    assert main(["diagnose", "--data", str(data), "--labels-only", "--flip"]) == 0
    assert "left_ear and right_ear then change places" in capsys.readouterr().out
    assert main(["diagnose", "--data", str(data), "--labels-only", "--no-flip"]) == 0
    assert "no training image is mirrored" in capsys.readouterr().out
