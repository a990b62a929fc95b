"""`trainer label`: label a project's frames in the browser."""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from trainer.commands.choices import Commands, add_command, add_engine, engine_choice
from trainer.commands.serving import add_serving, announce

if TYPE_CHECKING:
    from trainer.labelling.predictor import Predictor
    from trainer.project.store import Project


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "label",
        call=label,
        text="Label a project's frames in the browser. The page is served to this machine alone; Ctrl-C ends it.",
        example="trainer label openfield --annotator ann --bundle models/mine",
    )
    parser.add_argument("project", type=Path, help="folder that `trainer select` has filled")
    parser.add_argument("--annotator", required=True, metavar="NAME", help="whose labels are edited: labels/NAME.json")
    add_serving(parser)
    parser.add_argument("--bundle", type=Path, help="show what this engine bundle sees, as an offer that you may accept")
    parser.add_argument(
        "--videos",
        type=Path,
        nargs="+",
        default=[],
        metavar="FOLDER",
        help="where the videos are, if not where frames were chosen from them",
    )
    add_engine(parser)


def label(options: argparse.Namespace) -> int:
    """Serve until Ctrl-C, which is the way to end it."""
    from trainer.labelling.serve import serve

    talk = Console(stderr=True, soft_wrap=True)

    def ready(address: str, frames: int) -> None:
        announce(address, f"{options.project}: {frames} frames", options, talk)

    serve(
        options.project,
        annotator=options.annotator,
        port=options.port,
        videos=options.videos,
        open_predictor=_predictor(options),
        ready=ready,
        say=lambda sentence: talk.print(sentence, highlight=False),
    )
    return 0


def _predictor(options: argparse.Namespace) -> "Callable[[Project], Predictor] | None":
    if options.bundle is None:
        return None
    from trainer.labelling.predictor import Predictor

    return partial(Predictor, options.bundle, engine=engine_choice(options))
