"""Where networks learn. What behaviour and forecasts learn there comes back to the CPU before anything else is done with it."""

from typing import Literal

import torch
from torch import nn

from trainer.errors import TrainingError

Device = Literal["auto", "cpu", "gpu"]


def training_device(asked: Device) -> torch.device:
    """A CUDA GPU where it is asked for; else the CPU, on which most networks of behaviour and forecasts, being small, learn as fast.

    Raises:
        TrainingError: there is no such GPU, or it takes no work.
    """
    if asked != "gpu":
        return torch.device("cpu")
    if not torch.cuda.is_available():
        without = f" (torch {torch.__version__} is built without CUDA)" if torch.version.cuda is None else ""
        raise TrainingError(f"--device gpu: torch finds no CUDA GPU on this machine{without}; leave --device out to learn on the CPU")
    try:
        torch.zeros(1, device="cuda")
    except (RuntimeError, AssertionError) as problem:  # all of its memory taken, or kept for one process that another has
        said = str(problem).splitlines()[0]
        raise TrainingError(
            f"--device gpu: the GPU takes no work ({said}); free it, or leave --device out to learn on the CPU"
        ) from problem
    return torch.device("cuda")


def device_of(network: nn.Module) -> torch.device:
    """On which a network lies, all of it."""
    return next(network.parameters()).device
