"""`tracker stop`: the end of a running tracker."""

import argparse

from tracker.commands.options import Commands, add_command, add_control, ask_tracker


def add(commands: Commands) -> None:
    """Declare the command."""
    add_control(add_command(commands, "stop", call=stop, text="End a running tracker.", example="tracker stop --config tracker.yaml"))


def stop(options: argparse.Namespace) -> int:
    """Ask it to end."""
    ask_tracker(options, {"command": "stop"})
    return 0
