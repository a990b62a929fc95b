"""Pictures of errors: shares within a distance, key points, time, and the worst frames; people's own disagreement drawn in each."""

import itertools
from collections.abc import Sequence

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from tracker.frame import Image
from tracker.point_colours import Colour
from trainer.labels.time_order import time_is_known
from trainer.reports.plot_style import DPI, FAINT, HELD_OUT, INK, TRAIN, WIDTH, finish, legend_below, lines_of, plain_numbers
from trainer.scoring.breakdown import in_time
from trainer.scoring.evaluation import Evaluation
from trainer.scoring.floor import Floor
from trainer.scoring.metrics import WITHIN_PX
from trainer.videos.rings import PREDICTION, TRUTH, draw_ring, in_colours

TILE = (240, 320)  # (height, width) in px of one picture on the contact sheet
TILE_MARGIN_PX = 30.0  # source pixels around the points that matter
TILE_COLUMNS = 4
TITLE_LETTERS = 34  # of a tile's title in a line
GROUP_LETTERS, FEWEST_LETTERS = 110, 4  # across a plot over time, and of a name that is worth writing
SMALLEST_PX = 0.05  # left end of logarithmic error axes: far below any annotator's precision
PEOPLE = "#009E73"
PEOPLE_LABEL = "distance between annotators"


def error_per_point(scored: Evaluation, train: Evaluation | None, *, floor: Floor | None = None, scored_as: str = "") -> Figure:
    """Left: share of points within a distance, with marks at 2, 5 and 10 px and both baselines. Right: a box per key point.

    Args:
        scored: what the boxes are of.
        train: drawn beside it on the left.
        floor: drawn as a line on the left and a mark for each key point on the right.
        scored_as: the name of `scored` in the legend; "held-out frames" beside training frames, or else "scored frames".
    """
    names = scored.frames.point_names
    figure = Figure(figsize=(WIDTH, max(3.8, 1.6 + 0.34 * len(names))), dpi=DPI, layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1.15, 1])
    limit = max(scored.baseline.image_centre_px, scored.baseline.mean_position_px, 20.0) * 1.5
    if train is not None:
        _draw_share(left, train, colour=TRAIN, label="training frames")
    _draw_share(left, scored, colour=HELD_OUT, label=scored_as or ("held-out frames" if train is not None else "scored frames"))
    _draw_baselines(left, scored)
    if floor is not None:
        left.axvline(floor.mean_px, color=PEOPLE, linewidth=1.6, linestyle="-.", label=PEOPLE_LABEL)
    left.set_ylim(0, 1.02)
    left.yaxis.set_major_formatter(PercentFormatter(xmax=1))
    left.set_xlabel("error (px)", color=INK)
    finish(left, title="Share of points within a distance")
    _draw_boxes(right, scored, floor)
    for axes in (left, right):
        _error_axis(axes, limit)
    legend_below(figure, left)
    return figure


