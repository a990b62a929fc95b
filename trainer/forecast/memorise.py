"""Can a network learn a few frames by heart, and also labels that mean nothing? What it then reaches elsewhere is no proof of capacity."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from trainer.errors import TrainingError
from trainer.forecast.build import build
from trainer.forecast.labels import NOT_LABELLED
from trainer.forecast.parts import Parts
from trainer.forecast.settings import SMALLER, ForecastSettings
from trainer.forecast.train import train
from trainer.training.lack_of_memory import lack_refused

EPOCHS = 60
BY_HEART = 0.99  # of the AUC on those frames


@dataclass(frozen=True, slots=True, kw_only=True)
class MemorisedForecast:
    """How well some frames were learnt by heart.

    Attributes:
        kind: of the network.
        frames: how many.
        permuted: whether their labels had been exchanged at random.
        auc: on these very frames.
    """

    kind: str
    frames: int
    permuted: bool
    auc: float

    @property
    def sentence(self) -> str:
        """The reading."""
        what = f"{self.frames} frames{' with permuted labels' if self.permuted else ''}"
        if self.auc >= BY_HEART and self.permuted:
            return f"{self.kind} learns {what} by heart (AUC {self.auc:.3f}): a good score on frames that it learnt from says nothing"
        if self.auc >= BY_HEART:
            return f"{self.kind} learns {what} by heart (AUC {self.auc:.3f}): network, loss and labels fit together"
        return f"{self.kind} reaches an AUC of {self.auc:.3f} on {what}, less than {BY_HEART:g}" + (
            "; it is too small to learn anything by heart" if self.permuted else "; look at learning rate and size before giving it more"
        )


@lack_refused("these recordings and what the networks answer to them", SMALLER)
def memorise(parts: Parts, settings: ForecastSettings, *, frames: int, permuted: bool, say: Callable[[str], None]) -> MemorisedForecast:
    """Learn consecutive labelled frames of the training part, without flips, dropout or penalty, and judge by the same.

    Args:
        parts: whose training part has the frames.
        settings: of the network.
        frames: how many.
        permuted: exchange their labels at random.
        say: told of every epoch.

    Raises:
        TrainingError: nowhere are so many labelled frames with both labels.
    """
    few = few_labelled(parts, frames, permuted=permuted, seed=settings.seed)
    small = few.stretches[0].recording.frames
    still = replace(settings, epochs=EPOCHS, patience=EPOCHS, minutes=None, dropout=0.0, weight_decay=0.0, flips=False, start_from=None)
    network = build(still, few, size=None if small is None else (small.shape[1], small.shape[2]))
    with tempfile.TemporaryDirectory() as folder:
        trained = train(network, few, still, Path(folder), about={}, say=say, anew=True)
    best = max(epoch.validation_auc for epoch in trained.history)
    return MemorisedForecast(kind=settings.kind, frames=frames, permuted=permuted, auc=best)


def few_labelled(parts: Parts, frames: int, *, permuted: bool, seed: int) -> Parts:
    """The first run of so many labelled frames with both labels, to learn from and to be judged by; see `memorise`."""
    for stretch in parts.of("train"):
        for first in stretch.labelled[: -frames + 1 or None].tolist():
            chosen = stretch.labels[first : first + frames].copy()
            share = float((chosen == 1).mean())
            if len(chosen) == frames and (chosen != NOT_LABELLED).all() and 0.1 <= share <= 0.9:
                labels = np.full_like(stretch.labels, NOT_LABELLED)
                labels[first : first + frames] = np.random.default_rng(seed).permutation(chosen) if permuted else chosen
                both = tuple(replace(stretch, part=part, labels=labels) for part in ("train", "validation"))
                return replace(parts, stretches=both)
    raise TrainingError(
        f"nowhere in the training part are {frames} labelled frames of which 10 to 90 % are before a burst; give another --memorise"
    )
