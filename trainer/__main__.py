"""The `trainer` command: labels in, engine bundle out. Results on stdout, talk on stderr.

Exit status 0: done; 1: failed; 2: wrong usage; 130: stopped by hand.
"""

import argparse
import logging
import sys

from tracker.command import run_command, version
from trainer.commands import (
    agreement,
    bouts,
    compare,
    crossval,
    curve,
    diagnose,
    evaluate,
    fit,
    label,
    network,
    project,
    render,
    select,
    sweep,
    synth,
)
from trainer.commands import compile as compile_command

COMMANDS = (
    fit,
    network,
    diagnose,
    evaluate,
    compare,
    crossval,
    sweep,
    curve,
    project,
    select,
    label,
    agreement,
    bouts,
    render,
    compile_command,
    synth,
)


def main(arguments: list[str] | None = None) -> int:
    """Run one subcommand and return the exit status."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s: %(message)s")
    return run_command(options, program="trainer", interrupted="stopped by hand; the same command goes on where it was")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="trainer", description="Turn labelled frames into an engine.")
    parser.add_argument("--version", action="version", version=f"rigtrack {version()}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
