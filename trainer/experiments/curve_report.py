"""The report of a learning curve, made from stored runs alone."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from tracker.pages.document import page, picture, table, text
from trainer.experiments.curve import LearningCurve, summarise
from trainer.experiments.curve_conclusions import reading
from trainer.experiments.experiment import Experiment, finished_runs
from trainer.experiments.power_law import REACH, PowerLaw
from trainer.experiments.run import Run
from trainer.experiments.run_plots import FEW, curve_of, draw_floor, four_panels, number_log_axis
from trainer.experiments.settings_table import settings_table, settings_words
from trainer.reports.plot_style import DPI, FAINT, INK, WIDTH, finish, legend_below, plain_numbers, png
from trainer.reports.report_files import write_report_files
from trainer.scoring.curve_reading import CurveReading

# Mathis et al. 2018, Nature Neuroscience 21:1281, their mouse: the error at 10 labelled frames, and at about 200, where the
# paper finds it comparable to people's own, 2.7 px
DEEPLABCUT = ((10, 18.0), (200, 3.0))
_ABOUT_DEEPLABCUT = (
    "Grey squares: DeepLabCut's own figure (Mathis et al. 2018), about 18 px at 10 labelled frames and about 3 px at some 200, where two "
    "people's labels differ by about 2.7 px. Another animal, camera and image size: compare the shape, not the height."
)
_LAW = (
    f"The line is a·n^-b + c, fitted to residuals relative to each size's mean; dashed where it reaches beyond the data, {REACH:g} times "
    "at most. The band holds 95 % of laws fitted to repeats drawn with replacement. All sizes are scored on the same held-out frames, and "
    "training frames in the same way: the finished network, no augmentation, every labelled point once."
)


def write_curve_report(out: Path, experiment: Experiment) -> list[LearningCurve]:
    """Write report.html, and what may be read from it as metrics.json, into the experiment's folder.

    Raises:
        TrainingError: no run is finished, one is damaged, or the disk takes no more.
    """
    runs = finished_runs(out, experiment)
    curves = summarise(runs)
    whole = page(f"Learning curve of {experiment.data}", _parts(experiment, runs, curves), kind="learning curve", footer=runs[-1].created)
    said = msgspec.to_builtins(CurveReading(labels_sha256=experiment.labels_sha256, reading=tuple(sentences(experiment, curves))))
    write_report_files(out, whole, {**said, "curves": [curve.as_json() for curve in curves]})
    return curves


def sentences(experiment: Experiment, curves: Sequence[LearningCurve]) -> list[str]:
    """What may be read from each curve."""
    target = experiment.options["target_px"]
    return [sentence for curve in curves for sentence in reading(curve, target_px=target)]


def _parts(experiment: Experiment, runs: Sequence[Run], curves: Sequence[LearningCurve]) -> list[str]:
    short = f" {len(runs)} of {len(experiment.runs)} runs are finished." if len(runs) < len(experiment.runs) else ""
    largest = max(runs, key=lambda run: int(run.place["size"]))
    parts = [
        f"<h1>Learning curve of {text(experiment.data)}</h1>",
        *(f'<p class="lead">{text(" ".join(reading(curve, target_px=experiment.options["target_px"])))}</p>' for curve in curves),
        f'<p class="note">{text(f"Largest size: {largest.split}.{short}")}</p>',
        "<h2>Error against labelled frames</h2>",
        picture(png(error_against_frames(curves, experiment.human_px, title=settings_words(runs))), "Error against labelled frames"),
        f'<p class="note">{text(_LAW)} {text(_ABOUT_DEEPLABCUT)}</p>',
    ]
    for curve in curves:
        its = sorted((run for run in runs if run.place["head"] == curve.head), key=lambda run: int(run.place["size"]))
        panels = four_panels(
            [curve_of(run, str(run.place["size"])) for run in its],
            title=settings_words(its),
            what="frames learnt from",
            human_px=experiment.human_px,
        )
        caption = f"Loss, held-out error, final error and time of an epoch for each size, head {curve.head}"
        parts += [f"<h2>Head {text(curve.head)}</h2>", _table(curve, its), picture(png(panels), caption)]
    labels = f"{experiment.data}, SHA-256 {experiment.labels_sha256[:16]}…"
    return [*parts, "<h2>Settings and machine</h2>", settings_table(runs, experiment.options, labels=labels)]


def error_against_frames(curves: Sequence[LearningCurve], human_px: float | None, *, title: str) -> Figure:
    """Held-out and training error of every size on logarithmic axes, with the fitted law, DeepLabCut's figure and the floor."""
    figure = Figure(figsize=(WIDTH, 5.6), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    for curve, colour in zip(curves, FEW, strict=False):
        _draw_curve(axes, curve, colour)
    frames, errors = zip(*DEEPLABCUT, strict=True)
    axes.plot(frames, errors, "s", color=FAINT, markersize=6, linestyle=(0, (1, 2)), label="DeepLabCut 2018, other data")
    axes.set_xscale("log")
    finish(axes, title=f"Mean error (px). {title}", log_values=np.array([1.0]))
    low, high = axes.get_ylim()
    number_log_axis(axes.yaxis, np.array([low, high]), human_px)
    draw_floor(axes, human_px)
    sizes = sorted({size for curve in curves for size in curve.sizes})
    axes.xaxis.set_major_locator(FixedLocator(_apart(sizes)))
    axes.xaxis.set_minor_locator(NullLocator())
    plain_numbers(axes.xaxis)
    axes.set_xlabel("labelled frames learnt from", color=INK)
    legend_below(figure, axes)
    return figure


def _draw_curve(axes: Axes, curve: LearningCurve, colour: str) -> None:
    sizes = np.array(curve.sizes, np.float64)
    mean, sd = (np.array([getattr(found, name) or 0.0 for found in curve.held_out]) for name in ("mean", "sd"))
    below = np.minimum(sd, 0.95 * mean)  # an error bar cannot reach zero on a logarithmic axis
    axes.errorbar(sizes, mean, yerr=(below, sd), fmt="o", color=colour, markersize=5, capsize=3, label=f"{curve.head}, held-out frames")
    train = [found.mean for found in curve.train]
    axes.plot(sizes, train, "^--", color=colour, markersize=4, linewidth=1, alpha=0.6, label=f"{curve.head}, training frames")
    if curve.law is None:
        return
    inside = np.geomspace(sizes[0], sizes[-1], 60)
    beyond = np.geomspace(sizes[-1], REACH * sizes[-1], 30)
    axes.plot(inside, curve.law.at(inside), color=colour, linewidth=1.6, label=f"{curve.head}: {_law_words(curve.law)}")
    axes.plot(beyond, curve.law.at(beyond), color=colour, linewidth=1.2, linestyle=(0, (4, 3)))
    if curve.draws:
        every = np.concatenate([inside, beyond])
        low, high = np.percentile([draw.at(every) for draw in curve.draws], [2.5, 97.5], axis=0)
        axes.fill_between(every, np.maximum(low, 1e-3), high, color=colour, alpha=0.12, linewidth=0)


def _law_words(law: PowerLaw) -> str:
    return f"{law.a:.3g}·n^-{law.b:.2f} + {law.c:.2f} px"


def _apart(sizes: Sequence[int]) -> list[int]:
    """Those sizes whose numbers do not run into each other, with DeepLabCut's."""
    shown: list[int] = []
    for size in [*sizes, *(frames for frames, _ in DEEPLABCUT)]:
        if all(max(size, other) / min(size, other) > 1.25 for other in shown):
            shown.append(size)
    return sorted(shown)


def _table(curve: LearningCurve, runs: Sequence[Run]) -> str:
    head = ["frames learnt from", "held-out px, mean ± SD", "median", "95 %", "training px", "law", "repeats", "s / epoch"]
    rows = []
    for size, held_out, train in zip(curve.sizes, curve.held_out, curve.train, strict=True):
        its = [run for run in runs if run.place["size"] == size]
        scores = [run.held_out for run in its if run.held_out is not None]
        law = f"{curve.law.at(np.array([float(size)]))[0]:.2f}" if curve.law else "–"
        middle = [_mean([score.median_px for score in scores]), _mean([score.p95_px for score in scores])]
        rows.append(
            [str(size), held_out.words, *middle, train.words, law, str(held_out.count), _mean([run.seconds_per_epoch for run in its])]
        )
    return table(head, rows, kind="figures")


def _mean(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{np.mean(known):.2f}" if known else "–"
