"""The report of a search, made from its study alone: every worker's runs are in it."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from tracker.pages.document import page, picture, table, text
from trainer.errors import TrainingError
from trainer.experiments.run import Run, RunEpoch, RunScore
from trainer.experiments.run_plots import FEW, PlottedCurve, draw_floor, four_panels, number_log_axis
from trainer.experiments.search_space import changed
from trainer.experiments.settings_table import settings_table, settings_words
from trainer.experiments.spread import SpreadOfRuns, spread
from trainer.experiments.study_database import ABOUT, ASKED, Database, quiet, read_study, refusals_of, shown
from trainer.experiments.sweep import BROKEN_OFF, Tried, best, confirming_name, tried
from trainer.labels.split import USUAL_SPLIT
from trainer.reports.plot_style import DPI, FAINT, HELD_OUT, INK, WIDTH, finish, legend_below, png
from trainer.reports.report_files import write_report_files
from trainer.training.fit_settings import FitSettings
from trainer.training.training_options import AskedTraining, augment_file_of, needs_augment_file, without_option

_NAMED = 6  # so many trials are named one by one
_GROUPS = 12  # more values than that are drawn as points, not as panels, and so are those of a range
AUGMENT_FILE = "augment.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """What a search has found.

    Attributes:
        tried: every slot.
        winner: the best by held-out error.
        confirmed: the winner's runs with other seeds.
        about: what the workers agreed on.
        asked: the training that the first of them was asked for.
    """

    tried: tuple[Tried, ...]
    winner: Tried
    confirmed: tuple[Run, ...]
    about: Mapping[str, Any]
    asked: AskedTraining

    @property
    def winning_settings(self) -> FitSettings:
        """What was asked for, with what was found in its place."""
        return changed(self.asked.settings, self.winner.values)

    def confirmation(self, part: str) -> SpreadOfRuns | None:
        """Mean and SD of the winner's error on one part over other seeds; None where it was not run again."""
        scores = [score for run in self.confirmed if (score := getattr(run, part)) is not None]
        return spread([score.mean_px if score.mean_px is not None else math.nan for score in scores]) if scores else None

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "trials": [_trial_json(one) for one in self.tried],
            "winner": _trial_json(self.winner),
            "confirmed": {part: found.as_json() for part in ("held_out", "test") if (found := self.confirmation(part))},
        }


def read_found(database: Database, name: str) -> SearchResult:
    """What a study holds, and its confirmation.

    Raises:
        TrainingError: the study cannot be read, or nothing in it is finished.
    """
    with quiet(), refusals_of(database.url):
        study = read_study(database, name)
        if study is None or ABOUT not in study.user_attrs:
            raise TrainingError(f"{shown(database.url)}: no search '{name}' there; run `trainer sweep` without --report-only first")
        every = tried(study)
        winner = best(every)
        again = read_study(database, confirming_name(name, winner))
        confirmed = tried(again) if again is not None else []
    runs = tuple(one.run for one in confirmed if one.run is not None)
    about = study.user_attrs[ABOUT]
    asked = _asked(study.user_attrs.get(ASKED), about, winner)
    return SearchResult(tried=tuple(every), winner=winner, confirmed=runs, about=about, asked=asked)


def _asked(stored: Any, about: Mapping[str, Any], winner: Tried) -> AskedTraining:
    """What was asked for; of an earlier study, that says it not, what the labels had settled."""
    if stored is not None:
        return msgspec.convert(stored, AskedTraining)
    data = winner.run.data if winner.run is not None else ""
    return AskedTraining(data=data, settings=msgspec.convert(about["settings"], FitSettings), split=USUAL_SPLIT)


def write_sweep_report(out: Path, found: SearchResult, *, url: str, name: str, human_px: float | None) -> None:
    """Write report.html.

    Raises:
        TrainingError: the disk takes no more.
    """
    data = found.winner.run.data if found.winner.run else name
    whole = page(f"Search on {data}", _parts(found, out, url=url, name=name, human_px=human_px), kind="search", footer=_newest(found))
    augment = {AUGMENT_FILE: augment_file_of(found.winning_settings.augment)} if needs_augment_file(found.winner.values) else {}
    write_report_files(out, whole, beside=augment)


def sentence(found: SearchResult) -> str:
    """One sentence with the winner."""
    finished = sum(one.run is not None for one in found.tried)
    ended = Counter(one.ended.how for one in found.tried)
    others = "".join(f", {ended[how]} {how}" for how in BROKEN_OFF if ended[how])
    again = ""
    if (held_out := found.confirmation("held_out")) is not None:
        test = found.confirmation("test")
        judged = f", {test.words} px on test frames that nothing was chosen by" if test else ""
        again = f" Again with {held_out.count} other {'seed' if held_out.count == 1 else 'seeds'}: {held_out.words} px held out{judged}."
    return (
        f"{len(found.tried)} trials ({finished} finished{others}); the best is trial {found.winner.slot} "
        f"({values_words(found.winner.values)}) with {found.winner.held_out_px:.2f} px on the held-out frames that chose it.{again}"
    )


