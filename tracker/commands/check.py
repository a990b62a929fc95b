"""`tracker check`: every part of a configuration tried once, or the whole of what holds."""

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from tracker.check.check import Asked, check
from tracker.commands.options import Commands, add_command, add_config
from tracker.commands.record import duration
from tracker.effective_config import effective_yaml

_LONGEST_S = 600.0


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "check",
        call=check_config,
        text="Try every part of a configuration once, look at the camera, and judge its pictures and what recording needs.",
        example="tracker check --out checked --config tracker.yaml",
    )
    add_config(parser)
    asked = Asked()
    parser.add_argument(
        "--seconds", type=_seconds, default=asked.seconds, metavar="N", help="how long to look at the camera; 0: one frame (%(default)g)"
    )
    parser.add_argument(
        "--for",
        dest="planned_s",
        type=duration,
        default=asked.planned_s,
        metavar="TIME",
        help="how long a recording is planned: 90s, 30min, 2h (12h)",
    )
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="write pictures of what was seen and the report there")
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="print one JSON object")
    shape.add_argument("--effective", action="store_true", help="try nothing; print every key with its value and where that comes from")


def check_config(options: argparse.Namespace) -> int:
    """Check, or print what holds."""
    if options.effective:
        sys.stdout.write(effective_yaml(options.config))
        return 0
    asked = Asked(seconds=options.seconds, planned_s=options.planned_s, folder=options.out)
    with Progress(console=Console(file=sys.stderr), transient=True) as bar:
        task = bar.add_task("looking at the camera", total=options.seconds or None)
        well = check(
            options.config, as_json=options.json, out=sys.stdout, asked=asked, progress=lambda seconds: bar.update(task, completed=seconds)
        )
    return 0 if well else 1


def _seconds(text: str) -> float:
    """Seconds from 0 to 600.

    Raises:
        argparse.ArgumentTypeError: anything else.
    """
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= _LONGEST_S:
        raise argparse.ArgumentTypeError(f"'{text}' is not a time to look at a camera; expected seconds from 0 to {_LONGEST_S:g}")
    return seconds
