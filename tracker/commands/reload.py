"""`tracker reload`: zones and rules read again by a running tracker."""

import argparse
import json
import sys

from tracker.commands.options import Commands, add_command, add_control, add_json, ask_tracker
from tracker.config_changes import restart_sentence


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "reload",
        call=reload,
        text="Read zones, rules and calibration again.",
        example="tracker reload --config tracker.yaml",
        interrupted="no longer waiting; `tracker status` names the rules in use",
    )
    add_control(parser)
    add_json(parser)


def reload(options: argparse.Namespace) -> int:
    """Reload, and print the names of events and zones in use, and what waits for a restart."""
    answer = ask_tracker(options, {"command": "reload"})
    print(json.dumps(answer) if options.json else f"In use are {_names('event', answer['events'])} and {_names('zone', answer['zones'])}.")
    if waiting := restart_sentence(answer.get("restart", [])):  # trackers of earlier releases do not tell
        print(waiting, file=sys.stderr)
    return 0


def _names(what: str, names: list[str]) -> str:
    return f"the {what}{'s' if len(names) > 1 else ''} {', '.join(names)}" if names else f"no {what}s"
