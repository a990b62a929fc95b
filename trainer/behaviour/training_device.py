"""Where networks of behaviour and forecasts learn. What is trained comes back to the CPU before anything else is done with it."""

from typing import Literal

import torch
from torch import nn

from trainer.errors import TrainingError

Device = Literal["auto", "cpu", "gpu"]


def training_device(asked: Device) -> torch.device:
    """A CUDA GPU where it is asked for; else the CPU, on which most of these networks, being small, learn as fast.

    Raises:
        TrainingError: there is no such GPU.
    """
    if asked != "gpu":
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise TrainingError("--device gpu: torch finds no CUDA GPU on this machine; leave --device out to learn on the CPU")
    return torch.device("cuda")


def device_of(network: nn.Module) -> torch.device:
    """On which a network lies, all of it."""
    return next(network.parameters()).device
