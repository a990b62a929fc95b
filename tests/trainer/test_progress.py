"""What is said where no bar can be drawn: a log, a pipe, the journal of a service."""

import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from tests.trainer.learnable import labelled
from trainer.experiments.progress import RunMeter
from trainer.scoring.counted import said
from trainer.training import fit as fitting
from trainer.training.augmentation_choice import settled
from trainer.training.batch_error import batch_error_px
from trainer.training.fit import fit
from trainer.training.fit_settings import FitSettings
from trainer.training.history import Epoch, History
from trainer.training.lightning_library import pl
from trainer.training.losses import Batch
from trainer.training.new_learner import untrained
from trainer.training.progress import Bar, Lines


class Clock:
    """Ten seconds pass between any two questions."""

    def __init__(self, unit: float = 1.0) -> None:
        self.now, self.unit = 0.0, unit

    def __call__(self) -> float:
        self.now += 10.0 * self.unit
        return self.now


def console(lines: io.StringIO) -> Console:
    return Console(file=lines, width=200, force_terminal=False)


def test_a_long_epoch_is_told_of_while_it_lasts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = io.StringIO()
    monkeypatch.setattr(fitting, "progress_shown", lambda _: Lines(console(lines), clock=Clock(), every_s=30.0))
    frames = labelled(tmp_path, 4)
    settings = FitSettings(epochs=1, batch=2, batches=8, workers=0, accelerator="cpu", precision="32")
    fit(frames, frames.subset(np.empty(0, np.int64)), replace(settings, batches=8), tmp_path / "run")
    told = lines.getvalue().splitlines()
    assert 1 < len(told) < 8
    assert re.match(r"epoch 1 of 1, batch 3 of 8: loss [\d.]+, [\d.]+ px on pictures of this batch, \d+ s$", told[0])


def test_the_bar_tells_of_pixels_within_an_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[dict[str, object]] = []

    class Watched(Bar):
        def get_metrics(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> dict[str, int | str | float | dict[str, float]]:
            metrics = super().get_metrics(trainer, pl_module)
            shown.append(dict(metrics))
            return metrics

    monkeypatch.setattr(
        fitting, "progress_shown", lambda _: Watched(refresh_rate=1, console_kwargs={"file": io.StringIO(), "force_terminal": True})
    )
    frames, weights = labelled(tmp_path, 4), []
    settings = FitSettings(epochs=1, batch=2, batches=3, workers=0, accelerator="cpu", precision="32")
    for name, quiet in (("told", False), ("quiet", True)):
        if quiet:
            monkeypatch.setattr(fitting, "progress_shown", lambda _: None)
        network = fit(frames, frames.subset(np.empty(0, np.int64)), settings, tmp_path / name).network
        weights.append(torch.cat([value.flatten().double() for value in network.state_dict().values()]))
    assert any(isinstance(metrics.get("batch_px"), float) for metrics in shown)
    assert torch.equal(*weights), "watching changes nothing"


def test_the_error_of_a_batch_leaves_out_points_that_are_not_in_sight(tmp_path: Path) -> None:
    frames = labelled(tmp_path, 4)
    learner = untrained(frames, settled(FitSettings(epochs=1), frames)[0])
    pictures = torch.zeros((2, *frames.size, 1), dtype=torch.uint8)
    points = torch.full((2, 1, 2, 2), torch.nan)
    corner = torch.zeros(2, dtype=torch.int64)
    assert batch_error_px(learner, Batch(pictures, points, corner, corner)) is None
    with torch.no_grad():
        learner.averaged.eval()
        answer = learner.averaged(pictures)[1, 0, 0, :2]
    points[0], points[1, 0, 0] = -100.0, torch.tensor([60.0, 50.0])
    off = float((points[1, 0, 0] - answer).norm())
    assert batch_error_px(learner, Batch(pictures, points, corner, corner)) == pytest.approx(off, abs=1e-3)


def test_experiments_tell_of_a_long_run_once_a_minute() -> None:
    lines = io.StringIO()
    epoch = Epoch(epoch=0, loss=1.0, held_out_px=2.5, learning_rate=1e-3, seconds=1.0, waited_s=0.0, movement=None)
    with RunMeter(console(lines), 2, clock=Clock()) as meter:
        meter.begin("block1", FitSettings(epochs=20))
        for _ in range(6):
            meter.epoch(History(epochs=[epoch]))
    told = [line for line in lines.getvalue().splitlines() if line.startswith("run 1 of 2, block1: epoch 1, 2.50 px; ")]
    assert 1 <= len(told) < 6


def test_scoring_many_frames_is_told_of_without_a_terminal() -> None:
    lines = io.StringIO()
    clock = Clock(1e9)
    assert list(said(10, console(lines), clock=lambda: int(clock()))) == list(range(10))
    assert "scored 2 of 10 frames" in lines.getvalue()
