"""The `xy` head: the same search and crop as the heat-map network, then x, y and confidence straight from a linear layer."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from trainer.networks.blocks import GRID, USUAL, CropPlan, FrameShape, Layers, convolution, stage, to_planes
from trainer.networks.coarse import Finder

STEM = 16
WIDTHS = (32, 64, 96)
DEPTHS = (1, 2, 2)
SQUEEZED = 32  # channels that are laid flat; position is kept, so the linear layer knows where things are
HIDDEN = 256


class Regression(NamedTuple):
    """What the stages answer before mapping to the frame."""

    coarse: Tensor | None  # logits (n, 1, rows, columns) of the animal's centre; None where it is not searched for
    points: Tensor  # (n, K, 2): x, y from the crop's middle, in crop widths and heights
    present: Tensor  # logits (n, K) of the point being inside the crop


class Coordinates(nn.Module):
    """Coarse-to-fine direct regression. The output has no ReLU: it may be negative and cannot die.

    Args:
        points: number of key points K.
        frame: what the network takes.
        plan: its crop.
        layers: how many convolutions the fine stage has at 1/4, 1/8 and 1/16 of the crop, and how many filters.
    """

    def __init__(self, points: int, *, frame: FrameShape, plan: CropPlan, layers: Layers = USUAL) -> None:
        super().__init__()
        self.points = points
        self.finder = Finder(frame, plan, layers=layers)
        stem, widths = layers.filters(STEM), [layers.filters(width) for width in WIDTHS]
        depths = [layers.depth or depth for depth in DEPTHS]
        self.trunk = nn.Sequential(
            convolution(frame.channels, stem, kernel=5, stride=2),
            stage(stem, widths[0], depth=depths[0]),
            stage(widths[0], widths[1], depth=depths[1]),
            stage(widths[1], widths[2], depth=depths[2]),
            convolution(widths[2], SQUEEZED, kernel=1),
        )
        grid = GRID * plan.shrink
        features = SQUEEZED * (plan.height // grid) * (plan.width // grid)
        self.dropout = nn.Dropout(layers.dropout)
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(features, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 3 * points))

    def forward(self, frames: Tensor) -> Tensor:
        """Frames uint8 (n, h, w, c) to poses float32 (n, 1, K, 3): x, y in frame pixels, confidence 0..1."""
        planes = to_planes(frames)
        left, top = self.finder.corners(self.finder(planes))
        answer = self._refine(self.finder.crop(planes, left, top))
        plan = self.finder.plan
        x = (answer[..., 0] + 0.5) * plan.width - 0.5 + left[:, None].float()
        y = (answer[..., 1] + 0.5) * plan.height - 0.5 + top[:, None].float()
        return torch.stack([x, y, torch.sigmoid(answer[..., 2])], 2)[:, None]

    def regress(self, frames: Tensor, left: Tensor, top: Tensor) -> Regression:
        """The raw answer for given crops, for training; arguments as `CoarseToFine.maps`."""
        planes = to_planes(frames)
        answer = self._refine(self.finder.crop(planes, left, top))
        return Regression(self.finder(planes).float(), answer[..., :2], answer[..., 2])

    def _refine(self, crops: Tensor) -> Tensor:
        answer: Tensor = self.head(self.dropout(self.trunk(crops.to(self.finder.lateral.weight.dtype))))
        return answer.float().reshape(-1, self.points, 3)
