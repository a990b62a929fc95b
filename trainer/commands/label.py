"""`trainer label`: label a project's frames in the browser."""

import argparse
import os
import sys
import webbrowser
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from trainer.commands.choices import Commands, add_command, add_engine, engine_choice

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
    parser.add_argument(
        "--port", type=port, metavar="N", help="where it is served; 0 for any free port (default: where it was the last time)"
    )
    parser.add_argument("--bundle", type=Path, help="show what this engine bundle sees, as an offer that you may accept")
    parser.add_argument(
        "--videos",
        type=Path,
        nargs="+",
        default=[],
        metavar="FOLDER",
        help="where the videos are, if not where frames were chosen from them",
    )
    parser.add_argument("--no-browser", action="store_true", help="print the address and open nothing")
    add_engine(parser)


def label(options: argparse.Namespace) -> int:
    """Serve until Ctrl-C, which is the way to end it."""
    from trainer.labelling.serve import serve

    talk = Console(stderr=True, soft_wrap=True)

    def ready(address: str, frames: int) -> None:
        talk.print(f"{options.project}: {frames} frames for {options.annotator}; Ctrl-C ends the server", highlight=False)
        print(address, flush=True)
        if not options.no_browser and has_screen():
            webbrowser.open(address)

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


def has_screen() -> bool:
    """Without one, a browser in the terminal would be opened on top of this command."""
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def port(text: str) -> int:
    """A port from the command line."""
    number = int(text) if text.isdecimal() else -1
    if not 0 <= number < 2**16:
        raise argparse.ArgumentTypeError(f"{text} is not a port; expected a number from 0 to 65535")
    return number
