"""A network whose answer does not depend on the image is found out while it trains."""

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.trainer.learnable import labelled
from trainer.networks.coarse_to_fine import CoarseToFine
from trainer.training.collapse import has_collapsed, movement
from trainer.training.fit import fit
from trainer.training.fit_settings import FitSettings

RNG = np.random.default_rng(0)
TRUE = RNG.uniform(0, 100, (40, 1, 3, 2))


@pytest.mark.parametrize(
    ("predicted", "expected"),
    [(TRUE, 1.0), (np.full_like(TRUE, 50.0), 0.0), (50 + (TRUE - 50) / 4, 0.25), (TRUE + 500, 1.0)],
    ids=["perfect", "constant", "a quarter", "moves but misses"],
)
def test_movement_is_that_of_the_answers_over_that_of_the_labels(predicted: NDArray[np.float64], expected: float) -> None:
    assert movement(predicted, TRUE) == pytest.approx(expected)


def test_only_labelled_points_count() -> None:
    gaps = TRUE.copy()
    gaps[:37, 0, 0] = np.nan  # three frames are no statistics
    predicted = TRUE.copy()
    predicted[:, 0, 0] = 7.0
    assert movement(predicted, gaps) == pytest.approx(1.0)
    assert movement(TRUE, np.full_like(TRUE, np.nan)) is None
    assert movement(TRUE, np.full_like(TRUE, 3.0)) is None


@pytest.mark.parametrize(
    ("movements", "expected"),
    [
        ([0.0, 0.01, 0.02], True),
        ([0.0, 0.01], False),
        ([0.0, 0.0, 0.5, 0.9], False),
        ([0.9, 0.9, 0.05, 0.05, 0.05], True),
        ([None, None, None], False),
    ],
    ids=["never moved", "too early to say", "moved later", "stopped moving", "nothing held out"],
)
def test_standing_still_for_three_epochs_is_a_collapse(movements: list[float | None], expected: bool) -> None:
    assert has_collapsed(movements) is expected


def test_a_training_that_collapses_says_so_once(tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    forward = CoarseToFine.forward
    monkeypatch.setattr(CoarseToFine, "forward", lambda self, frames: torch.zeros_like(forward(self, frames)))
    settings = FitSettings(epochs=5, batch=4, batches=2, workers=0, accelerator="cpu", precision="32")
    with caplog.at_level(logging.WARNING):
        made = fit(labelled(tmp_path, 6), labelled(tmp_path, 6, first=20), settings, tmp_path / "run")
    said = [record.getMessage() for record in caplog.records if "answers nearly the same" in record.getMessage()]
    assert len(said) == 1
    assert said[0].startswith("epoch 2: ")
    assert [epoch.movement for epoch in made.history.epochs] == [0.0] * 5
