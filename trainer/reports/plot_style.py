"""The style that all plots share: colours told apart by colour-blind people, quiet axes, and figures as PNG files."""

import io
import re

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

TRAIN, HELD_OUT, INK, FAINT, GRID = "#0072B2", "#D55E00", "#222222", "#6b6b6b", "#e4e4e4"
WIDTH = 9.0  # inches
DPI = 110


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
    axes.tick_params(colors=INK, labelsize=9)
    if log_values is not None:
        finite = log_values[np.isfinite(log_values)]
        axes.set_yscale("log" if finite.size and finite.min() > 0 else "symlog")


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
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(FuncFormatter(lambda value, _: f"{value:g}" if f"{value:.0e}"[0] in "25" else ""))
