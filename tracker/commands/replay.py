"""`tracker replay`: behaviour rules over a recorded stream."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from tracker.commands.options import WHOLE, Commands, add_command, say_neighbours
from tracker.config import load_config
from tracker.recording.chain import chain_folders
from tracker.replay import Rules, find_points, replay_events
from tracker.task_progress import TaskProgress


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "replay",
        call=replay_recording,
        text="Run behaviour rules over a recorded session or stream.",
        example="tracker replay recordings/2026-01-31_14-05-09_top",
    )
    parser.set_defaults(refuse=parser.error)
    parser.add_argument("recording", type=Path, help="the folder of a recorded session, or what `tracker listen --json` wrote")
    parser.add_argument("--config", type=Path, help="whose rules to apply; else those in use live, which the recording holds")
    parser.add_argument("--camera", help="whose poses, where the recording holds several cameras")
    parser.add_argument("--whole", action="store_true", help=f"{WHOLE}; the rules begin anew in each, as they did live")


def replay_recording(options: argparse.Namespace) -> int:
    """Print every event as a line of JSON, as soon as it is decided."""
    config = None if options.config is None else load_config(options.config)
    rules = None if config is None else Rules(events=config.behaviour, zones=config.zones)
    if options.whole and not options.recording.is_dir():
        options.refuse("--whole goes with the folder of a recorded session")
    recordings = chain_folders(options.recording) if options.whole else [options.recording]
    has_points = None if rules is None else find_points(recordings)
    for recording in recordings:
        _replay(recording, rules, options.camera, has_points)
    if not options.whole:
        say_neighbours(options.recording, "replay", "--whole takes them one after the other")
    return 0


def _replay(recording: Path, rules: Rules | None, camera: str | None, has_points: bool | None) -> None:
    unit, count = "frames" if recording.is_dir() else "MB", 0
    with TaskProgress(Console(file=sys.stderr), f"replaying {recording.name}", unit=unit) as shown:
        for decided in replay_events(recording, rules, camera=camera, progress=shown.reached, has_points=has_points):
            print(json.dumps({"session": decided.session, **asdict(decided.event)}), flush=True)
            count += 1
    if not count:
        sys.stderr.write(f"tracker replay: {recording}: 0 events\n")
