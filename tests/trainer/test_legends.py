"""Legends stand beside the axes of a figure, inside its edges: they hide no curve and no words."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tests.trainer.figure_legends import names_beside_axes
from tests.trainer.scored import noise_frames, scored_with
from tests.trainer.stored_runs import stored_run
from trainer.experiments.crossval_report import share_within
from trainer.experiments.run_plots import curve_of, four_panels
from trainer.experiments.sweep import Ended, Tried
from trainer.experiments.sweep_report import SearchResult, courses
from trainer.labels.split import USUAL_SPLIT
from trainer.reports.compare_bundles import paired_plot
from trainer.reports.error_plots import PEOPLE_LABEL, error_over_time, error_per_point
from trainer.reports.plot_style import point_colours
from trainer.reports.reliability_plots import reliability_diagram
from trainer.reports.training_plots import CROSSING_LABEL, loss_curves
from trainer.scoring.compare import compare
from trainer.scoring.evaluation import Evaluation
from trainer.scoring.floor import Floor
from trainer.scoring.reliability import judge, reliability
from trainer.training.fit_settings import FitSettings
from trainer.training.learning_rate_range import range_plot, read_range
from trainer.training.training_options import AskedTraining

PAWS = tuple(f"paw {number}, as it is seen in the mirror below" for number in range(17))
WEIGHTS = ("models/drawn.run/checkpoints/last.ckpt", "scratch")
LONG_NAME = "Held-out of a data set with a name that nobody has ever been able to write on a single line"


@pytest.fixture
def evaluation(tmp_path: Path) -> Evaluation:
    """Twelve frames of 17 points, with errors and confidences of every size; two are out of sight."""
    labels = noise_frames(tmp_path, 12, names=PAWS)
    labels.points[-1, 0, :2] = np.nan
    labels.hidden[-1, 0, :2] = True
    drawn = np.random.default_rng(0)
    return scored_with(labels, 10 ** drawn.uniform(-1, 2, (12, len(PAWS))), drawn.uniform(0, 1, (12, len(PAWS))))


def losses(_: Evaluation, __: Path) -> Figure:
    rising = [0.4, 0.3, 0.2, *np.linspace(0.25, 0.9, 9)]
    epochs = [
        {"epoch": i, "train_loss": 1 / (2 + i), "val_loss": value, "val_error_px": value, "seconds": 1.0} for i, value in enumerate(rising)
    ]
    batches = [{"epoch": i, "batch": 0, "loss": 1.0} for i in range(12)]
    return loss_curves({"epochs": epochs, "batches": batches}, title="mine: seed 7", floor=Floor(per_point={"a": 0.3}, source="2"))


def shares(evaluation: Evaluation, _: Path) -> Figure:
    floor = Floor(per_point=dict.fromkeys(PAWS, 3.0), source="2")
    return error_per_point(evaluation, evaluation, floor=floor, scored_as=LONG_NAME)


def over_time(evaluation: Evaluation, _: Path) -> Figure:
    return error_over_time(evaluation, floor=Floor(per_point=dict.fromkeys(PAWS, 3.0), source="2"))


def calibration(evaluation: Evaluation, _: Path) -> Figure:
    within_px = np.full(len(PAWS), 3.0)
    judged = judge(evaluation.predicted, evaluation.frames, within_px=within_px)
    found = reliability(judged.confidence, judged.right, within_px=within_px)
    curves = [("calibrated, on frames left out", found), (LONG_NAME, found)]
    return reliability_diagram(curves, evaluation=evaluation, judged=judged)


def paired(evaluation: Evaluation, _: Path) -> Figure:
    floor = Floor(per_point=dict.fromkeys(PAWS, 3.0), source="2")
    return paired_plot(replace(compare(("old", "new"), (evaluation, evaluation)), floor=floor))


def folds(_: Evaluation, folder: Path) -> Figure:
    runs = [stored_run(folder, f"fold{place}", 2.0, fold=f"video {place}") for place in range(6)]
    return four_panels([curve_of(run, str(run.place["fold"])) for run in runs], title="six folds", what="fold", human_px=1.0)


def trials(_: Evaluation, folder: Path, *, count: int = 3) -> Figure:
    """Some searched weights from a file; the second is the best."""
    runs = [stored_run(folder, f"trial{slot}", 2.0 + abs(slot - 1)) for slot in range(count)]
    values = [{"weights": f"models/drawn.run/checkpoints/number{slot}.ckpt", "trained": "all"} for slot in range(count)]
    found = [
        Tried(
            slot=slot,
            values=dict(values[slot]),
            run=run,
            epochs=run.epochs,
            ended=Ended(how="finished", words="finished"),
            worker="here:1",
            attempts=1,
        )
        for slot, run in enumerate(runs)
    ]
    settings = AskedTraining(data="mice", settings=FitSettings(), augment_file=None, split=USUAL_SPLIT, empty=None)
    return courses(SearchResult(tried=tuple(found), winner=found[1], confirmed=(), about={}, asked=settings), None, title="mice")


def weights(_: Evaluation, folder: Path) -> Figure:
    runs = [stored_run(folder, f"w{place}", 2.0, weights=name) for place, name in enumerate(WEIGHTS)]
    return four_panels([curve_of(run, str(run.place["weights"])) for run in runs], title="two", what="weights", human_px=None)


def all_folds(evaluation: Evaluation, _: Path) -> Figure:
    return share_within(evaluation.errors.distance_px.reshape(-1, len(PAWS)), PAWS, 2.7)


def rates(_: Evaluation, __: Path) -> Figure:
    return range_plot(read_range(np.geomspace(1e-6, 1, 50), np.concatenate([np.linspace(4, 1, 40), np.linspace(2, 900, 10)])))


@pytest.mark.parametrize(
    ("draw", "names"),
    [
        (losses, ["training, each batch", "training, each epoch", "held-out, each epoch", CROSSING_LABEL, PEOPLE_LABEL]),
        (shares, ["training frames", LONG_NAME, PEOPLE_LABEL]),
        (over_time, ["one point", "mean of the frame", PEOPLE_LABEL]),
        (calibration, [*PAWS, "out of sight"]),
        (paired, ["mean", "95 % interval of the mean", PEOPLE_LABEL]),
        (folds, [f"video {place}" for place in range(6)]),
        (trials, [f"trial {slot}: weights models/drawn.run/checkpoints/number{slot}.ckpt, trained all" for slot in (0, 2)]),
        (weights, [*WEIGHTS]),
        (all_folds, [*PAWS, "all points", "two people's labels: 2.7 px"]),
        (rates, []),
    ],
    ids=[
        "losses", "errors", "errors over time", "confidence", "two bundles", "folds", "trials", "weights", "shares of all folds", "rates",
    ],
)  # fmt: skip
def test_a_legend_names_every_curve_and_hides_none(
    draw: Callable[[Evaluation, Path], Figure], names: list[str], evaluation: Evaluation, tmp_path: Path
) -> None:
    figure = draw(evaluation, tmp_path)
    said = ["".join(name.split()) for name in names_beside_axes(figure)]
    assert [name for name in names if "".join(name.split()) not in said] == [], "broken into lines or not"
    assert all(axes.get_window_extent().height > 50 for axes in figure.axes if isinstance(axes, Axes)), "what is drawn keeps its room"


@pytest.mark.parametrize("count", [4, 17, 60])
def test_no_two_key_points_are_drawn_in_one_colour(count: int) -> None:
    assert len(set(point_colours(count))) == count
    drawn = share_within(np.ones((3, count)), [f"point {place}" for place in range(count)], None).axes[0].lines
    assert len({line.get_color() for line in drawn[:count]}) == count
