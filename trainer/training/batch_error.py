"""How many pixels a network is off on the pictures that it has just learnt from: a figure to watch within an epoch."""

import numpy as np
import torch

from trainer.scoring.assignment import in_order_of_labels
from trainer.training.learner import Learner
from trainer.training.losses import Batch

MOST = 8  # pictures; a look at a large batch would hold training up


@torch.no_grad()
def batch_error_px(learner: Learner, batch: Batch) -> float | None:
    """Mean distance of the averaged network's answers to the labels of a batch, as the pictures are augmented.

    Nothing of the training changes by it: no random number is drawn, no statistics are taken.

    Returns:
        Pixels of the network's frame, over all labelled points inside it of the first `MOST` pictures; None without any.
    """
    network, frames, points = learner.averaged, batch.frames[:MOST], batch.points[:MOST].cpu().numpy()
    learning = network.training
    network.eval()
    with torch.autocast(learner.device.type, enabled=False):
        poses = network(frames).float().cpu().numpy()
    network.train(learning)
    height, width = frames.shape[1:3]
    with np.errstate(invalid="ignore"):
        inside = np.asarray(((points >= 0) & (points <= np.array([width - 1, height - 1]))).all(axis=-1))
    labels = np.where(inside[..., None], points, np.nan)  # out of sight is written as a place outside
    distance = np.linalg.norm(in_order_of_labels(poses, labels)[..., :2] - labels, axis=-1)
    return float(distance[inside].mean()) if inside.any() else None
