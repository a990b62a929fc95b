"""Pictures of the rectangle experiments, as matplotlib figures that share no state."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from studies.rectangles.findings import Crossing, HeadFigures, PeakFigures, SizeFigures
from studies.rectangles.peaks import THRESHOLD
from studies.rectangles.scale import DOMAINS
from tracker.frame import Image
from trainer.experiments.curve_report import DEEPLABCUT
from trainer.experiments.run import Run
from trainer.experiments.run_plots import FEW, number_log_axis
from trainer.reports.error_plots import draw_ring_legend
from trainer.reports.plot_style import DPI, FAINT, INK, WIDTH, finish, plain_numbers
from trainer.videos.rings import PREDICTION, TRUTH, draw_ring, in_colours

Answer = tuple[str, Image, NDArray[np.float64], NDArray[np.floating]]  # name, image, true centre (2,) and answer (2,)

TILE_PX = 260
BASELINES = "always the mean position", "always the image's centre"


@dataclass(frozen=True, slots=True, kw_only=True)
class MapTile:
    """One image (h, w), its heat map, its true centres (R, 2), and the map's peaks (P, 3)."""

    image: Image
    probability: NDArray[np.float32]
    centres: NDArray[np.float64]
    peaks: NDArray[np.float32]


def epochs_of_heads(runs: Sequence[Run], found: Sequence[HeadFigures], *, title: str) -> Figure:
    """Held-out error of both heads over epochs, and what answers cost that never look."""
    figure = Figure(figsize=(WIDTH, 4.4), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    values = []
    for run, head, colour in zip(runs, found, FEW, strict=False):
        error = np.array([np.nan if epoch.held_out_px is None else epoch.held_out_px for epoch in run.epochs])
        axes.plot(np.arange(1, len(error) + 1), error, ".-", color=colour, label=head.head)
        values.append(error)
    baselines = (found[0].baseline.mean_position_px, found[0].baseline.image_centre_px)
    for px, name, style in zip(baselines, BASELINES, ((0, (5, 2)), (0, (1, 2))), strict=True):
        axes.axhline(px, color=FAINT, linewidth=1.2, linestyle=style, label=f"{name}: {px:.1f} px")
    shown = np.concatenate([*values, np.array(baselines)])
    _entitle(figure, title)
    finish(axes, title="Mean error on validation images (px)", log_values=shown)
    number_log_axis(axes.yaxis, shown)
    axes.set_xlabel("epoch", color=INK)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.legend(loc="outside lower center", frameon=False, labelcolor=INK, fontsize=8.5, ncols=4)
    return figure


def cross_domain(found: Sequence[Crossing], *, title: str) -> Figure:
    """A table of mean errors for each head, shaded by error; the lowest of each row is framed."""
    figure = Figure(figsize=(WIDTH, 4.6), dpi=DPI, layout="constrained")
    _entitle(figure, f"Mean error (px), lowest of each row framed; {title}")
    for axes, each in zip(figure.subplots(1, len(found), squeeze=False)[0], found, strict=True):
        _shaded(axes, each.mean_px)
        axes.set_title(f"head {each.head}", fontsize=10, color=INK, loc="left")
        axes.set_xlabel("tested on domain", color=INK)
        axes.set_ylabel("trained on domain", color=INK)
    return figure


def error_against_images(found: Sequence[SizeFigures], *, title: str) -> Figure:
    """Training and test error of both heads against the number of training images."""
    figure = Figure(figsize=(WIDTH, 4.8), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    for head, colour in zip(dict.fromkeys(each.head for each in found), FEW, strict=False):
        its = [each for each in found if each.head == head]
        sizes = [each.images for each in its]
        axes.plot(sizes, [each.test_px for each in its], "o-", color=colour, label=f"{head}, test images")
        axes.plot(sizes, [each.test_median_px for each in its], "o:", color=colour, markersize=3, alpha=0.8, label=f"{head}, test, median")
        axes.plot(sizes, [each.train_px for each in its], "^--", color=colour, markersize=4, alpha=0.6, label=f"{head}, training images")
    frames, people = zip(*DEEPLABCUT, strict=True)
    axes.plot(frames, people, "s", color=FAINT, linestyle=(0, (1, 2)), label="DeepLabCut 2018, a mouse")
    axes.set_xscale("log")
    shown = np.array([px for each in found for px in (each.train_px, each.test_px, each.test_median_px)])
    _entitle(figure, title)
    finish(axes, title="Mean and median error (px)", log_values=shown)
    number_log_axis(axes.yaxis, shown)
    plain_numbers(axes.xaxis)
    axes.set_xlabel("training images", color=INK)
    figure.legend(loc="outside lower center", frameon=False, labelcolor=INK, fontsize=8.5, ncols=3)
    return figure


def centres_found(found: Sequence[PeakFigures], names: dict[str, str], *, title: str) -> Figure:
    """Share of centres found, and false centres an image, on every domain; a dot for each seed, a dash for their mean."""
    figure = Figure(figsize=(WIDTH, 6.4), dpi=DPI, layout="constrained")
    _entitle(figure, f"Peaks above {THRESHOLD:g} of the map's probability; {title}")
    upper, lower = figure.subplots(2, 1, sharex=True)
    trained = list(dict.fromkeys(each.trained for each in found))
    for offset, (name, colour) in enumerate(zip(trained, FEW, strict=False)):
        for each in (one for one in found if one.trained == name):
            place = each.tested + 0.24 * (offset - (len(trained) - 1) / 2)
            label = names[name] if each.tested == DOMAINS[0] else None
            _dots(upper, place, each.found, colour, label=label)
            _dots(lower, place, each.false, colour, label=None)
    upper.set_ylim(0, 1.04)
    lower.set_ylim(bottom=0)
    finish(upper, title="Share of the centres present that were found")
    finish(lower, title="False centres an image")
    lower.set_xticks(DOMAINS)
    lower.set_xlabel("tested on domain (rectangles an image)", color=INK)
    figure.legend(loc="outside lower center", frameon=False, labelcolor=INK, fontsize=8.5, ncols=3)
    return figure


def learning(images: Sequence[Image], truth: NDArray[np.float64], stages: Sequence[tuple[str, NDArray[np.floating]]]) -> Figure:
    """The same images again and again, with what a network answered after several epochs.

    Args:
        images: m of them.
        truth: (m, 2).
        stages: name and answers (m, 2).
    """
    figure = Figure(figsize=(WIDTH, len(images) * WIDTH / max(len(stages), 4) + 0.75), dpi=DPI, layout="constrained")
    grid = figure.subplots(len(images), len(stages), squeeze=False)
    for row, image in enumerate(images):
        for column, (name, found) in enumerate(stages):
            axes = grid[row, column]
            axes.imshow(_tile(in_colours(image), truth[row : row + 1], found[row : row + 1]), interpolation="none")
            _bare(axes)
            if row == 0:
                axes.set_title(name, fontsize=9, color=INK, loc="left")
    draw_ring_legend(figure)
    return figure


def maps_and_peaks(rows: Sequence[tuple[str, Sequence[MapTile]]]) -> Figure:
    """Heat maps over their images, true centres in red, peaks above the threshold in blue; a row for each name."""
    columns = len(rows[0][1])
    figure = Figure(figsize=(WIDTH + 1, len(rows) * (WIDTH + 1) / columns + 0.9), dpi=DPI, layout="constrained")
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for row, (name, tiles) in enumerate(rows):
        for column, tile in enumerate(tiles):
            axes = grid[row, column]
            shown = tile.peaks[tile.peaks[:, 2] >= THRESHOLD, :2]
            axes.imshow(_tile(_heated(tile.image, tile.probability), tile.centres, shown), interpolation="none")
            _bare(axes)
            if column == 0:
                axes.set_ylabel(name, fontsize=9, color=INK)
            if row == 0:
                axes.set_title(f"domain {column + 1}", fontsize=9, color=INK, loc="left")
    draw_ring_legend(figure)
    return figure


def answers(tiles: Sequence[Answer]) -> Figure:
    """Images with the largest rectangle's centre in red and an answer in blue."""
    figure = Figure(figsize=(WIDTH, WIDTH / len(tiles) + 0.8), dpi=DPI, layout="constrained")
    for axes, (name, image, truth, answer) in zip(figure.subplots(1, len(tiles), squeeze=False)[0], tiles, strict=True):
        axes.imshow(_tile(in_colours(image), truth[None], answer[None]), interpolation="none")
        axes.set_title(name, fontsize=8.5, color=INK, loc="left")
        _bare(axes)
    draw_ring_legend(figure)
    return figure


def _shaded(axes: Axes, values: NDArray[np.float64]) -> None:
    axes.imshow(np.log(np.maximum(values, 1e-3)), cmap="cividis_r", aspect="auto")
    middle = (np.log(values.max()) + np.log(max(values.min(), 1e-3))) / 2
    for row, line in enumerate(values):
        for column, value in enumerate(line):
            lowest = column == int(line.argmin())
            dark = np.log(max(value, 1e-3)) > middle
            look = {"boxstyle": "square,pad=0.4", "facecolor": "none", "edgecolor": "white" if dark else INK} if lowest else None
            axes.text(column, row, f"{value:.1f}", ha="center", va="center", fontsize=9, color="white" if dark else INK, bbox=look)
    axes.set_xticks(range(len(DOMAINS)), [str(number) for number in DOMAINS])
    axes.set_yticks(range(len(DOMAINS)), [str(number) for number in DOMAINS])
    axes.tick_params(colors=INK, labelsize=9, length=0)


def _dots(axes: Axes, place: float, values: Sequence[float], colour: str, *, label: str | None) -> None:
    axes.plot([place] * len(values), values, "o", color=colour, markersize=4, alpha=0.7, label=label)
    axes.plot([place - 0.08, place + 0.08], [np.mean(values)] * 2, color=colour, linewidth=2)


def _heated(image: Image, probability: NDArray[np.float32]) -> Image:
    """The map in orange over its image, both to be seen: uint8 (h, w, 3)."""
    height, width = image.shape[:2]
    rows, columns = (np.arange(side) * cells // side for side, cells in zip((height, width), probability.shape, strict=True))
    share = np.sqrt(probability[np.ix_(rows, columns)] / max(float(probability.max()), 1e-9))
    warm = share[..., None] * np.array([255.0, 140.0, 0.0])
    return np.asarray(np.maximum(in_colours(image) // 2, warm), np.uint8)


def _tile(image: Image, truth: NDArray[np.float64], found: NDArray[np.floating]) -> Image:
    factor = max(1, TILE_PX // image.shape[0])
    large = np.ascontiguousarray(image.repeat(factor, axis=0).repeat(factor, axis=1))
    for points, colour in ((truth, TRUTH), (found, PREDICTION)):
        for centre in points:
            draw_ring(large, (centre + 0.5) * factor - 0.5, colour)
    return large


def _entitle(figure: Figure, title: str) -> None:
    """The sizes that a figure was made with, over as many lines as they take."""
    figure.suptitle("\n".join(textwrap.wrap(title[0].upper() + title[1:], 130)), fontsize=9, color=FAINT, x=0.01, ha="left")


def _bare(axes: Axes) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
