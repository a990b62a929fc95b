"""`trainer render`: a bundle's key points drawn on a video, or labels alone."""

import argparse
from pathlib import Path

from rich.console import Console

from trainer.commands.choices import NOTHING_KEPT, Commands, add_command, add_engine, engine_choice

LABELS = (".csv", ".h5", ".json", ".slp")  # endings of what is not a video but labels


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "render",
        call=render,
        interrupted=NOTHING_KEPT,
        text="Draw a bundle's key points on a video; or labels alone, on their video or on their pictures, to check them by eye.",
        example="trainer render run.mp4 --bundle models/mine --out overlay.mp4; trainer render openfield --out checked",
    )
    parser.add_argument(
        "video", type=Path, help="a video; or labels as for `trainer fit`, each of whose pictures is drawn into the folder --out"
    )
    parser.add_argument("--bundle", type=Path, help="whose key points are drawn, in blue")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--truth", type=Path, help="labels of this video, drawn in red; without --bundle they are drawn alone")
    parser.add_argument("--confidence", type=float, default=0.3, help="points below are not drawn (%(default)s)")
    parser.add_argument("--strip", type=int, nargs="+", metavar="FRAME", help="write these frames side by side as one PNG instead")
    parser.add_argument("--no-legend", action="store_true", help="without the names; no picture is widened for them")
    add_engine(parser)
    parser.set_defaults(refuse=parser.error)


def render(options: argparse.Namespace) -> int:
    """Draw and write."""
    from trainer.whole_files import refuse_unwritable

    of_labels = options.video.is_dir() or options.video.suffix.lower() in LABELS
    if of_labels and (options.bundle or options.truth or options.strip):
        options.refuse(f"{options.video} is labels, which are drawn alone; --bundle, --truth and --strip go with a video")
    if not of_labels and options.bundle is None and (options.truth is None or options.strip):
        options.refuse("a video needs --bundle, or --truth with labels that are drawn alone")
    refuse_unwritable(options.out if of_labels else options.out.parent, option="--out")
    talk = Console(stderr=True)
    if options.bundle is None:
        _draw_labels(options, talk)
    else:
        _draw_predictions(options, talk)
    print(options.out)
    return 0


def _draw_labels(options: argparse.Namespace, talk: Console) -> None:
    from trainer.formats.read_labels import read_labels
    from trainer.videos.labels_alone import draw_pictures, render_labels

    if options.truth is None:
        labels = read_labels(options.video)
        try:
            count = draw_pictures(labels, out=options.out, legend=not options.no_legend, console=talk)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"stopped by hand; the pictures that were drawn are in {options.out}") from None
        talk.print(f"{count} pictures")
        return
    truth = read_labels(options.truth)
    frames, labelled = render_labels(options.video, truth, out=options.out, legend=not options.no_legend, console=talk)
    talk.print(f"{frames} frames, {labelled} of them labelled")


def _draw_predictions(options: argparse.Namespace, talk: Console) -> None:
    from tracker.bundle import read_bundle
    from trainer.formats.read_labels import read_labels
    from trainer.videos.render import OverlayStyle, write_strip
    from trainer.videos.render import render as draw_video

    bundle, engine = read_bundle(options.bundle), engine_choice(options)
    style = OverlayStyle(confidence=options.confidence, legend=not options.no_legend)
    if options.strip:
        write_strip(options.video, bundle, options.strip, out=options.out, engine=engine, style=style)
        return
    truth = read_labels(options.truth) if options.truth else None
    frames = draw_video(options.video, bundle, truth=truth, out=options.out, engine=engine, style=style, console=talk)
    talk.print(f"{frames} frames")
