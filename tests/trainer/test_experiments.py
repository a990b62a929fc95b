"""Folds, runs on disk and cross-validation; a run that is finished is never made again."""

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from tests.trainer.learnable import labelled
from tests.trainer.stored_runs import QUICK, stored_run, videos, wait_for
from trainer.__main__ import main
from trainer.errors import TrainingError
from trainer.experiments.crossval import plan_crossval, summarise
from trainer.experiments.folds import By, folds_of
from trainer.experiments.frame_division import divide
from trainer.experiments.progress import words
from trainer.experiments.run import RUN_FILE, RUNS, Run, identity_of, read_predictions, read_run
from trainer.experiments.run_plan import FramesOfRun, PlannedRun
from trainer.experiments.settings_table import settings_table, settings_words
from trainer.experiments.train_runs import Labels, execute
from trainer.formats.write_synthetic_set import write_synthetic_set
from trainer.labels.split import SplitChoice

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("by", "animal", "kept_together"),
    [("blocks", None, None), ("videos", None, "m1-day1"), ("animals", "^(m[0-9])", "m1"), ("random", None, None)],
)
def test_every_frame_is_held_out_exactly_once(by: By, animal: str | None, kept_together: str | None, tmp_path: Path) -> None:
    frames = videos(tmp_path)
    folds = folds_of(frames, by=by, folds=3, animal=animal, seed=0)
    assert sorted(np.concatenate([fold.split.held_out for fold in folds]).tolist()) == list(range(12))
    for fold in folds:
        assert sorted([*fold.split.train, *fold.split.held_out]) == list(range(12))
        if kept_together:
            held = [frames.group[i].startswith(kept_together) for i in fold.split.held_out.tolist()]
            trained = [frames.group[i].startswith(kept_together) for i in fold.split.train.tolist()]
            assert not (any(held) and any(trained))


def test_random_folds_warn_that_neighbours_leak(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folds = folds_of(videos(tmp_path), by="random", folds=3, animal=None, seed=0)
    assert "neighbouring frames fall on both sides" in caplog.text
    assert all("leak" in fold.split.description for fold in folds)
    caplog.clear()
    folds_of(videos(tmp_path), by="blocks", folds=3, animal=None, seed=0)
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("by", "animal", "folds", "message"),
    [
        ("animals", None, 3, "say with --animal where"),
        ("animals", "(", 3, "is not a regular expression"),
        ("animals", "m", 3, "has no group in brackets"),
        ("animals", "^(x)", 3, "finds no animal in the name of video 'm1-day1'"),
        ("animals", "(day)", 3, "all frames are of 'day'"),
        ("blocks", None, 13, "13 folds of 12 labelled frames"),
        ("blocks", None, 1, "expected 2 to 12"),
    ],
)
def test_folds_that_cannot_be_made_are_refused(by: By, animal: str | None, folds: int, message: str, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=message.replace("(", r"\(")):
        folds_of(videos(tmp_path), by=by, folds=folds, animal=animal, seed=0)


def test_mean_and_spread_are_over_folds_and_over_seeds(tmp_path: Path) -> None:
    errors = {("block1", 0): 1.0, ("block2", 0): 3.0, ("block1", 1): 2.0, ("block2", 1): 6.0}
    runs = [stored_run(tmp_path, f"{fold}-{repeat}", px, fold=fold, repeat=repeat) for (fold, repeat), px in errors.items()]
    found = summarise(runs, tmp_path)
    assert found.held_out.mean == pytest.approx(3.0)
    assert found.held_out.sd == pytest.approx(np.std([1.5, 4.5], ddof=1))
    assert found.repeats.mean == pytest.approx(3.0)
    assert found.repeats.sd == pytest.approx(np.std([2.0, 4.0], ddof=1))
    assert [fold.mean for fold in found.per_fold] == [1.5, 4.5]
    assert found.error_px.ravel().tolist() == [1.5, 1.5, 4.5, 4.5]  # each frame: mean of the seeds that never saw it


