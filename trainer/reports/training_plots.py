"""Pictures of a training run, as matplotlib figures that share no state. Colours are told apart by colour-blind people."""

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from tracker.frame import Image
from trainer.reports.error_plots import PEOPLE, PEOPLE_LABEL, draw_ring_legend
from trainer.reports.plot_style import DPI, FAINT, HELD_OUT, INK, TRAIN, WIDTH, finish, legend_below, plain_numbers
from trainer.scoring.floor import Floor
from trainer.scoring.loss_curves import crossing
from trainer.videos.rings import PREDICTION, TRUTH, draw_ring, in_colours

CROSSING_LABEL = "held-out loss rises, training loss falls on"
STRIP_COLUMNS = 6  # epochs shown at most
STRIP_TILE_PX = 260  # width of one picture
STRIP_MARGIN_PX = 25.0  # source pixels around all that is drawn


def loss_curves(
    history: Mapping[str, Any], *, title: str = "", floor: Floor | None = None, other: str = "held-out", kept: int | None = None
) -> Figure:
    """Loss per batch (faint) and epoch on a logarithmic axis, held-out error, change from epoch to epoch, and time per epoch.

    Args:
        history: "epochs", a list of {"epoch", "train_loss", "val_loss", "val_error_px", "seconds"}, of classes also "val_accuracy",
            values null where nothing was held out, and "batches", a list of {"epoch", "batch", "loss"}.
        title: the run's settings, in words; how many epochs are drawn is added from the history itself.
        floor: drawn under the held-out error.
        other: what the loss is of that is not the training frames'.
        kept: place of the epoch whose weights were taken, marked on that loss; None for the last, which is not marked.
    """
    epoch = _column(history["epochs"], "epoch")
    train, held_out = _column(history["epochs"], "train_loss"), _column(history["epochs"], "val_loss")
    error = _column(history["epochs"], "val_error_px")
    accuracy = _column([{"val_accuracy": None, **row} for row in history["epochs"]], "val_accuracy")
    scored = bool(np.isfinite(error).any() or np.isfinite(accuracy).any())
    figure = Figure(figsize=(WIDTH, 9.0 if scored else 7.2), dpi=DPI, layout="constrained")
    rows = figure.subplots(4 if scored else 3, 1, sharex=True, height_ratios=[2.2, *([1.2] if scored else []), 1.2, 0.8])
    _draw_losses(rows[0], history, epoch=epoch, train=train, held_out=held_out, other=other)
    if kept is not None and kept < len(epoch):
        label = f"taken: epoch {epoch[kept]:g}"
        rows[0].plot([epoch[kept]], [held_out[kept]], linestyle="", marker="o", markersize=9, mfc="none", color=INK, label=label)
    if np.isfinite(accuracy).any():
        rows[1].plot(epoch, 100 * accuracy, color=INK, marker=".", label=f"{other} frames that are right")
        finish(rows[1], title="Accuracy (%)")
    elif scored:
        _draw_held_out_error(rows[1], epoch=epoch, error=error, floor=floor)
    _draw_changes(rows[-2], epoch=epoch, train=train, held_out=held_out)
    rows[-1].bar(epoch, _column(history["epochs"], "seconds"), color=FAINT, alpha=0.6, width=0.6)
    finish(rows[-1], title="Time of each epoch (s)")
    rows[-1].set_xlabel("epoch", color=INK)
    rows[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    rows[-1].xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}" if value >= 0 else ""))  # batches of 0 lie before it
    count = "1 epoch" if len(epoch) == 1 else f"{len(epoch)} epochs"
    legend_below(figure, *rows[:-2])
    figure.suptitle(", ".join([*([title] if title else []), count]), fontsize=10.5, color=INK, ha="left", x=0.01)
    return figure


def learning_strip(images: Sequence[Image], truth: NDArray[np.floating], stages: Sequence[tuple[str, NDArray[np.floating]]]) -> Figure:
    """The same images again and again, with what the network answered at several times of its learning.

    Args:
        images: m of them, uint8 (h, w) or (h, w, 3).
        truth: (m, A, K, 2), NaN where missing.
        stages: name and answers (m, A, K, 2 or more); of many, the first and some of the later ones are shown, the last always.
    """
    shown = [stages[place] for place in _some_stages(len(stages))]
    width = WIDTH + 1
    figure = Figure(figsize=(width, len(images) * width / len(shown) + 0.75), dpi=DPI, layout="constrained")
    grid = figure.subplots(len(images), len(shown), squeeze=False)
    for row, image in enumerate(images):
        drawn = np.concatenate([truth[row].reshape(-1, 2), *(poses[row, ..., :2].reshape(-1, 2) for _, poses in shown)])
        matrix = _square_about(drawn, image.shape)
        for column, (name, poses) in enumerate(shown):
            axes = grid[row, column]
            axes.imshow(_strip_tile(image, matrix, truth[row], poses[row, ..., :2]), interpolation="none")
            axes.axis("off")
            if row == 0:
                axes.set_title(name, fontsize=9, color=INK, loc="left")
    draw_ring_legend(figure)
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


