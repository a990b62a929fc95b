"""A batch of pictures with key points, learnt from or held out, that the memory does not hold: one sentence, with the largest that fits."""

from collections.abc import Callable
from contextlib import nullcontext
from math import prod
from pathlib import Path

import torch
from torch.utils.data import default_collate

from trainer.errors import TooLargeError
from trainer.networks.layer_table import table_of
from trainer.training.datasets import Draw, FrameStore, TrainingFrames, held_out_loader
from trainer.training.fit_settings import FitSettings
from trainer.training.lack_of_memory import batch_refused, held_out_refused
from trainer.training.learner import Learner
from trainer.training.losses import Batch
from trainer.training.processes import processes_here

SMALLER = "take a smaller --network, or smaller images"
BYTES = 2  # of a number that a layer keeps for learning: the least, in bfloat16
Frames = tuple[TrainingFrames, FrameStore]  # to learn from, and held out


def memory_refused(learn: Callable[[], None], learner: Learner, frames: Frames, settings: FitSettings, *, reduced: bool) -> None:
    """Learn; a batch that the memory does not hold is the user's to make smaller: which would fit is tried and said.

    Of several processes each tries its share of a batch, and says what fits for all of them.

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
    device, processes = _device(settings), processes_here().count

    def step(size: int) -> None:
        learner.zero_grad(set_to_none=True)
        learner.to(device)
        one = learnt[Draw(0, 0, 0)]
        batch = Batch(*(part.to(device) for part in default_collate([tuple(one)] * -(-size // processes))))
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


def refuse_hopeless(learner: Learner, settings: FitSettings, *, meminfo: Path = Path("/proc/meminfo")) -> None:
    """Refuse a batch that cannot fit: Linux promises more memory than there is, and ends a process that uses it without a word.

    Args:
        learner: that is to train; what its layers that learn answer is kept until a step ends.
        settings: of the training; one on a GPU is not refused.
        meminfo: the kernel's file; where there is none, nothing is refused.

    Raises:
        TooLargeError: with the most that could fit.
    """
    lines = meminfo.read_text(encoding="ascii", errors="replace").splitlines() if meminfo.exists() else []
    free = next((1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")), None)
    if free is None or _device(settings).type != "cpu":
        return
    layers = table_of(learner.network, learner.plan).layers
    each = BYTES * sum(prod(shape) for layer in layers if layer.trainable for shape in layer.outputs)
    processes = processes_here()
    here = -(-settings.batch * processes.per_node // processes.count)  # pictures learnt from on this machine
    if here * each <= free:
        return
    most = free // each * processes.count // processes.per_node
    remedy = f"at most {most} can fit: give a smaller --batch" if most else f"not even one fits: {SMALLER}"
    raise TooLargeError(
        f"the memory does not hold a batch of {settings.batch} pictures: it takes more than {here * each / 1e9:.1f} GB, and "
        f"{free / 1e9:.1f} GB are free; {remedy}"
    )


def _device(settings: FitSettings) -> torch.device:
    return torch.device("cuda" if settings.accelerator != "cpu" and torch.cuda.is_available() else "cpu")
