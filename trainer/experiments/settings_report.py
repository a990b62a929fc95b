"""The report of a search over settings: a page with every training, and a picture of the scores against what was changed."""

import datetime
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from tracker.pages.document import StrongRow, page, picture, table, text
from trainer.experiments.search_space import Space
from trainer.experiments.settings_search import Attempt, SettingsSearch, words
from trainer.reports.plot_style import DPI, FAINT, HELD_OUT, TRAIN, WIDTH, finish, png
from trainer.whole_files import replace_files

REPORT_FILE = "report.html"
_ACROSS = 3  # panels beside each other


def write_settings_report(out: Path, found: SettingsSearch, space: Space) -> Path:
    """Write it into the search's folder; its path.

    Raises:
        TrainingError: the folder cannot be written.
    """
    created = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    ranked = sorted(found.tried, key=lambda one: -np.inf if one.score is None else one.score, reverse=True)
    rows = [StrongRow(_row(one)) if one is found.best else _row(one) for one in ranked]
    again = [
        [f"{_number(usual.score)}", _number(winner.score), str(usual.seed)] for usual, winner in zip(found.usual, found.winner, strict=True)
    ]
    parts = [
        "<h1>Search over settings</h1>",
        f'<p class="lead">{text(found.sentence)}</p>',
        table(["settings", found.scored_by, "minutes", ""], rows, kind="figures"),
        picture(png(scores_figure(found, space)), f"{found.scored_by} against each setting; the broken line is the usual settings"),
        *(["<h2>With other seeds</h2>", table(["usual", "best", "seed"], again, kind="figures")] if again else []),
        '<p class="note">Everything was chosen and is scored on the validation part: the held-out part has seen none of it. The best of '
        "many draws looks better than it is; the other seeds say by how much.</p>",
    ]
    replace_files(out, {REPORT_FILE: page("Search over settings", parts, kind="search", footer=created).encode()}, what="the report")
    return out / REPORT_FILE


def scores_figure(found: SettingsSearch, space: Space) -> Figure:
    """A panel for each setting: the score of every draw, the best in another colour."""
    rows = -(-len(space) // _ACROSS)
    figure = Figure(figsize=(WIDTH, 2.9 * rows), dpi=DPI, layout="constrained")
    panels = figure.subplots(rows, _ACROSS, squeeze=False).ravel()
    drawn = [one for one in found.tried if one.values and one.score is not None]
    for axes, (name, dimension) in zip(panels, space.items(), strict=False):
        for one in drawn:
            colour, size = (HELD_OUT, 46) if one is found.best else (TRAIN, 26)
            value = one.values[name]
            place = dimension.choices.index(value) if dimension.choices is not None else value
            axes.scatter(place, one.score, color=colour, s=size)
        if dimension.choices is not None:
            axes.set_xticks(range(len(dimension.choices)), [str(choice) for choice in dimension.choices])
        if found.tried[0].score is not None:
            axes.axhline(found.tried[0].score, color=FAINT, linewidth=1, linestyle=(0, (5, 2)))
        if dimension.log:
            axes.set_xscale("log")
        finish(axes, title=name)
    panels[0].set_ylabel(found.scored_by, fontsize=9)
    for axes in panels[len(space) :]:
        axes.set_visible(False)
    return figure


def _row(one: Attempt) -> list[str]:
    return [words(one.values), _number(one.score), f"{one.seconds / 60:.1f}", one.fault or ""]


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
