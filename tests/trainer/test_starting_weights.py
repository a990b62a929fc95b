"""Frames that a training's first weights have learnt from judge nothing: it is said, and no printed command does so."""

import json
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.trainer.learnable import labelled
from tests.trainer.test_refresh import LONGER, QUICK, project
from tests.trainer.test_split_record import MIDDLE
from trainer.__main__ import main
from trainer.bundle_places import run_folder
from trainer.formats.read_labels import read_settled
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.split import Split
from trainer.labels.split_record import read_record, split_for_comparison, write_record
from trainer.networks.usual_training import KEY_POINTS
from trainer.scoring.next_commands import USUAL_EPOCHS, NextCommands
from trainer.scoring.starting_weights import SCRATCH, known_when_judged, record_of_weights, trained_apart_from, weights_apart_from
from trainer.scoring.training_record import TrainedAs, next_commands, read_trained_as


def run_of(bundle: Path, frames: LabelledFrames, *, options: tuple[str, ...] = ()) -> str:
    """The checkpoint of a run that has learnt from all of these frames but the last two, and how its bundle was trained."""
    train, held_out = np.arange(len(frames) - 2), np.arange(len(frames) - 2, len(frames))
    write_record(run_folder(bundle), frames, Split(train=train, held_out=held_out, description="the last two"))
    checkpoint = run_folder(bundle) / "checkpoints" / "last.ckpt"
    checkpoint.parent.mkdir()
    checkpoint.write_bytes(b"weights")
    bundle.mkdir()
    trained = TrainedAs(options=options).as_json()
    (bundle / "metrics.json").write_text(json.dumps({"history": {"epochs": [], "batches": []}, "trained_as": trained}))
    return str(checkpoint)


@pytest.fixture
def frames(tmp_path: Path) -> LabelledFrames:
    return labelled(tmp_path, 10)


def test_frames_held_out_that_the_weights_have_learnt_are_told(tmp_path: Path, frames: LabelledFrames) -> None:
    weights = run_of(tmp_path / "mine", frames)
    (said,) = known_when_judged(weights, frames, np.array([6, 7, 8]))
    assert said.startswith(f"--weights {weights}: these weights have learnt from 2 of the 3 frames held out, whose error is therefore too")
    assert known_when_judged(weights, frames, np.array([8, 9])) == ()
    assert "learnt from 8 of the 10 frames held out" in known_when_judged(weights, frames)[0]


