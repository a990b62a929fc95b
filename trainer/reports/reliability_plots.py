"""Pictures of confidence against being right."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from tracker.bundle_description import distance_words
from trainer.reports.plot_style import DPI, FAINT, GRID, HELD_OUT, INK, TRAIN, WIDTH, finish, legend_below, plain_numbers, point_colours
from trainer.scoring.evaluation import Evaluation
from trainer.scoring.reliability import BINS, Judged, Reliability

SMALLEST_PX = 0.05


def reliability_diagram(curves: Sequence[tuple[str, Reliability]], *, evaluation: Evaluation, judged: Judged) -> Figure:
    """Left: share of right points in each tenth of confidence, on the diagonal where confidence is the chance of being right. Right: error.

    Args:
        curves: name and figures, at most two; counts are drawn of the last.
        evaluation: whose points the right side shows, error against confidence.
        judged: the same points.
    """
    figure = Figure(figsize=(WIDTH, 4.3), dpi=DPI, layout="constrained")
    grid = figure.add_gridspec(2, 2, height_ratios=[3.2, 1], width_ratios=[1, 1.1])
    left, below, right = (figure.add_subplot(place) for place in (grid[0, 0], grid[1, 0], grid[:, 1]))
    _draw_curves(left, curves)
    _draw_counts(below, curves[-1][1])
    _draw_errors(right, evaluation, judged, within_px=curves[-1][1].within_px)
    legend_below(figure, left, right)
    return figure


def _draw_curves(axes: Axes, curves: Sequence[tuple[str, Reliability]]) -> None:
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1, linestyle=(0, (5, 2)))
    for (name, curve), colour, marker in zip(curves[::-1], (HELD_OUT, TRAIN), ("o", "s"), strict=False):
        some = curve.count > 0
        count = curve.count[some]
        spread = np.sqrt(np.maximum(curve.right[some] * (1 - curve.right[some]), 0.25 / count) / count)
        axes.errorbar(
            curve.confidence[some],
            curve.right[some],
            yerr=[np.minimum(spread, curve.right[some]), np.minimum(spread, 1 - curve.right[some])],
            color=colour,
            marker=marker,
            markersize=5,
            linewidth=1.5,
            elinewidth=1,
            label=f"{name}: off by {curve.error:.3f} on average",
        )
    axes.set_xlim(0, 1)
    axes.set_ylim(-0.02, 1.05)
    axes.tick_params(labelbottom=False)
    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1))
    finish(axes, title=f"Share within {distance_words(curves[-1][1].within_px.tolist())} (± 1 SE)")


def _draw_counts(axes: Axes, curve: Reliability) -> None:
    middle = (np.arange(BINS) + 0.5) / BINS
    axes.bar(middle, curve.count, width=0.9 / BINS, color=GRID, edgecolor=FAINT, linewidth=0.6)
    for place, count in zip(middle, curve.count.tolist(), strict=True):
        if count:
            axes.annotate(str(count), (place, count), ha="center", va="bottom", fontsize=8, color=INK)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, max(int(curve.count.max()), 1) * 1.35)
    axes.set_yticks([])
    axes.set_xlabel("confidence; below: how many points", color=INK)
    finish(axes, title="")


def _draw_errors(axes: Axes, evaluation: Evaluation, judged: Judged, *, within_px: NDArray[np.float64]) -> None:
    distance = evaluation.errors.distance_px
    confidence = evaluation.predicted[..., 2]
    axes.set_prop_cycle(color=point_colours(len(evaluation.frames.point_names)))
    for point, name in enumerate(evaluation.frames.point_names):
        known = ~np.isnan(distance[..., point])
        error = np.maximum(distance[..., point][known], SMALLEST_PX)
        (drawn,) = axes.plot(
            confidence[..., point][known], error, "o", markersize=4, markeredgecolor=FAINT, markeredgewidth=0.4, alpha=0.7, label=name
        )
        axes.axhline(float(within_px[point]), color=drawn.get_color(), linewidth=1, linestyle=(0, (2, 3)))
    hidden = evaluation.frames.hidden
    if hidden.any():
        top = float(np.nanmax(distance)) if np.isfinite(distance).any() else 1.0
        axes.plot(confidence[hidden], np.full(int(hidden.sum()), 2 * top), "x", color=INK, markersize=5, label="out of sight")
    axes.set_yscale("log")
    axes.set_xlim(0, 1.02)
    axes.set_xlabel(f"confidence ({len(judged.right)} points)", color=INK)
    finish(axes, title="Error against confidence (px; dotted: radius)")
    plain_numbers(axes.yaxis)
