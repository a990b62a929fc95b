"""`tracker frames`: a video's frames as numbered images."""

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console

from tracker.commands.options import Commands, add_command
from tracker.task_progress import TaskProgress
from tracker.video_frames import FrameRange, write_frames


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "frames",
        call=export_frames,
        text="Write a video's frames as numbered PNG images, which a camera of source image_folder reads back.",
        example="tracker frames arena.mp4 arena-frames --every 10",
    )
    parser.add_argument("video", type=Path)
    parser.add_argument("out", type=Path, help="an empty or new folder")
    parser.add_argument("--first", type=_count, default=0, metavar="N", help="first frame, counted from 0 (%(default)s)")
    parser.add_argument("--last", type=_count, metavar="N", help="last frame")
    parser.add_argument("--every", type=_step, default=1, metavar="N", help="every Nth frame (%(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def export_frames(options: argparse.Namespace) -> int:
    """Write them, with progress on stderr."""
    wanted = FrameRange(first=options.first, last=options.last, step=options.every)
    with TaskProgress(Console(file=sys.stderr), f"reading {options.video.name}") as shown:
        total = None if options.last is None else options.last + 1
        written = write_frames(options.video, options.out, wanted, progress=lambda position: shown.reached(position + 1, total))
    if options.json:
        print(json.dumps({"video": str(options.video), "folder": str(options.out), "frames": written}, indent=2))
    else:
        print(f"{options.out}: {written} frames")
    return 0


def _count(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"'{text}' is not a frame's position; expected a whole number from 0")
    return int(text)


def _step(text: str) -> int:
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"'{text}' is not a step; expected a whole number from 1")
    return int(text)
