"""`tracker replay`: behaviour rules over a recorded stream."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from tracker.commands.options import Commands, add_command
from tracker.config import load_config
from tracker.replay import Rules, replay_file


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "replay",
        call=replay_recording,
        text="Run behaviour rules over a recorded session or stream.",
        example="tracker replay recordings/2026-01-31_14-05-09_top",
    )
    parser.add_argument("recording", type=Path, help="the folder of a recorded session, or what `tracker listen --json` wrote")
    parser.add_argument("--config", type=Path, help="whose rules to apply; else those in use live, which the recording holds")
    parser.add_argument("--camera", help="whose poses, where the recording holds several cameras")


def replay_recording(options: argparse.Namespace) -> int:
    """Print every event as a line of JSON."""
    config = None if options.config is None else load_config(options.config)
    rules = None if config is None else Rules(events=config.behaviour, zones=config.zones)
    for stretch in replay_file(options.recording, rules, camera=options.camera):
        for event in stretch.events:
            print(json.dumps({"session": stretch.session, **asdict(event)}))
    return 0
