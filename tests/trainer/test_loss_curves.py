"""Losses over the epochs: whether they still fall, and where the held-out loss turns."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.trainer.learnable import labelled
from trainer.reports import training_plots
from trainer.scoring.loss_curves import crossing, fell_midway, still_falling
from trainer.training.fit import fit
from trainer.training.fit_settings import FitSettings

FALLING = [8.0, 4.0, 3.0, 2.0, 1.5, 1.2, 1.0, 0.9, 0.8, 0.7]
TURNING = [7.0, 5.0, 4.0, 3.0, 2.5, 2.4, 2.6, 2.9, 3.3, 3.6]
QUICK = FitSettings(epochs=2, batch=4, batches=2, workers=0, accelerator="cpu", precision="32")


def test_too_few_epochs_do_not_tell_whether_the_error_still_falls() -> None:
    assert still_falling([9.0, 8.0, 7.0, 6.0]) is None


@pytest.mark.parametrize(
    ("train", "held_out", "found"),
    [
        (FALLING, TURNING, 5),
        (FALLING, [value + 0.3 for value in FALLING], None),  # below it, but it falls as well
        (FALLING, [*FALLING[:-1], 1.0], None),  # one last epoch is chance
        ([value + 5 for value in FALLING], TURNING, None),  # augmented pictures are harder to the end
        (FALLING[:4], TURNING[4:8], None),
        (FALLING, [None] * 10, None),
        (FALLING, [*TURNING[:-1], float("nan")], None),
    ],
    ids=["turns", "both fall", "one epoch", "never below", "few epochs", "not measured", "diverged"],
)
def test_the_crossing_is_where_a_rising_held_out_loss_leaves_the_training_loss(
    train: list[float], held_out: list[float | None], found: int | None
) -> None:
    assert crossing(train, held_out) == found


def test_the_crossing_is_marked_in_the_plot_of_losses() -> None:
    epochs = [
        {"epoch": i, "train_loss": train, "val_loss": held_out, "val_error_px": None, "seconds": 1.0}
        for i, (train, held_out) in enumerate(zip(FALLING, TURNING, strict=True))
    ]
    losses = training_plots.loss_curves({"epochs": epochs, "batches": []}).axes[0]
    (line,) = [line for line in losses.lines if line.get_label() == training_plots.CROSSING_LABEL]
    assert np.asarray(line.get_xdata()).tolist() == [5, 5]


@pytest.mark.parametrize("head", ["heatmap", "xy"])
def test_the_loss_on_held_out_frames_is_measured_after_every_epoch(tmp_path: Path, head: str) -> None:
    train, held_out = labelled(tmp_path, 5), labelled(tmp_path, 3, first=10)
    result = fit(train, held_out, replace(QUICK, head=head, epochs=3, batches=12), tmp_path / "run")
    losses = [epoch.held_out_loss for epoch in result.history.epochs]
    assert all(loss is not None and np.isfinite(loss) for loss in losses)
    assert losses[-1] < losses[0]  # type: ignore[operator]
    nothing = fit(train, held_out.subset(np.empty(0, np.int64)), QUICK, tmp_path / "other")
    assert [epoch.held_out_loss for epoch in nothing.history.epochs] == [None, None]


def test_what_a_loss_fell_by_midway_tells_a_slow_training_from_a_finished_one() -> None:
    of_constants = {count: fell_midway(np.exp(-np.linspace(0, count, 30)).tolist()) for count in (3, 9)}
    assert of_constants[3] == pytest.approx(0.26, abs=0.02)
    assert of_constants[9] == pytest.approx(0.06, abs=0.02)
    assert fell_midway(FALLING[:8]) is None
    assert fell_midway([1.0] * 12) is None
