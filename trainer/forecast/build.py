"""The network that settings ask for, before and, for logistic regression, after it has learnt."""

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from scipy.optimize import minimize  # type: ignore[import-untyped]

from trainer.errors import TrainingError
from trainer.forecast.forecaster import Forecaster
from trainer.forecast.from_motion import MotionForecaster, MotionLogit, MotionLSTM
from trainer.forecast.from_pixels import DENSE, FILTERS, PixelForecaster, PixelPlan
from trainer.forecast.parts import Parts
from trainer.forecast.settings import ForecastSettings

_L2 = 1e-3  # of the logit's weights, beside the mean loss


def build(settings: ForecastSettings, parts: Parts, *, size: tuple[int, int] | None) -> Forecaster:
    """A network that has not learnt yet, with its motion normalised by the training part.

    Args:
        settings: what to build, and the seed of its weights.
        parts: whose training part gives the normalisation.
        size: (height, width) of the small frames; None where there are none.

    Raises:
        TrainingError: a network from pixels without pictures, or one that has no place for what is asked.
    """
    torch.manual_seed(settings.seed)
    if settings.from_pixels:
        if size is None:
            raise TrainingError(f"{settings.kind} looks at pictures; give recordings with pictures, or --forecaster lstm")
        if settings.motion_beside and settings.slice_frames < 2:
            raise TrainingError("--motion-beside needs slices of at least 2 frames; leave it out, or give --slice-frames 4")
        return PixelForecaster(
            PixelPlan(
                filters=FILTERS[settings.kind],
                dense=DENSE.get(settings.kind, ()),
                slice_frames=settings.slice_frames,
                size=size,
                pooling=settings.pooling,
                motion_beside=settings.motion_beside,
                dropout=settings.dropout,
            )
        )
    network: MotionForecaster
    network = MotionLogit(parts.rule.past - 1) if settings.kind == "logit" else MotionLSTM(settings.hidden, settings.dropout)
    motion = np.concatenate([stretch.motion[:-1] for stretch in parts.of("train")])
    network.normalise_by(torch.from_numpy(motion.astype(np.float32)))
    return network


def fit_logit(network: MotionLogit, parts: Parts) -> None:
    """Set the weights that make the mean loss of the training part smallest, every frame counting as one."""
    windows, truth = [], []
    for stretch in parts.of("train"):
        known = network.normalised(torch.from_numpy(stretch.motion[:-1].astype(np.float32))).double().numpy()
        windows.append(sliding_window_view(known, network.past)[stretch.labelled - network.past])
        truth.append(stretch.labels[stretch.labelled] == 1)
    x, y = np.concatenate(windows), np.concatenate(truth)

    def loss(values: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> tuple[float, "np.ndarray[tuple[int], np.dtype[np.float64]]"]:
        logits = x @ values[:-1] + values[-1]
        wrong = 1 / (1 + np.exp(-np.clip(logits, -500, 500))) - y
        gradient = np.append(x.T @ wrong / len(y) + 2 * _L2 * values[:-1], wrong.mean())
        return float((np.logaddexp(0, logits) - y * logits).mean() + _L2 * (values[:-1] ** 2).sum()), gradient

    best = minimize(loss, np.zeros(network.past + 1), jac=True, method="L-BFGS-B", options={"maxiter": 500}).x
    with torch.no_grad():
        network.answer.weight.copy_(torch.from_numpy(best[None, :-1]))
        network.answer.bias.fill_(best[-1])
