"""`trainer bouts`: labels of behaviour, as BORIS, DeepEthogram, Caltech, MARS or SimBA save them: checked, converted and scored."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from trainer.commands import bouts_label
from trainer.commands.choices import Commands, add_command, frame_rate

if TYPE_CHECKING:
    from trainer.behaviour_scores.scored_answers import BehaviourRun
    from trainer.ethogram.checks import Session
    from trainer.ethogram.read_options import Reading, ReadOptions

FORMS = ("csv", "npy", "mat", "boris", "boris-aggregated", "deepethogram", "bento", "caltech", "bouts")
_CLASSES = "classes of an array of numbers, or classifiers of a SimBA table"
_READ = "BORIS, DeepEthogram or SimBA .csv, Caltech .txt, Bento or MARS .annot, per-frame .csv, .npy or .mat, "
_READ += ".bouts.json of `trainer bouts label`, or folders of images"


def add(commands: Commands) -> None:
    """Declare the command and its actions."""
    text = "Check, convert, score and make labels of behaviour, in bouts or per frame."
    parser = commands.add_parser("bouts", help=text, description=text, epilog="example: trainer bouts check monday.csv --video monday.mp4")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    checking = add_command(
        actions,
        "check",
        call=check,
        text="Count classes, bouts and frames, and say what is wrong with the labels before anything is trained on them.",
        example="trainer bouts check monday.annot tuesday.annot --video monday.mp4 tuesday.mp4",
    )
    checking.add_argument("labels", type=Path, nargs="+", metavar="LABELS", help=_READ)
    checking.add_argument(
        "--video",
        type=Path,
        nargs="+",
        default=[],
        metavar="VIDEO",
        help="video of each file, in the same order, or a .npy array of images",
    )
    checking.add_argument("--json", action="store_true", help="print one JSON object")
    add_reading(checking)
    converting = add_command(
        actions,
        "convert",
        call=convert,
        text="Write labels in another program's form; what that form cannot hold is refused or said.",
        example="trainer bouts convert monday.annot monday.csv --as boris --fps 30",
    )
    converting.add_argument("labels", type=Path, metavar="LABELS", help=_READ)
    converting.add_argument("out", type=Path, metavar="FILE", help="file to write")
    converting.add_argument("--as", dest="form", choices=FORMS, help="its form; by default that of its name")
    converting.add_argument("--force", action="store_true", help="replace a file that is there")
    converting.add_argument("--keep", action="store_true", help="leave a file that is there as it is; no error")
    add_reading(converting)
    _add_score(actions)
    bouts_label.add(actions)


def _add_score(actions: Commands) -> None:
    parser = add_command(
        actions,
        "score",
        call=score,
        text="Score one account of behaviour by another: a program's or a second person's by a person's, by frame and by bout.",
        example="trainer bouts score monday.csv tuesday.csv --found monday-net.csv tuesday-net.csv --probabilities --report scores",
    )
    parser.add_argument("labels", type=Path, nargs="+", metavar="LABELS", help="what is taken as true")
    parser.add_argument(
        "--found", type=Path, nargs="+", required=True, metavar="FILE", help="what is scored, a file for each, in the same order"
    )
    parser.add_argument("--probabilities", action="store_true", help="the files of --found hold a probability for each frame and class")
    parser.add_argument("--threshold", type=float, default=0.5, metavar="P", help="of probabilities of classes that overlap (%(default)s)")
    parser.add_argument(
        "--person", type=Path, nargs="+", default=[], metavar="FILE", help="a second person's labels, as what can be expected"
    )
    parser.add_argument("--minimum-ms", type=_length, default=0.0, metavar="MS", help="score also with shorter bouts dropped")
    parser.add_argument("--gap-ms", type=_length, default=0.0, metavar="MS", help="score also with interruptions up to this filled")
    parser.add_argument("--report", type=Path, metavar="DIR", help="write report.html and metrics.json there")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_reading(parser)


def add_reading(parser: "argparse.ArgumentParser | argparse._ArgumentGroup", *, classes: str = _CLASSES) -> None:
    """Options for what a file of labels may not say itself; `classes` is the help of --classes."""
    parser.add_argument("--classes", nargs="+", default=[], metavar="NAME", help=classes)
    parser.add_argument("--fps", type=frame_rate, help="frames per second, where the file does not say")
    parser.add_argument("--frames", type=int, metavar="N", help="frames of the video, where the file does not say")
    parser.add_argument("--variable", metavar="PATH", help="which array of a .mat file, as group/name")
    parser.add_argument("--channel", metavar="NAME", help="which of several channels or streams, as Ch1 or S1")


def reading_asked(options: argparse.Namespace) -> "ReadOptions":
    """What was said with the options of `add_reading`."""
    from trainer.ethogram.class_words import read_class_words
    from trainer.ethogram.read_options import ReadOptions

    words = getattr(options, "class_words", None)
    return ReadOptions(
        class_names=tuple(options.classes),
        fps=options.fps,
        frames=options.frames,
        variable=options.variable,
        channel=options.channel,
        class_words=read_class_words(words) if words is not None else {},
    )


def check(options: argparse.Namespace) -> int:
    """Read, count and say what was found."""
    from trainer.ethogram.checks import counts, findings
    from trainer.ethogram.files import read_ethograms
    from trainer.ethogram.sessions import sessions_of

    readings = [read_ethograms(path, reading_asked(options)) for path in options.labels]
    sessions = sessions_of(readings, options.video)
    mended = [sentence for reading in readings for sentence in reading.mended]
    found = findings(sessions)
    if options.json:
        table = [one.as_json() for one in counts(sessions)]
        print(json.dumps({"files": [_file(reading) for reading in readings], "counts": table, "mended": mended, "findings": found}))
        return 0
    _print(sessions)
    for sentence in mended:
        print(f"mended: {sentence}")
    for sentence in found:
        print(f"labels: {sentence}")
    return 0


def convert(options: argparse.Namespace) -> int:
    """Read and write."""
    from trainer.errors import LabelError
    from trainer.ethogram.files import file_of, form_of, read_ethograms
    from trainer.whole_files import replace_files

    if options.out.exists() and options.keep:
        print(f"{options.out}: is there already, and is kept")
        return 0
    if options.out.exists() and not options.force:
        raise LabelError(f"{options.out}: is there already; give another name, or --force to replace it")
    form = options.form or form_of(options.out)
    reading = read_ethograms(options.labels, reading_asked(options))
    try:
        content, lost = file_of(reading.ethograms, form)
    except LabelError as problem:
        raise LabelError(f"{options.labels}: {problem}") from problem
    replace_files(options.out.parent, {options.out.name: content}, what="the labels")
    talk = Console(stderr=True, soft_wrap=True)
    for sentence in (*(f"mended: {one}" for one in reading.mended), *(f"lost: {one}" for one in lost)):
        talk.print(sentence, highlight=False, markup=False)
    bouts = sum(len(one.bouts) for one in reading.ethograms)
    print(f"{options.out}: {bouts} bouts as {form}, read as {reading.kind}")
    return 0


def score(options: argparse.Namespace) -> int:
    """Read, score, print and report."""
    from trainer.behaviour_scores.behaviour_score import Cleaning
    from trainer.behaviour_scores.read_answers import read_answers
    from trainer.behaviour_scores.scored_answers import score_answers
    from trainer.whole_files import refuse_unwritable

    if options.report is not None:
        refuse_unwritable(options.report, option="--report")
    asked, cleaning = reading_asked(options), Cleaning(minimum_ms=options.minimum_ms, gap_ms=options.gap_ms)
    threshold = options.threshold if options.probabilities else None
    found, notes = read_answers(options.labels, options.found, asked=asked, threshold=threshold)
    people = []
    if options.person:
        labelled, more = read_answers(options.labels, options.person, asked=asked, threshold=None)
        people, notes = [("second person", labelled)], notes + more
    run = score_answers("Behaviour scores", ("found", found), cleaning=cleaning, people=people, notes=notes)
    tell_scores(run, options, talk=Console(stderr=True, soft_wrap=True))
    return 0


def tell_scores(run: "BehaviourRun", options: argparse.Namespace, *, talk: Console) -> None:
    """Write the report that was asked for, and print scores as a table or as JSON."""
    from trainer.behaviour_scores.score_tables import lines

    if options.report is not None:
        from trainer.reports.behaviour_report import write_behaviour_report

        talk.print(f"report: {write_behaviour_report(options.report, run)}", markup=False)
    if options.json:
        from trainer.reports.report_files import plain_json

        print(plain_json(run.as_json()).decode())
        return
    for line in (*lines(run.scores), *run.verdicts, *(f"note: {note}" for note in run.notes)):
        print(line)


def _file(reading: "Reading") -> dict[str, object]:
    parts = [
        {
            "video": one.video,
            "subject": one.subject,
            "channel": one.channel,
            "classes": one.class_names,
            "frames": one.frames,
            "fps": one.fps,
            "bouts": len(one.bouts),
        }
        for one in reading.ethograms
    ]
    return {"path": str(reading.path), "kind": reading.kind, "parts": parts}


def _print(sessions: "Sequence[Session]") -> None:
    from trainer.ethogram.checks import counts

    table = counts(sessions)
    width = max(12, *(len(one.session) for one in table))
    names = max(8, *(len(one.name) for one in table))
    print(f"{'session':<{width}} {'class':<{names}} {'bouts':>6} {'frames':>8} {'of judged':>9}")
    for one in table:
        share = f"{one.frames / one.judged:9.1%}" if one.judged else f"{'–':>9}"
        print(f"{one.session:<{width}} {one.name:<{names}} {one.bouts:>6} {one.frames:>8} {share}")


def _length(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < 1e9:
        raise argparse.ArgumentTypeError(f"{text} is not a duration; expected milliseconds, 0 or more")
    return number
