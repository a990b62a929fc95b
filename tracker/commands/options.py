"""What several commands ask for in the same words: a parser with its example, the configuration, a stream's address, a running tracker."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from tracker.stream.control import ask

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001  # argparse has no public name for it

CONFIG = Path("tracker.yaml")
ANSWER_S = 5.0
WHOLE = "with the sessions that it goes on from after a restart, and those that go on from it, as one"


def add_command(
    commands: Commands,
    name: str,
    *,
    call: Callable[[argparse.Namespace], int],
    text: str,
    example: str,
    interrupted: str | None = "stopped by hand",
) -> argparse.ArgumentParser:
    """A subcommand whose help ends in an example.

    Args:
        commands: of the program.
        name: of the subcommand.
        call: does it and returns the exit status.
        text: what it does, one sentence.
        example: one command line.
        interrupted: what to say on Ctrl-C, which then is a failure; None where Ctrl-C is the way to end it.
    """
    made: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text, epilog=f"example: {example}")
    made.set_defaults(call=call, interrupted=interrupted)
    return made


def add_config(parser: argparse.ArgumentParser) -> None:
    """The configuration file."""
    parser.add_argument("--config", type=Path, default=CONFIG, help="the configuration file (%(default)s)")


def add_control(parser: argparse.ArgumentParser) -> None:
    """Which tracker to command."""
    add_config(parser)
    parser.add_argument("--control", metavar="ADDRESS", help="where it takes commands, if the configuration cannot be read at the moment")


def add_json(parser: argparse.ArgumentParser) -> None:
    """The tracker's answer as a program wants it."""
    parser.add_argument("--json", action="store_true", help="print the tracker's answer as one JSON object")


def add_stream(parser: argparse.ArgumentParser) -> None:
    """Which stream to subscribe to."""
    parser.add_argument("address", nargs="?", help="where the tracker publishes; else the first address of --config")
    add_config(parser)
    parser.add_argument("--camera", help="one camera only")
    parser.add_argument("--keys", type=Path, help="folder with this client's CURVE keys")


def stream_addresses(options: argparse.Namespace) -> tuple[str, ...]:
    """Given on the command line, or the first that the configuration binds."""
    if options.address:
        return (options.address,)
    from tracker.config import load_config  # a computer that only listens, at an address, has no library to read it with

    return load_config(options.config).publisher.bind[:1]


def say_neighbours(folder: Path, command: str, hint: str) -> None:
    """Tell on stderr that a recorded session goes on from another, or another from it, where that is so.

    Args:
        folder: of the session; anything else has no neighbours.
        command: that says it.
        hint: what to do for having both.
    """
    from tracker.recording.chain import neighbours
    from tracker.recording.session import SESSION_FILE

    if not (folder / SESSION_FILE).is_file():
        return
    sentence = neighbours(folder).sentence(folder)
    if sentence is not None:
        sys.stderr.write(f"tracker {command}: {sentence}; {hint}\n")


def ask_tracker(options: argparse.Namespace, request: dict[str, Any], timeout_s: float = ANSWER_S) -> dict[str, Any]:
    """Send a command to the tracker that runs with this configuration.

    Raises:
        RigtrackError: nobody answers, or the tracker refuses.
    """
    from tracker.config import load_config

    address = options.control or load_config(options.config).control.bind
    return ask(address, request, timeout_s=timeout_s)
