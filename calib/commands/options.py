"""What several commands ask for in the same words, and how they talk."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from calib.images import FoundViews
from tracker.task_progress import TaskProgress

BOARD = Path("board.yaml")


def add_board(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """The board's description."""
    text = "its description: board.yaml of `calib board`, or board.toml of sleap-anipose"
    parser.add_argument("--board", type=Path, default=BOARD if required else None, help=f"{text} (%(default)s)" if required else text)


def add_every(parser: argparse.ArgumentParser, *, of: str = "a video, every Nth frame") -> None:
    """Which frames of a video, or moments of sessions."""
    parser.add_argument("--every", type=positive, default=10, metavar="N", help=f"of {of} (%(default)s)")


def positive(text: str) -> int:
    """A whole number from 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from 1")
    return int(text)


def say(sentence: str) -> None:
    """Tell the user, on stderr."""
    Console(stderr=True, soft_wrap=True).print(sentence, highlight=False, markup=False)


def progress(task: str) -> TaskProgress:
    """How far a search through images is, on stderr, and what comes after it."""
    return TaskProgress(Console(stderr=True), task, unit="images")


def notes_on(found: FoundViews) -> list[str]:
    """What a person should know of the images that gave nothing."""
    told = list(found.unreadable)
    if found.without:
        told.append(f"no board was found in {_listed(found.without)}")
    if found.twice:
        told.append(f"two boards of this kind, which cannot be told apart, are in {_listed(found.twice)}; show one at a time")
    return told


def _listed(names: Sequence[str]) -> str:
    return f"{len(names)} image{'s' if len(names) > 1 else ''}: {', '.join(names[:5])}{' and others' if len(names) > 5 else ''}"
