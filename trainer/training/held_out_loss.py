"""The loss on held-out frames, as it is minimised on the others: the two together show when more training only memorises."""

import numpy as np
import torch

from trainer.networks.build import NetworkPlan
from trainer.training.augment import UNCHANGED
from trainer.training.datasets import Draw, FrameStore, TrainingFrames
from trainer.training.learner import Learner
from trainer.training.lightning_library import pl
from trainer.training.losses import Batch

MOST = 64  # frames; a look at all of many would cost as much as the training itself
BATCH = 8


class HeldOutLoss(pl.Callback):
    """Tells the learner, after every epoch, the loss of its averaged network on the same pictures: the held-out frames, unchanged.

    The crops are off the animal's middle by as much as those of training, by the same chance in each epoch.

    Args:
        store: the held-out frames, of which at most `MOST` are taken, spread over them.
        plan: the network's.
        seed: of the crops.
        batch: at most so many are answered at a time.
    """

    def __init__(self, store: FrameStore, *, plan: NetworkPlan, seed: int, batch: int) -> None:
        frames = TrainingFrames(store, crop=plan.crop, settings=UNCHANGED, seed=seed, groups=plan.groups)
        labelled = np.flatnonzero(~np.isnan(store.frames.points).all(axis=(1, 2, 3)) | store.frames.hidden.any(axis=(1, 2)))
        chosen = labelled[np.unique(np.linspace(0, len(labelled) - 1, min(len(labelled), MOST)).round().astype(np.int64))]
        self._batch = min(batch, BATCH)
        self._frames, self._draws = frames, [Draw(frame, 0, place) for place, frame in enumerate(chosen.tolist())]

    @torch.no_grad()
    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Measure it; runs before the learner ends its epoch."""
        if not isinstance(pl_module, Learner) or not self._draws:
            return
        network, device = pl_module.averaged, pl_module.device
        learning = network.training
        network.eval()
        pl_module.answers_held_out = True
        total = 0.0
        with torch.autocast(device.type, enabled=False):
            for first in range(0, len(self._draws), self._batch):
                pictures = [self._frames[draw] for draw in self._draws[first : first + self._batch]]
                batch = Batch(*(torch.stack(part).to(device) for part in zip(*pictures, strict=True)))
                total += float(pl_module.loss_of(network, batch)) * len(pictures)
        pl_module.answers_held_out = False
        network.train(learning)
        pl_module.held_out_loss = total / len(self._draws)
