"""Pictures of a training run and its errors, as matplotlib figures that share no state. Colours are told apart by colour-blind people."""

import io
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from tracker.frame import Image
from trainer.evaluate import Evaluation
from trainer.metrics import WITHIN_PX
from trainer.render import PREDICTION, TRUTH, Colour, draw_ring

TRAIN, HELD_OUT, INK, FAINT, GRID = "#0072B2", "#D55E00", "#222222", "#6b6b6b", "#e4e4e4"
WIDTH = 9.0  # inches
DPI = 110
TILE = (240, 320)  # (height, width) in px of one picture on the contact sheet
TILE_MARGIN_PX = 30.0  # source pixels around the points that matter
TILE_COLUMNS = 4
SMALLEST_PX = 0.05  # left end of logarithmic error axes: far below any annotator's precision


def loss_curves(history: Mapping[str, Any]) -> Figure:
    """Loss per batch (faint) and epoch on a logarithmic axis, held-out error, and the change from epoch to epoch.

    Args:
        history: "epochs", a list of {"epoch", "train_loss", "val_loss", "val_error_px"}, values null where nothing was
            held out, and "batches", a list of {"epoch", "batch", "loss"}.
    """
    epoch = _column(history["epochs"], "epoch")
    train, held_out = _column(history["epochs"], "train_loss"), _column(history["epochs"], "val_loss")
    error = _column(history["epochs"], "val_error_px")
    scored = bool(np.isfinite(error).any())
    figure = Figure(figsize=(WIDTH, 7.4 if scored else 5.6), dpi=DPI, layout="constrained")
    rows = figure.subplots(3 if scored else 2, 1, sharex=True, height_ratios=[2.2, 1.2, 1.2] if scored else [2.2, 1.2])
    _draw_losses(rows[0], history, epoch=epoch, train=train, held_out=held_out)
    if scored:
        rows[1].plot(epoch, error, color=HELD_OUT, linewidth=1.6, marker="." if len(epoch) < 40 else None)
        _finish(rows[1], title="Mean error on held-out frames (px)", log_values=error)
        _plain_numbers(rows[1].yaxis)
    _draw_changes(rows[-1], epoch=epoch, train=train, held_out=held_out)
    rows[-1].set_xlabel("epoch", color=INK)
    rows[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def error_per_point(held_out: Evaluation, train: Evaluation | None) -> Figure:
    """Left: share of points within a distance, with marks at 2, 5 and 10 px and both baselines. Right: a box per key point."""
    names = held_out.frames.point_names
    figure = Figure(figsize=(WIDTH, max(3.8, 1.6 + 0.34 * len(names))), dpi=DPI, layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1.15, 1])
    limit = max(held_out.baseline.image_centre_px, held_out.baseline.mean_position_px, 20.0) * 1.5
    if train is not None:
        _draw_share(left, train, colour=TRAIN, label="training frames")
    _draw_share(left, held_out, colour=HELD_OUT, label="held-out frames" if train is not None else "scored frames")
    _draw_baselines(left, held_out)
    left.set_ylim(0, 1.02)
    left.yaxis.set_major_formatter(PercentFormatter(xmax=1))
    left.set_xlabel("error (px)", color=INK)
    left.legend(loc="upper left", frameon=False, labelcolor=INK, fontsize=9)
    _finish(left, title="Share of points within a distance")
    _draw_boxes(right, held_out)
    for axes in (left, right):
        _error_axis(axes, limit)
    return figure


