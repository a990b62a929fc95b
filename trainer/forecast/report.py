"""What forecasts came to: `report.html` for people, `metrics.json` for programs."""

import datetime
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tracker.pages.document import StrongRow, page, picture, table, text
from trainer.forecast.forecast_run import ForecastRun, verdict
from trainer.forecast.plots import curves_figure, histogram_figure, losses_figure, time_figure
from trainer.forecast.scores import FALSE_ALARMS, ForecastScore
from trainer.forecast.simple_forecasts import QUIET
from trainer.reports.learning_section import Learning, learning_parts, verdict_part
from trainer.reports.plot_style import png
from trainer.reports.report_files import METRICS_FILE, write_report_files

FRAME_HEAD = ("AUC", "less newest motion", "AP", f"hits at {FALSE_ALARMS:.0%}", "hits", "false alarms", "accuracy")
BURST_HEAD = ("detected", "share", "false per minute", "lead")
_BURSTS_SHOWN = 60


def write_forecast_report(out: Path, run: ForecastRun, learning: Learning | None = None) -> Path:
    """Write both files into a folder, with how the network was learnt where that is known; the path of the report.

    Raises:
        TrainingError: the folder cannot be written; an earlier report is left as it was.
    """
    created = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    figures = run.as_json() | ({"training": learning.as_json()} if learning is not None else {})
    return write_report_files(out, forecast_page(run, created, learning), figures)


def write_forecast_comparison(out: Path, run: ForecastRun, *, said: Sequence[str], figures: Mapping[str, Any]) -> Path:
    """Write what two forecasts reach on the same frames as `report.html` and `metrics.json`; the path of the report.

    Args:
        out: the folder.
        run: both, and what is trivial.
        said: the verdicts.
        figures: for programs.

    Raises:
        TrainingError: the folder cannot be written; an earlier report is left as it was.
    """
    created = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    return write_report_files(out, comparison_page(run, said, created), figures)


def comparison_page(run: ForecastRun, said: Sequence[str], created: str) -> str:
    """The comparison as one HTML document."""
    labelled, positive = run.parts.shares(run.judged)
    scores = run.scores[run.judged]
    parts = [
        f"<h1>{text(run.title)}</h1>",
        *(f'<p class="diagnosis">{text(sentence)}</p>' for sentence in said),
        f"<h2>Frames that neither has learnt from ({positive} of {labelled} before a burst)</h2>",
        _tables(scores, run.main),
        f'<p class="note">{text(_how(run))}</p>',
        picture(png(curves_figure(scores, run.main)), "ROC curves, and accuracy and J against the threshold"),
        *(f'<p class="note">{text(note)}</p>' for note in run.notes),
    ]
    return page(run.title, parts, kind="comparison", footer=created)


def forecast_page(run: ForecastRun, created: str, learning: Learning | None = None) -> str:
    """The report as one HTML document."""
    rule, fps = run.parts.rule, run.parts.fps
    stretches, score = run.parts.of(run.judged), run.of_main
    labelled, positive = run.parts.shares(run.judged)
    parts = [
        f"<h1>{text(run.title)}</h1>",
        f'<p class="lead">{text(verdict(run.of_main, run.trivial))}</p>',
        verdict_part(learning) if learning is not None else "",
        *(f"<h2>{text(_words(part))}</h2>{_tables(scores, run.main)}" for part, scores in run.scores.items()),
        f'<p class="note">{text(_how(run))}</p>',
        *(f'<p class="diagnosis">{text(sentence)}</p>' for sentence in run.sentences),
        "<h2>What this says, and what it does not</h2>",
        *(f"<p>{text(sentence)}</p>" for sentence in claim(rule.horizon / fps)),
        table(["", "sees", "knows the rule of the labels"], SEEN, kind="figures"),
        f"<h2>Pictures ({text(_words(run.judged))}, {positive} of {labelled} frames before a burst)</h2>",
        picture(png(curves_figure(run.scores[run.judged], run.main)), "ROC curves, and accuracy and J against the threshold"),
        picture(png(time_figure(stretches, run.answers, score.threshold)), "Motion coloured by the forecast, with labels and alarms"),
        picture(png(histogram_figure(stretches, run.answers, score.threshold)), "Histogram of the probabilities given"),
        *(picture(png(losses_figure(each.history)), f"Losses of {name}") for name, each in run.trained.items() if each.history),
        f"<h2>Bursts of {text(run.main)}</h2>",
        _bursts(score, fps),
        *(f'<p class="note">{text(note)}</p>' for note in run.notes),
        *(learning_parts(learning) if learning is not None else []),
        _layers(run),
    ]
    return page(run.title, parts, kind="behaviour", footer=created)


