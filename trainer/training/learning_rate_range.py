"""The learning-rate range test (Smith 2017, "Cyclical learning rates for training neural networks"): raise the rate until learning breaks.

One short run whose learning rate grows with every step. Where the loss falls fastest is a good highest rate; where it
rises again, too much.
"""

import math
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.network_input import whole_view
from trainer.training.augmentation_choice import settled
from trainer.training.datasets import EpochOrder, FrameStore
from trainer.training.fit_settings import FitSettings
from trainer.training.learner import CLIP
from trainer.training.lightning_run import training_frames
from trainer.training.new_learner import untrained
from trainer.training.training_loader import TrainingLoader

LOWEST, HIGHEST = 1e-6, 1.0
STEPS = 100
MEMORY = 0.9  # of the running mean of the loss: single batches differ by more than a step changes
BROKEN = 2.0  # a loss so many times the lowest: learning has broken, and higher rates need no look


@dataclass(frozen=True, slots=True, kw_only=True)
class RateRange:
    """What the test saw.

    Attributes:
        rates: float64 (m,), rising; ends where learning broke.
        losses: float64 (m,), running mean with the bias of its start removed.
        fastest: the rate at which the loss fell fastest, per decade.
        broken: the rate at which learning broke, None where it never did.
    """

    rates: NDArray[np.float64]
    losses: NDArray[np.float64]
    fastest: float
    broken: float | None

    @property
    def sentence(self) -> str:
        """The reading."""
        end = f"it breaks at {self.broken:.1g}" if self.broken is not None else f"up to {self.rates[-1]:.1g} it does not break"
        return f"the loss falls fastest at a learning rate of {self.fastest:.1g}; {end}"


def find_rate_range(train: LabelledFrames, settings: FitSettings, *, steps: int = STEPS) -> RateRange:
    """Train for some steps with a rising rate; nothing of it is kept.

    Args:
        train: frames to learn from.
        settings: as for `fit`; their learning rate does not matter.
        steps: from the lowest to the highest rate.

    Raises:
        TrainingError: as `fit`.
    """
    settings = settled(settings, train)[0]
    learner = untrained(train, settings)
    optimiser = learner.configure_optimizers()
    frames = training_frames(FrameStore(train, whole_view(train)), learner.plan, settings)
    order = EpochOrder(len(train), pictures=settings.batch * steps, seed=settings.seed)
    batches = chain.from_iterable(repeat(TrainingLoader(frames, order, batch=settings.batch, workers=settings.workers)))
    rates = np.geomspace(LOWEST, HIGHEST, steps)
    losses: list[float] = []
    for rate, batch in zip(rates.tolist(), batches, strict=False):
        for group in optimiser.param_groups:
            group["lr"] = rate
        loss = learner.training_step(batch, 0)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(learner.network.parameters(), CLIP)
        optimiser.step()
        losses.append(float(loss.detach()))
        if not math.isfinite(losses[-1]) or smoothed(losses)[-1] > BROKEN * smoothed(losses).min():
            break
    return read_range(rates[: len(losses)], np.array(losses))


def read_range(rates: NDArray[np.float64], losses: NDArray[np.float64]) -> RateRange:
    """Find the rate of the steepest fall, before any break.

    Args:
        rates: float64 (m,), rising.
        losses: float64 (m,), of single batches; one that is not a number ends the reading.
    """
    finite = int(np.argmin(np.isfinite(losses))) if not np.isfinite(losses).all() else len(losses)
    mean = smoothed(losses[:finite].tolist())
    broken = finite < len(losses) or mean[-1] > BROKEN * mean.min()
    lowest = int(mean.argmin())
    slope = np.gradient(mean[: lowest + 1]) if lowest else np.zeros(1)
    return RateRange(
        rates=rates[:finite],
        losses=mean,
        fastest=float(rates[int(slope.argmin())]),
        broken=float(rates[min(finite, len(rates) - 1)]) if broken else None,
    )


def smoothed(losses: list[float]) -> NDArray[np.float64]:
    """Running exponential mean, float64 (m,), with the bias of its start removed (as in Kingma & Ba 2015)."""
    mean, found = 0.0, []
    for step, loss in enumerate(losses, start=1):
        mean = MEMORY * mean + (1 - MEMORY) * loss
        found.append(mean / (1 - MEMORY**step))
    return np.array(found)


def draw_range(found: RateRange, out: Path) -> None:
    """Write a picture of loss against learning rate."""
    range_plot(found).savefig(out, dpi=110)


def range_plot(found: RateRange) -> Figure:
    """Loss against learning rate."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(found.rates, found.losses, color="#1f4e79")
    axes.axvline(found.fastest, color="#2a9d4a", linestyle="--", label=f"falls fastest: {found.fastest:.1g}")
    if found.broken is not None:
        axes.axvline(found.broken, color="#c0392b", linestyle=":", label=f"breaks: {found.broken:.1g}")
    axes.set(xscale="log", xlabel="learning rate", ylabel="training loss (running mean)")
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    return figure
