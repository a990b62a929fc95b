"""Behaviour from images through the commands: fit, evaluate and compare, on tables and on folders of images by class."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.trainer.blinking_images import arrays, blinking, write_table
from tracker.bundle import read_bundle
from trainer.__main__ import main
from trainer.behaviour.boosted_trees import NAME, missing_library

if missing_library():
    pytest.skip(str(missing_library()), allow_module_level=True)

FIT = ["fit", "--task", "behaviour", "--region", "frame", "--epochs", "4", "--batch", "16", "--learning-rate", "0.004"]


def by_class(folder: Path, count: int = 100, *, darker: int = 1) -> Path:
    """Red and blue squares in folders of their own; ten frames each of a kind."""
    images, labels = blinking(count, seed=4)
    images //= darker
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        place = folder / ("red" if label else "blue")
        place.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(place / f"{number:04d}.png"), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    return folder


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fitted")
    assert main([*FIT, "--data", str(by_class(folder / "squares")), "--out", str(folder / "model"), "--hold-out", "block 2"]) == 0
    return folder


def test_a_folder_by_class_becomes_a_bundle_with_a_report(fitted: Path) -> None:
    description = read_bundle(fitted / "model").description
    assert sorted(description.class_names) == ["blue", "red"]
    assert description.training.split == "held out: block 2; validation: block 5"
    assert (fitted / "model" / "report.html").is_file()
    assert description.behaviour is not None
    assert description.behaviour.accuracy.macro_f1 == pytest.approx(1, abs=0.1)


def test_a_bundle_of_images_is_scored_on_what_it_has_not_learnt_from(fitted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(fitted / "model"), "--data", str(fitted / "squares"), "--json"]) == 0

    found = json.loads(capsys.readouterr().out)

    assert any("3 of 5" in note or "4 of 5" in note for note in found["notes"])
    assert [score["name"] for score in found["scores"]] == ["model", NAME, "always the commonest"]
    kept = json.loads((fitted / "model" / "metrics.json").read_text())
    assert [score["name"] for score in kept["scores"]] == ["network", NAME, "always the commonest"]
    assert found["scores"][1]["macro_f1"] == pytest.approx(kept["scores"][1]["macro_f1"])


def test_images_in_another_light_than_those_learnt_from_are_said_to_be_unlike(
    fitted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    learnt = read_bundle(fitted / "model").description.learnt
    assert learnt is not None
    grey = [float(np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)).mean()) for path in sorted((fitted / "squares").rglob("*.png"))]
    assert learnt.brightness[0] < min(grey) < max(grey) < learnt.brightness[1]
    for folder, unlike in ((fitted / "squares", False), (by_class(tmp_path / "dark", 30, darker=12), True)):
        assert main(["evaluate", str(fitted / "model"), "--data", str(folder)]) == 0
        told = capsys.readouterr().out
        assert ("note: the images do not resemble those that model was trained on: their mean grey level is" in told) == unlike


def test_two_bundles_of_images_are_compared_on_a_table_of_videos(fitted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = str(arrays(tmp_path, 6, 20))
    assert main(["compare", str(fitted / "model"), str(fitted / "model"), "--data", table]) == 0
    told = capsys.readouterr().out
    assert "No difference between" in told
    assert told.count(f"{NAME} beside ") >= 2


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--region", "81"], "--region 81 is a square around a key point; name that with --follow"),
        (["--region", "frame", "--follow", "nose"], "--follow needs the side of a square in pixels"),
        (["--region", "1,2,3"], "--region is '1,2,3'; expected the side of a square"),
        (["--region", "frame", "--contrast", "local"], "--contrast local is for key points; expected none or whole"),
        (["--region", "frame", "--size", "big"], "--size is 'big'; expected WIDTHxHEIGHT"),
        (["--region", "frame", "--front", "nose"], "--front is for behaviour from poses"),
        (["--region", "frame", "--head", "xy"], "--head is for key points"),
        (["--region", "frame", "--network", "tcn"], "there is no network 'tcn' for behaviour in images; expected one of small, shallow"),
        (["--lags", "1"], "--lags is for behaviour from images; give --region with it"),
    ],
    ids=["no point", "no side", "three numbers", "contrast", "size", "of poses", "of key points", "network", "no region"],
)
def test_options_that_do_not_go_together_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], complaint: str
) -> None:
    images, labels = blinking(10, seed=0)
    np.save(tmp_path / "i.npy", images)
    np.save(tmp_path / "l.npy", labels)
    table = write_table(tmp_path, [{"images": "i.npy", "labels": "l.npy"}])
    assert main(["fit", "--task", "behaviour", "--data", str(table), "--out", str(tmp_path / "m"), *options]) == 1
    assert complaint in capsys.readouterr().err
