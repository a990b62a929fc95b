"""The default network: find the animal in the reduced frame, then one map per key point on a full-resolution crop."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from trainer.networks.blocks import CropPlan, FrameShape, convolution, doubled, peak, stage, to_planes
from trainer.networks.coarse import Finder

STRIDE = 4  # crop pixels per cell of the maps; the decoding is sub-pixel
RADIUS = 2  # cells around the peak that the position is the mean of
TINY = 1e-12  # a point that is surely absent may leave no probability at all: its position is then the peak's cell, not 0 / 0
STEM = 16
WIDTHS = (32, 64, 96)
DEPTHS = (2, 2, 2)


class HeatMaps(NamedTuple):
    """What the stages answer before decoding."""

    coarse: Tensor  # logits (n, 1, rows, columns) of the animal's centre
    points: Tensor  # logits (n, K, h, w)
    absent: Tensor  # logits (n, K) of the point being nowhere in the crop


class CoarseToFine(nn.Module):
    """Coarse-to-fine heat-map network; 0.42 M parameters, 0.17 GMAC for a crop of 176 px.

    Args:
        points: number of key points K.
        frame: what the network takes.
        plan: its crop.
        widths: channels of the fine stage at 1/4, 1/8 and 1/16 of the crop.
        depths: convolutions at each of these.
    """

    def __init__(
        self,
        points: int,
        *,
        frame: FrameShape,
        plan: CropPlan,
        widths: tuple[int, int, int] = WIDTHS,
        depths: tuple[int, int, int] = DEPTHS,
    ) -> None:
        super().__init__()
        self.cell = STRIDE * plan.shrink  # frame pixels per cell of the maps
        self.finder = Finder(frame, plan)
        self.stem = convolution(frame.channels, STEM, kernel=5, stride=2)
        self.quarter = stage(STEM, widths[0], depth=depths[0])
        self.eighth = stage(widths[0], widths[1], depth=depths[1])
        self.sixteenth = stage(widths[1], widths[2], depth=depths[2])
        # skips are added, not concatenated: two Concats cost 45 µs of the 0.9 ms, and accuracy did not move
        self.from_sixteenth = nn.Conv2d(widths[2], widths[1], 1)
        self.join_eighth = convolution(widths[1], widths[1])
        self.from_eighth = nn.Conv2d(widths[1], widths[0], 1)
        self.join_quarter = convolution(widths[0], widths[0])
        self.head = nn.Conv2d(widths[0], points, 1)
        self.absent = nn.Linear(widths[2], points)

    def forward(self, frames: Tensor) -> Tensor:
        """Frames to poses, the whole engine.

        Args:
            frames: uint8 (n, h, w, c).

        Returns:
            float32 (n, 1, K, 3): x, y in frame pixels, confidence 0..1.
        """
        planes = to_planes(frames)
        left, top = self.finder.corners(self.finder(planes))
        points, absent = self.refine(self.finder.crop(planes, left, top))
        return self._decode(points, absent, left, top)

    def maps(self, frames: Tensor, left: Tensor, top: Tensor) -> HeatMaps:
        """The maps for given crops; for training and for pictures of them.

        Args:
            frames: uint8 (n, h, w, c).
            left: int64 (n,), frame pixels.
            top: int64 (n,), frame pixels.
        """
        planes = to_planes(frames)
        points, absent = self.refine(self.finder.crop(planes, left, top))
        return HeatMaps(self.finder(planes).float(), points, absent)

    def refine(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """Crops (n, c, h, w), -0.5..0.5, to float32 logits: maps (n, K, h / 4, w / 4) and "absent" (n, K)."""
        quarter = self.quarter(self.stem(crops.to(self.head.weight.dtype)))
        eighth = self.eighth(quarter)
        sixteenth = self.sixteenth(eighth)
        eighth = self.join_eighth(eighth + doubled(self.from_sixteenth(sixteenth)))
        quarter = self.join_quarter(quarter + doubled(self.from_eighth(eighth)))
        return self.head(quarter).float(), self.absent(sixteenth.mean((2, 3))).float()

    def _decode(self, points: Tensor, absent: Tensor, left: Tensor, top: Tensor) -> Tensor:
        """Mean position of the probability around each peak; its mass is the confidence.

        Soft-argmax (Levine et al. 2016, "spatial soft arg-max"), restricted to a window so that a second peak does not
        pull. Positions are summed as offsets from the peak, which stay small whatever the frame's size.
        """
        probability = with_absent(points, absent)[..., :-1].reshape(points.shape)
        row, column = peak(probability)
        down = (torch.arange(points.shape[2], device=points.device) - row[..., None]).float()  # (n, K, h)
        right = (torch.arange(points.shape[3], device=points.device) - column[..., None]).float()  # (n, K, w)
        near = probability * _near(down)[..., None] * _near(right)[:, :, None]
        mass = near.sum((2, 3))
        weight = mass.clamp(min=TINY)
        x = (near.sum(2) * right).sum(2) / weight + column.float()
        y = (near.sum(3) * down).sum(2) / weight + row.float()
        # the middle of cell i is at (i + 0.5) · cell - 0.5, as pixel centres are whole numbers
        x = (x + 0.5) * self.cell - 0.5 + left[:, None].float()
        y = (y + 0.5) * self.cell - 0.5 + top[:, None].float()
        return torch.stack([x, y, mass], 2)[:, None]


def with_absent(points: Tensor, absent: Tensor) -> Tensor:
    """Probability of every cell and, last, of being absent: (n, K, h · w + 1), sums to 1."""
    return torch.softmax(torch.cat([points.flatten(2), absent[..., None]], 2), 2)


def _near(offset: Tensor) -> Tensor:
    return (offset.abs() < RADIUS + 0.5).float()
