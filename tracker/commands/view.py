"""`tracker view`: the overlay of a running tracker in a window."""

import argparse
from pathlib import Path

from tracker.commands.options import Commands, add_command, add_stream, stream_addresses
from tracker.viewer.overlay import OverlaySettings
from tracker.viewer.window import view

CORNERS = ("top_left", "top_right", "bottom_left", "bottom_right")


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "view",
        call=view_stream,
        text="Watch the overlay of a running tracker.",
        example="tracker view tcp://127.0.0.1:5571",
        interrupted=None,
    )
    add_stream(parser)
    parser.add_argument("--pictures", help="where the pictures are, for a tracker with a viewer.bind (beside the address)")
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


def view_stream(options: argparse.Namespace) -> int:
    """Show the window until it is closed."""
    view(
        stream_addresses(options),
        camera=options.camera,
        snapshot_folder=options.snapshots,
        trail_s=options.trail_s,
        settings=OverlaySettings(
            confidence=options.confidence,
            place=options.place,
            text_scale=options.text_scale,
            text_colour=tuple(options.text_colour),
            thickness=options.thickness,
            trail_points=tuple(options.trail),
        ),
        keys=options.keys,
        pictures=(options.pictures,) if options.pictures else None,
    )
    return 0
