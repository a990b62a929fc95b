"""`tracker replay`: behaviour rules over a recorded stream."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from tracker.commands.options import CONFIG, Commands, add_command
from tracker.config import load_config
from tracker.replay import replay_file


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "replay",
        call=replay_recording,
        text="Run behaviour rules over a recorded stream.",
        example="tracker replay poses.jsonl --config tracker.yaml",
    )
    parser.add_argument("recording", type=Path, help="what `tracker listen --json` wrote")
    parser.add_argument("--config", type=Path, help="whose rules to apply; else those in use live, which the recording holds")
    parser.add_argument("--camera", help="whose poses, where the recording holds several cameras")


def replay_recording(options: argparse.Namespace) -> int:
    """Print every event as a line of JSON."""
    config = load_config(options.config or CONFIG)
    for stretch in replay_file(options.recording, config.behaviour, zones=config.zones, camera=options.camera):
        for event in stretch.events:
            print(json.dumps({"session": stretch.session, **asdict(event)}))
    return 0
