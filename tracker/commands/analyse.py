"""`tracker analyse`: recorded videos through the rig's own code."""

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console

from tracker.commands.options import Commands, add_command
from tracker.config import load_config
from tracker.errors import RecordingError


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "analyse",
        call=analyse,
        text="Run a bundle and rules over recorded videos; for each a session with the poses of every frame and all events.",
        example="tracker analyse monday.mp4 tuesday.mp4 --bundle models/mine --out analysed",
        interrupted="stopped by hand; give the same command again to go on where it was",
    )
    parser.add_argument("videos", nargs="+", type=Path, metavar="VIDEO")
    parser.add_argument("--bundle", type=Path, help="the engine bundle; else that of --config")
    parser.add_argument("--out", type=Path, required=True, help="folder of the sessions; index.html in it shows them all")
    parser.add_argument("--config", type=Path, help="whose identities, calibration, zones, events and precision to apply")
    parser.add_argument("--processes", type=_processes, metavar="N", help="videos at once; by default as many as there are cores")
    parser.add_argument("--force", action="store_true", help="replace results that were made with another bundle or other settings")
    parser.add_argument("--json", action="store_true", help="print a JSON object for each video")


def analyse(options: argparse.Namespace) -> int:
    """Analyse them, print a line for each, and say at the end what failed."""
    try:
        from tracker.analysis.run import Asked, Result, analyse_videos
    except ImportError as problem:
        raise RecordingError(f"analysing videos needs PyAV and pyarrow ({problem}); run `pip install '.[record]'`") from problem

    def show(result: Result) -> None:
        overview, folder = result.overview, result.job.folder
        if options.json:
            values = {
                "frames": overview.frames,
                "seconds": overview.seconds,
                "mean_confidence": overview.mean,
                "uncertain": overview.uncertain,
            }
            named = {"video": str(result.job.video), "session": str(folder), "skipped": result.skipped}
            print(json.dumps({**named, **values, "fault": overview.fault}), flush=True)
        elif result.skipped:
            print(f"{folder}: {result.job.video} was analysed before with the same bundle and settings; skipped", flush=True)
        else:
            print(
                f"{folder}: {overview.frames} frames, mean confidence {overview.mean:.2f}, {overview.uncertain:.1%} uncertain", flush=True
            )

    asked = Asked(
        videos=options.videos,
        bundle=options.bundle,
        out=options.out,
        config=None if options.config is None else load_config(options.config),
        processes=options.processes,
        force=options.force,
    )
    report = analyse_videos(asked, Console(file=sys.stderr), done=show)
    for sentence in (*report.failures, *report.damaged):
        sys.stderr.write(f"tracker analyse: {sentence}\n")
    if not options.json:
        print(f"{report.page}: all of them, the least sure first")
    return 1 if report.failures or report.damaged else 0


def _processes(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 64:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of processes; expected a whole number from 1 to 64")
    return int(text)
