"""The `calib` command. Results on stdout, talk on stderr; exit 0 done, 1 failed or rejected, 2 wrong usage, 130 stopped by hand."""

import argparse
import logging
import sys

from calib.commands import board, capture, check, plane, rig, solve
from tracker.command import run_command, version

COMMANDS = (board, capture, solve, plane, rig, check)


def main(arguments: list[str] | None = None) -> int:
    """Run one subcommand and return the exit status."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    return run_command(options, program="calib", interrupted=options.interrupted)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="calib", description="Relate pixels to millimetres: one camera's lens, its plane, a rig of several."
    )
    parser.add_argument("--version", action="version", version=f"rigtrack {version()}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
