"""How finely a network's answers are known in float32: what they move by when every weight moves by one place of its last digit."""

import copy
from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn


class Weighted(Protocol):
    """A network."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """Its weights."""
        ...


Network = TypeVar("Network", bound=Weighted)
_LAST_DIGIT = 2.0**-23  # of a float32, relative
_DRAWS = 2
PLACES = 8  # two runtimes that add in another order lay within 2 of these in all networks that were tried


def float_resolution(network: Network, answers: Callable[[Network], NDArray[Any]]) -> float:
    """Largest difference of any answer between the network and the same with each weight a last digit up or down, at random.

    A network whose scores are amplified (a small temperature, large weights, a long memory) has a coarse one. A graph that is another
    network does not.

    Args:
        network: in evaluation mode; left as it was.
        answers: runs a network over the frames.
    """
    usual, largest = answers(network), 0.0
    for draw in range(_DRAWS):
        moved = answers(_moved(network, draw))
        difference = np.abs(moved.astype(np.float64) - usual)
        largest = max(largest, float(np.where(np.isfinite(difference), difference, 0).max()))
    return largest


@torch.no_grad()
def _moved(network: Network, draw: int) -> Network:
    moved = copy.deepcopy(network)
    generator = torch.Generator().manual_seed(draw)
    for parameter in moved.parameters():
        up_or_down = 2 * torch.randint(0, 2, parameter.shape, generator=generator) - 1
        parameter.mul_(1 + _LAST_DIGIT * up_or_down)
    return moved
