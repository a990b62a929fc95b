"""The `votes` head: coordinates by regression, as the `xy` head, but every place of the crop says where the points are.

A linear layer over the whole crop has to learn anew for each place what an animal looks like. Here one small network is applied at
every place: it answers how far off each point is, if it is near, and how much that answer counts. What is answered is the
weighted mean about the place that counts most (integral regression, Sun et al. 2018, with an offset for each place). There is no heat
map to imitate: the votes are learnt as a mixture density, by their distances to the label.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from trainer.networks.blocks import USUAL, CropPlan, FrameShape, Layers, convolution, doubled, peak, stage, to_planes
from trainer.networks.coarse import Finder

STEM = 16
WIDTHS = (32, 64, 96)
DEPTHS = (1, 2, 2)
CELL = 8  # seen pixels between places
REACH_CELLS = 2.0  # how far off a vote can be; with any reach all places vote fairly well, and none comes to count


class Ballot(NamedTuple):
    """What every place of a crop answers."""

    x: Tensor  # (n, K, places), from the crop's middle, in crop widths
    y: Tensor  # (n, K, places), from the crop's middle, in crop heights
    weights: Tensor  # logits (n, K, places)
    present: Tensor  # logits (n, K) of the point being inside the crop

    @property
    def mean(self) -> Tensor:
        """What all votes come to: (n, K, 2), x and y as the votes'; for training."""
        shares = torch.softmax(self.weights, 2)
        return torch.stack([(shares * self.x).sum(2), (shares * self.y).sum(2)], 2)


class Votes(nn.Module):
    """Coarse-to-fine direct regression by weighted votes.

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
        self.eighth = nn.Sequential(
            convolution(frame.channels, stem, kernel=5, stride=2),
            stage(stem, widths[0], depth=depths[0]),
            stage(widths[0], widths[1], depth=depths[1]),
        )
        self.sixteenth = stage(widths[1], widths[2], depth=depths[2])
        self.from_sixteenth = nn.Conv2d(widths[2], widths[1], 1)
        self.join = convolution(widths[1], widths[1])
        self.dropout = nn.Dropout2d(layers.dropout)
        self.vote = nn.Conv2d(widths[1], 3 * points, 1)
        self.present = nn.Linear(widths[2], points)
        rows, columns = (side // (CELL * plan.shrink) for side in (plan.height, plan.width))
        self.register_buffer("across", _middles(columns).expand(rows, columns).reshape(-1).clone(), persistent=False)
        self.register_buffer("down", _middles(rows)[:, None].expand(rows, columns).reshape(-1).clone(), persistent=False)

    def forward(self, frames: Tensor) -> Tensor:
        """Frames uint8 (n, h, w, c) to poses float32 (n, 1, K, 3): x, y in frame pixels, confidence 0..1."""
        planes = to_planes(frames)
        left, top = self.finder.corners(self.finder(planes))
        ballot, plan = self._refine(planes, left, top), self.finder.plan
        found = strongest(ballot, rows=plan.height // (CELL * plan.shrink))
        x = (found[..., 0] + 0.5) * plan.width - 0.5 + left[:, None].float()
        y = (found[..., 1] + 0.5) * plan.height - 0.5 + top[:, None].float()
        return torch.stack([x, y, torch.sigmoid(ballot.present)], 2)[:, None]

    def coarse_and_ballot(self, frames: Tensor, left: Tensor, top: Tensor) -> tuple[Tensor, Ballot]:
        """For training: logits (n, 1, rows, columns) of the centre, and what given crops answer; arguments as `CoarseToFine.maps`."""
        planes = to_planes(frames)
        return self.finder(planes).float(), self._refine(planes, left, top)

    def _refine(self, planes: Tensor, left: Tensor, top: Tensor) -> Ballot:
        eighth = self.eighth(self.finder.crop(planes, left, top).to(self.vote.weight.dtype))
        sixteenth = self.sixteenth(eighth)
        joined = self.dropout(self.join(eighth + doubled(self.from_sixteenth(sixteenth))))
        votes = self.vote(joined).float().reshape(-1, 3, self.points, self.across.shape[0])
        present = self.present(sixteenth.mean((2, 3))).float()
        columns, rows = (side // (CELL * self.finder.plan.shrink) for side in (self.finder.plan.width, self.finder.plan.height))
        x, y = (REACH_CELLS / cells * torch.tanh(votes[:, axis]) for axis, cells in ((1, columns), (2, rows)))
        return Ballot(x + self.across, y + self.down, votes[:, 0], present)

    across: Tensor  # (places,) of the crop's width, from its middle
    down: Tensor  # (places,)


def strongest(ballot: Ballot, *, rows: int) -> Tensor:
    """What the places about the one that counts most come to: (n, K, 2), as `Ballot.mean`, which two far places would share."""
    shares = torch.softmax(ballot.weights, 2).reshape(*ballot.weights.shape[:2], rows, -1)
    row, column = peak(shares)
    down = (torch.arange(shares.shape[2], device=shares.device) - row[..., None]).float().abs()
    right = (torch.arange(shares.shape[3], device=shares.device) - column[..., None]).float().abs()
    near = shares * (down < REACH_CELLS + 0.5).float()[..., None] * (right < REACH_CELLS + 0.5).float()[:, :, None]
    flat = near.flatten(2)
    total = flat.sum(2)
    return torch.stack([(flat * ballot.x).sum(2) / total, (flat * ballot.y).sum(2) / total], 2)


def _middles(cells: int) -> Tensor:
    """Middles of cells, from the middle of all, in units of all."""
    return (torch.arange(cells) + 0.5) / cells - 0.5
