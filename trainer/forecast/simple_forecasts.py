"""Forecasts that learn nothing: the trivial ones and the two published rules. All know at frame t the pairs up to (t-1, t), and no more."""

from collections.abc import Callable

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tracker.behaviour.burst_forecast import BurstForecast
from tracker.config_rules import BinaryForecastSource, ForecastSource
from trainer.forecast.labels import Motion

Answers = NDArray[np.float64]  # (frames,): greater is likelier; NaN where there is no answer
QUIET = "newest motion, negated"
CONSTANT = "constant"


def known_motion(motion: Motion) -> NDArray[np.float64]:
    """What has arrived with each frame: the pair that it completes. NaN for the first."""
    return np.concatenate([[np.nan], motion[:-1]])


def simple_forecasts(motion: Motion, *, fps: float) -> dict[str, Answers]:
    """Answers of all forecasts that learn nothing to one stretch of motion, by name."""
    live: dict[str, Callable[[Motion], Answers]] = {
        "published rule": lambda values: _at_the_rig(BurstForecast(ForecastSource(longest_gap_ms=3_600_000)), values, fps),
        "published binary rule": lambda values: _at_the_rig(BurstForecast(BinaryForecastSource(longest_gap_ms=3_600_000)), values, fps),
    }
    return {
        CONSTANT: np.zeros(len(motion)),
        QUIET: -known_motion(motion),
        "range of the last 89": _range(motion, 89),
        **{name: answer(motion) for name, answer in live.items()},
    }


def _at_the_rig(forecast: BurstForecast, motion: Motion, fps: float) -> Answers:
    """The very code that runs live, one frame after the other."""
    values = [None, *motion[:-1].tolist()]
    said = [forecast.update(value, round(frame * 1e9 / fps)) for frame, value in enumerate(values)]
    return np.array([np.nan if value is None else value for value in said])


def _range(motion: Motion, count: int) -> Answers:
    answers = np.full(len(motion), np.nan)
    if len(motion) > count:
        answers[count:] = np.ptp(sliding_window_view(motion[:-1], count), axis=1)
    return answers