def test_a_finished_run_is_read_and_another_one_refused(tmp_path: Path) -> None:
    frames = labelled(tmp_path, 6)
    labels = Labels(frames=frames, name="bars", sha256="a" * 64)
    folds = folds_of(frames, by="blocks", folds=2, animal=None, seed=0)
    planned = plan_crossval(folds, QUICK, repeats=1)[0]
    first = execute(labels, planned, tmp_path / "run")
    before = (tmp_path / "run" / RUN_FILE).stat().st_mtime_ns
    assert execute(labels, planned, tmp_path / "run") == first
    assert (tmp_path / "run" / RUN_FILE).stat().st_mtime_ns == before
    assert first.seed == QUICK.seed
    assert first.settings["learning_rate"] == QUICK.learning_rate
    assert len(first.epochs) == 1
    assert execute(labels, replace(planned, settings=replace(QUICK, held_out_batch=1)), tmp_path / "run") == first
    earlier = {name: value for name, value in asdict(replace(QUICK, held_out_batch=8)).items() if name != "pretrained_rate"}
    assert first.identity == identity_of(labels.sha256, earlier, planned.parts.arrays()), "a run of before that setting was there is known"
    with pytest.raises(TrainingError, match="other settings or frames; choose another --out"):
        execute(labels, replace(planned, settings=replace(QUICK, batch=5)), tmp_path / "run")
    with pytest.raises(TrainingError, match="other labels"):
        execute(replace(labels, sha256="b" * 64), planned, tmp_path / "run")


def test_train_and_held_out_are_scored_alike_from_what_is_stored(tmp_path: Path) -> None:
    frames = labelled(tmp_path, 6)
    parts = FramesOfRun(train=np.arange(4), held_out=np.arange(4, 5), test=np.arange(5, 6), description="by hand")
    run = execute(
        Labels(frames=frames, name="bars", sha256="a" * 64), PlannedRun(name="x", place={}, parts=parts, settings=QUICK), tmp_path / "run"
    )
    for part, score in (("train", run.train), ("held_out", run.held_out), ("test", run.test)):
        found = read_predictions(tmp_path / "run", part)  # type: ignore[arg-type]
        off = np.linalg.norm(found.predicted[..., :2] - frames.points[found.index], axis=3)
        assert np.allclose(off, found.error_px)
        assert score is not None
        assert score.mean_px == pytest.approx(off.mean())
    assert not (tmp_path / "run" / "checkpoints").exists()  # no report needs weights


@pytest.mark.parametrize("content", [b"", b"{}", b'{"schema": 1', b"\xff\xfe"], ids=["empty", "keys", "cut", "bytes"])
def test_a_damaged_run_is_one_sentence(content: bytes, tmp_path: Path) -> None:
    stored_run(tmp_path, "one", 1.0, fold="block1", repeat=0)
    (tmp_path / RUNS / "one" / RUN_FILE).write_bytes(content)
    with pytest.raises(TrainingError, match=r"run\.json: cannot be read .*delete its folder"):
        read_run(tmp_path / RUNS / "one")


@pytest.mark.parametrize("content", [b"", b"PK", b"\x93NUMPY"], ids=["empty", "cut", "other"])
def test_damaged_predictions_are_one_sentence(content: bytes, tmp_path: Path) -> None:
    stored_run(tmp_path, "one", 1.0, fold="block1", repeat=0)
    (tmp_path / RUNS / "one" / "predictions.npz").write_bytes(content)
    with pytest.raises(TrainingError, match=r"predictions\.npz: cannot be read"):
        read_predictions(tmp_path / RUNS / "one", "held_out")


@pytest.mark.parametrize(("test", "expected"), [(True, [6, 3, 3]), (False, [9, 3, 0])])
def test_a_search_keeps_test_frames_that_it_does_not_choose_by(test: bool, expected: list[int], tmp_path: Path) -> None:
    frames = labelled(tmp_path, 12)
    choice = SplitChoice(fold=None, folds=4, groups=(), random_fraction=None, seed=0, everything=False)
    parts = divide(tmp_path, frames, choice, test=test)
    assert [len(parts.train), len(parts.held_out), len(parts.test)] == expected
    assert sorted([*parts.train, *parts.held_out, *parts.test]) == list(range(12))
    assert ("for the test alone" in parts.description) == test


def test_captions_are_made_from_what_was_run_not_from_what_was_asked(tmp_path: Path) -> None:
    runs = [stored_run(tmp_path, f"{repeat}", 1.0, fold="block1", repeat=repeat) for repeat in (0, 3)]
    assert settings_words(runs) == "xy, batch 4, learning rate 0.001, adamw, 2 epochs, seeds 0, 3"
    stopped = Run(**{**{name: getattr(runs[0], name) for name in Run.__struct_fields__}, "epochs": runs[0].epochs[:1]})
    assert settings_words([runs[0], stopped]) == "xy, batch 4, learning rate 0.001, adamw, 1 to 2 epochs, seed 0"
    assert ">0; 3<" in settings_table([replace_seed(runs[0], 0), replace_seed(runs[1], 3)], {}, labels="mice")


def replace_seed(run: Run, seed: int) -> Run:
    return Run(**{**{name: getattr(run, name) for name in Run.__struct_fields__}, "settings": {**run.settings, "seed": seed}})


