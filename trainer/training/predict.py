"""Poses of labelled frames by a torch network, and how far they are off."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from trainer.scoring.assignment import in_order_of_labels
from trainer.training.datasets import (
    FrameStore,
    HeldOutFrames,
)

SAMPLES = 200  # frames that an error is measured on at most


@torch.no_grad()
def predict_animals(network: nn.Module, store: FrameStore, indices: NDArray[np.int64]) -> NDArray[np.float32]:
    """Poses (n, animals, K, 3) of some frames in source pixels, by torch in full precision."""
    frames = HeldOutFrames(store)
    poses = [network(frames[int(index)][0][None])[0].numpy() for index in indices]
    return store.to_source(np.stack(poses).astype(np.float32), indices)


def mean_error_px(network: nn.Module, store: FrameStore) -> float:
    """Mean distance from the labels on up to `SAMPLES` frames, source pixels; NaN where there is none."""
    if not len(store):
        return float("nan")
    chosen = np.unique(np.linspace(0, len(store) - 1, min(len(store), SAMPLES)).round().astype(np.int64))
    points = store.frames.points[chosen]
    off = in_order_of_labels(predict_animals(network, store, chosen), points)[..., :2] - points
    return float(np.nanmean(np.linalg.norm(off, axis=3)))
