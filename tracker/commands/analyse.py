"""`tracker analyse`: recorded videos through the rig's own code."""

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from tracker.command import not_installed
from tracker.commands.export import FORMATS, form_named
from tracker.commands.options import Commands, add_command
from tracker.config import load_config
from tracker.errors import RecordingError, RigtrackError

if TYPE_CHECKING:
    from tracker.analysis.overview import Overview
    from tracker.export.export_session import Format


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "analyse",
        call=analyse,
        text="Run a bundle and rules over recorded videos and sessions; for each a session with the poses of every frame and all events.",
        example="tracker analyse monday.mp4 tuesday.mp4 --bundle models/mine --out analysed",
        interrupted="stopped by hand; give the same command again to go on where it was",
    )
    parser.add_argument("videos", nargs="+", type=Path, metavar="VIDEO", help="a video file, or the folder of a recorded session")
    parser.add_argument("--bundle", type=Path, help="the engine bundle; else that of --config")
    parser.add_argument("--out", type=Path, required=True, help="folder of the sessions; index.html in it shows them all")
    parser.add_argument(
        "--to",
        dest="forms",
        nargs="+",
        type=form_named,
        choices=FORMATS,
        default=[],
        help="export each session into its folder, as `tracker export --to` does",
    )
    parser.add_argument("--config", type=Path, help="whose identities, calibration, zones, events and precision to apply")
    parser.add_argument("--processes", type=_processes, metavar="N", help="videos at once; by default as many as there are cores")
    parser.add_argument("--force", action="store_true", help="replace results that were made with another bundle or other settings")
    parser.add_argument("--json", action="store_true", help="print a JSON object for each video")


def analyse(options: argparse.Namespace) -> int:
    """Analyse them, print a line for each, and say at the end what failed."""
    try:
        from tracker.analysis.run import Result, VideosAsked, analyse_videos
    except ImportError as problem:
        raise RecordingError(f"analysing videos needs PyAV and pyarrow ({problem}); run `pip install '.[record]'`") from problem

    forms: list[Format] = list(dict.fromkeys(options.forms))
    _check_installed(forms)
    not_exported: list[str] = []
    shown: list[Path] = []

    def show(result: Result) -> None:
        overview, folder = result.overview, result.job.folder
        shown.append(folder)
        exported: list[Path] = []
        for form in forms:
            try:
                exported += _exported(folder, form)
            except RigtrackError as problem:
                not_exported.append(f"{result.job.video}: was analysed, but not exported as {form}: {problem}")
        if options.json:
            values = {
                "frames": overview.frames,
                "seconds": overview.seconds,
                "mean_confidence": overview.mean,
                "uncertain": overview.uncertain,
            }
            named = {"video": str(result.job.video), "session": str(folder), "skipped": result.skipped, "drawn": result.job.drawn}
            print(json.dumps({**named, **values, "fault": overview.fault, "exported": [str(path) for path in exported]}), flush=True)
            return
        if result.skipped:
            print(f"{folder}: {result.job.video} was analysed before with the same bundle and settings; skipped", flush=True)
        else:
            print(f"{folder}: {overview.frames} frames, {_confidence(overview)}", flush=True)
        for path in exported:
            print(f"  {path}", flush=True)

    asked = VideosAsked(
        videos=options.videos,
        bundle=options.bundle,
        out=options.out,
        config=None if options.config is None else load_config(options.config),
        processes=options.processes,
        force=options.force,
    )
    report = analyse_videos(asked, Console(file=sys.stderr), done=show)
    for sentence in (*report.failures, *report.damaged, *not_exported):
        sys.stderr.write(f"tracker analyse: {sentence}\n")
    if not options.json and report.page is not None and shown:
        print(f"{report.page}: all of them, the least sure first")
    return 1 if report.failures or report.damaged or not_exported else 0


def _confidence(overview: "Overview") -> str:
    if overview.mean is None or overview.uncertain is None:
        return "no network, so no confidence"
    return f"mean confidence {overview.mean:.2f}, {overview.uncertain:.1%} uncertain"


def _check_installed(forms: "Iterable[Format]") -> None:
    """Before hours are spent on videos whose export cannot be written.

    Raises:
        RecordingError: a library of the formats is not installed.
    """
    for form in forms:
        try:
            from tracker.export.export_session import check_installed

            check_installed(form)
        except ModuleNotFoundError as problem:
            raise RecordingError(f"--to {form} {not_installed(problem, extra='export')}") from problem


def _exported(folder: Path, form: "Format") -> list[Path]:
    """What was written; nothing where the export was there. One of two files is what an interruption left, and is replaced."""
    from tracker.export.export_session import Wanted, is_exported
    from tracker.export.in_child import export_folder

    if is_exported(folder, form):
        return []
    wanted = Wanted(form=form, out=folder if form == "dlc" else None, force=True)
    return export_folder(folder, wanted, begin=lambda frames: None, advance=lambda frames: None).files


def _processes(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 64:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of processes; expected a whole number from 1 to 64")
    return int(text)
