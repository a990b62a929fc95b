"""Pictures of behaviour scores: F1 beside people, ROC, accuracy and J against the threshold, calibration, and ethograms."""

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from trainer.behaviour_scores.behaviour_score import BehaviourScore, ClassScore
from trainer.behaviour_scores.people import SecondPerson
from trainer.behaviour_scores.scored_video import ScoredVideo
from trainer.reports.error_plots import PEOPLE
from trainer.reports.plot_style import DPI, FAINT, GRID, INK, TRAIN, WIDTH, finish, legend_below

# Okabe and Ito 2008, told apart by colour-blind people
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999999", "#000000")


PROGRAMS = tuple(colour for colour in COLOURS if colour != PEOPLE)  # people have a colour of their own
MARKERS = ("o", "s", "D", "^", "v", "P", "X", "*")
MOST_CLASSES = 24  # in one picture of F1


def f1_figure(scores: Sequence[BehaviourScore], people: Sequence[SecondPerson]) -> Figure | None:
    """F1 of every class by each answer, by frame and by bout, and what people reach against each other as a line across the class.

    None for more classes than a picture holds.

    Args:
        scores: of every answer but people's.
        people: who labelled the same videos.
    """
    classes = [each.name for each in scores[0].classes]
    if len(classes) > MOST_CLASSES:
        return None
    ways: list[tuple[str, Callable[[ClassScore], float]]] = [
        (f"F1 by {scores[0].unit[:-1]}", lambda one: one.frames.f1),
        *([("F1 by bout", _bout_f1)] if scores[0].in_time else []),
    ]
    figure = Figure(figsize=(WIDTH, 1.5 + 0.42 * len(classes)), dpi=DPI, layout="constrained")
    grid = figure.subplots(1, len(ways), squeeze=False, sharey=True)[0]
    for axes, (title, value) in zip(grid, ways, strict=True):
        for place, score in enumerate(scores):
            height = np.arange(len(classes)) + 0.5 * ((place + 0.5) / len(scores) - 0.5)
            axes.plot(
                [value(each) for each in score.classes],
                height,
                linestyle="",
                marker=MARKERS[place % len(MARKERS)],
                color=PROGRAMS[place % len(PROGRAMS)],
                markersize=6,
                label=score.name,
            )
        for place, person in enumerate(people):
            levels = [value(each) for each in person.score.classes]
            low, high = np.arange(len(classes)) - 0.42, np.arange(len(classes)) + 0.42
            style = ("-.", ":", "--", "-")[place % 4]
            axes.vlines(levels, low, high, color=PEOPLE, linewidth=1.8, linestyle=style, label=f"people: {person.name}")
        axes.set_yticks(range(len(classes)), classes)
        axes.set(xlim=(-0.02, 1.02), ylim=(len(classes) - 0.5, -0.5))
        finish(axes, title=title)
    legend_below(figure, grid[0])
    return figure


def _bout_f1(one: ClassScore) -> float:
    return one.bouts.f1


def curves_figure(score: BehaviourScore) -> Figure | None:
    """ROC of each class, and accuracy and J of each against the threshold; None without probabilities.

    Of many classes, those with the least area.
    """
    curves = [(each.name, each.curve) for each in score.classes if each.curve is not None]
    if not curves:
        return None
    every = len(curves)
    if every > len(COLOURS):
        curves = sorted(curves, key=lambda one: one[1].auc)[: len(COLOURS)]
    figure = Figure(figsize=(WIDTH, 3.7), dpi=DPI, layout="constrained")
    roc, accuracy, j = figure.subplots(1, 3)
    roc.plot([0, 1], [0, 1], color=FAINT, linewidth=1, linestyle=(0, (5, 2)))
    for (name, curve), colour in zip(curves, COLOURS, strict=False):
        roc.plot(curve.false_alarms, curve.hits, color=colour, linewidth=1.6, label=f"{name} {curve.auc:.3f}")
        inside = np.isfinite(curve.thresholds)
        accuracy.plot(curve.thresholds[inside], curve.accuracy[inside], color=colour, linewidth=1.6)
        accuracy.axhline(curve.majority, color=colour, linewidth=1, linestyle=(0, (2, 2)))
        j.plot(curve.thresholds[inside], curve.j[inside], color=colour, linewidth=1.6)
    unit = score.unit
    roc.set(xlabel=f"false alarms (share of other {unit})", ylabel=f"hits (share of true {unit})", xlim=(0, 1), ylim=(0, 1.01))
    accuracy.set(xlabel="threshold", xlim=(0, 1), ylim=(0, 1.01))
    j.set(xlabel="threshold", xlim=(0, 1), ylim=(min(0.0, j.get_ylim()[0]), 1.01))
    for axes, title in (
        (roc, "ROC, with the area under it" if every == len(curves) else f"ROC: least area of {every} classes"),
        (accuracy, "Accuracy (dotted: majority)"),
        (j, "J: hits less false alarms"),
    ):
        finish(axes, title=title)
    legend_below(figure, roc)
    return figure


