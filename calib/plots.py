"""The pictures of a calibration report, as PNG files."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray

from calib.assessment import Assessment
from calib.coverage import COLUMNS, ROWS, SECTORS, tilt
from calib.uncertainty import Field, hull
from tracker.frame import Image

Array = NDArray[np.float64]
_WIDTH = 6.2  # inches
_DPI = 110
_GREEN, _BLUE, _ORANGE, _FAINT = "#009E73", "#0072B2", "#D55E00", "#777777"
_LOWEST_PX, _HIGHEST_PX = 0.03, 30.0
_STEPS_PX = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0)


def coverage(assessment: Assessment, background: Image | None) -> bytes:
    """Where corners were seen, cell by cell, and the outline of every view."""
    size = assessment.solution.lens.size
    figure, axes = _image_axes(size)
    if background is not None:
        axes.imshow(background, cmap="gray", vmin=0, vmax=255, extent=(-0.5, size[0] - 0.5, size[1] - 0.5, -0.5), alpha=0.5)
    cells = assessment.coverage.cells
    shade = np.zeros((ROWS, COLUMNS, 4))
    shade[cells], shade[~cells] = (0.0, 0.62, 0.45, 0.16), (0.84, 0.37, 0.0, 0.30)
    axes.imshow(shade, extent=(-0.5, size[0] - 0.5, size[1] - 0.5, -0.5))
    for view in assessment.solution.views:
        outline = hull(view.pixels)
        axes.plot(*np.vstack((outline, outline[:1])).T, color=_BLUE, linewidth=0.5, alpha=0.6)
        axes.plot(*view.pixels.T, ".", color=_BLUE, markersize=1.5)
    return _png(figure)


def length_map(field: Field, size: tuple[int, int], corners: Array, *, label: str) -> bytes:
    """A length in px over the image: the same colours in every report, so that two can be compared."""
    figure, axes = _image_axes(size)
    shown = np.clip(np.where(np.isfinite(field.px), field.px, np.nan), _LOWEST_PX, _HIGHEST_PX)
    axes.set_facecolor("#3a3a3a")
    mesh = axes.pcolormesh(field.x, field.y, shown, norm=LogNorm(_LOWEST_PX, _HIGHEST_PX), cmap="viridis", shading="gouraud")
    if np.isfinite(shown).sum() > shown.size / 10:
        steps = [step for step in _STEPS_PX if np.nanmin(shown) < step < np.nanmax(shown)]
        if steps:
            lines = axes.contour(field.x, field.y, shown, levels=steps, colors="white", linewidths=0.8)
            axes.clabel(lines, fmt=lambda value: f"{value:g} px", fontsize=8)
    outline = hull(corners)
    axes.plot(*np.vstack((outline, outline[:1])).T, color=_ORANGE, linewidth=1.2)
    bar = figure.colorbar(mesh, ax=axes, fraction=0.04, pad=0.02, label=label)
    bar.ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    return _png(figure)


def residuals(assessment: Assessment) -> bytes:
    """How far every corner is from where the lens puts it, enlarged, over the image."""
    solution = assessment.solution
    figure, axes = _image_axes(solution.lens.size)
    places = np.concatenate([view.pixels for view in solution.views])
    arrows = np.concatenate(list(solution.residuals))
    times = solution.lens.size[0] / 25 / max(3 * solution.rms_px, 1e-9)
    axes.quiver(*places.T, *(arrows * times).T, angles="xy", scale_units="xy", scale=1, width=0.0015, color=_BLUE)
    axes.set_title(f"{times:.0f} times enlarged", fontsize=9, loc="right", color=_FAINT)
    return _png(figure)


def view_errors(assessment: Assessment) -> bytes:
    """The residual of every view."""
    figure = Figure(figsize=(_WIDTH, 3.2), dpi=_DPI, layout="constrained")
    axes = figure.add_subplot()
    errors = [float(np.sqrt(np.mean((each * each).sum(axis=1)))) for each in assessment.solution.residuals]
    axes.bar(range(len(errors)), errors, color=_BLUE)
    axes.axhline(assessment.solution.rms_px, color=_ORANGE, linewidth=1)
    axes.set_xlabel("view")
    axes.set_ylabel("rms, px")
    axes.spines[["top", "right"]].set_visible(False)
    return _png(figure)


def tilts(assessment: Assessment) -> bytes:
    """How far and where to the board was tilted in every view, as seen by the camera."""
    figure = Figure(figsize=(_WIDTH, 4.2), dpi=_DPI, layout="constrained")
    axes: Any = figure.add_subplot(projection="polar")  # PolarAxes, which add_subplot does not promise
    found = [tilt(pose, view.mm) for pose, view in zip(assessment.solution.poses, assessment.solution.views, strict=True)]
    for sector in range(8):
        colour = _GREEN if sector in assessment.coverage.tilts else _ORANGE
        axes.bar(np.deg2rad(45 * sector), 60, width=np.deg2rad(43), color=colour, alpha=0.14)
    axes.plot([np.deg2rad(towards) for _, towards in found], [angle for angle, _ in found], "o", color=_BLUE, markersize=4)
    axes.set_theta_direction(-1)  # y of an image points down
    axes.set_thetagrids([45 * sector for sector in range(8)], SECTORS, fontsize=8)
    axes.tick_params(axis="x", pad=10)  # else the words of the oblique directions lie on the circle
    axes.set_rlim(0, 60)
    axes.set_rgrids([20, 40, 60], ["20°", "40°", "60°"], fontsize=7, color=_FAINT)
    return _png(figure)


def plane_grid(image: Image, lines: Sequence[tuple[str, Array]], *, origin: Array, label: str) -> bytes:
    """A grid in mm drawn on the image.

    Args:
        image: the background.
        lines: what to write at each, and its (n, 2) px with NaN where the camera does not see.
        origin: (2,) px, NaN where it is not seen.
        label: of the whole.
    """
    height, width = image.shape[:2]
    figure, axes = _image_axes((width, height))
    axes.imshow(image, cmap="gray", vmin=0, vmax=255)
    for name, line in lines:
        axes.plot(*line.T, color=_ORANGE, linewidth=0.8)
        seen = line[((line >= 0) & (line < (width, height))).all(axis=1)]
        if len(seen):
            x, y = np.clip(seen[0], 8, (width - 45, height - 8)).tolist()
            axes.text(x, y, name, fontsize=7, va="center", bbox={"facecolor": "white", "alpha": 0.7, "pad": 0.8, "lw": 0})
    inside = bool(((origin >= 0) & (origin < (width, height))).all())
    if inside:
        axes.plot(*origin, "o", color=_BLUE, markersize=7, markerfacecolor="none", markeredgewidth=2, zorder=4)
        axes.annotate("0, 0", tuple(origin.tolist()), xytext=(8, -12), textcoords="offset points", fontsize=9, color=_BLUE, weight="bold")
    label = label if inside else f"{label}; the origin is outside the image"
    axes.set_title(label, fontsize=9, loc="right", color=_FAINT)
    return _png(figure)


def _image_axes(size: tuple[int, int]) -> tuple[Figure, Axes]:
    """Axes in px of an image, y down."""
    figure = Figure(figsize=(_WIDTH, 0.5 + _WIDTH * size[1] / size[0] * 0.9), dpi=_DPI, layout="constrained")
    axes = figure.add_subplot()
    axes.set_xlim(-0.5, size[0] - 0.5)
    axes.set_ylim(size[1] - 0.5, -0.5)
    axes.set_aspect("equal")
    axes.tick_params(labelsize=8, colors=_FAINT)
    return figure, axes


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", facecolor="white")
    return buffer.getvalue()
