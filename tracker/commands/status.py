"""`tracker status`: how a running tracker is, as a table or as JSON."""

import argparse
import json
import sys
from io import StringIO
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from tracker.commands.options import Commands, add_command, add_control, ask_tracker
from tracker.config import load_config
from tracker.service.status_table import status_table

_UNFOLDED = 10_000  # columns


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands, "status", call=status, text="Ask a running tracker how it is.", example="tracker status --config tracker.yaml"
    )
    add_control(parser)
    parser.add_argument("--json", action="store_true", help="print the whole status message as one JSON object")


def status(options: argparse.Namespace) -> int:
    """Ask and print."""
    found: dict[str, Any] | None = ask_tracker(options, {"command": "status"})["status"]
    if options.json:
        print(json.dumps({"state": "starting"} if found is None else found, indent=2))
        return 0
    table = status_table(found)
    for sentence in _cut_off(options):
        table.add_row("cut off", Text(sentence, style="yellow"))
    console = Console(file=sys.stdout, highlight=False, markup=False)
    if console.is_terminal:
        console.print(table)
        return 0
    with (whole := Console(file=StringIO(), width=_UNFOLDED, highlight=False, markup=False)).capture() as text:
        whole.print(table)
    print("\n".join(line.rstrip() for line in text.get().splitlines()))  # one line each, for programs such as grep
    return 0


def _cut_off(options: argparse.Namespace) -> list[str]:
    """Which sessions are to be mended, and by what, in the folder that this configuration records to; or why that cannot be seen."""
    recording = None if options.control else load_config(options.config).recording
    if recording is None:
        return []
    try:
        from tracker.recording.recover import unfinished
    except ImportError:  # without the extra `record` nothing is recorded or mended here
        return []
    try:
        return [f"{folder}; `tracker recover {folder}` mends it" for folder in unfinished(Path(recording.folder))]
    except OSError as problem:
        return [f"not known: {recording.folder} cannot be looked into by who asks: {problem.strerror}"]