SEEN = (
    ("newest motion, negated", "the motion of one pair of frames", "no"),
    ("published rules", "the motion of the last 45 or 89 pairs", "in part: the same quantities, of the past"),
    ("logit, lstm", "the motion of the last seconds", "no"),
    ("convlstm", "the pixels of the last seconds", "no"),
    ("the labels", "the motion of the frames to come", "they are that rule"),
)


def claim(horizon_s: float) -> list[str]:
    """What a forecast of these labels means, in words for people who did not make them."""
    return [
        f'"A burst follows" means: the motion of the next {horizon_s:.2g} s has a range of at least c, and the motion of now lies '
        "within the lowest share b of it. That is a simple function of motion, so a simple rule can solve much of it: being quiet is half "
        "of the definition, and a quiet frame is already likely to be labelled. To forecast it well is not to understand an animal.",
        "So a network is compared with the newest motion, negated, on the same frames, and is called useful only where the interval of the "
        "difference leaves out 0. A task that truly needs a deep network needs labels that are no function of the motion of now.",
        "An alarm says nothing of why a burst follows; and the figures are of these recordings, not of another animal, camera or light.",
    ]


def _words(part: str) -> str:
    return {"test": "Held-out part", "validation": "Validation part", "train": "Training part"}[part]


def _layers(run: ForecastRun) -> str:
    if run.layers is None:
        return ""
    rows = [
        [layer.name, layer.kind, _shapes(layer.inputs), _shapes(layer.outputs), f"{layer.trainable:,}", f"{layer.untrainable:,}"]
        for layer in run.layers.layers
    ]
    return f"<h2>Layers</h2><p>{text(run.layers.sentence)}.</p>" + table(
        ["layer", "kind", "takes", "gives", "learn", "held"], rows, kind="figures"
    )


def _shapes(shapes: tuple[tuple[int, ...], ...]) -> str:
    return ", ".join("×".join(map(str, shape)) for shape in shapes)


def _tables(scores: tuple[ForecastScore, ...], main: str) -> str:
    common = ["always the commoner label", "0.500", "", "", "", "", "", f"{scores[0].curve.majority:.3f}"]
    frames = table(["by frame", *FRAME_HEAD], [*_rows(scores, main, _frame_cells), common], kind="figures")
    return frames + table(["by burst", *BURST_HEAD], _rows(scores, main, _burst_cells), kind="figures")


def _rows(scores: tuple[ForecastScore, ...], main: str, cells: Callable[[ForecastScore], list[str]]) -> list[StrongRow | Sequence[str]]:
    rows = [[score.name, *cells(score)] for score in scores]
    return [StrongRow(row) if row[0] == main else row for row in rows]


def _frame_cells(score: ForecastScore) -> list[str]:
    interval = "" if score.low is None or score.high is None else f"{score.low:+.3f} to {score.high:+.3f}"
    figures = (score.curve.average_precision, score.hits_at_10, score.hits, score.false_alarms, score.accuracy)
    return [f"{score.curve.auc:.3f}", interval, *(f"{figure:.3f}" for figure in figures)]


def _burst_cells(score: ForecastScore) -> list[str]:
    lead = "" if np.isnan(score.median_lead_s) else f"{score.median_lead_s * 1000:.0f} ms"
    count = len(score.bursts)
    return [f"{score.detected} of {count}", f"{score.detected / count:.2f}", f"{score.false_alarms_per_minute:.1f}", lead]


def _how(run: ForecastRun) -> str:
    rule, fps = run.parts.rule, run.parts.fps
    block = rule.past + rule.horizon
    return (
        f"Less newest motion: 95 % interval of the difference in AUC from '{QUIET}', over blocks of {block} frames drawn with replacement, "
        f"the same for both. AP: average precision. Hits at {FALSE_ALARMS:.0%}: where so many of the other frames are false alarms. "
        f"From there on at one threshold for each forecast: {run.threshold_rule}. Bursts: runs of frames that a burst follows, with an "
        "alarm in any of them. False per minute: runs of alarms that overlap no such run. Lead: median from the first alarm to the frame "
        f"by which motion has risen half of its range. Labels: horizon {rule.horizon} frames ({rule.horizon / fps:.3g} s), "
        f"share {rule.share:g}, least range {rule.least_range:g}, past {rule.past} frames."
    )


def _bursts(score: ForecastScore, fps: float) -> str:
    rows = [
        [burst.recording, f"{burst.first / fps:.2f} s", str(burst.frames), f"{burst.burst / fps:.2f} s",
         "missed" if burst.lead_s is None else f"{burst.lead_s * 1000:.0f} ms"]
        for burst in score.bursts[:_BURSTS_SHOWN]
    ]  # fmt: skip
    more = len(score.bursts) - len(rows)
    said = f'<p class="note">{more} more stand in {METRICS_FILE}.</p>' if more > 0 else ""
    return table(["recording", "quiet from", "frames", "burst at", "lead"], rows, kind="figures") + said
