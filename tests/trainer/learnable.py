"""A tiny labelled set that a network learns in seconds: a bright bar with a dark end on a grey floor."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.bundle_description import View
from trainer.labels.images import ImageRef
from trainer.labels.labelled_frames import LabelledFrames

SIZE = (96, 128)  # height, width
GREY = View(crop=None, fit="letterbox", colour="grey")


def draw(number: int) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """One image and its two points, (2, 2): head and tail of the bar."""
    rng = np.random.default_rng(number)
    image = np.full(SIZE, 90, np.uint8)
    middle = rng.uniform([30, 30], [98, 66])
    angle = rng.uniform(0, 2 * np.pi)
    reach = 16 * np.array([np.cos(angle), np.sin(angle)])
    head, tail = middle + reach, middle - reach
    cv2.line(image, _whole(head), _whole(tail), 220, 5, cv2.LINE_AA)
    cv2.circle(image, _whole(head), 5, 10, -1, cv2.LINE_AA)
    return image, np.array([_whole(head), _whole(tail)], np.float64)


def labelled(folder: Path, count: int, *, first: int = 0) -> LabelledFrames:
    """Frames `first` and following, as image files."""
    images, points = zip(*(draw(first + number) for number in range(count)), strict=True) if count else ((), ())
    references = []
    for number, image in enumerate(images):
        path = folder / f"{first + number:04d}.png"
        cv2.imwrite(str(path), image)
        references.append(ImageRef(path=path, frame=None))
    return LabelledFrames(
        images=tuple(references),
        points=np.array(points).reshape(count, 1, 2, 2),
        hidden=np.zeros((count, 1, 2), bool),
        tags=(frozenset(),) * count,
        point_names=("head", "tail"),
        skeleton=(("head", "tail"),),
        group=("bars",) * count,
        order=np.arange(first, first + count),
        size=SIZE,
    )


def _whole(point: NDArray[np.float64]) -> tuple[int, int]:
    x, y = np.round(point).astype(int).tolist()
    return x, y