def fit_command(found: SearchResult, out: Path) -> str:
    """How to make a bundle with the winner's settings.

    Args:
        found: the search.
        out: folder of the report, which has the file of the augmentation where one was searched.
    """
    file = out / AUGMENT_FILE if needs_augment_file(found.winner.values) else None
    return found.asked.command(found.winning_settings, out="models/best", augment_file=file)


def values_words(values: Mapping[str, Any]) -> str:
    """Settings and their values, in a line."""
    return ", ".join(f"{name.replace('_', ' ')} {_value(value)}" for name, value in values.items())


def _parts(found: SearchResult, out: Path, *, url: str, name: str, human_px: float | None) -> list[str]:
    runs = [one.run for one in found.tried if one.run is not None]
    options = {"database": shown(url), "study": name, "sampler": found.about["sampler"], "split": found.about["split"]}
    searched = [key for key in found.winner.values if len({one.values.get(key) for one in found.tried}) > 1]
    without = without_option(found.winner.values)
    note = f'<p class="note">{text("trainer fit has no option for " + ", ".join(without) + ".")}</p>' if without else ""
    return [
        f"<h1>Search on {text(runs[0].data)}</h1>",
        f'<p class="lead">{text(sentence(found))}</p>',
        f'<p class="note">A bundle with these settings: <code>{text(fit_command(found, out))}</code></p>{note}',
        "<h2>Trials</h2>",
        _trial_table(found),
        "<h2>Course of all trials</h2>",
        picture(png(courses(found, human_px, title=settings_words(runs))), "Held-out error of every trial over its epochs"),
        *(part for key in searched for part in _of_setting(found, key, human_px)),
        "<h2>Settings and machines</h2>",
        settings_table(runs, options, labels=f"{runs[0].data}, SHA-256 {runs[0].labels_sha256[:16]}…"),
    ]