def calibration_figure(score: BehaviourScore) -> Figure | None:
    """Share of right frames against the probability that was given; None without probabilities."""
    found = score.calibration
    if found is None:
        return None
    figure = Figure(figsize=(WIDTH / 2, 3.7), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1, linestyle=(0, (5, 2)))
    used = found.frames > 0
    size = 8 + 90 * found.frames[used] / found.frames.max()
    axes.plot(found.said[used], found.true[used], color=TRAIN, linewidth=1.2, zorder=1)
    axes.scatter(found.said[used], found.true[used], s=size, color=TRAIN, zorder=2, clip_on=False)
    axes.set(xlabel="probability given", ylabel="share that is right", xlim=(0, 1), ylim=(0, 1.02))
    finish(axes, title=f"Calibration: off by {found.ece:.3f} on average (area: {score.unit})")
    return figure


def ethogram_figure(videos: Sequence[ScoredVideo], rows: Sequence[tuple[str, Sequence[ScoredVideo]]]) -> Figure:
    """For every video a band of the truth and one of each answer below it, coloured by class.

    Args:
        videos: with the truth.
        rows: name of each answer, and the same videos as it has them.
    """
    names = videos[0].class_names
    bands = 1 + len(rows)
    figure = Figure(figsize=(WIDTH, 1.0 + len(videos) * (0.28 + 0.24 * bands)), dpi=DPI, layout="constrained")
    grid = figure.subplots(len(videos), 1, squeeze=False)[:, 0]
    for place, (axes, video) in enumerate(zip(grid, videos, strict=True)):
        _band(axes, video.true, video.fps, level=0)
        _shade(axes, np.logical_not(video.judged.any(axis=1)), video.fps, level=0)
        for level, (_, answers) in enumerate(rows, 1):
            _band(axes, answers[place].said, video.fps, level=level)
            _shade(axes, np.logical_not(answers[place].judged.any(axis=1)), video.fps, level=level)
        axes.set_yticks(range(bands), ["people", *(name for name, _ in rows)])
        axes.set_ylim(bands - 0.5, -0.5)
        axes.set_xlim(0, len(video.truth) / video.fps)
        finish(axes, title=video.name)
        axes.title.set_fontsize(9)
        axes.grid(False)
    grid[-1].set_xlabel("seconds", color=INK)
    for name, colour in zip(names, COLOURS if len(names) > 2 * len(COLOURS) else COLOURS * 2, strict=False):
        grid[0].plot([], [], color=colour, linewidth=7, label=name)
    if len(names) > 2 * len(COLOURS):
        grid[0].plot([], [], linestyle="", label=f"and {len(names) - len(COLOURS)} more in the same colours")
    legend_below(figure, grid[0])
    return figure


def _band(axes: Axes, on: NDArray[np.bool_], fps: float, *, level: int) -> None:
    """Bouts of all classes in one band; classes that overlap share its height."""
    overlap = bool(on.sum(axis=1).max(initial=0) > 1)
    height = 0.8 / on.shape[1] if overlap else 0.8
    for place in range(on.shape[1]):
        edges = np.flatnonzero(np.diff(np.concatenate(([False], on[:, place], [False])).astype(np.int8))) / fps
        spans = [(first, end - first) for first, end in edges.reshape(-1, 2)]
        bottom = level - 0.4 + (place * height if overlap else 0)
        axes.broken_barh(spans, (bottom, height), facecolors=COLOURS[place % len(COLOURS)], linewidth=0)


def _shade(axes: Axes, unjudged: NDArray[np.bool_], fps: float, *, level: int) -> None:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], unjudged, [False])).astype(np.int8))) / fps
    spans = [(first, end - first) for first, end in edges.reshape(-1, 2)]
    axes.broken_barh(spans, (level - 0.5, 1.0), facecolors=GRID, linewidth=0, zorder=0)
