"""A picture of how far apart annotators place each key point."""

import io
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from trainer.errors import ProjectError
from trainer.project.agreement import Agreement
from trainer.project.files import replace_file
from trainer.reports.plot_style import DPI, FAINT, INK, TRAIN, WIDTH, finish, plain_numbers

SMALLEST_PX = 0.05  # far below any hand's precision; a logarithmic axis has no place for zero
ENDINGS = (".png", ".svg", ".pdf")


def agreement_figure(found: Agreement) -> Figure:
    """Every distance as a dot and a box over them, one row for each key point, on a logarithmic axis in source pixels."""
    names = [name for name, point in found.per_point.items() if point.distance_px.size]
    figure = Figure(figsize=(WIDTH, max(2.6, 1.6 + 0.42 * len(names))), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    for place, name in enumerate(names):
        _draw_row(axes, found.per_point[name].distance_px, place)
    axes.set_yticks(range(len(names)), [f"{name}  ({found.per_point[name].distance_px.size})" for name in names])
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xscale("log")
    plain_numbers(axes.xaxis)
    axes.set_xlabel("distance between two annotators (px): median, quartiles, 5 % and 95 %; pairs in brackets", color=INK)
    title = f"{', '.join(found.annotators)}: {found.frames} frames"
    if found.overall.distance_px.size:
        mean = float(found.overall.distance_px.mean())
        axes.axvline(max(mean, SMALLEST_PX), color=FAINT, linewidth=1.2, linestyle=(0, (5, 2)), zorder=0)
        title += f", {mean:.2f} px apart on average (dashed)"
    finish(axes, title=title)
    axes.grid(False, axis="y")
    return figure


def _draw_row(axes: Axes, distance_px: np.ndarray[tuple[int], np.dtype[np.float64]], place: int) -> None:
    shown = np.maximum(distance_px, SMALLEST_PX)
    spread = np.linspace(-0.2, 0.2, len(shown)) if len(shown) > 1 else np.zeros(1)
    axes.plot(shown, place + spread, ".", color=TRAIN, alpha=0.3, markersize=5, zorder=1)
    axes.boxplot(
        [shown],
        positions=[place],
        orientation="horizontal",
        widths=0.55,
        whis=(5, 95),
        showfliers=False,
        manage_ticks=False,
        medianprops={"color": INK, "linewidth": 2},
        boxprops={"color": FAINT},
        whiskerprops={"color": FAINT},
        capprops={"color": FAINT},
    )


def write_agreement_figure(found: Agreement, out: Path) -> None:
    """Write the picture; its kind goes by the ending.

    Raises:
        ProjectError: another ending, or a file that cannot be written.
    """
    if out.suffix.lower() not in ENDINGS:
        raise ProjectError(f"{out}: a picture of that kind cannot be drawn; expected an ending of {', '.join(ENDINGS)}")
    drawn = io.BytesIO()
    agreement_figure(found).savefig(drawn, format=out.suffix.lower().removeprefix("."))
    replace_file(out, drawn.getvalue())