def test_a_length_of_time_is_said_in_words() -> None:
    assert [words(seconds) for seconds in (None, 5.0, 600.0, 9000.0)] == ["an unknown time", "5 s", "10 min", "2.5 h"]


def test_crossval_from_the_command_line_goes_on_and_reports_without_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, out = tmp_path / "set", tmp_path / "cv"
    write_synthetic_set(data, scene="rodent", count=8, seed=1, width=64, height=64, rectangles=1)
    command = ["crossval", "--data", str(data), "--out", str(out), "--folds", "2", "--human-px", "1.5", "--json"]
    training = ["--epochs", "1", "--batch", "4", "--batches", "1", "--workers", "0", "--device", "cpu", "--precision", "32"]
    assert main([*command, *training]) == 0
    first = json.loads(capsys.readouterr().out)
    assert set(first["per_fold_px"]) == {"block1", "block2"}
    times = {path: path.stat().st_mtime_ns for path in out.glob(f"{RUNS}/*/{RUN_FILE}")}
    assert main([*command, *training, "--repeats", "2"]) == 0  # more seeds: only what is new is trained
    both = json.loads(capsys.readouterr().out)
    assert both["over_repeats_px"]["count"] == 2
    assert all(path.stat().st_mtime_ns == before for path, before in times.items())
    shutil.rmtree(data)
    (out / "report.html").unlink()
    assert main(["crossval", "--out", str(out), "--report-only", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == both
    report = (out / "report.html").read_text()
    assert report.count('src="data:image/png;base64,') == 2
    assert "://" not in report.replace("http://www.w3.org", "")  # a picture in base64 may spell "http", but has no colon
    assert main(["curve", "--out", str(out), "--report-only"]) == 1
    assert "holds a crossval, not a curve" in capsys.readouterr().err


def test_a_killed_crossval_repeats_no_finished_run_and_finishes_the_broken_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With a real process: SIGKILL in the middle of the second run."""
    data, out = tmp_path / "set", tmp_path / "cv"
    write_synthetic_set(data, scene="rodent", count=8, seed=1, width=64, height=64, rectangles=1)
    command = ["crossval", "--data", str(data), "--out", str(out), "--folds", "2", "--epochs", "4"]
    command += ["--batch", "4", "--batches", "1", "--workers", "0", "--device", "cpu", "--precision", "32"]
    first, second = out / RUNS / "block1-seed0", out / RUNS / "block2-seed0"
    whole = [sys.executable, "-m", "trainer", *command]
    with subprocess.Popen(whole, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as killed:
        wait_for(lambda: (second / "checkpoints" / "last.ckpt").is_file() or killed.poll() is not None)
        killed.send_signal(signal.SIGKILL)
    finished = (first / RUN_FILE).stat().st_mtime_ns
    assert not (second / RUN_FILE).exists()
    assert main(command) == 0
    again = capsys.readouterr()
    assert (first / RUN_FILE).stat().st_mtime_ns == finished
    assert "block1-seed0" in again.err
    assert "(finished earlier)" in again.err
    run = read_run(second)
    assert run is not None
    assert [epoch.epoch for epoch in run.epochs] == list(range(4))
    assert "Mean error" in again.out


def test_torchrun_is_refused_for_runs_are_shared_out_whole(tmp_path: Path) -> None:
    program = f"""
from pathlib import Path
from trainer.experiments.train_runs import execute
execute(None, None, Path({str(tmp_path / "run")!r}))
"""
    group = {"TORCHELASTIC_RUN_ID": "x", "RANK": "0", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env={**os.environ, **group}, capture_output=True, text=True, timeout=800, check=False
    )
    assert "an experiment's run is trained by one process" in ended.stderr
    assert not (tmp_path / "run").exists()


def test_two_processes_share_a_folder_without_training_a_run_twice(tmp_path: Path) -> None:
    """The second waits for the lock of the first and then reads what it made."""
    frames = labelled(tmp_path, 4)
    labels = Labels(frames=frames, name="bars", sha256="a" * 64)
    planned = plan_crossval(folds_of(frames, by="blocks", folds=2, animal=None, seed=0), QUICK, repeats=1)
    program = f"""
import fcntl, sys
lock = open({str(tmp_path / "run" / "lock")!r}, "w")
fcntl.flock(lock, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.readline()
"""
    (tmp_path / "run").mkdir()
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        said: list[str] = []

        def let_go(sentence: str) -> None:
            said.append(sentence)
            other.stdin.write("go\n")  # type: ignore[union-attr]
            other.stdin.flush()  # type: ignore[union-attr]

        execute(labels, planned[0], tmp_path / "run", say=let_go)
    assert said == ["run is being trained by another process; waiting for it"]
