"""`tracker keys`: CURVE keys for a stream that leaves this machine."""

import argparse
from pathlib import Path

from tracker.commands.options import Commands, add_command
from tracker.stream.keys import make_keys


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands, "keys", call=keys, text="Make CURVE keys for a stream that leaves this machine.", example="tracker keys keys/"
    )
    parser.add_argument("folder", type=Path)


def keys(options: argparse.Namespace) -> int:
    """Make the keys and print their folder."""
    make_keys(options.folder)
    print(options.folder)
    return 0
