"""What a camera sees without the animal, made from labelled frames: each pixel's median over frames in which no animal covers it."""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from tracker.frame import Image
from trainer.labels.labelled_frames import LabelledFrames

MOST_FRAMES = 15  # of a video: their pixels are in memory at once
FEWEST_FRAMES = 3  # in which a pixel must be free
MARGIN = 0.5  # of an animal's extent, on each side: tail and legs reach beyond the labelled points
LEAST_MARGIN_PX = 10.0
MOST_VIDEOS = 3  # the most labelled ones


def empty_scenes(frames: LabelledFrames) -> Iterator[tuple[str, Image]]:
    """The most labelled videos by name, each with its scene without the animal; nothing of a video that does not show all of it.

    Raises:
        LabelError: an image cannot be read.
    """
    labelled = (~np.isnan(frames.points[..., 0]) | frames.hidden).any(axis=(1, 2))
    group = np.array(frames.group)
    for name, _ in Counter(group[labelled].tolist()).most_common(MOST_VIDEOS):
        scene = _scene(frames, np.flatnonzero(labelled & (group == name)))
        if scene is not None:
            yield name, scene


def _scene(frames: LabelledFrames, indices: NDArray[np.int64]) -> Image | None:
    chosen = indices[np.unique(np.linspace(0, len(indices) - 1, min(len(indices), MOST_FRAMES)).round().astype(int))].tolist()
    images = [frames.read(index) for index in chosen]
    if len({image.shape for image in images}) > 1:
        return None
    stack = np.stack(images).astype(np.float32)
    for image, index in zip(stack, chosen, strict=True):
        for left, top, right, bottom in _covered(frames.points[index]):
            image[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = np.nan
    free = np.isfinite(stack).sum(axis=0)
    return np.nanmedian(stack, axis=0).astype(np.uint8) if free.min() >= FEWEST_FRAMES else None


def _covered(points: NDArray[np.float64]) -> Sequence[tuple[int, int, int, int]]:
    """Left, top, right and bottom of the rectangle that each animal may cover; points (A, K, 2)."""
    found = []
    for animal in points:
        seen = animal[~np.isnan(animal).any(axis=1)]
        if len(seen):
            low, high = seen.min(axis=0), seen.max(axis=0)
            margin = max(MARGIN * float((high - low).max()), LEAST_MARGIN_PX)
            (left, top), (right, bottom) = (low - margin).astype(int).tolist(), (high + margin).astype(int).tolist()
            found.append((left, top, right + 1, bottom + 1))
    return found
