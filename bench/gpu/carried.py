"""What prepare.py has put into the carried folder, read again; also by the interpreter that has torch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

TURNS = 32  # frames that a latency is measured on, one after the other


@dataclass(frozen=True)
class Answers:
    """What torch found in the labelled frames."""

    names: list[str]  # of the images, inside carry/data
    points: NDArray[np.float32]  # (n, animals, K, 3)
    reference: str


def read_answers(carry: Path) -> Answers:
    """All of them."""
    with np.load(carry / "answers.npz") as file:
        return Answers(file["names"].tolist(), file["answers"], str(file["reference"]))


def read_frames(carry: Path, count: int = TURNS) -> list[NDArray[np.uint8]]:
    """The first labelled frames, uint8 (h, w)."""
    return [grey(carry / "data" / name) for name in read_answers(carry).names[:count]]


def grey(path: Path) -> Any:
    """An image file as uint8 (h, w)."""
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise SystemExit(f"{path}: is not an image; make the carried folder again with prepare.py")
    return image
