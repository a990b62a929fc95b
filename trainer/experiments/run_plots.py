"""Pictures of several runs side by side: loss, held-out error, final score and time of an epoch, four panels as one figure."""

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator
from numpy.typing import NDArray

from trainer.experiments.run import Run, RunEpoch
from trainer.reports.plot_style import DPI, FAINT, INK, WIDTH, finish, legend_below, lines_of, plain_numbers

FEW = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")  # Okabe and Ito: told apart by everybody
NARROW = 8  # largest over smallest value
LETTERS = 42  # of all names side by side below a panel
FEWEST_LETTERS = 8  # of a name in a line; with fewer, names are turned
LEGEND = 8  # groups; of more, the axes of the lower panels are enough


@dataclass(frozen=True, slots=True, kw_only=True)
class PlottedCurve:
    """What is drawn of one run; a run that was broken off has no score.

    Attributes:
        group: the fold, size or value that it shares a colour with.
        epochs: of its history.
        score_px: final error on frames that trained nothing.
        seconds_per_epoch: None where no epoch was finished.
        scored_on: which frames those are.
    """

    group: str
    epochs: tuple[RunEpoch, ...]
    score_px: float | None
    seconds_per_epoch: float | None
    scored_on: str


def curve_of(run: Run, group: str) -> PlottedCurve:
    """The curve of a finished run: scored on its test frames, or on those held out where it has none."""
    score = run.test or run.held_out
    return PlottedCurve(
        group=group,
        epochs=run.epochs,
        score_px=score.mean_px if score else None,
        seconds_per_epoch=run.seconds_per_epoch,
        scored_on="test frames" if run.test else "held-out frames",
    )


def four_panels(curves: Sequence[PlottedCurve], *, title: str, what: str, human_px: float | None = None) -> Figure:
    """Loss and held-out error over epochs on logarithmic axes, final error and time of an epoch for each group.

    Args:
        curves: in the order of their groups.
        title: of the figure; made from the runs, as `settings_words` does.
        what: the groups are: "fold", "batch".
        human_px: drawn as the floor.
    """
    groups = tuple(dict.fromkeys(curve.group for curve in curves))
    colour = dict(zip(groups, colours(len(groups)), strict=True))
    figure = Figure(figsize=(WIDTH, 7.2), dpi=DPI, layout="constrained")
    figure.suptitle(title, fontsize=10.5, color=INK, x=0.01, ha="left")
    (losses, errors), (scores, times) = figure.subplots(2, 2)
    _draw_epochs(losses, curves, colour, key="loss", title="Training loss", floor=None)
    _draw_epochs(errors, curves, colour, key="held_out_px", title="Mean error on held-out frames (px)", floor=human_px)
    _draw_groups(scores, groups, [[c.score_px for c in curves if c.group == group] for group in groups], colour)
    finish(scores, title=f"Final mean error on {_scored_on(curves)} (px)")
    draw_floor(scores, human_px)
    _from_zero(scores)
    _draw_groups(times, groups, [[c.seconds_per_epoch for c in curves if c.group == group] for group in groups], colour)
    finish(times, title="Time of an epoch (s)")
    _from_zero(times)
    for axes in (scores, times):
        axes.set_xlabel(what, color=INK)
    if len(groups) <= LEGEND:
        legend_below(figure, losses, title=what)
    return figure


def colours(count: int) -> list[str]:
    """So many colours that can be told apart; a scale from dark to light where there are many."""
    if count <= len(FEW):
        return list(FEW[:count])
    scale = mpl.colormaps["viridis"]
    return [mpl.colors.to_hex(scale(place)) for place in np.linspace(0, 0.92, count)]


def number_log_axis(axis: Axis, values: NDArray[np.float64], human_px: float | None = None) -> None:
    """Numbers on a logarithmic axis, also where the values span less than a decade and would be left with one or none."""
    plain_numbers(axis)
    shown = values if human_px is None else np.append(values, human_px)
    found = shown[np.isfinite(shown) & (shown > 0)]
    if found.size and found.max() < NARROW * found.min():
        axis.set_major_locator(MaxNLocator(5))
        axis.set_minor_locator(NullLocator())


def draw_floor(axes: Axes, human_px: float | None) -> None:
    """The line below which labels themselves are no better."""
    if human_px is not None:
        axes.axhline(human_px, color=FAINT, linewidth=1.2, linestyle=(0, (5, 2)))
        axes.annotate(
            f"two people's labels: {human_px:.3g} px",
            (0.01, human_px),
            xycoords=("axes fraction", "data"),
            xytext=(0, 2),
            textcoords="offset points",
            va="bottom",
            fontsize=8,
            color=FAINT,
        )


def _draw_epochs(axes: Axes, curves: Sequence[PlottedCurve], colour: dict[str, str], *, key: str, title: str, floor: float | None) -> None:
    shown: list[NDArray[np.float64]] = []
    named: set[str] = set()
    for curve in curves:
        values = np.array([np.nan if getattr(epoch, key) is None else getattr(epoch, key) for epoch in curve.epochs], np.float64)
        place = np.array([epoch.epoch + 1 for epoch in curve.epochs])
        label = None if curve.group in named else curve.group
        named.add(curve.group)
        marker = "." if len(place) < 25 else None
        axes.plot(place, values, color=colour[curve.group], linewidth=1.3, marker=marker, alpha=0.85, label=label)
        shown.append(values)
    axes.set_xlabel("epoch", color=INK)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    finish(axes, title=title, log_values=np.concatenate(shown))
    number_log_axis(axes.yaxis, np.concatenate(shown), floor)
    draw_floor(axes, floor)


def _scored_on(curves: Sequence[PlottedCurve]) -> str:
    return " and ".join(dict.fromkeys(curve.scored_on for curve in curves if curve.score_px is not None)) or "no frames"


def _from_zero(axes: Axes) -> None:
    """From zero to a little above the largest mark: a cut axis makes small differences look large."""
    marks = np.concatenate([np.asarray(line.get_ydata(), np.float64) for line in axes.lines])
    axes.set_ylim(0, 1.12 * float(marks.max()) if marks.size and marks.max() > 0 else 1.0)


def _draw_groups(axes: Axes, groups: Sequence[str], values: Sequence[Sequence[float | None]], colour: dict[str, str]) -> None:
    """A dot for each run, a dash for the group's mean."""
    for place, (group, found) in enumerate(zip(groups, values, strict=True)):
        known = [value for value in found if value is not None]
        spread = np.linspace(-0.12, 0.12, len(known)) if len(known) > 1 else np.zeros(len(known))
        axes.plot(place + spread, known, "o", color=colour[group], markersize=5, alpha=0.85)
        if len(known) > 1:
            axes.plot([place - 0.3, place + 0.3], [np.mean(known)] * 2, color=colour[group], linewidth=2)
    room = LETTERS // len(groups)
    long = room < FEWEST_LETTERS and sum(len(group) for group in groups) > LETTERS
    names = [lines_of(group, LETTERS if long else max(room, FEWEST_LETTERS)) for group in groups]
    axes.set_xticks(range(len(groups)), names, rotation=60 if long else 0, ha="right" if long else "center")
    axes.set_xlim(-0.6, len(groups) - 0.4)