@pytest.mark.parametrize("weights", ["scratch", "imagenet", "copied.ckpt", "not there/checkpoints/last.ckpt"])
def test_of_weights_of_which_nothing_is_recorded_nothing_is_said(
    tmp_path: Path, frames: LabelledFrames, weights: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("copied.ckpt").write_bytes(b"weights")
    write_record(Path(), frames, Split(train=np.arange(10), held_out=np.arange(0), description="of a run in which the command is given"))
    assert known_when_judged(weights, frames) == ()
    assert weights_apart_from(weights, frames) == weights


@pytest.mark.parametrize("content", [b"{", b'{"train": ["\xff"], "held_out": []}'], ids=["cut short", "no UTF-8"])
def test_a_damaged_record_is_no_reason_to_train_nothing(tmp_path: Path, frames: LabelledFrames, content: bytes) -> None:
    weights = run_of(tmp_path / "mine", frames)
    (run_folder(tmp_path / "mine") / "split.json").write_bytes(content)
    assert record_of_weights(weights) is None


def test_weights_of_other_labels_stay_and_those_of_these_give_way_to_the_ones_before(tmp_path: Path, frames: LabelledFrames) -> None:
    other = run_of(tmp_path / "other", labelled(tmp_path, 5, first=20))
    assert weights_apart_from(other, frames) == other
    assert weights_apart_from(run_of(tmp_path / "a", frames, options=("--weights", "imagenet")), frames) == "imagenet"
    first = run_of(tmp_path / "b", frames, options=("--weights", other))
    assert weights_apart_from(run_of(tmp_path / "c", frames, options=("--weights", first)), frames) == other
    assert weights_apart_from(run_of(tmp_path / "d", frames), frames) == SCRATCH


def test_a_bundle_whose_figures_name_its_own_weights_is_trained_anew_without_them(tmp_path: Path, frames: LabelledFrames) -> None:
    """As earlier versions wrote them after a refresh."""
    own = str(run_folder(tmp_path / "mine") / "checkpoints" / "last.ckpt")
    assert own == run_of(tmp_path / "mine", frames, options=("--weights", own, "--train", "head", "--batch", "4"))
    found = trained_apart_from(read_trained_as(tmp_path / "mine")[0], frames)
    assert (found.options, found.anew) == (("--batch", "4"), True)
    first = run_of(tmp_path / "first", frames, options=("--weights", "imagenet"))
    refreshed = trained_apart_from(TrainedAs(options=("--batch", "4", "--weights", first, "--train", "head")), frames)
    assert refreshed == TrainedAs(options=("--batch", "4", "--weights", "imagenet", "--train", "head"), anew=True), (
        "other weights, and said"
    )
    kept = TrainedAs(options=("--weights", "imagenet"))
    assert trained_apart_from(kept, frames) == kept


def test_what_weights_had_learnt_before_a_run_stays_in_its_record(tmp_path: Path, frames: LabelledFrames) -> None:
    old, new = frames.subset(np.arange(5)), frames.subset(np.arange(4, 10))
    everything = Split(train=np.arange(5), held_out=np.arange(0), description="all")
    write_record(tmp_path / "old.run", old, everything)
    assert b"before" not in (tmp_path / "old.run" / "split.json").read_bytes(), "earlier versions read it"
    parts = Split(train=np.arange(1, 4), held_out=np.array([0, 4, 5]), description="one that was learnt before, and the last two")
    write_record(tmp_path / "new.run", new, parts, began_with=read_record(tmp_path / "old.run"))
    record = read_record(tmp_path / "new.run")
    assert (len(record.train), len(record.before), len(record.learnt)) == (3, 5, 8)
    assert split_for_comparison(frames, record, MIDDLE).split.held_out.tolist() == [8, 9]


def commands_after(**given: object) -> NextCommands:
    return replace(NextCommands(data=("mice",), bundle="m", anew=True), **given)  # type: ignore[arg-type]


def test_a_training_without_the_weights_of_before_is_at_least_as_long_as_a_usual_one() -> None:
    assert KEY_POINTS.epochs == USUAL_EPOCHS
    short = commands_after(epochs=5, minutes_taken=1.0)
    for command in (short.curve(), short.in_turn(), short.patient(), short.longer(2)):
        assert command.endswith("--epochs 40"), command
    assert short.time_of_longer(2) == " That takes about 8 minutes."
    assert short.longer(20).endswith("--epochs 100")
    assert commands_after(epochs=5, anew=False).curve().endswith("--epochs 5")
    assert commands_after(minutes=3.0).curve().endswith("--minutes 3")


def test_it_is_said_that_a_training_begins_without_the_weights_of_before() -> None:
    said = " It begins without the weights of before: they have learnt from frames that would judge it."
    after = commands_after()
    for command in (after.longer(2), after.curve(), after.in_turn()):
        assert after.said_of_weights(command) == said
    assert after.said_of_weights(after.evaluate()) == ""
    assert commands_after(anew=False).said_of_weights(after.longer(2)) == ""


def test_no_command_after_a_refresh_begins_with_weights_that_know_its_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    project(Path("old"), range(20))
    project(Path("new"), range(50, 60))
    assert main(["fit", "--data", "old", "--out", "mine", "--fold", "0", *QUICK, *LONGER]) == 0
    assert main(["fit", "--refresh", "mine", "--data", "new", "--accept-worse", *QUICK]) == 0
    assert "--weights" not in capsys.readouterr().out
    trained, history = read_trained_as(Path("mine"))
    assert (trained.anew, "--weights" in trained.options) == (True, False)
    assert len(read_record(Path("mine.run")).before) == 16, "the frames of the first training"
    after = next_commands([Path("old"), Path("new")], Path("mine"), read_settled(Path("new"), None), trained, history=history)
    for command in (after.longer(2), after.patient(), after.curve(), after.in_turn()):
        assert "--weights" not in command
    longer = after.longer(2).split(" && ")[-1]
    assert main([*shlex.split(longer)[1:], *LONGER, "--epochs", "1"]) == 0


def test_trainings_by_hand_say_that_their_weights_know_the_frames_that_judge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    project(Path("old"), range(20))
    assert main(["fit", "--data", "old", "--out", "mine", *QUICK, *LONGER]) == 0
    weights = "mine.run/checkpoints/last.ckpt"
    same = ["--data", "old", "--weights", weights, *QUICK]
    for command, known in (
        (["fit", "--out", "b", "--fold", "0"], "have learnt from 4 of the 4 frames held out"),
        (["curve", "--out", "c", "--sizes", "4"], "have learnt from 16 of the 16 frames that the curve gives by and by"),
        (["crossval", "--out", "d", "--folds", "2"], "have learnt from 16 of the 20 frames held out"),
    ):
        capsys.readouterr()
        assert main([*command, *same]) == 0
        assert f"--weights {weights}: these weights {known}" in capsys.readouterr().err
    assert "these weights have learnt from 4 of the 4 frames held out" in Path("b/report.html").read_text()
    assert "--weights" not in read_trained_as(Path("b"))[0].options
    assert main(["fit", "--out", "e", *same]) == 0
    assert "these weights have learnt" not in capsys.readouterr().err
