"""`trainer bouts label`: mark behaviours on a timeline in the browser."""

import argparse
from pathlib import Path

from rich.console import Console

from trainer.commands.choices import Commands, add_command, frame_rate
from trainer.commands.serving import add_serving, announce


def add(actions: Commands) -> None:
    """Declare the action."""
    parser = add_command(
        actions,
        "label",
        call=bouts_label,
        text="Mark behaviours in videos on a timeline in the browser, from nothing or from a model's bouts. Ctrl-C ends it.",
        example="trainer bouts label monday.mp4 tuesday.mp4 --classes groom rear --annotator anna",
    )
    parser.add_argument("videos", type=Path, nargs="*", metavar="VIDEO", help="videos, or folders of them")
    parser.add_argument("--annotator", required=True, metavar="NAME", help="whose labels are edited: VIDEO.NAME.bouts.json")
    parser.add_argument("--classes", nargs="+", default=[], metavar="NAME", help="classes of behaviour; those in files of labels are known")
    parser.add_argument(
        "--overlapping", action="store_true", help="several classes may be on in a frame (default: they exclude each other)"
    )
    parser.add_argument("--labels", type=Path, metavar="FOLDER", help="where the files of labels are (default: beside the first video)")
    parser.add_argument(
        "--poses", type=Path, nargs="+", default=[], metavar="FILE", help="poses to draw, a file for each video; or alone, without videos"
    )
    parser.add_argument(
        "--predictions",
        type=Path,
        nargs="+",
        default=[],
        metavar="FOLDER",
        help="a model's tables of probabilities, as `trainer evaluate --predictions` writes them; a folder for each model",
    )
    parser.add_argument("--bundle", type=Path, nargs="+", default=[], metavar="DIR", help="behaviour bundles to run over the poses")
    parser.add_argument("--fps", type=frame_rate, help="frames per second, where the video says none or a wrong one")
    add_serving(parser)


def bouts_label(options: argparse.Namespace) -> int:
    """Serve until Ctrl-C, which is the way to end it."""
    from trainer.timeline.serve import TimelineRequest, serve

    talk = Console(stderr=True, soft_wrap=True)

    def ready(address: str, videos: int) -> None:
        announce(address, f"{videos} {'video' if videos == 1 else 'videos'}", options, talk)

    asked = TimelineRequest(
        videos=tuple(options.videos),
        poses=tuple(options.poses),
        annotator=options.annotator,
        labels=options.labels,
        class_names=tuple(options.classes),
        exclusive=not options.overlapping,
        fps=options.fps,
        predictions=tuple(options.predictions),
        bundles=tuple(options.bundle),
        port=options.port,
    )
    serve(asked, ready=ready, say=lambda sentence: talk.print(sentence, highlight=False, markup=False))
    return 0
