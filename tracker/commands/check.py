"""`tracker check`: every part of a configuration tried once, or the whole of what holds."""

import argparse
import sys

from tracker.check import check
from tracker.commands.options import Commands, add_command, add_config
from tracker.effective_config import effective_yaml


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "check",
        call=check_config,
        text="Try every part of a configuration once.",
        example="tracker check --config tracker.yaml",
    )
    add_config(parser)
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="print one JSON object")
    shape.add_argument("--effective", action="store_true", help="try nothing; print every key with its value and where that comes from")


def check_config(options: argparse.Namespace) -> int:
    """Check, or print what holds."""
    if options.effective:
        sys.stdout.write(effective_yaml(options.config))
        return 0
    return 0 if check(options.config, as_json=options.json, out=sys.stdout) else 1
