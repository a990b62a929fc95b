"""`tracker recover`: a session that was cut off, made whole."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from rich.console import Console

from tracker.commands.options import Commands, add_command
from tracker.errors import RecordingError
from tracker.task_progress import TaskProgress

if TYPE_CHECKING:
    from tracker.recording.recover import Recovered

_MB = 1e6


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "recover",
        call=recover_sessions,
        text="Mend recorded sessions that a power cut, a kill or a full disk has cut off.",
        example="tracker recover recordings/2026-01-31_14-05-09_top",
        interrupted="stopped by hand; the same command goes on where it was",
    )
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="of a session")
    parser.add_argument("--cut", action="store_true", help="accept that more than the last seconds are cut, where files are damaged")
    parser.add_argument("--json", action="store_true", help="one JSON object a session")


def recover_sessions(options: argparse.Namespace) -> int:
    """Mend each, and say what is missing. One that cannot be mended keeps none of the others from it."""
    try:
        from tracker.recording.recover import recover
    except ImportError as problem:
        raise RecordingError(f"this needs PyAV and pyarrow ({problem}); run `pip install '.[record]'`") from problem
    count, problems = len(options.folders), []
    for number, folder in enumerate(options.folders, start=1):
        task = f"mending {folder.name}" + (f", {number} of {count}" if count > 1 else "")
        try:
            with TaskProgress(Console(file=sys.stderr), task, unit="MB") as shown:
                found = recover(folder, cut=options.cut, progress=lambda done, of: shown.reached(done / _MB, of / _MB))
        except RecordingError as problem:
            problems.append(problem)
            continue
        if options.json:
            print(
                json.dumps(
                    {
                        "folder": str(folder),
                        "was_whole": found.was_whole,
                        "put_aside": [str(path) for path in _put_aside(folder)],
                        **msgspec.to_builtins(found.closed),
                    }
                )
            )
        else:
            print(_sentence(folder, found))
    for other in problems[:-1]:
        print(f"tracker recover: {other}", file=sys.stderr)
    if problems:
        raise problems[-1]
    return 0


def _put_aside(folder: Path) -> list[Path]:
    """Videos of frames that no row belongs to."""
    return sorted([*folder.glob("video-*.without-rows.mkv"), *folder.glob("video-*.mkv.unread")])


def _sentence(folder: Path, found: "Recovered") -> str:
    closed = found.closed
    kept = ", ".join(path.name for path in _put_aside(folder))
    waited = f"; {closed.encoded_frames} of them had waited for the encoder, and were encoded by recovery" if closed.encoded_frames else ""
    cut = f"; {_cut_off(closed.cut_frames, 'frame', 'row')}" if closed.cut_frames else ""
    cut += (f" (kept in {kept})" if cut else f"; frames that had no row are kept in {kept}") if kept else ""
    cut += f"; {_cut_off(closed.cut_rows, 'row', 'frame')}" if closed.cut_rows else ""
    lost = " or went with damaged records of what waited" if closed.encoded_frames else ""
    cut += f"; {closed.dropped} others were dropped while it was recorded{lost}" if closed.dropped else ""
    cut = waited + cut
    if found.was_whole:
        return f"{folder}: is whole, {closed.frames} frames{cut}"
    files = sum(frames > 0 for frames in closed.segments)
    return f"{folder}: {closed.frames} frames in {files} video {'file' if files == 1 else 'files'}, each with its row{cut}"


def _cut_off(count: int, what: str, missing: str) -> str:
    return f"1 {what} had no {missing} and was cut off" if count == 1 else f"{count} {what}s had no {missing} and were cut off"
