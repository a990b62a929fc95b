"""`tracker export`: a recorded session for other programs."""

import argparse
import json
import sys
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from tracker.command import not_installed
from tracker.commands.options import WHOLE, Commands, add_command, say_neighbours
from tracker.commands.record import note
from tracker.errors import RecordingError
from tracker.task_progress import TaskProgress

if TYPE_CHECKING:
    from tracker.export.export_session import Exported, ExportedPart

FORMATS = ("nwb", "dlc", "sleap", "parquet", "csv")
_ENDINGS = {"h5": "dlc", "slp": "sleap"}
_READINGS = 2  # of each frame: to learn what there is, and to write it


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "export",
        call=export,
        text="Write a recorded session as NWB, DeepLabCut, SLEAP, Parquet or CSV.",
        example="tracker export recordings/2026-01-31_14-05-09_top --to nwb --meta species='Mus musculus' sex=F age=P90D",
        interrupted="stopped by hand; nothing was written",
    )
    parser.set_defaults(refuse=parser.error)
    parser.add_argument("session", type=Path, metavar="SESSION", help="the folder of a recorded session")
    parser.add_argument(
        "--to", dest="form", type=form_named, choices=FORMATS, required=True, help="the format; h5 is dlc, and slp is sleap"
    )
    parser.add_argument("--out", type=Path, help="the file, for dlc a folder; beside the video if left out")
    parser.add_argument("--setup", type=int, metavar="N", help="whose key points, where they changed during the session")
    parser.add_argument("--animal", type=_number, metavar="N", help="whose poses, from 0: an NWB file is about one animal")
    parser.add_argument(
        "--meta", nargs="+", type=note, default=[], metavar="KEY=VALUE", help="for NWB, beside the session's own notes: species, sex, age …"
    )
    parser.add_argument(
        "--start",
        type=_moment,
        metavar="TIME",
        help="when an analysed video begins, such as 2026-01-31T14:05:09; by this computer's time zone",
    )
    parser.add_argument("--whole", action="store_true", help=WHOLE)
    parser.add_argument("--force", action="store_true", help="replace files that are there")
    parser.add_argument("--json", action="store_true", help="print one JSON object: what was written")


def export(options: argparse.Namespace) -> int:
    """Write the files, with progress on stderr, and say which."""
    if options.form != "nwb" and (options.animal is not None or options.meta):
        options.refuse("--animal and --meta are for --to nwb; the other formats hold every animal and no notes")
    if options.form in ("dlc", "sleap") and options.start is not None:
        options.refuse("--start is for --to nwb, parquet and csv; the other formats hold no time of day")
    try:
        written = _written(options)
    except ModuleNotFoundError as problem:
        raise RecordingError(not_installed(problem, extra="export")) from problem
    if options.json:
        print(json.dumps(_as_json(options, written)))
    else:
        animals = f", {written.animals} animals" if written.animals > 1 else ""
        points = len(written.point_names)
        print(f"{written.frames} frames{animals}, {points} key point{'' if points == 1 else 's'}:", *written.files, sep="\n  ")
        if len(written.sessions) > 1:
            print("of these sessions, one after the other:", *map(_in_words, written.sessions), sep="\n  ")
    for warning in written.warnings:
        print(f"tracker export: warning: {warning}", file=sys.stderr)
    if not options.whole:
        say_neighbours(options.session, "export", "--whole takes them as one")
    return 0


def _written(options: argparse.Namespace) -> "Exported":
    from tracker.export.export_session import Wanted
    from tracker.export.in_child import export_folder

    wanted = Wanted(
        form=options.form,
        out=options.out,
        setup=options.setup,
        animal=options.animal,
        meta=dict(options.meta),
        force=options.force,
        whole=options.whole,
        start=options.start,
    )
    with TaskProgress(Console(file=sys.stderr), f"exporting {options.session.name} to {options.form}") as shown:
        session_frames, frames_read = 0, 0

        def begin(frames: int) -> None:
            nonlocal session_frames
            session_frames = frames

        def advance(frames: int) -> None:
            nonlocal frames_read
            frames_read += frames
            shown.reached(frames_read / _READINGS, session_frames)

        return export_folder(options.session, wanted, begin=begin, advance=advance)


def _as_json(options: argparse.Namespace, written: "Exported") -> dict[str, object]:
    return {
        "session": str(options.session),
        "format": options.form,
        "files": [str(path) for path in written.files],
        "frames": written.frames,
        "animals": written.animals,
        "point_names": list(written.point_names),
        "sessions": [asdict(part) for part in written.sessions],
        "warnings": list(written.warnings),
    }


def _in_words(part: "ExportedPart") -> str:
    gap = "" if part.gap_s is None else f", {part.gap_s:.3f} s after the one before ended"
    return f"{part.session}: {part.frames} frames{gap}"


def form_named(name: str) -> str:
    """The format's own name, where it is called by the ending of its files."""
    return _ENDINGS.get(name, name)


def _moment(text: str) -> datetime:
    """A moment in UTC."""
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"'{text}' is not a time; expected one such as 2026-01-31T14:05:09") from None


def _number(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"'{text}' is not the number of an animal; expected a whole number from 0")
    return int(text)
