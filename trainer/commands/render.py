"""`trainer render`: a bundle's key points drawn on a video."""

import argparse
from pathlib import Path

from rich.console import Console

from trainer.commands.choices import Commands, add_command, add_engine, engine_choice


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "render",
        call=render,
        text="Draw a bundle's key points on a video.",
        example="trainer render run.mp4 --bundle models/mine --out overlay.mp4",
    )
    parser.add_argument("video", type=Path)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--truth", type=Path, help="labels of this video, drawn in red")
    parser.add_argument("--confidence", type=float, default=0.3, help="points below are not drawn (%(default)s)")
    parser.add_argument("--strip", type=int, nargs="+", metavar="FRAME", help="write these frames side by side as one PNG instead")
    add_engine(parser)


def render(options: argparse.Namespace) -> int:
    """Draw and write."""
    from tracker.bundle import read_bundle
    from trainer.formats.read_labels import read_labels
    from trainer.videos.render import OverlayStyle, write_strip
    from trainer.videos.render import render as draw_video
    from trainer.whole_files import refuse_unwritable

    refuse_unwritable(options.out.parent, option="--out")
    talk = Console(stderr=True)
    bundle, engine = read_bundle(options.bundle), engine_choice(options)
    style = OverlayStyle(confidence=options.confidence, legend=True)
    if options.strip:
        write_strip(options.video, bundle, options.strip, out=options.out, engine=engine, style=style)
    else:
        truth = read_labels(options.truth) if options.truth else None
        frames = draw_video(options.video, bundle, truth=truth, out=options.out, engine=engine, style=style, console=talk)
        talk.print(f"{frames} frames")
    print(options.out)
    return 0
