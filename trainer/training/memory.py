"""A batch of pictures with key points that the memory does not hold: said in one sentence, with the largest that fits."""

from collections.abc import Callable
from contextlib import nullcontext

import torch
from torch.utils.data import default_collate

from trainer.training.datasets import Draw, TrainingFrames
from trainer.training.fit_settings import FitSettings
from trainer.training.lack_of_memory import batch_refused
from trainer.training.learner import Learner
from trainer.training.losses import Batch


def memory_refused(learn: Callable[[], None], learner: Learner, frames: TrainingFrames, settings: FitSettings, *, reduced: bool) -> None:
    """Learn; a batch that the memory does not hold is the user's to make smaller: which would fit is tried and said.

    Args:
        learn: as was asked.
        learner: that trains; its gradients are lost.
        frames: what it learns from.
        settings: of the training.
        reduced: whether its arithmetic is in bfloat16.

    Raises:
        TooLargeError: in place of what torch, NumPy or OpenCV say.
    """
    device = torch.device("cuda" if settings.accelerator != "cpu" and torch.cuda.is_available() else "cpu")

    def step(size: int) -> None:
        learner.zero_grad(set_to_none=True)
        learner.to(device)
        one = frames[Draw(0, 0, 0)]
        batch = Batch(*(part.to(device) for part in default_collate([tuple(one)] * size)))
        with torch.autocast(device.type, dtype=torch.bfloat16) if reduced else nullcontext():
            loss = learner.loss_of(learner.network, batch)
        loss.backward()  # type: ignore[no-untyped-call]

    batch_refused(learn, step, settings.batch, what="pictures", otherwise="take a smaller --network, or smaller images")
