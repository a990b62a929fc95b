"""A training that a person stops says where, and says so again when it goes on; what it prints into a log stays readable."""

import contextlib
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.trainer.learnable import labelled
from tests.trainer.test_evaluate_command import as_csv
from tracker.bundle import read_bundle
from trainer.__main__ import main

EPOCHS = 3
OPTIONS = ["--epochs", str(EPOCHS), "--batch", "8", "--batches", "15", "--device", "cpu", "--precision", "32", "--workers", "0"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bars")
    return as_csv(folder, labelled(folder, 6))


def fit_command(data: Path, out: Path) -> list[str]:
    return [sys.executable, "-m", "trainer", "fit", "--data", str(data), "--out", str(out), *OPTIONS]


@pytest.fixture(scope="module")
def finished(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """A bundle, and what its command printed into two files."""
    folder = tmp_path_factory.mktemp("models")
    out, result, log = folder / "model", folder / "result.txt", folder / "log.txt"
    with result.open("w") as to, log.open("w") as talk, contextlib.redirect_stdout(to), contextlib.redirect_stderr(talk):
        assert main(fit_command(data, out)[3:]) == 0
    return out, result.read_text(), log.read_text()


def test_ctrl_c_says_where_it_stopped_and_the_same_command_goes_on_from_there(
    data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "model"
    command = [*fit_command(data, out), "--workers", "2"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("epoch 1 of"):  # its checkpoint is kept by then
                process.send_signal(signal.SIGINT)
                break
        after = process.stderr.read()
        assert process.wait(300) == 130
    found = re.search(r"trainer fit: stopped at step (\d+) of 45; its checkpoint is of step (15|30); run the same command to go on", after)
    assert found, after
    assert int(found[2]) <= int(found[1]) < 45
    assert "Traceback" not in after
    assert not out.exists()

    assert main(fit_command(data, out)[3:]) == 0
    said = capfd.readouterr().err
    assert f"resuming from step {found[2]} of 45, after" in said
    assert "epoch 3 of 3: loss" in said
    assert "epoch 1 of" not in said
    read_bundle(out)


def test_a_finished_training_is_said_to_be_finished(
    data: Path, finished: tuple[Path, str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(fit_command(data, finished[0])[3:]) == 0
    said = capsys.readouterr().err
    assert "trained already: 45 steps in" in said
    assert "epoch" not in said


def test_another_seed_with_the_same_out_is_refused_unless_it_is_forced(
    data: Path, finished: tuple[Path, str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "model"
    shutil.copytree(finished[0], out)
    shutil.copytree(finished[0].with_name("model.run"), tmp_path / "model.run")
    before = (out / "bundle.json").read_bytes()
    command = fit_command(data, out)[3:]
    assert main([*command, "--seed", "3"]) == 1
    said = capsys.readouterr().err
    assert "model.run: holds a training with seed 0 instead of 3; give another --out" in said
    assert (out / "bundle.json").read_bytes() == before
    assert main([*command, "--seed", "3", "--force"]) == 0
    assert (out / "bundle.json").read_bytes() != before


def test_a_bundle_whose_run_is_gone_is_not_replaced_unasked(
    data: Path, finished: tuple[Path, str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "model"
    shutil.copytree(finished[0], out)
    assert main(fit_command(data, out)[3:]) == 1
    assert "model: holds a bundle, and" in capsys.readouterr().err
    assert (out / "bundle.json").read_bytes() == (finished[0] / "bundle.json").read_bytes()


def test_a_log_gets_one_plain_line_an_epoch(finished: tuple[Path, str, str]) -> None:
    out, result, log = finished
    assert [line.split(":")[0] for line in log.splitlines() if line.startswith("epoch")] == [f"epoch {epoch} of 3" for epoch in (1, 2, 3)]
    assert [line for line in log.splitlines() if "\x1b" in line or "━" in line] == []
    assert result.startswith(str(out))
