"""Plain features of images for trees: what is bright where, how even it is, and what has changed since frames before."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.behaviour.boosted_trees import Rows
from trainer.behaviour.trailing_windows import with_windows

DEFINITION = 1  # counted up where the features change, so that trees of others are refused
GRID = 8  # cells across and down that an image is scaled down to
WINDOWS_S = (1 / 3, 1.0, 3.0)  # of what a network remembers that has a memory

Images = NDArray[np.uint8]  # (frames, height, width, channels)


def plain_features(images: Images, *, lags: Sequence[int], fps: float, memory: bool) -> Rows:
    """Of every frame, float32 (frames, features), in grey levels.

    Mean and standard deviation of every cell of the image scaled down to a grid, and of the whole image, for each channel; and of the
    absolute difference to each lagged frame, over all channels. A frame before the first is taken to be like it.

    Args:
        images: of one video, as the network takes them.
        lags: frames back.
        fps: frames per second.
        memory: add means and deviations over the last `WINDOWS_S` of what was found of whole images.
    """
    whole, cells = [], []
    for place, image in enumerate(images):
        seen = image.astype(np.float32)
        shown = [seen, *(np.abs(seen - images[max(place - lag, 0)]).mean(axis=2, keepdims=True) for lag in lags)]
        cells.append(np.concatenate([_cells(each) for each in shown]))
        whole.append(np.concatenate([_whole(each) for each in shown]))
    found = [np.stack(cells), np.stack(whole)]
    if memory:
        found.append(with_windows(found[1], [window * fps for window in WINDOWS_S])[:, found[1].shape[1] :])
    return np.concatenate(found, axis=1)


def _cells(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean and deviation of every cell and channel."""
    size = (min(GRID, image.shape[1]), min(GRID, image.shape[0]))
    mean, square = (cv2.resize(each, size, interpolation=cv2.INTER_AREA).ravel() for each in (image, image * image))
    return np.concatenate([mean, np.sqrt(np.maximum(square - mean * mean, 0))])


def _whole(image: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.concatenate([image.mean(axis=(0, 1)), image.std(axis=(0, 1))])