def error_over_time(evaluation: Evaluation, *, floor: Floor | None = None) -> Figure:
    """Error of each frame in the order of time, group after group: every point as a dot, the frame's mean as a line."""
    frames = evaluation.frames
    sequences = in_time(frames.group, frames.order)
    order = np.concatenate(sequences)
    distance = np.maximum(evaluation.errors.distance_px.reshape(len(frames), -1)[order], SMALLEST_PX)
    place = np.arange(len(order))
    figure = Figure(figsize=(WIDTH, 3.2), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    axes.plot(np.repeat(place, distance.shape[1]), distance.ravel(), ".", color=HELD_OUT, alpha=0.3, markersize=4, label="one point")
    _draw_frame_means(axes, np.maximum(evaluation.errors.per_frame_px[order], SMALLEST_PX), [len(inside) for inside in sequences])
    for limit in WITHIN_PX:
        axes.axhline(limit, color=FAINT, linewidth=0.8, linestyle=(0, (2, 3)))
    if floor is not None:
        axes.axhline(floor.mean_px, color=PEOPLE, linewidth=1.4, linestyle="-.", label=PEOPLE_LABEL)
    known = time_is_known(frames)
    finish(axes, title=f"Error {'over time' if known else 'of each frame'} (px)", log_values=distance)
    plain_numbers(axes.yaxis)
    order_words = "in order of time" if known else "in the order of the files' names"
    one_by_one = "one video after the other, each " if len(sequences) > 1 else ""
    axes.set_xlabel(f"scored frames, counted from 0: {one_by_one}{order_words}", color=INK)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if len(sequences) > 1:
        _name_groups(axes, [(frames.group[int(inside[0])], len(inside)) for inside in sequences])
    legend_below(figure, axes)
    return figure


def _name_groups(axes: Axes, groups: Sequence[tuple[str, int]]) -> None:
    """The name of each group above its frames, as much of it as there is room for."""
    begin, every = 0, sum(count for _, count in groups)
    axes.set_title(axes.get_title(loc="left"), fontsize=10.5, color=INK, loc="left", pad=22)
    for name, count in groups:
        room = int(GROUP_LETTERS * count / every) - 1
        said = name if len(name) <= room else f"{name[: room - 1]}…" if room >= FEWEST_LETTERS else ""
        axes.annotate(
            said,
            (begin + (count - 1) / 2, 1.0),
            xytext=(0, 4),
            xycoords=axes.get_xaxis_transform(),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=8.5,
            color=INK,
            annotation_clip=False,
        )
        begin += count


def worst_frames(evaluation: Evaluation, count: int = 12) -> Figure:
    """Contact sheet of the largest errors, worst first."""
    return contact_sheet(evaluation, evaluation.worst(count))


def contact_sheet(evaluation: Evaluation, places: Sequence[tuple[int, int, int]]) -> Figure:
    """Pictures of some (frame, animal, point): truth as a red ring, prediction as a blue one (radius 5, thickness 2).

    Each picture is cut out around the point that is named, whose rings a line joins; the frame's other points are drawn as well.
    """
    rows = max(1, -(-len(places) // TILE_COLUMNS))
    tile_height, tile_width = TILE
    width = WIDTH + 1
    titles = [_tile_title(evaluation, frame, animal, point) for frame, animal, point in places]
    title_lines = max((title.count("\n") + 1 for title in titles), default=2)
    height = rows * (width / TILE_COLUMNS * tile_height / tile_width + 0.14 + 0.14 * title_lines) + 0.4
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    every = np.atleast_1d(figure.subplots(rows, TILE_COLUMNS, squeeze=False).ravel())
    for axes in every:
        axes.axis("off")
    for axes, (frame, animal, point), title in zip(every, places, titles, strict=False):
        axes.imshow(_tile(evaluation, frame, animal, point=point), interpolation="none")
        axes.set_title(title, fontsize=8.5, color=INK, loc="left")
    draw_ring_legend(figure)
    return figure


def _tile_title(evaluation: Evaluation, frame: int, animal: int, point: int) -> str:
    """The point, how far off, and where."""
    distance = evaluation.errors.distance_px[frame, animal, point]
    where = evaluation.frames.images[frame]
    name = f"{where.path.parent.name}/{where.path.name}" if where.frame is None else f"{where.path.name}#{where.frame}"
    of_point = lines_of(f"{evaluation.frames.point_names[point]}  {distance:.1f} px", TITLE_LETTERS)
    return f"{of_point}\n{lines_of(name, TITLE_LETTERS)}"


def draw_ring_legend(figure: Figure) -> None:
    """Say above all axes what the red and the blue ring are."""
    rings = [_ring_sample(TRUTH, "label"), _ring_sample(PREDICTION, "prediction")]
    figure.legend(handles=rings, loc="outside upper left", ncols=2, frameon=False, labelcolor=INK, fontsize=9)


def _ring_sample(colour: Colour, label: str) -> Line2D:
    red, green, blue = colour
    edge = (red / 255, green / 255, blue / 255)
    return Line2D(
        [], [], marker="o", linestyle="", markersize=8, markeredgewidth=2, markerfacecolor="none", markeredgecolor=edge, label=label
    )


def _draw_share(axes: Axes, evaluation: Evaluation, *, colour: str, label: str) -> None:
    distance = np.sort(evaluation.errors.distance_px[~np.isnan(evaluation.errors.distance_px)])
    share = np.arange(1, len(distance) + 1) / max(len(distance), 1)
    style = "--" if colour == HELD_OUT else "-"
    axes.step(np.maximum(distance, SMALLEST_PX), share, where="post", color=colour, linewidth=2, linestyle=style, label=label)


def _draw_baselines(axes: Axes, evaluation: Evaluation) -> None:
    mean, centre = evaluation.baseline.mean_position_px, evaluation.baseline.image_centre_px
    for cost, what, of_mean in ((mean, "mean position", True), (centre, "image centre", False)):
        axes.axvline(cost, color=FAINT, linewidth=1.2, linestyle=(0, (5, 2)) if of_mean else (0, (1, 1)))
        side = "right" if of_mean == (mean <= centre) else "left"
        axes.annotate(
            f"naive baseline: {what}",
            (cost, 0.04),
            xytext=(-3 if side == "right" else 3, 0),
            textcoords="offset points",
            rotation=90,
            ha=side,
            va="bottom",
            fontsize=8,
            color=FAINT,
        )


def _draw_boxes(axes: Axes, evaluation: Evaluation, floor: Floor | None) -> None:
    names = evaluation.frames.point_names
    columns = [np.maximum(column[~np.isnan(column)], SMALLEST_PX) for column in evaluation.errors.columns]
    places = np.arange(len(names))
    for place, column in zip(places, columns, strict=True):
        spread = np.linspace(-0.16, 0.16, len(column)) if len(column) > 1 else np.zeros(len(column))
        axes.plot(column, place + spread, ".", color=HELD_OUT, alpha=0.28, markersize=4, zorder=1)
    axes.boxplot(
        columns,
        positions=places,
        orientation="horizontal",
        widths=0.5,
        whis=(5, 95),
        showfliers=False,
        medianprops={"color": INK, "linewidth": 2},
        boxprops={"color": FAINT},
        whiskerprops={"color": FAINT},
        capprops={"color": FAINT},
    )
    for row, name in enumerate(names):
        if floor is not None and name in floor.per_point:
            axes.plot([floor.per_point[name]] * 2, [row - 0.42, row + 0.42], color=PEOPLE, linewidth=1.6, linestyle="-.")
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.set_xlabel("error (px)\nmedian, quartiles, 5 % and 95 %", color=INK)
    finish(axes, title="Error per key point")
    axes.grid(False, axis="y")


def _draw_frame_means(axes: Axes, mean: NDArray[np.float64], lengths: Sequence[int]) -> None:
    """One line for each group, since time does not run on from one to the next."""
    for start, end in itertools.pairwise([0, *np.cumsum(lengths).tolist()]):
        axes.plot(np.arange(start, end), mean[start:end], color=INK, linewidth=1.2, label="mean of the frame" if start == 0 else None)
        if start:
            axes.axvline(float(start) - 0.5, color=FAINT, linewidth=1)


def _tile(evaluation: Evaluation, frame: int, animal: int, *, point: int) -> Image:
    """The part of a frame around one truth and prediction, enlarged to a tile, rings drawn afterwards so that they stay crisp."""
    rgb = in_colours(evaluation.frames.read(frame))
    truth, predicted = evaluation.frames.points[frame], evaluation.predicted[frame, ..., :2]
    pair = np.stack([truth[animal, point], predicted[animal, point]])
    corner, scale = _cut(pair, rgb.shape)
    matrix = np.array([[scale, 0, (0.5 - corner[0]) * scale - 0.5], [0, scale, (0.5 - corner[1]) * scale - 0.5]])
    tile = np.asarray(cv2.warpAffine(rgb, matrix, (TILE[1], TILE[0]), flags=cv2.INTER_LINEAR), np.uint8)
    ends = [tuple(np.rint(matrix[:, :2] @ end + matrix[:, 2]).astype(int).tolist()) for end in pair]
    cv2.line(tile, ends[0], ends[1], (255, 255, 0), 1, cv2.LINE_AA)
    for points, colour in ((truth, TRUTH), (predicted, PREDICTION)):
        for centre in points.reshape(-1, 2):
            draw_ring(tile, matrix[:, :2] @ centre + matrix[:, 2], colour)
    return tile


def _cut(pair: NDArray[np.float64], shape: tuple[int, ...]) -> tuple[NDArray[np.float64], float]:
    """Upper left corner (x, y) in source pixels, and enlargement, of a tile that shows both points and some surroundings."""
    span = pair.max(axis=0) - pair.min(axis=0) + 2 * TILE_MARGIN_PX
    aspect = TILE[1] / TILE[0]
    width = min(max(span[0], span[1] * aspect, 100.0), float(max(shape[1], shape[0] * aspect)))
    side = np.array([width, width / aspect])
    room = np.maximum(np.array([shape[1], shape[0]]) - side, 0)
    return np.clip(pair.mean(axis=0) - side / 2, 0, room), TILE[1] / width


def _error_axis(axes: Axes, limit: float) -> None:
    axes.set_xscale("log")
    axes.set_xlim(SMALLEST_PX, limit)
    for mark in WITHIN_PX:
        axes.axvline(mark, color=FAINT, linewidth=0.8, linestyle=(0, (2, 3)), zorder=0)
    axes.set_xticks([0.1, 1, *WITHIN_PX, *((100,) if limit > 100 else ())])
    axes.minorticks_off()
    plain_numbers(axes.xaxis)
