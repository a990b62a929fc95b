"""What every forecasting network has in common: states that it carries, one answer a step, and its calibration."""

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

States = Sequence[Tensor]


class Forecaster(nn.Module):
    """A network with one answer a step.

    Attributes:
        scale, offset: of the logits, fitted on the validation part so that probabilities are calibrated.
    """

    scale: Tensor
    offset: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("offset", torch.zeros(()))

    @property
    @abstractmethod
    def state_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of every state by its name, without the first axis of sequences; all begin as zeros."""

    @abstractmethod
    def chunk(self, steps: Tensor, states: States) -> tuple[Tensor, list[Tensor]]:
        """Go through some steps.

        Args:
            steps: (n, steps, ...), see the network.
            states: as carried from the steps before.

        Returns:
            Logits (n, steps), not calibrated, and the states to carry on.
        """

    def zero_states(self, count: int = 1) -> list[Tensor]:
        """The states of so many sequences before their first step, where the network lies."""
        return [torch.zeros(count, *shape, device=self.scale.device) for shape in self.state_shapes.values()]

    def probability(self, logits: Tensor) -> Tensor:
        """Calibrated, 0..1."""
        return torch.sigmoid(self.scale * logits + self.offset)
