"""Several animals from one frame: the peaks of a map of their middles, then the fine stage once for each, all in one graph."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from trainer.networks.blocks import MARGIN, USUAL, CropPlan, FrameShape, Layers, plan_crop, to_planes
from trainer.networks.coarse_to_fine import CoarseToFine
from trainer.networks.peaks import highest_peaks

PRESENT = 0.3  # probability of a middle above which an animal counts as there
SAME = 0.1  # of the largest animal: two answers closer than this on average are of one animal, found twice
POINTER = 0.125  # of the crop: how wide the mark is that points to the animal meant
CELLS = 12  # of the coarse map across a crop: two animals whose middles are two cells apart are told apart
RARE = -2.2  # logit that a cell starts with: few are an animal's middle (Lin et al. 2017, "focal loss"); lower, learning begins late


class SeveralMaps(NamedTuple):
    """What the stages answer before decoding, for given middles."""

    coarse: Tensor  # logits (n, 1, rows, columns) of an animal's middle
    points: Tensor  # logits (n · animals, K, h, w)
    absent: Tensor  # logits (n · animals, K) of the point being nowhere in the crop
    left: Tensor  # int64 (n · animals,) of the crop, frame pixels
    top: Tensor  # int64 (n · animals,)


class Several(nn.Module):
    """Top-down network for up to `animals` animals; 0.42 M parameters whatever their number.

    A crop may show parts of other animals, and near the frame's edge its middle is not the animal's. So the fine stage
    sees one plane more than the frame has: a bell at the animal that is meant.

    Args:
        points: number of key points K.
        animals: how many rows the answer has.
        frame: what the network takes.
        plan: its crop, from `plan_several`.
        layers: of the fine stage.
    """

    def __init__(self, points: int, *, animals: int, frame: FrameShape, plan: CropPlan, layers: Layers = USUAL) -> None:
        super().__init__()
        self.animals, self.points = animals, points
        self.fine = CoarseToFine(points, frame=frame, plan=plan, layers=layers, extra=1)
        self.finder = self.fine.finder
        last = self.finder.head[-1]
        if isinstance(last, nn.Conv2d) and last.bias is not None:
            nn.init.constant_(last.bias, RARE)
        self.same_px = SAME * max(plan.width, plan.height) / MARGIN

    def forward(self, frames: Tensor) -> Tensor:
        """Frames to poses, the whole engine.

        Args:
            frames: uint8 (n, h, w, c).

        Returns:
            float32 (n, animals, K, 3): x, y in frame pixels, confidence 0..1; the surest animal first. The rows of animals
            that are not there are all zero.
        """
        planes = to_planes(frames)
        rows, columns, scores = highest_peaks(self.finder(planes), self.animals)
        points, absent, left, top = self._refine(planes, rows, columns)
        poses = self.fine.decode(points, absent, left, top).reshape(-1, self.animals, self.points, 3)
        there = scores.float() > float(np.log(PRESENT / (1 - PRESENT)))
        if self.animals > 1:
            there = there & ~self._found_before(poses, there)
        return torch.where(there[..., None, None], poses, 0.0)

    def maps(self, frames: Tensor, rows: Tensor, columns: Tensor) -> SeveralMaps:
        """The maps for given middles; for training.

        Args:
            frames: uint8 (n, h, w, c).
            rows: int64 (n, animals), cells of the coarse map.
            columns: int64 (n, animals).
        """
        planes = to_planes(frames)
        return SeveralMaps(self.finder(planes).float(), *self._refine(planes, rows, columns))

    def _refine(self, planes: Tensor, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The fine stage on a crop for every cell: maps, absent, left, top, the animals of a frame one after the other."""
        left, top = self.finder.around(rows, columns)
        each = zip(left.unbind(1), top.unbind(1), strict=True)
        crops = torch.stack([self.finder.crop(planes, x, y) for x, y in each], 1).flatten(0, 1)
        cell = self.finder.cell
        at_x = (columns * cell + cell // 2 - left).flatten()
        at_y = (rows * cell + cell // 2 - top).flatten()
        crops = torch.cat([crops, self._pointer(at_x, at_y, crops)], 1)
        points, absent = self.fine.refine(crops)
        return points, absent, left.flatten(), top.flatten()

    def _pointer(self, at_x: Tensor, at_y: Tensor, crops: Tensor) -> Tensor:
        """A bell of height 1 at the animal that is meant, -0.5..0.5 as pixels are: (m, 1, h, w).

        Args:
            at_x: int64 (m,), in the crop, frame pixels.
            at_y: int64 (m,).
            crops: of the wanted size.
        """
        shrink = self.finder.plan.shrink
        bells = []
        for at, side in ((at_y, crops.shape[2]), (at_x, crops.shape[3])):
            # whole numbers below 256 until here: exact in bf16
            off = (torch.arange(side, device=crops.device) - at[:, None] // shrink).to(crops.dtype) / (POINTER * side)
            bells.append(torch.exp(-0.5 * off * off))
        return bells[0][:, None, :, None] * bells[1][:, None, None, :] - 0.5

    def _found_before(self, poses: Tensor, there: Tensor) -> Tensor:
        """Which rows are an animal that a surer row has found already: bool (n, animals).

        Two middles of one animal make two crops, in both of which the fine stage finds the same points.
        """
        sure = poses[:, :, None, :, 2] * poses[:, None, :, :, 2]
        off = poses[:, :, None, :, :2] - poses[:, None, :, :, :2]
        distance = torch.sqrt((off * off).sum(4))
        mean = (distance * sure).sum(3) / sure.sum(3).clamp(min=1e-6)
        surer = torch.ones(self.animals, self.animals, dtype=torch.bool, device=poses.device).tril(-1)
        again = (mean < self.same_px) & (sure.sum(3) > 1e-3) & surer & there[:, None, :]
        return again.float().amax(2) > 0.5


def plan_several(points: NDArray[np.float64], frame: FrameShape) -> CropPlan:
    """The crop of one animal of several, and a coarse map fine enough to keep neighbours apart.

    Args:
        points: (n, animals, K, 2) frame pixels, NaN where missing.
        frame: what the network takes.

    Raises:
        TrainingError: the frames are too small to crop from.
    """
    plan = plan_crop(points.reshape(-1, *points.shape[2:]), frame)
    # the finder halves the pooled frame once more
    return replace(plan, pool=max(1, min(plan.pool, min(plan.width, plan.height) // (2 * CELLS))))
