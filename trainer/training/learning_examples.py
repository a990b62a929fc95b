"""What a network answers for the same few frames again and again while it learns: much changes first, little later."""

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.training.datasets import FrameStore, HeldOutFrames
from trainer.training.history import ExampleAnswers
from trainer.training.learner import Learner
from trainer.training.lightning_library import pl

EXAMPLES = 3


def example_places(count: int) -> NDArray[np.int64]:
    """Which frames of a set are shown: a few, spread over it, not its ends."""
    return np.unique(np.linspace(0, count - 1, min(count, EXAMPLES) + 2)[1:-1].round().astype(np.int64)) if count else np.zeros(0, np.int64)


class KeepExamples(pl.Callback):
    """Adds the averaged network's answers to the history after epochs 0, 1, 2, 4, 8 and so on.

    Args:
        store: the frames, of which a few are taken.
    """

    def __init__(self, store: FrameStore) -> None:
        frames = HeldOutFrames(store)
        self._frames = [frames[int(place)][0] for place in example_places(len(store))]

    @torch.no_grad()
    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Answer, if it is one of these epochs."""
        epoch = trainer.current_epoch
        if not isinstance(pl_module, Learner) or not self._frames or epoch & (epoch - 1):
            return
        learning = pl_module.averaged.training
        pl_module.averaged.eval()
        with torch.autocast(pl_module.device.type, enabled=False):
            poses = [pl_module.averaged(frame[None].to(pl_module.device))[0] for frame in self._frames]
        pl_module.averaged.train(learning)
        pl_module.history.examples.append(ExampleAnswers(epoch=epoch, poses=torch.stack(poses).cpu().tolist()))
