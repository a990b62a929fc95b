"""Pictures of what is wrong with answers and labels: the bias of each key point, exchanged labels, labels that are likely wrong."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from trainer.reports.error_plots import contact_sheet
from trainer.reports.plot_style import DPI, FAINT, HELD_OUT, INK, TRAIN, WIDTH, finish, legend_below, lines_of
from trainer.scoring.evaluation import Evaluation
from trainer.scoring.label_faults import Exchange, Suspect
from trainer.scoring.measurements import PointMeasure

COLUMNS, FEWEST_COLUMNS = 5, 4
TITLE_LETTERS = 22  # of a panel's title in a line
SPAN = 3.0  # radii shown around the label; what is farther is drawn at the edge


def bias_vectors(evaluation: Evaluation, points: Sequence[PointMeasure], radii_px: Sequence[float]) -> Figure:
    """A panel for each key point: every answer about its label (at the cross), the radius that counts as right, and the median as an arrow.

    Args:
        evaluation: whose offsets are drawn.
        points: their measures, in the same order.
        radii_px: what counts as right, for each.
    """
    columns = min(COLUMNS, max(len(points), FEWEST_COLUMNS))
    rows = max(1, math.ceil(len(points) / columns))
    title_lines = max((lines_of(point.name, TITLE_LETTERS).count("\n") + 1 for point in points), default=1)
    figure = Figure(figsize=(WIDTH, 0.35 + rows * (WIDTH / columns + 0.15 + 0.15 * title_lines)), dpi=DPI, layout="constrained")
    grid = np.atleast_1d(figure.subplots(rows, columns, squeeze=False).ravel())
    for axes in grid[len(points) :]:
        axes.axis("off")
    offset = evaluation.errors.offset_px.reshape(-1, evaluation.errors.offset_px.shape[-2], 2)
    for place, (point, radius) in enumerate(zip(points, radii_px, strict=True)):
        _draw_point(grid[place], offset[:, place], point, radius=radius)
    figure.axes[0].plot([], [], color=FAINT, linewidth=1, linestyle=(0, (3, 2)), label="counts as right, within")
    figure.axes[0].plot([], [], color=TRAIN, linewidth=2, label="arrow: median of the answers")
    legend_below(figure, figure.axes[0])
    figure.suptitle("Answer minus label in the image (px), right and down", fontsize=10, x=0.01, ha="left")
    return figure


def exchanged_frames(train: Evaluation, found: Exchange) -> Figure:
    """Frames in which two points lie at each other's labels; the line joins label and answer of the first."""
    point = train.frames.point_names.index(found.first)
    return contact_sheet(train, [(frame, animal, point) for frame, animal in found.places])


def suspected_labels(evaluation: Evaluation, found: Sequence[Suspect]) -> Figure:
    """Labels far from a sure answer."""
    return contact_sheet(evaluation, [one.place for one in found])


def _draw_point(axes: Axes, offset: np.ndarray[tuple[int, ...], np.dtype[np.float64]], point: PointMeasure, *, radius: float) -> None:
    known = offset[~np.isnan(offset).any(axis=1)]
    reach = SPAN * radius
    axes.plot(*np.clip(known, -reach, reach).T, ".", color=HELD_OUT, alpha=0.35, markersize=4, label="answer for a frame")
    axes.add_patch(Circle((0, 0), radius, fill=False, color=FAINT, linewidth=1, linestyle=(0, (3, 2))))
    axes.plot([0], [0], "+", color=INK, markersize=7, linestyle="", label="label")
    if len(known) and math.isfinite(point.bias_px[0]):
        tip = np.clip(np.array(point.bias_px), -reach, reach)
        axes.annotate("", tip.tolist(), (0, 0), arrowprops={"arrowstyle": "->", "color": TRAIN, "linewidth": 2, "shrinkA": 0, "shrinkB": 0})
    axes.set_xlim(-1.08 * reach, 1.08 * reach)
    axes.set_ylim(1.08 * reach, -1.08 * reach)  # as in the image, down is positive
    axes.set_aspect("equal")
    finish(axes, title="")
    axes.set_title(lines_of(point.name, TITLE_LETTERS), fontsize=8.5, color=INK, loc="left")
    axes.tick_params(labelsize=7.5)
