"""The style that all plots share: colours told apart by colour-blind people, quiet axes, and figures as PNG files."""

import io
import re

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.patheffects import AbstractPathEffect, withStroke
from matplotlib.textpath import TextPath
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from tracker.point_colours import hex_colour

TRAIN, HELD_OUT, INK, FAINT, GRID = "#0072B2", "#D55E00", "#222222", "#6b6b6b", "#e4e4e4"
WIDTH = 9.0  # inches
DPI = 110
POINTS_PER_INCH = 72
LEGEND_POINTS = 8.5
LEGEND_LETTERS = 56  # of a name in a line
LEGEND_MARK = 4.8  # line, and space around it and between columns, in font sizes: matplotlib's 2, 0.8 and 2
LEGEND_LINE = 1.5  # height of a line, in font sizes


def png(figure: Figure) -> bytes:
    """The figure as a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", facecolor="white")
    return buffer.getvalue()


def finish(axes: Axes, *, title: str, log_values: NDArray[np.float64] | None = None) -> None:
    """The style that all axes share; a logarithmic y axis where the values allow one."""
    axes.set_title(title, fontsize=10.5, color=INK, loc="left", pad=8)
    axes.grid(True, color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(which="both", colors=INK, labelsize=9)
    if log_values is not None:
        finite = log_values[np.isfinite(log_values)]
        axes.set_yscale("log" if finite.size and finite.min() > 0 else "symlog")


def legend_below(figure: Figure, *panels: Axes, title: str = "") -> None:
    """Name what is drawn in some axes, each name once, below all axes of the figure: nothing is hidden. The figure grows by as much.

    Args:
        figure: with constrained layout.
        panels: its axes whose names are given, in their order.
        title: above the names.
    """
    named = {
        lines_of(label, LEGEND_LETTERS): line for axes in panels for line, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    if not named:
        return
    columns = _columns(list(named), figure.get_figwidth() * POINTS_PER_INCH)
    rows = max(sum(name.count("\n") + 1 for name in column) for column in np.array_split(list(named), columns)) + bool(title)
    figure.set_figheight(figure.get_figheight() + (rows * LEGEND_LINE + 1) * LEGEND_POINTS / POINTS_PER_INCH)
    legend = figure.legend(
        list(named.values()),
        list(named),
        loc="outside lower center",
        ncols=columns,
        frameon=False,
        labelcolor=INK,
        fontsize=LEGEND_POINTS,
        title=title or None,
        title_fontsize=LEGEND_POINTS,
        markerscale=1.4,
    )
    for line in legend.get_lines():
        line.set_alpha(max(line.get_alpha() or 1.0, 0.6))  # what is faint in a crowd must be seen alone


def _columns(names: list[str], room: float) -> int:
    """As many columns as fit side by side into so many points, split as matplotlib does."""
    widths = np.array([max(_width(line) for line in name.split("\n")) for name in names]) + LEGEND_MARK * LEGEND_POINTS
    return next((n for n in range(len(names), 1, -1) if sum(part.max() for part in np.array_split(widths, n)) < room), 1)


def _width(line: str) -> float:
    """Of a text in a legend, in points."""
    return float(TextPath((0, 0), line, size=LEGEND_POINTS).get_extents().width) if line.strip() else 0.0


def point_colours(count: int) -> list[str]:
    """The colour of each key point, as in the live picture; the light ones need an outline on white."""
    return [hex_colour(place) for place in range(count)]


def outline(linewidth: float) -> list[AbstractPathEffect]:
    """A thin dark rim around a line of so many points, so that yellow can be followed on white."""
    return [withStroke(linewidth=linewidth + 1.2, foreground=FAINT)]


def lines_of(name: str, letters: int) -> str:
    """A name on as many lines as it needs, none longer than that; broken behind blanks, underscores, dashes and dots where it can be."""
    parts = re.findall(r"[^ _\-./]*[ _\-./]?", name)
    lines = [""]
    for piece in (part[place : place + letters] for part in parts for place in range(0, len(part), letters)):
        if lines[-1] and len(lines[-1]) + len(piece.rstrip()) > letters:
            lines.append("")
        lines[-1] += piece
    return "\n".join(line.rstrip() for line in lines)


def plain_numbers(axis: Axis) -> None:
    """Numbers of a logarithmic axis as people write them: 0.5, 20, 1000."""
    low, high = sorted(axis.get_view_interval())
    narrow = low > 0 and high < 6 * low  # hardly a 1, 2 or 5 lies inside: matplotlib's own steps, as on a linear axis
    if narrow:
        axis.set_major_locator(MaxNLocator(nbins=5))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(FuncFormatter(lambda value, _: f"{value:g}" if not narrow and f"{value:.0e}"[0] in "25" else ""))
