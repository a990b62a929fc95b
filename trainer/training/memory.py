"""A batch that the memory does not hold: said in one sentence, with the largest that fits, found by trying."""

import gc
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch.utils.data import default_collate

from trainer.errors import TooLargeError
from trainer.training.datasets import Draw, TrainingFrames
from trainer.training.fit_settings import FitSettings
from trainer.training.learner import Learner
from trainer.training.losses import Batch

# what torch and its CPU libraries say in a plain RuntimeError; oneDNN says of any lack that a primitive could not be created
_WORDS = (
    "can't allocate memory",
    "not enough memory",
    "out of memory",
    "could not create a memory",
    "could not create a primitive",
    "bad_alloc",
    "insufficient memory",
)


@contextmanager
def memory_refused(learner: Learner, frames: TrainingFrames, settings: FitSettings, *, reduced: bool) -> Iterator[None]:
    """A batch that the memory does not hold is the user's to make smaller: which would fit is tried and said.

    Args:
        learner: that trains.
        frames: what it learns from.
        settings: of the training.
        reduced: whether its arithmetic is in bfloat16.

    Raises:
        TooLargeError: in place of what torch, NumPy or OpenCV say.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as problem:
        if not is_out_of_memory(problem):
            raise
        traceback.clear_frames(problem.__traceback__)  # they hold the tensors of the step that failed
    else:
        return
    device = torch.device("cuda" if settings.accelerator != "cpu" and torch.cuda.is_available() else "cpu")
    fits = largest_batch(learner, frames, below=settings.batch, device=device, reduced=reduced)
    remedy = f"{fits} fit: give --batch {fits}" if fits else "not even one fits: take a smaller --network, or smaller images"
    where = "the GPU's memory" if device.type == "cuda" else "the memory"
    raise TooLargeError(f"{where} does not hold a batch of {settings.batch} pictures; {remedy}")


def is_out_of_memory(problem: BaseException) -> bool:
    """Whether an error of torch, NumPy or OpenCV says that there was no memory left."""
    if isinstance(problem, torch.OutOfMemoryError | MemoryError):
        return True
    return any(word in str(problem).lower() for word in _WORDS)


def largest_batch(learner: Learner, frames: TrainingFrames, *, below: int, device: torch.device, reduced: bool) -> int:
    """The largest of `below` / 2, / 4, / 8 … whose step the memory holds; 0 where it does not hold a single picture.

    Args:
        learner: whose training ended; its gradients are lost.
        frames: what it learnt from.
        below: the batch that did not fit.
        device: where it was trained.
        reduced: whether arithmetic was in bfloat16.
    """
    size = below // 2
    while size and not _fits(learner, frames, size, device=device, reduced=reduced):
        size //= 2
    return size


def _fits(learner: Learner, frames: TrainingFrames, size: int, *, device: torch.device, reduced: bool) -> bool:
    learner.zero_grad(set_to_none=True)
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    try:
        learner.to(device)
        one = frames[Draw(0, 0, 0)]
        batch = Batch(*(part.to(device) for part in default_collate([tuple(one)] * size)))
        with torch.autocast(device.type, dtype=torch.bfloat16) if reduced else nullcontext():
            loss = learner.loss_of(learner.network, batch)
        loss.backward()  # type: ignore[no-untyped-call]
    except (RuntimeError, MemoryError) as problem:
        if not is_out_of_memory(problem):
            raise
        return False
    return True
