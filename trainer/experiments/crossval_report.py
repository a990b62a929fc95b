"""The report of a cross-validation, made from stored runs alone."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from tracker.pages.document import StrongRow, page, picture, table, text
from trainer.experiments.crossval import CrossValidation, summarise
from trainer.experiments.experiment import Experiment, finished_runs
from trainer.experiments.run import Run
from trainer.experiments.run_plots import PlottedCurve, curve_of, four_panels
from trainer.experiments.settings_table import settings_table, settings_words
from trainer.reports.plot_style import DPI, FAINT, HELD_OUT, INK, WIDTH, finish, legend_below, outline, plain_numbers, png, point_colours
from trainer.reports.report_files import write_report_files
from trainer.scoring.metrics import WITHIN_PX

_KEPT = {"blocks": "blocks of time", "videos": "whole videos", "animals": "whole animals", "random": "random frames"}
_LEAK = "The folds are random frames: neighbouring frames fall on both sides, so these errors are too good."


def write_crossval_report(out: Path, experiment: Experiment) -> CrossValidation:
    """Write report.html into the experiment's folder.

    Raises:
        TrainingError: no run is finished, one is damaged, or the disk takes no more.
    """
    runs = finished_runs(out, experiment)
    found = summarise(runs, out)
    whole = page(
        f"Cross-validation of {experiment.data}", _parts(experiment, runs, found), kind="cross-validation", footer=runs[-1].created
    )
    write_report_files(out, whole)
    return found


def sentence(experiment: Experiment, runs: int, found: CrossValidation) -> str:
    """One sentence with the figure that counts."""
    sd = f" ± {found.held_out.sd:.2f} px (SD over folds)" if found.held_out.sd is not None else " px"
    short = f"; {runs} of {len(experiment.runs)} runs are finished" if runs < len(experiment.runs) else ""
    seeds = f", {_many(found.repeats.count, 'seed')}" if found.repeats.count else ""
    kept = _KEPT[experiment.options["by"]] if experiment.options.get("time_known", True) else "blocks in the order of the frames' names"
    folds = f"{_many(len(found.folds), 'fold')} ({kept})"
    return (
        f"Mean error {found.held_out.mean:.2f}{sd} on held-out frames, {folds}"
        f"{seeds}; all {len(found.index)} held-out frames together: median {found.median_px:.2f} px, 95 % within {found.p95_px:.2f} px"
        f"{short}."
    )


def _parts(experiment: Experiment, runs: Sequence[Run], found: CrossValidation) -> list[str]:
    words = settings_words(runs)
    curves = [curve_of(run, str(run.place["fold"])) for run in sorted(runs, key=lambda run: found.folds.index(str(run.place["fold"])))]
    leak = f'<p class="diagnosis">{text(_LEAK)}</p>' if experiment.options["by"] == "random" else ""
    return [
        f"<h1>Cross-validation of {text(experiment.data)}</h1>",
        f'<p class="lead">{text(sentence(experiment, len(runs), found))}</p>',
        leak,
        "<h2>Error of each fold</h2>",
        _fold_table(runs, found),
        "<h2>Error of each key point</h2>",
        _point_table(runs[0].point_names, found),
        picture(png(share_within(found.error_px, runs[0].point_names, experiment.human_px)), "Share of points within a distance"),
        "<h2>Training</h2>",
        picture(png(_panels(curves, words, experiment.human_px)), "Loss, held-out error, final error and time of an epoch for each fold"),
        "<h2>Settings and machine</h2>",
        settings_table(runs, experiment.options, labels=f"{experiment.data}, SHA-256 {experiment.labels_sha256[:16]}…"),
    ]


def _panels(curves: Sequence[PlottedCurve], words: str, human_px: float | None) -> Figure:
    return four_panels(curves, title=words, what="fold", human_px=human_px)


def share_within(error_px: NDArray[np.float64], names: Sequence[str], human_px: float | None) -> Figure:
    """Share of held-out points within a distance: every key point, and all together."""
    figure = Figure(figsize=(WIDTH, 4.2), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    axes.set_prop_cycle(color=point_colours(len(names)))
    for name, column in zip(names, error_px.T, strict=True):
        _step(axes, column, label=name, linewidth=1.3, path_effects=outline(1.3))
    _step(axes, error_px.ravel(), label="all points", color=INK, linewidth=2.2)
    axes.set_xscale("log")
    for limit in WITHIN_PX:
        axes.axvline(limit, color=FAINT, linewidth=0.8, linestyle=(0, (2, 3)))
    if human_px is not None:
        axes.axvline(human_px, color=HELD_OUT, linewidth=1.2, linestyle=(0, (5, 2)), label=f"two people's labels: {human_px:g} px")
    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1))
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("error (px)", color=INK)
    finish(axes, title="Share of held-out points within a distance, all folds")
    plain_numbers(axes.xaxis)
    legend_below(figure, axes)
    return figure


def _step(axes: Axes, column: NDArray[np.float64], **style: Any) -> None:
    found = np.sort(column[~np.isnan(column)])
    axes.step(np.maximum(found, 0.05), np.arange(1, len(found) + 1) / max(len(found), 1), where="post", **style)


def _fold_table(runs: Sequence[Run], found: CrossValidation) -> str:
    head = ["held out", "mean px", "median", "95 %", "training px", "frames", "learnt from", "s / epoch"]
    rows: list[list[str] | StrongRow] = []
    for name, over in zip(found.folds, found.per_fold, strict=True):
        its = [run for run in runs if run.place["fold"] == name]
        scores = [run.held_out for run in its if run.held_out is not None]
        held_out = [over.words, _mean([score.median_px for score in scores]), _mean([score.p95_px for score in scores])]
        counts = [str(scores[0].frames if scores else 0), str(its[0].learnt_from), _mean([run.seconds_per_epoch for run in its])]
        rows.append([f"{name}: {its[0].split}", *held_out, _mean([run.train.mean_px for run in its]), *counts])
    rows.append(StrongRow(["All folds: mean ± SD over folds", found.held_out.words, "", "", found.train.words, "", "", ""]))
    if found.repeats.sd is not None:
        rows.append(StrongRow([f"All folds: mean ± SD over {found.repeats.count} seeds", found.repeats.words, *[""] * 6]))
    note = "Mean, median and 95th percentile of the distance from the label, in source pixels; in a fold's row, ± is the SD over seeds."
    return f'{table(head, rows, kind="figures")}<p class="note">{text(note)}</p>'


def _point_table(names: Sequence[str], found: CrossValidation) -> str:
    rows = []
    for name, column in zip(names, found.error_px.T, strict=True):
        known = column[~np.isnan(column)]
        values = [f"{np.median(known):.2f}", f"{np.percentile(known, 95):.2f}", str(known.size)] if known.size else ["–", "–", "0"]
        rows.append([name, found.per_point[name].words, *values])
    return table(["key point", "mean ± SD over folds, px", "median", "95 %", "points"], rows, kind="figures")


def _mean(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None and math.isfinite(value)]
    return f"{np.mean(known):.2f}" if known else "–"


def _many(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
