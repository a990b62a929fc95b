"""What a network answers to every frame of a stretch: carried from the first to the last, as at the rig."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize  # type: ignore[import-untyped]

from trainer.forecast.forecaster import Forecaster
from trainer.forecast.labels import Labels
from trainer.forecast.parts import Stretch
from trainer.forecast.sequences import Steps, sequences_of
from trainer.forecast.settings import SMALLER, ForecastSettings
from trainer.training.lack_of_memory import held_out_refused
from trainer.training.training_device import device_of


@torch.no_grad()
def answers_of(network: Forecaster, stretch: Stretch, settings: ForecastSettings) -> NDArray[np.float64]:
    """Logits, not calibrated, float64 (frames,). All phases go side by side, and only so many slices are in the memory as are answered.

    Args:
        network: put into evaluation mode.
        stretch: whose frames are asked about.
        settings: how its steps are made, and how many are answered at a time. The answers are the same, but for rounding.

    Raises:
        TooLargeError: the memory does not hold so many steps, with how many it holds.
    """
    network.eval()
    together = min(settings.held_out_batch, len(stretch.labels))

    def some(count: int) -> object:
        frames = count * (settings.slice_frames if settings.from_pixels else 1)
        return _answered(network, replace(stretch, end=stretch.first + frames, labels=stretch.labels[:frames]), settings, count)

    return held_out_refused(lambda: _answered(network, stretch, settings, together), some, together, otherwise=SMALLER)


def _answered(network: Forecaster, stretch: Stretch, settings: ForecastSettings, together: int) -> NDArray[np.float64]:
    phases = sequences_of([stretch], settings, flips=False)
    found = np.full(len(stretch.labels), np.nan)
    states, device = network.zero_states(len(phases)), device_of(network)
    length = max(len(each.labels) for each in phases)
    width = settings.slice_frames if settings.from_pixels else 1
    for start in range(0, length, together):
        end = min(start + together, length)
        logits, states = network.chunk(torch.stack([_padded(each, start, end) for each in phases]).to(device), states)
        for each, row in zip(phases, logits.cpu().double().numpy(), strict=True):
            there = max(0, min(end, len(each.labels)) - start)
            frames = each.phase + width - 1 + width * np.arange(start, start + there)
            found[frames] = row[:there]
    return found


def calibrate(network: Forecaster, logits: NDArray[np.float64], labels: Labels) -> None:
    """Set scale and offset so that probabilities of the validation part have the smallest loss, every frame counting as one."""
    true = labels == 1

    def loss(values: NDArray[np.float64]) -> float:
        scaled = np.exp(values[0]) * logits + values[1]
        return float((np.logaddexp(0, scaled) - true * scaled).mean())

    best = minimize(loss, np.zeros(2), method="Nelder-Mead", options={"maxiter": 2000})
    network.scale.fill_(float(np.exp(best.x[0])))
    network.offset.fill_(float(best.x[1]))


def probabilities(network: Forecaster, logits: Sequence[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    """Calibrated, of each stretch; NaN stays NaN."""
    return [network.probability(torch.from_numpy(each)).numpy() for each in logits]


def _padded(steps: Steps, start: int, end: int) -> torch.Tensor:
    there = min(end, len(steps.labels))
    found = steps.steps(min(start, there), there)
    missing = end - start - len(found)
    return torch.cat([found, found.new_zeros(missing, *found.shape[1:])]) if missing else found
