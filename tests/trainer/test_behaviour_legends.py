"""Legends of behaviour and forecasts stand beside the axes, however many classes and answers there are."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from matplotlib.figure import Figure

from tests.trainer.figure_legends import names_beside_axes
from tests.trainer.test_forecast_scores import lively, stretch_of
from trainer.behaviour_scores.behaviour_score import BehaviourScore, score_behaviour
from trainer.behaviour_scores.scored_video import ScoredVideo
from trainer.forecast.labels import BurstRule
from trainer.forecast.plots import curves_figure as forecast_curves
from trainer.forecast.plots import histogram_figure, losses_figure, time_figure
from trainer.forecast.scores import score_forecast
from trainer.forecast.simple_forecasts import QUIET
from trainer.forecast.train import ForecastEpoch
from trainer.reports.behaviour_plots import curves_figure, ethogram_figure, f1_figure

CLASSES = tuple(f"grooming of the {side} flank" for side in ("left", "right", "upper", "lower", "inner", "outer", "other"))
ANSWERS = tuple(f"network {place} of the second search, cleaned" for place in range(5))
STRETCH = stretch_of(np.tile([0] * 30 + [1] * 10, 5).tolist())
LIKELY = np.clip(STRETCH.labels * 0.5 + lively(200) * 10, 0, 1)


@cache
def video() -> ScoredVideo:
    drawn = np.random.default_rng(0)
    truth = np.eye(len(CLASSES), dtype=np.int8)[np.repeat(drawn.integers(0, len(CLASSES), 60), 10)]
    likely = np.clip(0.6 * truth + drawn.uniform(0, 0.5, truth.shape), 0, 1).astype(np.float32)
    return ScoredVideo(name="monday", class_names=CLASSES, truth=truth, said=likely > 0.55, probabilities=likely, fps=30.0)


@cache
def score(name: str = "network") -> BehaviourScore:
    return score_behaviour(name, [video()])


def of_classes() -> Figure | None:
    return curves_figure(score())


def of_answers() -> Figure | None:
    return f1_figure([score(name) for name in ANSWERS], [])


def of_bands() -> Figure:
    return ethogram_figure([video()], [("network", [video()])])


def of_forecasts() -> Figure:
    scores = [score_forecast(name, [STRETCH], [LIKELY], threshold=0.4, rule=BurstRule(), against=None) for name in (*ANSWERS, QUIET)]
    return forecast_curves(scores, ANSWERS[0])


def of_probabilities() -> Figure:
    return histogram_figure([STRETCH], [LIKELY], 0.4)


def of_motion() -> Figure:
    return time_figure([STRETCH], [LIKELY], 0.4)


def of_losses() -> Figure:
    epochs = [
        ForecastEpoch(
            train=1 / (2 + place), validation=0.3 + 0.1 * abs(place - 3), train_plain=0.2, validation_plain=0.3,
            train_auc=0.9, validation_auc=0.8, spread=0.1, seconds=1.0 * place,
        )
        for place in range(8)
    ]  # fmt: skip
    return losses_figure(epochs)


@pytest.mark.parametrize(
    ("draw", "names"),
    [
        (of_classes, [f"{one.name} {one.curve.auc:.3f}" for one in score().classes if one.curve is not None]),
        (of_answers, ANSWERS),
        (of_bands, CLASSES),
        (of_forecasts, [*ANSWERS, "newest motion, negated", "threshold in use"]),
        (of_probabilities, ["none follows (150 frames)", "a burst follows (50 frames)", "threshold in use"]),
        (of_motion, ["a burst follows (label)", "alarm", "threshold crossed"]),
        (of_losses, ["training", "validation", "taken: epoch 4"]),
    ],
    ids=["classes", "answers", "bands", "forecasts", "probabilities", "motion", "losses"],
)
def test_a_legend_of_behaviour_names_every_curve_and_hides_none(draw: Callable[[], Figure | None], names: list[str]) -> None:
    figure = draw()
    assert figure is not None
    said = names_beside_axes(figure)
    assert [name for name in names if not any(one == name or one.startswith(f"{name} 0.") for one in said)] == []
