"""`tracker status`: how a running tracker is, as a table or as JSON."""

import argparse
import json
import sys
from typing import Any

from rich.console import Console

from tracker.commands.options import Commands, add_command, add_config, ask_tracker
from tracker.status_table import status_table


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands, "status", call=status, text="Ask a running tracker how it is.", example="tracker status --config tracker.yaml"
    )
    add_config(parser)
    parser.add_argument("--json", action="store_true", help="print the whole status message as one JSON object")


def status(options: argparse.Namespace) -> int:
    """Ask and print."""
    found: dict[str, Any] | None = ask_tracker(options, {"command": "status"})["status"]
    if options.json:
        print(json.dumps({"state": "starting"} if found is None else found, indent=2))
        return 0
    console = Console(file=sys.stdout, highlight=False, markup=False)
    console.print(status_table(found), soft_wrap=not console.is_terminal)
    return 0