def _draw_losses(
    axes: Axes,
    history: Mapping[str, Any],
    *,
    epoch: NDArray[np.float64],
    train: NDArray[np.float64],
    held_out: NDArray[np.float64],
    other: str,
) -> None:
    place, loss = _batches(history["batches"])
    if loss.size:
        axes.plot(place, loss, color=TRAIN, alpha=0.22, linewidth=0.7, label="training, each batch")
    marker = "." if len(epoch) < 40 else None
    axes.plot(epoch, train, color=TRAIN, linewidth=1.8, marker=marker, label="training, each epoch")
    if np.isfinite(held_out).any():
        axes.plot(epoch, held_out, color=HELD_OUT, linewidth=1.8, linestyle="--", marker=marker, label=f"{other}, each epoch")
    if (place_of := crossing(_known(train), _known(held_out))) is not None:
        axes.axvline(epoch[place_of], color=INK, linewidth=1.2, linestyle=(0, (4, 2)), label=CROSSING_LABEL.replace("held-out", other))
    finish(axes, title="Loss (logarithmic)", log_values=np.concatenate([loss, train, held_out]))
    plain_numbers(axes.yaxis)


def _draw_held_out_error(axes: Axes, *, epoch: NDArray[np.float64], error: NDArray[np.float64], floor: Floor | None) -> None:
    axes.plot(epoch, error, color=HELD_OUT, linewidth=1.6, marker="." if len(epoch) < 40 else None)
    if floor is not None:
        axes.axhline(floor.mean_px, color=PEOPLE, linewidth=1.4, linestyle="-.", label=PEOPLE_LABEL)
    finish(axes, title="Mean error on held-out frames (px)", log_values=error)
    plain_numbers(axes.yaxis)


def _some_stages(count: int) -> list[int]:
    """The first ones, where most is learnt, and the last."""
    return list(range(count)) if count <= STRIP_COLUMNS else [*range(STRIP_COLUMNS - 1), count - 1]


def _square_about(points: NDArray[np.floating], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Maps the square that holds these points, as far as the image reaches, to a tile: (2, 3)."""
    height, width = shape[:2]
    seen = np.clip(points[np.isfinite(points).all(axis=1)], 0, [width - 1, height - 1])
    low, high = (seen.min(axis=0), seen.max(axis=0)) if len(seen) else (np.zeros(2), np.array([width - 1.0, height - 1.0]))
    side = float((high - low).max()) + 2 * STRIP_MARGIN_PX
    scale, corner = STRIP_TILE_PX / side, (low + high - side) / 2
    return np.array([[scale, 0, (0.5 - corner[0]) * scale - 0.5], [0, scale, (0.5 - corner[1]) * scale - 0.5]])


def _strip_tile(image: Image, matrix: NDArray[np.float64], truth: NDArray[np.floating], predicted: NDArray[np.floating]) -> Image:
    flat = cv2.warpAffine(in_colours(image), matrix, (STRIP_TILE_PX, STRIP_TILE_PX), flags=cv2.INTER_LINEAR, borderValue=(255, 255, 255))
    tile = np.asarray(flat, np.uint8)
    for points, colour in ((truth, TRUTH), (predicted, PREDICTION)):
        for centre in points.reshape(-1, 2):
            draw_ring(tile, matrix[:, :2] @ centre + matrix[:, 2], colour)
    return tile


def _draw_changes(axes: Axes, *, epoch: NDArray[np.float64], train: NDArray[np.float64], held_out: NDArray[np.float64]) -> None:
    changes = [(np.diff(train), TRAIN, "-", "training"), (np.diff(held_out), HELD_OUT, "--", "held-out")]
    axes.axhline(0, color=FAINT, linewidth=0.9)
    for change, colour, style, _ in changes:
        axes.plot(epoch[1:], change, color=colour, linewidth=1.1, linestyle=style)
    size = np.abs(np.concatenate([change for change, *_ in changes]))
    size = size[np.isfinite(size) & (size > 0)]
    axes.set_yscale("symlog", linthresh=float(np.median(size)) if size.size else 1.0)
    if size.size:
        step, end = float(np.median(size)), float(size.max())
        marks = [
            _one_digit(value) for value in ([end, step] if end > 4 * step else [end, end / 2])
        ]  # more would stand on top of each other
        axes.set_yticks([*(-mark for mark in marks), 0, *marks[::-1]])
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    finish(axes, title="Change of the loss from epoch to epoch (below 0: better)")


def _one_digit(value: float) -> float:
    """Of a positive number, its first digit and its size: 0.032 is 0.03."""
    return float(f"{value:.0e}")


def _known(values: NDArray[np.float64]) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]


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
