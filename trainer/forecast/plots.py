"""Pictures of forecasts: ROC, accuracy and J against the threshold, histogram, motion coloured by the forecast, and losses."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from trainer.behaviour.training_run import taken_epoch
from trainer.forecast.parts import Stretch
from trainer.forecast.scores import ForecastScore
from trainer.forecast.simple_forecasts import CONSTANT, QUIET, Answers
from trainer.forecast.train import BETTER, ForecastEpoch
from trainer.reports.plot_style import DPI, FAINT, GRID, HELD_OUT, INK, TRAIN, WIDTH, finish, legend_below, lines_of

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")  # Okabe and Ito 2008
AXIS_LETTERS = 34  # below one of three axes, in a line
_SHOWN_S = 40.0  # of motion in the picture of time


def curves_figure(scores: Sequence[ForecastScore], main: str) -> Figure:
    """ROC of all forecasts; accuracy with the majority, and J, of the main one against the threshold."""
    figure = Figure(figsize=(WIDTH, 4.0), dpi=DPI, layout="constrained")
    roc, accuracy, j = figure.subplots(1, 3)
    roc.plot([0, 1], [0, 1], color=FAINT, linewidth=1, linestyle=(0, (5, 2)))
    shown = [score for score in scores if score.name != CONSTANT]
    shown.sort(key=lambda one: one.name not in (main, QUIET))
    colours = {score.name: COLOURS[place % len(COLOURS)] for place, score in enumerate(shown)}
    for score in shown:
        curve, strong = score.curve, score.name in (main, QUIET)
        label = f"{score.name} {curve.auc:.3f}"
        roc.plot(curve.false_alarms, curve.hits, color=colours[score.name], linewidth=2.0 if strong else 1.1, label=label)
    of = next(score for score in scores if score.name == main)
    inside = np.isfinite(of.curve.thresholds)
    for axes, values, title in ((accuracy, of.curve.accuracy, "Accuracy (dotted: majority)"), (j, of.curve.j, "J: hits less false alarms")):
        axes.plot(of.curve.thresholds[inside], values[inside], color=colours[main], linewidth=1.6)
        axes.axvline(of.threshold, color=INK, linewidth=1, label="threshold in use")
        axes.set(xlabel=lines_of(f"threshold of {main}", AXIS_LETTERS), xlim=(0, 1), ylim=(min(0.0, float(values.min())), 1.01))
        finish(axes, title=title)
    accuracy.axhline(of.curve.majority, color=FAINT, linewidth=1.2, linestyle=(0, (2, 2)))
    roc.set(xlabel="false alarms (share of other frames)", ylabel="hits (share of frames before a burst)", xlim=(0, 1), ylim=(0, 1.01))
    finish(roc, title="ROC, with the area under it")
    legend_below(figure, roc, accuracy)
    return figure


def histogram_figure(stretches: Sequence[Stretch], answers: Sequence[Answers], threshold: float) -> Figure:
    """How often each probability was given to frames that a burst follows, and to others."""
    figure = Figure(figsize=(WIDTH, 2.8), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    labels = np.concatenate([stretch.labels[stretch.labelled] for stretch in stretches])
    given = np.concatenate([answer[stretch.labelled] for stretch, answer in zip(stretches, answers, strict=True)])
    bins = np.linspace(0, max(0.05, float(given.max())), 41)
    for kind, colour, words in ((0, TRAIN, "none follows"), (1, HELD_OUT, "a burst follows")):
        axes.hist(
            given[labels == kind],
            bins=bins.tolist(),
            color=colour,
            alpha=0.6,
            density=True,
            label=f"{words} ({(labels == kind).sum()} frames)",
        )
    axes.axvline(threshold, color=INK, linewidth=1, linestyle=(0, (4, 2)), label="threshold in use")
    axes.set(xlabel="probability given", ylabel="density")
    finish(axes, title="Probabilities given")
    legend_below(figure, axes)
    return figure


def time_figure(stretches: Sequence[Stretch], answers: Sequence[Answers], threshold: float) -> Figure:
    """Motion of the stretch of 40 s with most changes of label, coloured by the forecast, with labels and alarms."""
    stretch, answer, first, end = _liveliest(stretches, answers)
    fps = stretch.recording.fps
    figure = Figure(figsize=(WIDTH, 3.6), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    frames = np.arange(first, end)
    seconds = (stretch.first + frames) / fps
    motion = stretch.motion[first:end] * 1000
    top = float(motion.max()) * 1.22
    axes.plot(seconds, motion, color=GRID, linewidth=0.8, zorder=1)
    points = axes.scatter(seconds, motion, c=answer[first:end], s=7, cmap="viridis", zorder=3, vmin=0)
    _bands(axes, stretch.labels[first:end] == 1, seconds, bottom=top * 0.93, height=top * 0.06, colour=HELD_OUT)
    _bands(axes, answer[first:end] > threshold, seconds, bottom=top * 0.86, height=top * 0.05, colour=TRAIN)
    crossed = np.flatnonzero(np.diff((answer[first:end] > threshold).astype(int)) == 1) + 1
    for place in crossed:
        axes.axvline(seconds[place], color=TRAIN, linewidth=0.4, alpha=0.5, zorder=0)
    axes.set(
        xlabel=f"seconds of {stretch.recording.name}",
        ylabel="motion of the next pair (1/1000)",
        ylim=(0, top),
        xlim=(seconds[0], seconds[-1]),
    )
    finish(axes, title="Motion coloured by the probability that a burst follows")
    figure.colorbar(points, ax=axes, label="probability", pad=0.01)
    handles = [
        Patch(color=HELD_OUT, label="a burst follows (label)"),
        Patch(color=TRAIN, label="alarm"),
        Line2D([], [], color=TRAIN, linewidth=0.8, alpha=0.6, label="threshold crossed"),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=3, frameon=False, labelcolor=INK, fontsize=8)
    return figure


def losses_figure(history: Sequence[ForecastEpoch]) -> Figure:
    """Losses with class weights and without, and AUC, by epoch."""
    figure = Figure(figsize=(WIDTH, 3.0), dpi=DPI, layout="constrained")
    epochs = np.arange(1, len(history) + 1)
    panels = (("train", "validation", "Loss, with class weights"), ("train_plain", "validation_plain", "Loss, every frame as one"),
              ("train_auc", "validation_auc", "AUC"))  # fmt: skip
    taken = taken_epoch([epoch.validation for epoch in history], better=BETTER)
    for axes, (train, validation, title) in zip(figure.subplots(1, 3), panels, strict=True):
        for name, colour, words in ((train, TRAIN, "training"), (validation, HELD_OUT, "validation")):
            axes.plot(epochs, [getattr(epoch, name) for epoch in history], color=colour, marker=".", linewidth=1.3, label=words)
        axes.axvline(epochs[taken], color=INK, linewidth=1, linestyle=(0, (4, 2)), label=f"taken: epoch {epochs[taken]}")
        axes.set(xlabel="epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        finish(axes, title=title)
    legend_below(figure, figure.axes[0])
    return figure


def _bands(
    axes: Axes, on: "np.ndarray[tuple[int], np.dtype[np.bool_]]", seconds: Answers, *, bottom: float, height: float, colour: str
) -> None:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], on, [False])).astype(np.int8))).reshape(-1, 2)
    step = float(seconds[1] - seconds[0])
    spans = [(float(seconds[first]) - step / 2, (end - first) * step) for first, end in edges.tolist()]
    axes.broken_barh(spans, (bottom, height), facecolors=colour, linewidth=0, zorder=2)


def _liveliest(stretches: Sequence[Stretch], answers: Sequence[Answers]) -> tuple[Stretch, Answers, int, int]:
    best: tuple[int, int, int] = (-1, 0, 0)  # changes of label, stretch, first frame
    for place, stretch in enumerate(stretches):
        if not len(stretch.labelled):
            continue
        width = round(_SHOWN_S * stretch.recording.fps)
        first, end = int(stretch.labelled[0]), int(stretch.labelled[-1]) + 1
        for begin in range(first, max(first + 1, end - width + 1), max(1, width // 4)):
            changes = int((np.diff(stretch.labels[begin : min(begin + width, end)]) != 0).sum())
            best = max(best, (changes, place, begin), key=lambda one: one[0])
    _, place, begin = best
    stretch = stretches[place]
    end = min(begin + round(_SHOWN_S * stretch.recording.fps), int(stretch.labelled[-1]) + 1)
    return stretch, answers[place], begin, end
