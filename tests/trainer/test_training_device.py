"""Where networks of behaviour and forecasts learn, and what is said where there is no GPU."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from trainer.__main__ import main
from trainer.behaviour.settings import BehaviourSettings
from trainer.errors import TrainingError
from trainer.forecast.settings import ForecastSettings
from trainer.image_behaviour.settings import ImageSettings
from trainer.training.training_device import training_device

CHECKS: dict[str, Callable[[], None]] = {
    "poses": BehaviourSettings(device="gpu").check,
    "images": lambda: ImageSettings(device="gpu").check(height=9, width=9, in_time=True),
    "forecast": ForecastSettings(kind="lstm", device="gpu").check,
}


@pytest.mark.parametrize("task", CHECKS)
def test_a_gpu_that_is_not_there_is_refused_before_anything_is_learnt(task: str) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(
        TrainingError, match=r"^--device gpu: torch finds no CUDA GPU on this machine.*; leave --device out to learn on the CPU"
    ):
        CHECKS[task]()


COMMANDS = {
    "key points": ["fit"],
    "refresh": ["fit", "--refresh", "old"],
    "poses": ["fit", "--task", "behaviour"],
    "images": ["fit", "--task", "behaviour", "--region", "frame"],
    "forecast": ["fit", "--task", "forecast"],
    "diagnose": ["diagnose"],
    "crossval": ["crossval", "--out", "new"],
    "curve": ["curve", "--out", "new"],
    "sweep": ["sweep", "--study", "new.db"],
    "sweep of behaviour": ["sweep", "--task", "behaviour", "--out", "new"],
}


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_a_gpu_that_is_not_there_ends_every_training_command_before_it_reads_or_writes_anything(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    monkeypatch.chdir(tmp_path)
    assert main([*words, "--data", "not-there", "--device", "gpu"]) == 1
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith(f"trainer {words[0]}: --device gpu: torch finds no CUDA GPU on this machine")
    assert not any(tmp_path.iterdir())


def test_a_gpu_that_takes_no_work_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)  # a driver is there, the device is not to be had
    with pytest.raises(TrainingError, match=r"^--device gpu: the GPU takes no work \(.+\); free it, or leave --device out"):
        training_device("gpu")


def test_behaviour_learns_on_the_cpu_unless_a_gpu_is_asked_for() -> None:
    assert [training_device(asked).type for asked in ("auto", "cpu")] == ["cpu", "cpu"]


def test_a_training_may_go_on_elsewhere() -> None:
    for one, other in (
        (BehaviourSettings(), BehaviourSettings(device="gpu")),
        (ImageSettings(), ImageSettings(device="gpu")),
        (ForecastSettings(kind="lstm"), ForecastSettings(kind="lstm", device="gpu")),
    ):
        assert one.as_plain() == other.as_plain()
