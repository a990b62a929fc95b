"""`tracker view`: the overlay of a running tracker, or of a recorded session, in a window."""

import argparse
import json
import math
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from tracker.commands.options import WHOLE, Commands, add_command, add_config, say_neighbours, stream_addresses
from tracker.errors import RecordingError
from tracker.task_progress import TaskProgress
from tracker.viewer.live_view import view
from tracker.viewer.overlay import OverlaySettings

CORNERS = ("top_left", "top_right", "bottom_left", "bottom_right")


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "view",
        call=view_either,
        text="Watch the overlay of a running tracker, or look through a recorded session.",
        example="tracker view tcp://127.0.0.1:5571; tracker view recordings/2026-01-31_14-05-09_top",
        interrupted=None,
    )
    parser.add_argument(
        "address",
        nargs="?",
        metavar="ADDRESS_OR_SESSION",
        help="where the tracker publishes, or the folder of a recorded session; else the first address of --config",
    )
    add_config(parser)
    parser.add_argument("--camera", help="one camera only")
    parser.add_argument("--keys", type=Path, help="folder with this client's CURVE keys")
    parser.add_argument("--pictures", help="where the pictures are, for a tracker with a viewer.bind (beside the address)")
    parser.add_argument("--from", dest="from_s", type=_seconds, default=0.0, metavar="S", help="of a session: begin there (%(default)s)")
    parser.add_argument("--whole", action="store_true", help=f"of a session: {WHOLE}")
    parser.add_argument("--out", type=Path, metavar="FILE.mp4", help="of a session: write a video with the overlay, and open no window")
    parser.add_argument("--force", action="store_true", help="with --out: replace the file that may be there")
    parser.add_argument("--json", action="store_true", help="with --out: print one JSON object: what was written")
    parser.add_argument("--to", dest="to_s", type=_seconds, metavar="S", help="with --out: end there")
    parser.add_argument("--snapshots", type=Path, default=Path(), help="folder for snapshots (%(default)s)")
    parser.add_argument(
        "--trail", action="append", default=[], metavar="POINT", help="a key point that leaves a trail; may be repeated (all)"
    )
    parser.add_argument("--trail-s", type=float, default=1.0, help="length of the trail in seconds (%(default)s)")
    parser.add_argument("--place", choices=CORNERS, default="top_left", help="corner of the status lines (%(default)s)")
    parser.add_argument("--text-scale", type=float, default=1.0, help="size of letters (%(default)s)")
    parser.add_argument("--text-colour", type=int, nargs=3, default=[255, 255, 255], metavar=("R", "G", "B"))
    parser.add_argument("--thickness", type=int, default=1, help="of lines and letters (%(default)s)")
    parser.add_argument("--confidence", type=float, default=0.5, help="points below are not drawn (%(default)s)")
    parser.add_argument(
        "--label", type=int, nargs=2, metavar=("X", "Y"), help="where classes stand on the picture, px (as the tracker is configured)"
    )
    parser.add_argument("--label-scale", type=float, help="size of their letters (as configured)")
    parser.add_argument("--label-colour", type=int, nargs=3, metavar=("R", "G", "B"), help="their colour (as configured)")
    parser.add_argument("--label-thickness", type=float, help="of their strokes (as configured)")
    parser.set_defaults(refuse=parser.error)


def view_either(options: argparse.Namespace) -> int:
    """Show the window until it is closed."""
    settings = OverlaySettings(
        confidence=options.confidence,
        place=options.place,
        text_scale=options.text_scale,
        text_colour=tuple(options.text_colour),
        thickness=options.thickness,
        trail_points=tuple(options.trail),
        label=tuple(options.label) if options.label is not None else None,
        label_scale=options.label_scale,
        label_colour=tuple(options.label_colour) if options.label_colour is not None else None,
        label_thickness=options.label_thickness,
    )
    of_session = options.address is not None and "://" not in options.address
    with_out = options.to_s is not None or options.force or options.json
    if (options.out is not None and not of_session) or (with_out and options.out is None):
        options.refuse("--out goes with the folder of a recorded session; --to, --force and --json with --out")
    if options.whole and not of_session:
        options.refuse("--whole goes with the folder of a recorded session")
    if of_session:
        _view_session(Path(options.address), options, settings)
        return 0
    view(
        stream_addresses(options),
        camera=options.camera,
        snapshot_folder=options.snapshots,
        trail_s=options.trail_s,
        settings=settings,
        keys=options.keys,
        pictures=(options.pictures,) if options.pictures else None,
    )
    return 0


def _view_session(folder: Path, options: argparse.Namespace, settings: OverlaySettings) -> None:
    if not folder.is_dir():
        raise RecordingError(
            f"{folder}: there is no such folder; give the folder of a recorded session, or an address such as tcp://127.0.0.1:5571"
        )
    try:
        from tracker.viewer.session_video import write_overlay_video
        from tracker.viewer.session_view import view_session
    except ImportError as problem:
        raise RecordingError(f"a recorded session needs PyAV and pyarrow ({problem}); run `pip install '.[record]'`") from problem
    if not options.whole:
        say_neighbours(folder, "view", "--whole shows them as one")
    shared: dict[str, Any] = {"from_s": options.from_s, "trail_s": options.trail_s, "settings": settings, "whole": options.whole}
    if options.out is None:
        view_session(folder, snapshot_folder=options.snapshots, **shared)
        return
    if options.out.exists() and not options.force:
        raise RecordingError(f"{options.out}: exists; give another --out, or --force to replace it")
    notices: list[str] = []
    try:
        with TaskProgress(Console(file=sys.stderr), f"drawing {options.out.name}") as shown:
            written = write_overlay_video(folder, options.out, to_s=options.to_s, progress=shown.reached, notice=notices.append, **shared)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("stopped by hand; nothing was written") from None
    for notice in notices:
        sys.stderr.write(f"tracker view: {folder}: {notice}\n")
    said = {"file": str(options.out), "frames": written}
    print(json.dumps(said) if options.json else f"{options.out}: {written} frames")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < 1e9:
        raise argparse.ArgumentTypeError(f"{text} is not a time; expected seconds from the first frame")
    return seconds
