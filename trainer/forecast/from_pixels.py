"""The convolutional LSTM that forecasts from pixels. A step takes a slice of consecutive frames as the channels of one image."""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from trainer.forecast.forecaster import Forecaster, States
from trainer.forecast.settings import Kind, Pooling

FILTERS: dict[Kind, tuple[int, ...]] = {"convlstm-small": (16,), "convlstm-medium": (16, 32), "convlstm-large": (32, 64)}
DENSE: dict[Kind, tuple[int, ...]] = {"convlstm-large": (16, 8)}
_QUIETEST = 1e-5  # of motion, before the logarithm


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelPlan:
    """What the network is built from.

    Attributes:
        filters: of each recurrent layer; images are pooled 2x2 between two of them.
        dense: of the layers between pooling and answer.
        slice_frames: frames of a slice.
        size: (height, width) that it sees.
        pooling: see `ForecastSettings`.
        motion_beside: see `ForecastSettings`.
        dropout: of what is pooled, in training.
    """

    filters: tuple[int, ...]
    dense: tuple[int, ...]
    slice_frames: int
    size: tuple[int, int]
    pooling: Pooling
    motion_beside: bool
    dropout: float


class ConvLSTMCell(nn.Module):
    """One convolutional LSTM layer, 3x3, without a bias; gates are hard sigmoids clip(x / 5 + 1 / 2), the rest is tanh.

    Shi et al., Convolutional LSTM Network (2015), without peepholes, as Keras has it.
    """

    def __init__(self, channels: int, filters: int) -> None:
        super().__init__()
        self.filters = filters
        self.gates = nn.Conv2d(channels + filters, 4 * filters, 3, padding=1, bias=False)
        nn.init.xavier_uniform_(self.gates.weight)

    def forward(self, image: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
        """(n, channels, h, w) and states (n, filters, h, w) in, states out."""
        gates, new = self.gates(torch.cat([image, hidden], dim=1)).split([3 * self.filters, self.filters], dim=1)
        enter, forget, leave = torch.clamp(gates * 0.2 + 0.5, 0, 1).chunk(3, dim=1)
        after = forget * cell + enter * torch.tanh(new)
        return leave * torch.tanh(after), after


class PixelForecaster(Forecaster):
    """Recurrent layers, normalisation without scale and shift, pooling, and one answer. Steps are (n, steps, frames, h, w) in 0..1."""

    def __init__(self, plan: PixelPlan) -> None:
        super().__init__()
        self.plan = plan
        channels = (plan.slice_frames, *plan.filters[:-1])
        self.layers = nn.ModuleList(ConvLSTMCell(before, filters) for before, filters in zip(channels, plan.filters, strict=True))
        self.norms = nn.ModuleList(nn.BatchNorm2d(filters, affine=False) for filters in plan.filters)
        height, width = self.sizes[-1]
        pooled = plan.filters[-1] * (1 if plan.pooling == "max" else height * width)
        widths = (pooled + plan.motion_beside, *plan.dense, 1)
        self.dense = nn.ModuleList(nn.Linear(before, after) for before, after in pairwise(widths))
        self.dropout = nn.Dropout(plan.dropout)
        if plan.motion_beside and not plan.dense:
            answer = nn.Linear(pooled + 1, 1)
            with torch.no_grad():  # it begins as the trivial forecast: the quieter, the likelier
                answer.weight.mul_(0.1)
                answer.weight[0, -1] = -1.0
            self.dense[0] = answer

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """(height, width) of each layer."""
        return [(self.plan.size[0] >> place, self.plan.size[1] >> place) for place in range(len(self.plan.filters))]

    @property
    def state_shapes(self) -> dict[str, tuple[int, ...]]:
        """Hidden state and cell of each layer; one such set for every phase of the slices."""
        shapes: dict[str, tuple[int, ...]] = {}
        for place, (filters, size) in enumerate(zip(self.plan.filters, self.sizes, strict=True), 1):
            shapes[f"hidden{place}"] = shapes[f"cell{place}"] = (filters, *size)
        return shapes

    def chunk(self, steps: Tensor, states: States) -> tuple[Tensor, list[Tensor]]:
        """See `Forecaster`."""
        count, length = steps.shape[:2]
        images, after = steps, []
        for place, (layer, norm) in enumerate(zip(self.layers, self.norms, strict=True)):
            hidden, cell = states[2 * place], states[2 * place + 1]
            found = []
            for step in range(length):
                hidden, cell = layer(images[:, step], hidden, cell)
                found.append(hidden)
            after += [hidden, cell]
            whole = torch.cat(found) if length > 1 else found[0]  # (steps x n, filters, h, w)
            if place < len(self.layers) - 1:
                whole = norm(nn.functional.max_pool2d(whole, 2))
                images = whole.reshape(length, count, *whole.shape[1:]).transpose(0, 1)
            else:
                whole = norm(whole)
        pooled = whole.amax(dim=(2, 3)) if self.plan.pooling == "max" else whole.flatten(1)
        pooled = self.dropout(pooled)
        if self.plan.motion_beside:
            pooled = torch.cat([pooled, _newest_motion(steps).transpose(0, 1).reshape(length * count, 1)], dim=1)
        for place, dense in enumerate(self.dense):
            pooled = dense(pooled) if place == len(self.dense) - 1 else torch.relu(dense(pooled))
        return pooled.reshape(length, count).transpose(0, 1), after


def _newest_motion(steps: Tensor) -> Tensor:
    """Logarithm of the mean absolute difference of the last two frames of each slice: (n, steps), about 0 where 1 % of the light moves."""
    difference = (steps[:, :, -1] - steps[:, :, -2]).abs().mean(dim=(2, 3))
    return torch.log(difference + _QUIETEST) + 6.0
