"""`tracker listen`: the stream, a line for every message."""

import argparse
import sys

from tracker.client import Client
from tracker.commands.options import Commands, add_command, add_stream, stream_addresses
from tracker.listen import KINDS, listen
from tracker.messages import TOPICS


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "listen",
        call=listen_to_stream,
        text="Print the stream.",
        example="tracker listen tcp://127.0.0.1:5571 --json",
        interrupted=None,
    )
    add_stream(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--kinds", nargs="+", choices=[kind for kind in TOPICS if kind != "image"], default=list(KINDS))
    parser.add_argument("--count", type=int, help="stop after so many messages")
    parser.add_argument("--seconds", type=float, help="stop after so many seconds")


def listen_to_stream(options: argparse.Namespace) -> int:
    """Print messages until told to stop."""
    with Client(stream_addresses(options), kinds=tuple(options.kinds), camera=options.camera, keys=options.keys) as client:
        return listen(client, json_lines=options.json, count=options.count, seconds=options.seconds, out=sys.stdout)
