"""`tracker status`: how a running tracker is, as a table or as JSON."""

import argparse
import json
import sys
from io import StringIO
from typing import Any

from rich.console import Console

from tracker.commands.options import Commands, add_command, add_control, ask_tracker
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
    console = Console(file=sys.stdout, highlight=False, markup=False)
    if console.is_terminal:
        console.print(status_table(found))
        return 0
    with (whole := Console(file=StringIO(), width=_UNFOLDED, highlight=False, markup=False)).capture() as text:
        whole.print(status_table(found))
    print("\n".join(line.rstrip() for line in text.get().splitlines()))  # one line each, for programs such as grep
    return 0
