"""Memory that ends after some epochs of behaviour or a forecast: they are kept, the sentence says so, and the same command goes on."""

from pathlib import Path

import numpy as np
import pytest
from torch import nn

from tests.trainer.blinking_images import arrays
from tests.trainer.twitching import twitching
from tests.trainer.walkers import write_table
from trainer.__main__ import main

BURSTS = ["--fps", "30", "--horizon", "6", "--past", "12", "--least-range", "0.02"]
KEPT = "; the epochs before are kept, and the same command{} goes on with them once more memory is free; another --batch begins anew"


IMAGES = ["behaviour", "--region", "frame", "--size", "16x12"]


@pytest.mark.parametrize(
    ("task", "words", "forced"),
    [
        ("images", IMAGES, False),
        ("images", IMAGES, True),
        ("poses", ["behaviour", "--hidden", "4"], False),
        ("motion", ["forecast", "--hidden", "4", *BURSTS], False),
    ],
)
def test_epochs_before_a_lack_of_memory_are_gone_on_with(
    task: str, words: list[str], forced: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "recording.npy"
    if task == "motion":
        np.save(data, twitching(600))
    else:
        data = arrays(tmp_path) if task == "images" else write_table(tmp_path, frames=120)
    command = ["fit", "--data", str(data), "--out", str(tmp_path / "m"), "--epochs", "2", "--task", *words]

    def short_of_memory(*given: object) -> object:
        if any(tmp_path.rglob("last.ckpt")):
            raise MemoryError
        return usual(*given)  # type: ignore[arg-type]

    usual = nn.utils.clip_grad_norm_
    with monkeypatch.context() as changed:
        changed.setattr(nn.utils, "clip_grad_norm_", short_of_memory)
        assert main([*command, *(["--force"] if forced else [])]) == 1
    assert capsys.readouterr().err.splitlines()[-1].endswith(KEPT.format(" without --force" if forced else ""))
    assert main(command) == 0
    said = capsys.readouterr().err
    assert "going on after epoch 1" in said
    assert "epoch 1 of 2" not in said


def test_held_out_frames_name_the_option_that_changes_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_table(tmp_path, frames=120)
    command = ["fit", "--data", str(data), "--out", str(tmp_path / "m"), "--epochs", "2", "--task", "behaviour", "--hidden", "4"]

    def short_of_memory(network: nn.Module, *given: object) -> object:
        if network.training or not any(tmp_path.rglob("last.ckpt")):
            return usual(network, *given)  # type: ignore[call-overload]
        raise MemoryError

    usual = nn.GRU.forward
    with monkeypatch.context() as changed:
        changed.setattr(nn.GRU, "forward", short_of_memory)
        assert main(command) == 1
    assert capsys.readouterr().err.splitlines()[-1].endswith("and the same command goes on with them with any --held-out-batch")
    assert main([*command, "--held-out-batch", "50"]) == 0
    assert "going on after epoch 1" in capsys.readouterr().err
