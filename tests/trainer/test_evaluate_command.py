"""`trainer evaluate` and `trainer compare` as a user runs them, on a bundle that `trainer fit` made."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest

from tests.trainer.learnable import labelled
from tracker.bundle import Bundle, read_bundle
from trainer.__main__ import main
from trainer.formats.read_labels import read_labels
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.split import SplitChoice, choose_split, division_of
from trainer.scoring.bundle_split import split_of
from trainer.scoring.evaluate_sets import evaluate_sets

MIDDLE = SplitChoice(fold=None, folds=5, groups=(), random_fraction=None, seed=0, everything=False)
QUICK = ["--epochs", "2", "--batch", "8", "--batches", "16", "--device", "cpu", "--workers", "0"]
ASKED = ["--no-flip", "--rotation", "20", "--target-px", "50"]


def as_csv(folder: Path, frames: LabelledFrames) -> Path:
    """The frames as a DeepLabCut table beside their images."""
    rows = ["scorer,a,a,a,a", "bodyparts,head,head,tail,tail", "coords,x,y,x,y"]
    rows += [
        f"{ref.path.name},{','.join(f'{x:g},{y:g}' for x, y in points[0])}"
        for ref, points in zip(frames.images, frames.points, strict=True)
    ]
    path = folder / "CollectedData_a.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bars")
    return as_csv(folder, labelled(folder, 40))


@pytest.fixture(scope="module")
def bundle(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("models") / "bars"
    assert main(["fit", "--data", str(data), "--out", str(out), "--fold", "1", "--folds", "2", *ASKED, *QUICK]) == 0
    return out


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main([*arguments, "--json", "--threads", "1"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_frames_held_out_and_learnt_from_are_told_apart_and_scored_alike(
    bundle: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One reduction, one mode; the figure of `fit` comes back to the last digit."""
    found = run(capsys, "evaluate", str(bundle), "--data", str(data), "--thresholds", "3", "8")
    held_out, training = found["sets"]
    assert [(one["part"], one["frames"]) for one in found["sets"]] == [("held-out", 20), ("training", 20)]
    assert held_out["mean_px"] == pytest.approx(json.loads((bundle / "metrics.json").read_text())["held_out"]["mean_px"])
    assert set(held_out["within_px"]) == {"3", "8"}
    assert set(held_out) == set(training)
    assert held_out["baseline"]["fitted_on"] == "training labels"
    assert found["verdict"]["kind"] == json.loads((bundle / "metrics.json").read_text())["verdict"]["kind"] == "too short"
    longer = found["verdict"]["next"][0]["command"]  # on the project that another step makes of these labels, and may correct
    assert longer.startswith(f"trainer project import {bundle}-labels {data} ")
    assert f" && trainer fit --data {bundle}-labels --out {bundle}-longer --batches 16 " in longer
    assert " --no-flip --rotation 20 " in found["verdict"]["next"][0]["command"]  # as the training was asked for
    assert " --target-px 50 " in found["verdict"]["next"][0]["command"]
    assert {one["field_of_view"] for one in found["sets"]} == {
        "The network sees all of the camera's 128x96 image, at its own size, in grey."
    }


