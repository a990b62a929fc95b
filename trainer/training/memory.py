"""A batch of pictures with key points, learnt from or held out, that the memory does not hold: one sentence, with the largest that fits."""

from collections.abc import Callable
from contextlib import nullcontext

import torch
from torch.utils.data import default_collate

from trainer.training.datasets import Draw, FrameStore, TrainingFrames, held_out_loader
from trainer.training.fit_settings import FitSettings
from trainer.training.lack_of_memory import batch_refused, held_out_refused
from trainer.training.learner import Learner
from trainer.training.losses import Batch

SMALLER = "take a smaller --network, or smaller images"
Frames = tuple[TrainingFrames, FrameStore]  # to learn from, and held out


def memory_refused(learn: Callable[[], None], learner: Learner, frames: Frames, settings: FitSettings, *, reduced: bool) -> None:
    """Learn; a batch that the memory does not hold is the user's to make smaller: which would fit is tried and said.

    Args:
        learn: as was asked.
        learner: that trains; its gradients are lost.
        frames: what it learns from, and what it is validated on.
        settings: of the training.
        reduced: whether its arithmetic is in bfloat16.

    Raises:
        TooLargeError: in place of what torch, NumPy or OpenCV say.
    """
    learnt, held_out = frames
    device = torch.device("cuda" if settings.accelerator != "cpu" and torch.cuda.is_available() else "cpu")

    def step(size: int) -> None:
        learner.zero_grad(set_to_none=True)
        learner.to(device)
        one = learnt[Draw(0, 0, 0)]
        batch = Batch(*(part.to(device) for part in default_collate([tuple(one)] * size)))
        with torch.autocast(device.type, dtype=torch.bfloat16) if reduced else nullcontext():
            loss = learner.loss_of(learner.network, batch)
        loss.backward()  # type: ignore[no-untyped-call]

    @torch.no_grad()
    def answer(size: int) -> None:
        learner.to(device).eval()
        pictures, _, _ = next(iter(held_out_loader(held_out, batch=size)))
        learner.averaged(pictures.to(device))

    def learn_and_validate() -> None:
        together = min(settings.held_out_batch, len(held_out))
        held_out_refused(learn, answer, together, otherwise=SMALLER, answering=lambda: learner.answers_held_out)

    batch_refused(learn_and_validate, step, settings.batch, what="pictures", otherwise=SMALLER)
