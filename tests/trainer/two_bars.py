"""Labelled frames of up to two animals that a network learns in seconds: bright bars with a dark head on a grey floor."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.labels.images import ImageRef
from trainer.labels.labelled_frames import LabelledFrames

SIZE = (128, 192)  # height, width
APART_PX = 26  # between middles: bars of 26 px cross or touch now and then


def draw(number: int) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """One image and its points (2, 2, 2): head and tail of two bars; every fifth frame has one bar only, NaN for the other."""
    rng = np.random.default_rng(number)
    image = np.full(SIZE, 90, np.uint8)
    points = np.full((2, 2, 2), np.nan)
    middles: list[NDArray[np.float64]] = []
    while len(middles) < (1 if number % 5 == 4 else 2):
        middle = rng.uniform([20, 20], [172, 108])
        if all(np.hypot(*(middle - other)) >= APART_PX for other in middles):
            middles.append(middle)
    for animal, middle in enumerate(middles):
        angle = rng.uniform(0, 2 * np.pi)
        reach = 13 * np.array([np.cos(angle), np.sin(angle)])
        points[animal] = np.round([middle + reach, middle - reach])
        head, tail = ((int(x), int(y)) for x, y in points[animal])
        cv2.line(image, head, tail, 220, 5, cv2.LINE_AA)
        cv2.circle(image, head, 5, 10, -1, cv2.LINE_AA)
    return image, points


def labelled(folder: Path, count: int, *, first: int = 0, points: slice = slice(None)) -> LabelledFrames:
    """Frames `first` and following as image files; `points` takes some of the key points only."""
    drawn = [draw(first + number) for number in range(count)]
    references = []
    for number, (image, _) in enumerate(drawn):
        path = folder / f"{first + number:04d}.png"
        cv2.imwrite(str(path), image)
        references.append(ImageRef(path=path, frame=None))
    names = tuple(["head", "tail"][points])
    return LabelledFrames(
        images=tuple(references),
        points=np.array([found[:, points] for _, found in drawn]),
        hidden=np.zeros((count, 2, len(names)), bool),
        tags=(frozenset(),) * count,
        point_names=names,
        skeleton=(),
        group=("bars",) * count,
        order=np.arange(first, first + count),
        size=SIZE,
    )