def courses(found: SearchResult, human_px: float | None, *, title: str) -> Figure:
    """Held-out error of every trial over its epochs: the winner, its repeats, the others, and those that were broken off."""
    figure = Figure(figsize=(WIDTH, 4.4), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    named: set[str] = set()
    best_last = sorted(found.tried, key=lambda one: one.slot == found.winner.slot)
    drawn = [_draw_course(axes, one.epochs, _line_of(one, found), named) for one in best_last]
    drawn += [_draw_course(axes, run.epochs, ("the best, other seeds", INK, 1.2, "--"), named) for run in found.confirmed]
    shown_px = np.concatenate(drawn)
    finish(axes, title=f"Mean error on held-out frames (px). {title}", log_values=shown_px)
    number_log_axis(axes.yaxis, shown_px, human_px)
    draw_floor(axes, human_px)
    axes.set_xlabel("epoch", color=INK)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    legend_below(figure, axes)
    return figure


def _line_of(one: Tried, found: SearchResult) -> tuple[str, str, float, str]:
    """What a trial is called in the legend, its colour, width and style: of a few each by its values, of many by how it ended."""
    best, broken = one.slot == found.winner.slot, one.run is None
    if len(found.tried) <= _NAMED:
        ended = ", the best" if best else ", broken off" if broken else ""
        colour = FEW[found.tried.index(one)]
        return f"trial {one.slot}: {values_words(one.values)}{ended}", colour, 2.2 if best else 1.3, ":" if broken else "-"
    other = ("broken off", "#b9b9b9", 0.9, ":") if broken else ("finished", FAINT, 0.9, "-")
    return ("the best", HELD_OUT, 2.2, "-") if best else other


def _draw_course(axes: Axes, epochs: Sequence[RunEpoch], line: tuple[str, str, float, str], named: set[str]) -> NDArray[np.float64]:
    label, colour, width, style = line
    values = np.array([np.nan if epoch.held_out_px is None else epoch.held_out_px for epoch in epochs], np.float64)
    place = [epoch.epoch + 1 for epoch in epochs]
    shown_label = None if label in named else label
    named.add(label)
    axes.plot(place, values, color=colour, linewidth=width, linestyle=style, marker="." if len(place) < 25 else None, label=shown_label)
    return values


def _of_setting(found: SearchResult, key: str, human_px: float | None) -> list[str]:
    """Panels for one setting: of a grid those trials that differ from the winner's neighbours in nothing else, else all."""
    its = [one for one in found.tried if one.epochs and key in one.values]
    alone = [one for one in its if all(one.values.get(other) == value for other, value in _start(found).items() if other != key)]
    chosen = alone if found.about["sampler"] == "grid" and len({one.values[key] for one in alone}) > 1 else its
    distinct = sorted({one.values[key] for one in chosen}, key=lambda value: (isinstance(value, str), value))
    runs = [one.run for one in chosen if one.run is not None]
    heading, word = f"<h2>{text(key.replace('_', ' ').capitalize())}</h2>", key.replace("_", " ")
    if not runs:
        return []
    if found.about["space"][key].get("choices") is None or len(distinct) > _GROUPS:
        return [heading, picture(png(scatter(chosen, key, human_px)), f"Error against {word}")]
    ordered = sorted(chosen, key=lambda one: distinct.index(one.values[key]))
    curves = [_curve(one, _value(one.values[key])) for one in ordered]
    panels = four_panels(curves, title=settings_words(runs), what=word, human_px=human_px)
    return [heading, picture(png(panels), f"Loss, held-out error, final error and time of an epoch for each {word}")]


def scatter(chosen: Sequence[Tried], key: str, human_px: float | None) -> Figure:
    """Final held-out error of every finished trial against one setting."""
    figure = Figure(figsize=(WIDTH, 3.4), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    values = np.array([float(one.values[key]) for one in chosen if one.run is not None])
    errors = np.array([one.held_out_px for one in chosen if one.run is not None])
    axes.plot(values, errors, "o", color=HELD_OUT, markersize=5, alpha=0.85)
    if values.min() > 0 and values.max() > 10 * values.min():
        axes.set_xscale("log")
    axes.set_xlabel(key.replace("_", " "), color=INK)
    finish(axes, title="Mean error on held-out frames (px), finished trials", log_values=errors)
    number_log_axis(axes.yaxis, errors, human_px)
    draw_floor(axes, human_px)
    return figure


def _start(found: SearchResult) -> dict[str, Any]:
    """Where a grid stands while one setting is changed: the most frequent value of each."""
    start = {}
    for key in found.winner.values:
        values = [one.values.get(key) for one in found.tried]
        start[key] = max(values, key=values.count)
    return start


def _curve(one: Tried, group: str) -> PlottedCurve:
    run = one.run
    score: RunScore | None = (run.test or run.held_out) if run else None
    seconds = one.epochs[-1].seconds / len(one.epochs) if one.epochs else None
    scored_on = "test frames" if run and run.test else "held-out frames"
    return PlottedCurve(
        group=group, epochs=one.epochs, score_px=score.mean_px if score else None, seconds_per_epoch=seconds, scored_on=scored_on
    )


def _trial_table(found: SearchResult) -> str:
    keys = list(found.winner.values)
    names = [key.replace("_", " ") for key in keys]
    head = ["trial", *names, "held-out px", "test px", "training px", "epochs", "s / epoch", "ended"]
    rows = []
    for one in sorted(found.tried, key=lambda one: (one.held_out_px, one.slot)):
        run = one.run
        scores = [_px(getattr(run, part)) if run else "–" for part in ("held_out", "test", "train")]
        pace = f"{one.epochs[-1].seconds / len(one.epochs):.2f}" if one.epochs else "–"
        again = f", attempt {one.attempts}" if one.attempts > 1 else ""
        values = [_value(one.values[key]) if key in one.values else "–" for key in keys]
        rows.append([str(one.slot), *values, *scores, str(len(one.epochs)), pace, f"{one.ended.words}{again}"])
    counts = Counter(one.worker for one in found.tried)
    workers = "; ".join(f"{name} {count}" for name, count in sorted(counts.items()))
    return f'{table(head, rows, kind="figures")}<p class="note">{text(f"Trials of each worker (machine:process): {workers}.")}</p>'


def _trial_json(one: Tried) -> dict[str, Any]:
    run = one.run
    return {
        "trial": one.slot,
        "values": one.values,
        "held_out_px": one.held_out_px if math.isfinite(one.held_out_px) else None,
        "test_px": run.test.mean_px if run and run.test else None,
        "epochs": len(one.epochs),
        "ended": one.ended.words,
        "worker": one.worker,
        "attempts": one.attempts,
        "seed": run.seed if run else None,
    }


def _newest(found: SearchResult) -> str:
    return max(run.created for run in (*(one.run for one in found.tried), *found.confirmed) if run is not None)


def _px(score: RunScore | None) -> str:
    return f"{score.mean_px:.2f}" if score is not None and score.mean_px is not None else "–"


def _value(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