def worst_frames(evaluation: Evaluation, count: int = 12) -> Figure:
    """Contact sheet of the largest errors: truth as a red ring, prediction as a blue one (radius 5, thickness 2).

    Each picture is cut out around the point that is named, whose rings a line joins; the frame's other points are drawn as well.
    """
    worst = evaluation.worst(count)
    rows = max(1, -(-len(worst) // TILE_COLUMNS))
    tile_height, tile_width = TILE
    width = WIDTH + 1
    height = rows * (width / TILE_COLUMNS * tile_height / tile_width + 0.42) + 0.4
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    every = np.atleast_1d(figure.subplots(rows, TILE_COLUMNS, squeeze=False).ravel())
    for axes in every:
        axes.axis("off")
    for axes, (frame, point) in zip(every, worst, strict=False):
        axes.imshow(_tile(evaluation, frame, point), interpolation="none")
        distance = evaluation.errors.distance_px[frame, point]
        where = evaluation.frames.images[frame]
        name = where.path.name if where.frame is None else f"{where.path.name}#{where.frame}"
        axes.set_title(f"{evaluation.frames.point_names[point]}  {distance:.1f} px\n{name}", fontsize=8.5, color=INK, loc="left")
    rings = [_ring_sample(TRUTH, "label"), _ring_sample(PREDICTION, "prediction")]
    figure.legend(handles=rings, loc="outside upper left", ncols=2, frameon=False, labelcolor=INK, fontsize=9)
    return figure


def heatmap_overlay(image: Image, heatmap: NDArray[np.floating]) -> Figure:
    """The image, a heat map, and one over the other: the darker, the less probable.

    Args:
        image: uint8 (h, w) or (h, w, 3) RGB.
        heatmap: (h', w'), larger is more probable; stretched over the whole image.
    """
    figure = Figure(figsize=(WIDTH, 2.45), dpi=DPI, layout="constrained")
    first, second, third = figure.subplots(1, 3)
    grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    height, width = image.shape[:2]
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)
    low, high = float(np.min(heatmap)), float(np.max(heatmap))
    share = (heatmap - low) / (high - low) if high > low else np.zeros_like(heatmap)
    first.imshow(grey, cmap="gray", vmin=0, vmax=255)
    drawn = second.imshow(share, cmap="inferno", extent=extent, vmin=0, vmax=1, interpolation="nearest")
    third.imshow(grey, cmap="gray", vmin=0, vmax=255)
    third.imshow(share, cmap="inferno", extent=extent, vmin=0, vmax=1, alpha=0.62, interpolation="bilinear")
    for axes, title in ((first, "Input"), (second, "Heat map"), (third, "Heat map over input")):
        axes.set_title(title, fontsize=10, color=INK, loc="left")
        axes.axis("off")
    bar = figure.colorbar(drawn, ax=[second, third], shrink=0.75, ticks=[0, 1])
    bar.ax.set_yticklabels(["least\nprobable", "most\nprobable"], fontsize=8, color=FAINT)
    bar.outline.set_visible(False)
    return figure


def error_over_time(evaluation: Evaluation) -> Figure:
    """Error of each frame in the order of time, group after group: every point as a dot, the frame's mean as a line."""
    frames = evaluation.frames
    order = np.lexsort((frames.order, np.array(frames.group)))
    distance = np.maximum(evaluation.errors.distance_px[order], SMALLEST_PX)
    place = np.arange(len(order))
    figure = Figure(figsize=(WIDTH, 3.2), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    axes.plot(np.repeat(place, distance.shape[1]), distance.ravel(), ".", color=HELD_OUT, alpha=0.3, markersize=4, label="one point")
    _draw_frame_means(axes, frames.group, order=order, distance=distance)
    for limit in WITHIN_PX:
        axes.axhline(limit, color=FAINT, linewidth=0.8, linestyle=(0, (2, 3)))
    _finish(axes, title="Error over time (px)", log_values=distance)
    _plain_numbers(axes.yaxis)
    axes.set_xlabel("frame, in order of time" + (" within each group" if len(set(frames.group)) > 1 else ""), color=INK)
    axes.legend(loc="lower right", bbox_to_anchor=(1, 0.99), frameon=False, labelcolor=INK, fontsize=9, ncols=2)
    return figure


def png(figure: Figure) -> bytes:
    """The figure as a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", facecolor="white")
    return buffer.getvalue()


def _ring_sample(colour: Colour, label: str) -> Line2D:
    red, green, blue = colour
    edge = (red / 255, green / 255, blue / 255)
    return Line2D(
        [], [], marker="o", linestyle="", markersize=8, markeredgewidth=2, markerfacecolor="none", markeredgecolor=edge, label=label
    )


def _draw_losses(
    axes: Axes, history: Mapping[str, Any], *, epoch: NDArray[np.float64], train: NDArray[np.float64], held_out: NDArray[np.float64]
) -> None:
    place, loss = _batches(history["batches"])
    axes.plot(place, loss, color=TRAIN, alpha=0.22, linewidth=0.7, label="training, each batch")
    marker = "." if len(epoch) < 40 else None
    axes.plot(epoch, train, color=TRAIN, linewidth=1.8, marker=marker, label="training, each epoch")
    if np.isfinite(held_out).any():
        axes.plot(epoch, held_out, color=HELD_OUT, linewidth=1.8, linestyle="--", marker=marker, label="held-out, each epoch")
    _finish(axes, title="Loss (logarithmic)", log_values=np.concatenate([loss, train, held_out]))
    axes.legend(loc="upper right", frameon=False, labelcolor=INK, fontsize=9)


def _draw_changes(axes: Axes, *, epoch: NDArray[np.float64], train: NDArray[np.float64], held_out: NDArray[np.float64]) -> None:
    changes = [(np.diff(train), TRAIN, "-", "training"), (np.diff(held_out), HELD_OUT, "--", "held-out")]
    axes.axhline(0, color=FAINT, linewidth=0.9)
    for change, colour, style, _ in changes:
        axes.plot(epoch[1:], change, color=colour, linewidth=1.1, linestyle=style)
    size = np.abs(np.concatenate([change for change, *_ in changes]))
    size = size[np.isfinite(size) & (size > 0)]
    axes.set_yscale("symlog", linthresh=float(np.median(size)) if size.size else 1.0)
    _finish(axes, title="Change of the loss from epoch to epoch (below 0: better)")


def _draw_share(axes: Axes, evaluation: Evaluation, *, colour: str, label: str) -> None:
    distance = np.sort(evaluation.errors.distance_px[~np.isnan(evaluation.errors.distance_px)])
    share = np.arange(1, len(distance) + 1) / max(len(distance), 1)
    style = "--" if colour == HELD_OUT else "-"
    axes.step(np.maximum(distance, SMALLEST_PX), share, where="post", color=colour, linewidth=2, linestyle=style, label=label)


def _draw_baselines(axes: Axes, evaluation: Evaluation) -> None:
    for cost, text in ((evaluation.baseline.mean_position_px, "mean position"), (evaluation.baseline.image_centre_px, "image centre")):
        axes.axvline(cost, color=FAINT, linewidth=1.2, linestyle=(0, (5, 2)) if text.startswith("mean") else (0, (1, 1)))
        side = (
            "right" if text.startswith("mean") == (evaluation.baseline.mean_position_px <= evaluation.baseline.image_centre_px) else "left"
        )
        shift = -3 if side == "right" else 3
        axes.annotate(
            f"blind guess: {text}",
            (cost, 0.04),
            xytext=(shift, 0),
            textcoords="offset points",
            rotation=90,
            ha=side,
            va="bottom",
            fontsize=8,
            color=FAINT,
        )


def _draw_boxes(axes: Axes, evaluation: Evaluation) -> None:
    names = evaluation.frames.point_names
    columns = [np.maximum(column[~np.isnan(column)], SMALLEST_PX) for column in evaluation.errors.distance_px.T]
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
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.set_xlabel("error (px): median, quartiles, 5 % and 95 %", color=INK)
    _finish(axes, title="Error per key point")
    axes.grid(False, axis="y")


def _draw_frame_means(axes: Axes, group: Sequence[str], *, order: NDArray[np.int64], distance: NDArray[np.float64]) -> None:
    """One line for each group, since time does not run on from one to the next."""
    known = ~np.isnan(distance)
    mean = np.where(known, distance, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    mean[~known.any(axis=1)] = np.nan
    names = np.array(group)[order]
    starts = [0, *(np.flatnonzero(names[1:] != names[:-1]) + 1).tolist(), len(names)]
    for start, end in itertools.pairwise(starts):
        axes.plot(np.arange(start, end), mean[start:end], color=INK, linewidth=1.2, label="mean of the frame" if start == 0 else None)
        if start:
            axes.axvline(start - 0.5, color=FAINT, linewidth=1)


def _tile(evaluation: Evaluation, frame: int, point: int) -> Image:
    """The part of a frame around one truth and prediction, enlarged to a tile, rings drawn afterwards so that they stay crisp."""
    image = evaluation.frames.read(frame)
    rgb = image if image.ndim == 3 else np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2RGB), np.uint8)
    truth, predicted = evaluation.frames.points[frame, 0], evaluation.predicted[frame, :, :2]
    corner, scale = _cut(np.stack([truth[point], predicted[point]]), rgb.shape)
    matrix = np.array([[scale, 0, (0.5 - corner[0]) * scale - 0.5], [0, scale, (0.5 - corner[1]) * scale - 0.5]])
    tile = np.asarray(cv2.warpAffine(rgb, matrix, (TILE[1], TILE[0]), flags=cv2.INTER_LINEAR), np.uint8)
    ends = [tuple(np.rint(matrix[:, :2] @ end + matrix[:, 2]).astype(int).tolist()) for end in (truth[point], predicted[point])]
    cv2.line(tile, ends[0], ends[1], (255, 255, 0), 1, cv2.LINE_AA)
    for points, colour in ((truth, TRUTH), (predicted, PREDICTION)):
        for centre in points:
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
    _plain_numbers(axes.xaxis)


def _finish(axes: Axes, *, title: str, log_values: NDArray[np.float64] | None = None) -> None:
    """The look that all axes share; a logarithmic y axis where the values allow one."""
    axes.set_title(title, fontsize=10.5, color=INK, loc="left", pad=8)
    axes.grid(True, color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(colors=INK, labelsize=9)
    if log_values is not None:
        finite = log_values[np.isfinite(log_values)]
        axes.set_yscale("log" if finite.size and finite.min() > 0 else "symlog")


def _plain_numbers(axis: Any) -> None:
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(FuncFormatter(lambda value, _: f"{value:g}" if f"{value:.0e}"[0] in "25" else ""))


def _column(rows: Sequence[Mapping[str, Any]], key: str) -> NDArray[np.float64]:
    return np.array([np.nan if row.get(key) is None else row[key] for row in rows], np.float64)


def _batches(rows: Sequence[Mapping[str, Any]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Batches spread over the epoch that ends where its own mark stands: place and loss."""
    epoch, batch, loss = (_column(rows, key) for key in ("epoch", "batch", "loss"))
    if not epoch.size:
        return epoch, loss
    first = batch.min()
    count = {value: (epoch == value).sum() for value in np.unique(epoch)}
    per_epoch = np.array([count[value] for value in epoch])
    return epoch - 1 + (batch - first + 1) / per_epoch, loss