def test_a_set_of_which_one_frame_was_learnt_from_is_not_judged_by_that(
    bundle: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known, new = split_of(read_bundle(bundle), read_labels(data)), labelled(tmp_path, 12, first=900)
    assert known is not None
    learnt = labelled(tmp_path, 40).subset(known.train[:1])
    few = as_csv(tmp_path, replace(new, images=(*new.images, *learnt.images), points=np.concatenate([new.points, learnt.points])))
    found = run(capsys, "evaluate", str(bundle), "--data", str(few), "--report", str(tmp_path / "report"))
    held_out, training = found["sets"]
    assert (held_out["frames"], training["frames"]) == (12, 1)
    assert found["verdict"]["kind"] != "few frames"
    assert "of the 20 frames learnt from only 1 is here" in found["verdict"]["sentence"]
    for one in (held_out, training):
        assert one["baseline"]["fitted_on"] == "all of these labels, since too few of them were learnt from"
        assert one["baseline"]["mean_position_px"] > 5
    page = (tmp_path / "report" / "report.html").read_text()
    assert "R² –" not in page
    assert "<h1>Evaluation report: bars</h1>" in page
    assert "<th>learnt from, of these</th>" in page


def other_set_up(folder: Path, *, first: int, darker: float) -> Path:
    """Labelled bars that were never learnt from, under another light."""
    frames = labelled(folder, 12, first=first)
    for reference in frames.images:
        image = cv2.imread(str(reference.path), cv2.IMREAD_GRAYSCALE)
        assert image is not None
        cv2.imwrite(str(reference.path), (image * darker).astype(np.uint8))
    return as_csv(folder, frames)


def test_images_unlike_the_training_are_warned_of_and_those_of_the_same_rig_are_not(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    learnt = read_bundle(bundle).description.learnt
    assert learnt is not None
    assert learnt.brightness[0] < 90 < learnt.brightness[1]
    (tmp_path / "same").mkdir()
    (tmp_path / "night").mkdir()
    same, night = other_set_up(tmp_path / "same", first=500, darker=1.0), other_set_up(tmp_path / "night", first=500, darker=0.2)
    found = run(capsys, "evaluate", str(bundle), "--data", str(same), str(night))
    assert [one["unlike_training"] is None for one in found["sets"]] == [True, False]
    (warning,) = (one for one in found["warnings"] if "their mean grey level is" in one)  # so short a training may exchange the ends
    assert "night" in warning or "CollectedData" in warning
    main(["evaluate", str(bundle), "--data", str(night), "--threads", "1", "--report", str(tmp_path / "report")])
    assert "train on with `trainer fit --refresh`." in capsys.readouterr().out
    page = (tmp_path / "report" / "report.html").read_text()
    assert "do not resemble those that bars was trained on" in page
    assert "train on with <code>trainer fit --refresh</code>." in page


def test_without_the_runs_folder_the_bundles_own_account_tells_the_split(bundle: Path, data: Path, tmp_path: Path) -> None:
    alone = tmp_path / "copied"
    alone.mkdir()
    for name in ("bundle.json", "model.onnx", "self_test.png"):
        (alone / name).write_bytes((bundle / name).read_bytes())
    frames = read_labels(data)
    split = split_of(read_bundle(alone), frames)
    assert split is not None
    assert split.held_out.tolist() == list(range(20, 40))
    moved = read_labels(data)
    moved.points[0, 0, 0] += 1.0
    assert split_of(read_bundle(alone), moved) is None, "other labels than those it was trained on"


@pytest.mark.parametrize(
    ("choice", "train", "held_out"),
    [
        (replace(MIDDLE, fold=1), 32, 8),
        (replace(MIDDLE, random_fraction=0.05, seed=3), 38, 2),
        (replace(MIDDLE, everything=True), 40, 0),
    ],
    ids=["block", "random", "nothing"],
)
def test_every_kind_of_split_is_known_from_the_bundles_own_account(
    bundle: Path, data: Path, tmp_path: Path, choice: SplitChoice, train: int, held_out: int
) -> None:
    read, frames = read_bundle(bundle), read_labels(data)
    made = choose_split(frames, choice)
    division = division_of(made)
    about = msgspec.structs.replace(
        read.description.training, split="in any words", division=division, frames=train, held_out_frames=held_out
    )
    told = Bundle(
        folder=tmp_path / "elsewhere",
        description=msgspec.structs.replace(read.description, training=about),
        self_test_image=read.self_test_image,
    )
    split = split_of(told, frames)
    assert split is not None
    assert (len(split.train), len(split.held_out)) == (train, held_out)
    np.testing.assert_array_equal(split.train, made.train)
    np.testing.assert_array_equal(split.held_out, made.held_out)
    wrong = msgspec.structs.replace(about, frames=train - 1)
    told = Bundle(
        folder=tmp_path / "elsewhere",
        description=msgspec.structs.replace(read.description, training=wrong),
        self_test_image=read.self_test_image,
    )
    assert split_of(told, frames) is None, "counts that do not agree prove nothing"


def test_several_sets_give_one_row_each_and_a_report(bundle: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Frames that are new to the bundle, beside its own."""
    other = tmp_path / "others"
    other.mkdir()
    new = as_csv(other, labelled(other, 10, first=500))
    out = tmp_path / "report"
    found = run(capsys, "evaluate", str(bundle), "--data", str(data), str(new), "--classical", "--floor", "1.5", "--report", str(out))
    assert [(one["part"], one["frames"]) for one in found["sets"]] == [("held-out", 20), ("all", 10), ("training", 20)]
    assert found["sets"][0]["classical"]["per_point"].keys() == {"head", "tail"}
    assert found["sets"][2]["classical"] is None
    text = (out / "report.html").read_text()
    for part in ("Other data sets", "Classical tracker", "People: distance between annotators", "Confidence", "Worst frames"):
        assert part in text
    assert json.loads((out / "metrics.json").read_text())["sets"][1]["mean_px"] == pytest.approx(found["sets"][1]["mean_px"])


def test_points_that_the_tracker_without_learning_does_not_know_are_said(
    bundle: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    german = tmp_path / "bars"
    shutil.copytree(bundle, german)
    about = json.loads((german / "bundle.json").read_text())
    (german / "bundle.json").write_text(json.dumps({**about, "point_names": ["Nase", "Schwanz"]}))
    labels = data.with_name("CollectedData_b.csv")
    labels.write_text(data.read_text().replace("head,head,tail,tail", "Nase,Nase,Schwanz,Schwanz"))
    arguments = ["evaluate", str(german), "--data", str(labels), "--classical", "--threads", "1"]

    assert main([*arguments, "--report", str(tmp_path / "report")]) == 0
    expected = "knows none of Nase, Schwanz; expected one of these in the labels"
    assert expected in capsys.readouterr().out
    assert expected in (tmp_path / "report" / "report.html").read_text()
    assert expected in run(capsys, *arguments[:-2])["sets"][0]["classical_not_scored"]


def test_the_table_for_people_names_what_each_figure_is_of(bundle: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(bundle), "--data", str(data), "--threads", "1"]) == 0
    printed = capsys.readouterr().out
    for words in ("Held-out of CollectedData_a.csv (20 frames)", "baseline: mean position", "all-black heat map", "confidence: off by"):
        assert words in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--thresholds", "0"], "--thresholds 0: expected pixels, more than 0"),
        (["--floor", "nothere"], "gives no floor"),
        (["--chamber", "0", "0", "999", "10"], "lies outside the 128×96 image"),
        (["--train", "absent.csv"], "absent.csv"),
    ],
)
def test_a_request_that_cannot_be_met_is_one_sentence(
    bundle: Path, data: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(bundle), "--data", str(data), "--threads", "1", *arguments]) == 1
    assert message in capsys.readouterr().err


def test_the_confidence_of_a_finished_bundle_is_the_calibrated_one(bundle: Path, data: Path) -> None:
    """The map is in the graph: what the rig's engine answers is what the report says of it."""
    from trainer.commands.evaluate import THRESHOLDS_PX
    from trainer.scoring.confidence_map import RULE
    from trainer.scoring.engine_choice import EngineChoice
    from trainer.scoring.evaluate_sets import EvaluationOptions

    stated = json.loads((bundle / "metrics.json").read_text())["calibration"]
    asked = EvaluationOptions(thresholds_px=THRESHOLDS_PX, floor=None, classical=False, chamber=None)
    engine = EngineChoice(runtime="openvino", precision="fp32", threads=1, gpu=0)
    found = evaluate_sets(read_bundle(bundle), [data], train=None, asked=asked, engine=engine).judged.reliability
    assert found.within_px.tolist() == stated["correct_within_px"] == list(read_bundle(bundle).description.correct_within_px or ())
    assert found.points == stated["before"]["points"] == 40
    if stated["detail"] == "unchanged":
        assert found.log_loss == pytest.approx(stated["before"]["log_loss"], abs=1e-3)
    else:
        assert found.log_loss < stated["before"]["log_loss"]
    assert RULE.split(":")[0] in (bundle / "report.html").read_text()


def test_a_run_keeps_its_answers_for_the_same_frames(bundle: Path) -> None:
    """After epochs 0, 1 and 2 of three."""
    history = json.loads((bundle.with_name("bars.run") / "history.json").read_text())
    assert [each["epoch"] for each in history["examples"]] == [0, 1]
    assert np.array(history["examples"][0]["poses"]).shape == (3, 1, 2, 3)
    assert "The same held-out frames after several epochs" in (bundle / "report.html").read_text()


def test_two_bundles_are_compared_on_frames_that_neither_has_learnt_from(
    bundle: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    twin = tmp_path / "twin"
    twin.mkdir()
    for file in bundle.iterdir():
        if file.is_file():
            (twin / file.name).write_bytes(file.read_bytes())
    out = tmp_path / "report"
    found = run(capsys, "compare", str(bundle), str(twin), "--data", str(data), "--report", str(out))
    assert found["frames"] == 20
    assert found["difference_px"] == 0.0
    assert found["sentence"].startswith("No difference that 20 frames can show")
    assert "Where they differ most" in (out / "report.html").read_text()
    everything = run(capsys, "compare", str(bundle), str(twin), "--data", str(data), "--learnt-too")
    assert everything["frames"] == 40
    assert "20 of these frames one or the other has learnt from" in everything["sentence"]


@pytest.mark.parametrize("command", ["evaluate", "compare"])
def test_help_ends_in_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help"])
    assert f"example: trainer {command}" in capsys.readouterr().out
