"""What answers to behaviour labels came to: `report.html` for people, `metrics.json` for programs."""

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tracker.pages.document import StrongRow, page, picture, table, text
from trainer.behaviour_scores.behaviour_score import BehaviourScore, Cleaning
from trainer.behaviour_scores.breakdown import ClassThere, SomeVideos
from trainer.behaviour_scores.people import SecondPerson
from trainer.behaviour_scores.score_tables import BOUT_HEAD, bout_row, figure, frame_head, frame_row
from trainer.behaviour_scores.scored_answers import BehaviourRun
from trainer.reports.behaviour_plots import calibration_figure, curves_figure, ethogram_figure, f1_figure
from trainer.reports.learning_section import Learning, learning_parts, verdict_part
from trainer.reports.plot_style import png
from trainer.reports.report_files import METRICS_FILE, write_report_files

_WHOLE_CONFUSION, _MOST_CONFUSED = 24, 20  # classes in a square, and rows in their place where there are more
_CLASSES_BESIDE = 8  # in the columns of the table by video


def write_behaviour_report(out: Path, run: BehaviourRun, learning: Learning | None = None) -> Path:
    """Write both files into a folder, with how the network was learnt where that is known; the path of the report.

    Raises:
        TrainingError: the folder cannot be written; an earlier report is left as it was.
    """
    created = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    figures = run.as_json() | ({"training": learning.as_json()} if learning is not None else {})
    return write_report_files(out, behaviour_page(run, created, learning), figures)


def write_behaviour_comparison(
    out: Path, scores: Sequence[BehaviourScore], people: Sequence[SecondPerson], *, said: Sequence[str], figures: Mapping[str, Any]
) -> Path:
    """Write what two bundles reach on the same frames, and what each must beat, as `report.html` and `metrics.json`; the report's path.

    Args:
        out: the folder.
        scores: of both, then of what stands beside them.
        people: who labelled the same videos.
        said: the verdicts.
        figures: for programs; the notes among them stand below the tables.

    Raises:
        TrainingError: the folder cannot be written; an earlier report is left as it was.
    """
    created = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    every = [*scores, *(person.score for person in people)]
    title = " and ".join(score.name for score in scores[:2])
    parts = [
        f"<h1>Comparison: {text(title)}</h1>",
        *(f'<p class="diagnosis">{text(sentence)}</p>' for sentence in said),
        f"<h2>By {scores[0].unit[:-1]}</h2>",
        table(["", *frame_head(scores[0])], _rows(every, frame_row), kind="figures"),
        *(["<h2>By bout</h2>", table(["", *BOUT_HEAD], _rows(every, bout_row), kind="figures")] if scores[0].in_time else []),
        _pictured(f1_figure(scores, people), "F1 of every class by each answer, and of people against each other"),
        _of_people(people),
        *(f'<p class="note">{text(note)}</p>' for note in figures["notes"]),
    ]
    return write_report_files(out, page(title, parts, kind="comparison", footer=created), figures)


def behaviour_page(run: BehaviourRun, created: str, learning: Learning | None = None) -> str:
    """The report as one HTML document."""
    score, videos = run.scores[0], run.answers[0][1]
    parts = [
        f"<h1>{'Training' if learning is not None else 'Evaluation'} report: {text(run.title)}</h1>",
        f'<p class="lead">{text(_begun(run.headline))}.</p>',
        verdict_part(learning) if learning is not None else "",
        "".join(f'<p class="diagnosis">{text(sentence)}</p>' for sentence in run.verdicts),
        f"<h2>By {score.unit[:-1]}</h2>",
        table(["", *frame_head(score)], _rows(run.scores, frame_row), kind="figures"),
        *(_of_bouts(run) if score.in_time else []),
        _pictured(f1_figure(_programs(run), run.people), "F1 of every class by each answer, and of people against each other"),
        _of_people(run.people),
        _pictured(ethogram_figure(videos, run.not_trivial), "Ethograms of people and of each answer") if score.in_time else "",
        _pictured(curves_figure(score), "ROC curves, and accuracy and J against the threshold"),
        _pictured(calibration_figure(score), "Calibration"),
        _confusion(score),
        _parts_title(run),
        _of_parts(run.parts, score),
        "".join(f'<p class="note">{text(note)}</p>' for note in run.notes),
        *(learning_parts(learning) if learning is not None else []),
    ]
    return page(run.title, parts, kind="behaviour", footer=created)


