"""`tracker reload`: zones and rules read again by a running tracker."""

import argparse
import json

from tracker.commands.options import Commands, add_command, add_control, ask_tracker


def add(commands: Commands) -> None:
    """Declare the command."""
    add_control(
        add_command(
            commands,
            "reload",
            call=reload,
            text="Read zones, rules and calibration again.",
            example="tracker reload --config tracker.yaml",
            interrupted="no longer waiting; `tracker status` names the rules in use",
        )
    )


def reload(options: argparse.Namespace) -> int:
    """Reload, and print the names of events and zones in use."""
    print(json.dumps(ask_tracker(options, {"command": "reload"})))
    return 0
