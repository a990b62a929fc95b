"""One step of a forecaster as it is exported: a picture of the camera and the states in, a probability and the states out."""

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from trainer.forecast.forecaster import Forecaster, States
from trainer.forecast.from_motion import MotionForecaster
from trainer.forecast.from_pixels import PixelForecaster
from trainer.forecast.shrink import shrink

Shape = tuple[int, int, int]  # (height, width, channels)


class StepGraph(nn.Module):
    """What both kinds share.

    Attributes:
        network: that it is a step of.
        shape: of the pictures as they come.
        frame_states: shapes, with the first axis of 1, of the states that every frame uses.
        phase_states: of those of which there is a set for every phase: frame n uses the set of n modulo `phases`.
        phases: how many sets.
    """

    def __init__(self, network: Forecaster, shape: Shape, *, frame_states: dict[str, tuple[int, ...]], phases: int) -> None:
        super().__init__()
        self.network, self.shape, self.phases = network, shape, phases
        of_network = {name: (1, *each) for name, each in network.state_shapes.items()}
        self.frame_states = frame_states | (of_network if phases == 1 else {})
        self.phase_states = of_network if phases > 1 else {}

    @property
    def states(self) -> dict[str, tuple[int, ...]]:
        """All of them, those of every frame first."""
        return self.frame_states | self.phase_states

    @abstractmethod
    def logit(self, image: Tensor, states: States) -> tuple[Tensor, list[Tensor]]:
        """Logit (1, 1) and the states after it, from a uint8 picture (1, height, width, channels) and the states before."""

    def forward(self, image: Tensor, seconds: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        """Take a frame; the seconds since the one before are not looked at, since a horizon of frames has no other clock."""
        logit, after = self.logit(image, states)
        return self.network.probability(logit + torch.zeros_like(logit) * seconds), *after


class PixelStep(StepGraph):
    """Of a network from pixels: it remembers the frames of its slice, and carries a set of states for each phase of the slices."""

    def __init__(self, network: PixelForecaster, shape: Shape) -> None:
        slice_frames = network.plan.slice_frames
        before: dict[str, tuple[int, ...]] = {"frames": (1, slice_frames - 1, *network.plan.size)} if slice_frames > 1 else {}
        super().__init__(network, shape, frame_states=before, phases=slice_frames)
        self.size = network.plan.size

    def logit(self, image: Tensor, states: States) -> tuple[Tensor, list[Tensor]]:
        """See `StepGraph`."""
        newest = shrink(image, self.size)
        if self.phases == 1:
            return self.network.chunk(newest[:, None], states)
        newest = torch.cat([states[0], newest], dim=1)
        logit, after = self.network.chunk(newest[:, None], states[1:])
        return logit, [newest[:, 1:], *after]


class MotionStep(StepGraph):
    """Of a network from motion: it remembers the picture before, and measures motion as the rig does, of every pixel."""

    def __init__(self, network: MotionForecaster, shape: Shape) -> None:
        super().__init__(network, shape, frame_states={"before": (1, *shape), "seen": (1, 1)}, phases=1)

    def logit(self, image: Tensor, states: States) -> tuple[Tensor, list[Tensor]]:
        """See `StepGraph`."""
        before, seen = states[:2]
        now = image.to(torch.float32)
        motion = (now - before).abs().mean(dim=(2, 3)).mean(dim=1, keepdim=True) / 255 * seen  # none before the first picture
        logit, after = self.network.chunk(motion[:, None], states[2:])
        return logit, [now, torch.ones_like(seen), *after]


def step_of(network: Forecaster, shape: Sequence[int]) -> StepGraph:
    """The step of either kind; `shape` is that of a picture, (height, width) or with channels."""
    whole = (shape[0], shape[1], shape[2] if len(shape) == 3 else 1)
    if isinstance(network, PixelForecaster):
        return PixelStep(network, whole)
    if isinstance(network, MotionForecaster):
        return MotionStep(network, whole)
    raise TypeError(type(network).__name__)
