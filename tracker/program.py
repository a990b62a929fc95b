"""A program whose subcommands are imported as far as what they need is installed: its parser, and how it is run."""

import argparse
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from tracker.command import OneSentenceParser, end_process, load_commands, run_command, version
from tracker.end_while_starting import begin


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One program of several subcommands.

    Attributes:
        name: of the program and of its package; `commands` in that holds a module for each subcommand.
        description: what it is for, one sentence.
        commands: names of the subcommands.
        log_format: of a line on stderr.
    """

    name: str
    description: str
    commands: tuple[str, ...]
    log_format: str

    def parser(self) -> argparse.ArgumentParser:
        """What reads the command line; a subcommand that cannot be had is listed with the reason."""
        parser = OneSentenceParser(prog=self.name, description=self.description)
        parser.add_argument("--version", action="version", version=f"rigtrack {version()}")
        commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
        modules, missing = load_commands(f"{self.name}.commands", self.commands)
        for command in modules:
            command.add(commands)
        for name, why in missing.items():
            commands.add_parser(name, help=why)
        return parser

    def main(self, arguments: Sequence[str] | None = None) -> int:
        """Run one subcommand and return the exit status.

        Args:
            arguments: behind the program's name; None for those of this process, which then may end here: see `end_process`.
        """
        asked = sys.argv[1:] if arguments is None else arguments
        missing = load_commands(f"{self.name}.commands", self.commands)[1]
        if asked and asked[0] in missing:
            sys.stderr.write(f"{self.name} {asked[0]}: {missing[asked[0]]}\n")
            return 1
        options = self.parser().parse_args(asked)
        logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format=self.log_format)
        begin()
        status = run_command(options, program=self.name, interrupted=options.interrupted)
        return end_process(status) if arguments is None else status
