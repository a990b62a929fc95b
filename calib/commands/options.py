"""What several commands ask for in the same words, and how they talk."""

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from calib.images import FoundViews
from tracker.calibration import LONGEST_SIDE_PX
from tracker.errors import CalibrationError
from tracker.task_progress import TaskProgress

BOARD = Path("board.yaml")
POINTS = "X,Y=X_MM,Y_MM"
NUMBER = r"[-+]?\d*\.?\d+"
_POINT = re.compile(rf"^({NUMBER}),({NUMBER})=({NUMBER}),({NUMBER})$")


def add_board(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """The board's description."""
    text = "its description: board.yaml of `calib board`, or board.toml of sleap-anipose"
    parser.add_argument("--board", type=Path, default=BOARD if required else None, help=f"{text} (%(default)s)" if required else text)


def add_every(parser: argparse.ArgumentParser, *, of: str = "a video, every Nth frame") -> None:
    """Which frames of a video, or moments of sessions."""
    parser.add_argument("--every", type=positive, default=10, metavar="N", help=f"of {of} (%(default)s)")


def image_size(text: str) -> tuple[int, int]:
    """(width, height) in px, both from 1 to the most that a camera may have."""
    width, _, height = (part.lstrip("0") for part in text.partition("x"))
    if not (width.isdecimal() and height.isdecimal()):
        raise argparse.ArgumentTypeError(f"'{text}' is not WIDTHxHEIGHT, such as 640x480")
    digits = len(str(LONGEST_SIDE_PX))
    if max(len(width), len(height)) > digits or max(int(width), int(height)) > LONGEST_SIDE_PX:
        raise argparse.ArgumentTypeError(f"'{text:.60}' is larger than any camera's image; expected at most {LONGEST_SIDE_PX} px a side")
    return int(width), int(height)


def known_points(texts: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Places in the image (n, 2), px, and on the floor (n, 2), mm, of texts such as 102,80=0,0.

    Raises:
        CalibrationError: a text cannot be read.
    """
    numbers = np.array([[float(value) for value in matched(_POINT, text, f"{POINTS}, such as 102,80=0,0")] for text in texts])
    return numbers[:, :2], numbers[:, 2:]


def matched(pattern: "re.Pattern[str]", text: str, expected: str) -> tuple[str, ...]:
    """The groups of a text.

    Raises:
        CalibrationError: it does not match.
    """
    found = pattern.match(text)
    if found is None:
        raise CalibrationError(f"'{text}' cannot be read; expected {expected}")
    return found.groups()


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
