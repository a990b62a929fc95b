"""The `calib` command. Results on stdout, talk on stderr; exit 0 done, 1 failed or rejected, 2 wrong usage, 130 stopped by hand."""

import argparse
import logging
import sys
from functools import cache
from types import ModuleType

from tracker.command import load_commands, run_command, version

COMMANDS = ("board", "capture", "solve", "plane", "rig", "check")


def main(arguments: list[str] | None = None) -> int:
    """Run one subcommand and return the exit status."""
    missing = _commands()[1]
    asked = sys.argv[1:] if arguments is None else arguments
    if asked and asked[0] in missing:
        sys.stderr.write(f"calib {asked[0]}: {missing[asked[0]]}\n")
        return 1
    options = _parser().parse_args(asked)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    return run_command(options, program="calib", interrupted=options.interrupted)


@cache
def _commands() -> tuple[list[ModuleType], dict[str, str]]:
    return load_commands("calib.commands", COMMANDS)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="calib", description="Relate pixels to millimetres: one camera's lens, its plane, a rig of several."
    )
    parser.add_argument("--version", action="version", version=f"rigtrack {version()}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    modules, missing = _commands()
    for command in modules:
        command.add(commands)
    for name, why in missing.items():
        commands.add_parser(name, help=why)
    return parser


if __name__ == "__main__":
    sys.exit(main())