def _begun(sentence: str) -> str:
    """A sentence that begins with a capital letter; a bundle's name stays as it is."""
    return sentence[0].upper() + sentence[1:] if sentence.startswith("network:") else sentence


def _programs(run: BehaviourRun) -> list[BehaviourScore]:
    people = [person.name for person in run.people]
    return [score for score in run.scores if score.name not in people]


def _of_bouts(run: BehaviourRun) -> list[str]:
    rows = _rows(run.scores, bout_row)
    return ["<h2>By bout</h2>", table(["", *BOUT_HEAD], rows, kind="figures"), f'<p class="note">{text(_how(run.cleaning))}</p>']


def _of_people(people: Sequence[SecondPerson]) -> str:
    if not people:
        return ""
    said = (
        "The lines across a class are what another person reaches against the same labels, on the frames that both judged. A program "
        "that is above them agrees with these labels more than people do: it has learnt how one person decides."
    )
    return f'<p class="note">{text(said)}</p>'


def _parts_title(run: BehaviourRun) -> str:
    if not run.scores[0].in_time:
        return "<h2>By block or folder</h2>"
    return "<h2>By video</h2>" if len(run.parts) == len(run.answers[0][1]) else "<h2>By session, animal and video</h2>"


def _of_parts(parts: Sequence[SomeVideos], score: BehaviourScore) -> str:
    """Each video, trial, session and animal in a row; of many classes their mean alone."""
    classes = [each.name for each in score.classes]
    if len(classes) > _CLASSES_BESIDE:
        rows: list[Sequence[str] | StrongRow] = [[part.title, figure(part.macro_f1), str(_there(part))] for part in parts]
        return table(["", "macro-F1", "classes there"], rows, kind="figures") + f'<p class="note">Each class: {METRICS_FILE}.</p>'
    what = ("F1", "frames", "bouts") if score.in_time else ("F1", "images")
    head = ["", "macro-F1", *(f"{name} {each}" for name in classes for each in what)]
    rows = []
    for part in parts:
        row = [part.title, figure(part.macro_f1), *(cell for one in part.classes for cell in _cells(one))]
        rows.append(row if part.kind == "video" else StrongRow(row))
    note = "Frames and bouts are those that people marked; a dash where a class is neither there nor found." if score.in_time else ""
    return table(head, rows, kind="figures") + (f'<p class="note">{note}</p>' if note else "")


def _cells(one: ClassThere) -> list[str]:
    if not one.judged:
        return ["not judged"] + [""] * (1 if one.bouts is None else 2)
    return [figure(one.f1), str(one.frames), *([str(one.bouts)] if one.bouts is not None else [])]


def _there(part: SomeVideos) -> int:
    return sum(one.frames > 0 for one in part.classes)


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
        return _most_confused(names, score.confusion, score.unit)
    rows = [[f"is {name}", *map(str, row)] for name, row in zip(names, score.confusion.tolist(), strict=True)]
    return f"<h2>Confusion ({score.unit})</h2>" + table(["", *(f"found {name}" for name in names)], rows, kind="figures")


def _most_confused(names: Sequence[str], confusion: NDArray[np.int64], unit: str) -> str:
    """Of many classes, the pairs that are taken for each other most often."""
    wrong = np.where(np.eye(len(names), dtype=bool), 0, confusion)
    most = [divmod(int(place), len(names)) for place in np.argsort(-wrong, axis=None, kind="stable")[:_MOST_CONFUSED]]
    rows = [[names[true], names[found], str(wrong[true, found])] for true, found in most if wrong[true, found]]
    return f"<h2>What is taken for what most often ({unit})</h2>" + table(["is", "found", unit], rows, kind="figures")


def _pictured(drawn: Figure | None, caption: str) -> str:
    return picture(png(drawn), caption) if drawn is not None else ""
