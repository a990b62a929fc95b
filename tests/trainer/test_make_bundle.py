"""Labels in, bundle out, through the `trainer` command as a user runs it."""

import contextlib
import io
import json
import logging
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from tracker.bundle import read_bundle
from tracker.init.new_config import new_config
from trainer.__main__ import main
from trainer.formats.read_labels import read_labels
from trainer.training.checkpoint import CHECKPOINTS, LAST

QUICK = ["--epochs", "1", "--batch", "4", "--batches", "40", "--device", "cpu", "--workers", "0"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("synthetic") / "set"
    size = ["--width", "160", "--height", "120"]
    assert main(["synth", "--out", str(folder), "--scene", "rodent", "--count", "20", "--seed", "3", *size]) == 0
    return folder


class Warnings(logging.Handler):
    """Keeps what is warned of."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler`."""
        self.said.append(record.getMessage())


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What one command made in `folder`, and what it said."""

    folder: Path
    command: list[str]
    out: str
    err: str
    warned: list[str]


@pytest.fixture(scope="module")
def made(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Without a place for the bundle, in a folder of its own; read-only."""
    folder = tmp_path_factory.mktemp("project")
    judged_by = ["--correct-within", "4", "snout=2.5", "--target-px", "0.01"]
    command = ["fit", "--data", str(data), "--seed", "5", "--random-split", "0.2", *QUICK, *judged_by]
    out, err, warnings = io.StringIO(), io.StringIO(), Warnings()
    logging.getLogger().addHandler(warnings)
    try:
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            patch.chdir(folder)
            assert main(command) == 0
    finally:
        logging.getLogger().removeHandler(warnings)
    return Made(folder=folder, command=command, out=out.getvalue(), err=err.getvalue(), warned=warnings.said)


def test_a_network_that_has_learnt_next_to_nothing_is_one_plain_sentence(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whether two steps are next to nothing is decided by the processor's rounding, so the weights that they left are made nothing."""
    short = ["--epochs", "1", "--batch", "4", "--batches", "2", "--device", "cpu", "--workers", "0"]
    command = ["fit", "--data", str(data), "--out", str(tmp_path / "model"), *short]
    main(command)
    shutil.rmtree(tmp_path / "model", ignore_errors=True)
    checkpoint = tmp_path / "model.run" / CHECKPOINTS / LAST
    content = torch.load(checkpoint, weights_only=True)
    for weights in content["state_dict"].values():
        weights.zero_()
    torch.save(content, checkpoint)
    capsys.readouterr()
    assert main(command) == 1
    said = " ".join(capsys.readouterr().err.split())
    steps = len(json.loads((tmp_path / "model.run" / "history.json").read_text())["batch_loss"])
    assert f"model.run: the network has learnt next to nothing in {steps} steps, and no bundle is written: " in said
    assert "train longer, with more --epochs, --batches or --minutes (usual: 40 epochs of 128 batches) and --force" in said
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(("network", "head"), [("compact", "heatmap"), ("compact", "xy"), ("mobilenet_v3_small", "heatmap")])
def test_one_command_makes_a_bundle_that_is_scored_and_reported(
    data: Path, tmp_path: Path, network: str, head: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The head is chosen by an option; everything else is the same. A reloaded bundle gives the same numbers."""
    out = tmp_path / "model"
    given = ["--data", str(data), "--out", str(out), "--network", network, "--head", head]
    assert main(["fit", *given, "--seed", "1", "--json", *QUICK]) == 0
    made = json.loads(capsys.readouterr().out.splitlines()[-1])
    bundle = read_bundle(out)
    assert bundle.description.point_names == ("snout", "left_ear", "right_ear", "tail_base")
    assert bundle.description.accuracy.mean_px == pytest.approx(made["held_out"]["mean_px"])
    assert bundle.description.training.held_out_frames == 2, "the set's own validation part"
    assert bundle.description.trained_on == (160, 120)
    assert bundle.description.learnt is not None
    assert "empty_scene" in json.loads((out / "metrics.json").read_text())
    assert (out / "report.html").read_text().count("data:image/png") >= 3
    assert "a tenth of a synthetic set is held out: write a larger one" in (out / "report.html").read_text()
    assert " labelled frames: below 50 neither the network nor the error" in (out / "report.html").read_text()
    assert json.loads((out / "metrics.json").read_text())["train"]["frames"] == 16
    assert "The network sees all of the camera&#x27;s 160x120 image, at its own size, in" in (out / "report.html").read_text()
    assert main(["evaluate", str(out), "--data", str(data), "--json"]) == 0
    scored = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [(one["part"], one["frames"]) for one in scored["sets"]] == [("held-out", 4), ("training", 16)], "validation and test part"
    assert set(scored["sets"][0]) >= {"mean_px", "median_px", "p95_px", "per_point", "within_px"}


def few(data: Path, tmp_path: Path, count: int) -> Path:
    """A DeepLabCut table of the first few frames."""
    labels = (data / "labels.csv").read_text().splitlines()
    header = [line for line in labels if line.split(",")[0] in ("scorer", "bodyparts", "coords")]
    rows = [line for line in labels if line not in header][:count]
    path = data / f"few{count}.csv"
    path.write_text("\n".join([*header, *rows]) + "\n")
    return path


@pytest.mark.parametrize("count", [1, 2, 5])
def test_very_few_frames_train_and_say_what_was_held_out(
    data: Path, tmp_path: Path, count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    path = few(data, tmp_path, count)
    out = tmp_path / "model"
    assert main(["fit", "--data", str(path), "--out", str(out), *QUICK]) == 0
    said = capsys.readouterr()
    sentence = said.out
    assert f"training: {max(1, count - 1)} frames" in said.err, "labels are counted before anything is trained on them"
    assert all(name in said.err for name in ("snout", "tail_base"))
    if count == 1:
        assert "no frame was held out" in sentence
        assert read_bundle(out).description.accuracy.mean_px is None
    else:
        assert "1 held-out frames" in sentence
    path.unlink()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "absent"], "absent"),
        (["--epochs", "0"], "epochs is 0"),
        (["--fold", "7"], "block 7 of 5"),
        (["--hold-out", "nobody"], "no frame is of 'nobody'"),
        (["--random-split", "2"], "a fraction of 2.0"),
    ],
)
def test_a_request_that_cannot_be_met_is_one_sentence_and_status_1(
    data: Path, tmp_path: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", "--data", str(data), "--out", str(tmp_path / "model"), *QUICK, *arguments]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "model").exists()


def test_a_folder_that_is_no_bundle_is_never_replaced(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    precious = tmp_path / "thesis"
    precious.mkdir()
    (precious / "chapter.txt").write_text("years of work")
    assert main(["fit", "--data", str(data), "--out", str(precious), *QUICK]) == 1
    assert "exists but is not a bundle" in capsys.readouterr().err
    assert (precious / "chapter.txt").read_text() == "years of work"


def test_a_random_split_warns_that_neighbours_leak(made: Made) -> None:
    assert [one for one in made.warned if "neighbouring frames fall on both sides" in one]


def test_a_bundle_scores_only_labels_of_its_own_points(made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Any bundle is scored on any set with the same points; another set is refused with both lists of names."""
    other = tmp_path / "rectangles"
    assert main(["synth", "--out", str(other), "--scene", "rectangles", "--domain", "2", "--count", "10"]) == 0
    capsys.readouterr()
    assert main(["evaluate", str(made.folder / "models" / "mine"), "--data", str(other)]) == 1
    message = capsys.readouterr().err
    assert "centre" in message
    assert "snout" in message


def test_the_same_command_finishes_a_finished_training_without_training_again(
    made: Made, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(made.folder, tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    model, last = Path("models/mine/model.onnx"), Path("models/mine.run/checkpoints/last.ckpt")
    before, trained = model.read_bytes(), last.stat().st_mtime_ns
    assert main(made.command) == 0
    assert last.stat().st_mtime_ns == trained
    assert model.read_bytes() == before
    assert np.isfinite(read_labels(data).points).any()


@pytest.mark.parametrize("command", ["fit", "evaluate", "render", "compile", "synth"])
def test_every_command_has_help_with_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert f"example: trainer {command}" in capsys.readouterr().out


def test_without_a_place_the_bundle_is_written_where_a_new_tracker_looks(made: Made) -> None:
    found = read_bundle(made.folder / "models" / "mine").description
    assert found.correct_within_px == (2.5, 4.0, 4.0, 4.0)
    assert "models/mine" in new_config(name="top", device=None, cameras=(), bundle=None, folder=made.folder)
    assert "next:" in made.out
    stages = ["measuring the error", "fitting the confidence", "writing the graph", "scoring the bundle", "drawing its report"]
    places = [made.err.index(stage) for stage in stages]
    assert places == sorted(places), "what takes long after the last epoch is said"
