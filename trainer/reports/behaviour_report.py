"""What answers to behaviour labels came to: `report.html` for people, `metrics.json` for programs."""

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tracker.pages.document import StrongRow, page, picture, table, text
from trainer.behaviour_scores.behaviour_score import BehaviourScore, Cleaning
from trainer.behaviour_scores.score_tables import BOUT_HEAD, FRAME_HEAD, bout_row, figure, frame_row, summary
from trainer.behaviour_scores.scored_answers import BehaviourRun
from trainer.reports.behaviour_plots import calibration_figure, curves_figure, ethogram_figure
from trainer.reports.plot_style import png
from trainer.reports.report_files import write_report_files

_WHOLE_CONFUSION, _MOST_CONFUSED = 24, 20  # classes in a square, and rows in their place where there are more


def write_behaviour_report(out: Path, run: BehaviourRun) -> Path:
    """Write both files into a folder; the path of the report.

    Raises:
        TrainingError: the folder cannot be written; an earlier report is left as it was.
    """
    created = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    return write_report_files(out, behaviour_page(run, created), run.as_json())


def behaviour_page(run: BehaviourRun, created: str) -> str:
    """The report as one HTML document."""
    score, videos = run.scores[0], run.answers[0][1]
    parts = [
        f"<h1>{text(run.title)}</h1>",
        f'<p class="lead">{text(summary(score))}.</p>',
        "".join(f'<p class="diagnosis">{text(sentence)}</p>' for sentence in run.verdicts),
        "<h2>By frame</h2>",
        table(["", *FRAME_HEAD], _rows(run.scores, frame_row), kind="figures"),
        "<h2>By bout</h2>",
        table(["", *BOUT_HEAD], _rows(run.scores, bout_row), kind="figures"),
        f'<p class="note">{text(_how(run.cleaning))}</p>',
        _pictured(ethogram_figure(videos, run.not_trivial), "Ethograms of people and of each answer"),
        _pictured(curves_figure(score), "ROC curves, and accuracy and J against the threshold"),
        _pictured(calibration_figure(score), "Calibration"),
        _confusion(score),
        "<h2>By video</h2>",
        table(["", "macro-F1"], [[video, figure(value)] for video, value in score.videos], kind="figures"),
        "".join(f'<p class="note">{text(note)}</p>' for note in run.notes),
    ]
    return page(run.title, parts, kind="behaviour", footer=created)


def _rows(scores: Sequence[BehaviourScore], cells: Any) -> list[Sequence[str] | StrongRow]:
    rows: list[Sequence[str] | StrongRow] = []
    for score in scores:
        rows.append(StrongRow([score.name] + [""] * len(cells(score, 0))))
        rows += [[each.name, *cells(score, place)] for place, each in enumerate(score.classes)]
    return rows


def _how(cleaning: Cleaning) -> str:
    said = (
        "A true bout is detected if any found bout overlaps it; F1 counts pairs, each bout in one at most; false bouts overlap no true "
        "one; pieces are found bouts per detected one. Onset and offset errors are medians over pairs, positive is late."
    )
    if cleaning.changes:
        said += f" Cleaned: interruptions up to {cleaning.gap_ms:g} ms filled, bouts under {cleaning.minimum_ms:g} ms dropped."
    return said


def _confusion(score: BehaviourScore) -> str:
    if score.confusion is None:
        return ""
    classes = [each.name for each in score.classes]
    names = [*classes, "none" if "none" not in classes else "no class"]
    if len(names) > _WHOLE_CONFUSION:
        return _most_confused(names, score.confusion)
    rows = [[f"is {name}", *map(str, row)] for name, row in zip(names, score.confusion.tolist(), strict=True)]
    return "<h2>Confusion (frames)</h2>" + table(["", *(f"found {name}" for name in names)], rows, kind="figures")


def _most_confused(names: Sequence[str], confusion: NDArray[np.int64]) -> str:
    """Of many classes, the pairs that are taken for each other most often."""
    wrong = np.where(np.eye(len(names), dtype=bool), 0, confusion)
    most = [divmod(int(place), len(names)) for place in np.argsort(-wrong, axis=None, kind="stable")[:_MOST_CONFUSED]]
    rows = [[names[true], names[found], str(wrong[true, found])] for true, found in most if wrong[true, found]]
    return "<h2>What is taken for what most often (frames)</h2>" + table(["is", "found", "frames"], rows, kind="figures")


def _pictured(drawn: Figure | None, caption: str) -> str:
    return picture(png(drawn), caption) if drawn is not None else ""
