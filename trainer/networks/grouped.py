"""Groups of key points that no one crop can hold: each found and refined in a crop of its own, all in one graph."""

import torch
from torch import Tensor, nn

from trainer.networks.blocks import USUAL, FrameShape, Layers, PointGroup, to_planes
from trainer.networks.coarse import Finder, best_place, corner_around, cut
from trainer.networks.coarse_to_fine import STRIDE, CoarseToFine
from trainer.networks.decode import Maps, decode
from trainer.networks.map_network import SeenCrop


class Grouped(nn.Module):
    """The coarse-to-fine network with a crop for every group; the coarse stage has one map for each, the fine stage is shared.

    All crops have one size after reduction and pass the fine stage as one batch, so that its normalisation meets in
    training what it meets at the rig. Time grows with the number of groups.

    Args:
        points: number of key points K.
        frame: what the network takes.
        groups: at least two, which share out the key points.
        layers: of the fine stage.
    """

    def __init__(self, points: int, *, frame: FrameShape, groups: tuple[PointGroup, ...], layers: Layers = USUAL) -> None:
        super().__init__()
        self.groups, self.frame = groups, frame
        self.fine = CoarseToFine(points, frame=frame, plan=groups[0].crop, layers=layers)
        self.fine.finder = Finder(frame, groups[0].crop, maps=len(groups), layers=layers)
        place = {point: (number, group) for number, group in enumerate(groups) for point in group.points}
        by_group = [point for group in groups for point in group.points]
        self._in_order = by_group == list(range(points))
        self.register_buffer("group_of", torch.tensor([place[point][0] for point in range(points)]), persistent=False)
        self.register_buffer("cells", torch.tensor([float(STRIDE * place[p][1].crop.shrink) for p in range(points)]), persistent=False)
        self.register_buffer("places", torch.tensor([by_group.index(point) for point in range(points)]), persistent=False)
        for number, group in enumerate(groups):
            self.register_buffer(f"points_{number}", torch.tensor(group.points), persistent=False)

    def forward(self, frames: Tensor) -> Tensor:
        """Frames to poses, the whole engine.

        Args:
            frames: uint8 (n, h, w, c).

        Returns:
            float32 (n, 1, K, 3): x, y in frame pixels, confidence 0..1.
        """
        planes = to_planes(frames)
        left, top = self.corners(self.search(planes))
        maps = self.refine(planes, left, top)
        return decode(
            maps.points, maps.absent, (left.index_select(1, self.group_of), top.index_select(1, self.group_of)), cell=self.cells.float()
        )

    def search(self, planes: Tensor) -> Tensor:
        """Logits (n, groups, rows, columns) of each group's middle, in planes float32 (n, c, h, w), 0..255."""
        logits: Tensor = self.fine.finder(planes)
        return logits

    def corners(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Left and top of every group's crop around the middle of its best cells: two int64 (n, groups), frame pixels."""
        cell = self.fine.finder.cell
        place = best_place(logits, cell=cell)
        each = [
            corner_around(place.row[:, number], place.column[:, number], place.off(number), cell=cell, frame=self.frame, plan=group.crop)
            for number, group in enumerate(self.groups)
        ]
        return torch.stack([left for left, _ in each], 1), torch.stack([top for _, top in each], 1)

    def refine(self, planes: Tensor, left: Tensor, top: Tensor) -> Maps:
        """Maps of all key points, each in the crop of its group.

        Args:
            planes: float32 (n, c, h, w), 0..255.
            left: int64 (n, groups), frame pixels.
            top: int64 (n, groups), frame pixels.
        """
        count = planes.shape[0]
        crops = [cut(planes, left[:, number], top[:, number], group.crop) for number, group in enumerate(self.groups)]
        points, absent = self.fine.refine(torch.cat(crops))
        own = [self.get_buffer(f"points_{number}") for number in range(len(self.groups))]
        maps = torch.cat([part.index_select(1, which) for part, which in zip(torch.split(points, count), own, strict=True)], 1)
        nowhere = torch.cat([part.index_select(1, which) for part, which in zip(torch.split(absent, count), own, strict=True)], 1)
        if self._in_order:
            return Maps(maps, nowhere)
        return Maps(maps.index_select(1, self.places), nowhere.index_select(1, self.places))

    def seen(self, frame: Tensor) -> SeenCrop:
        """See `ShowsMaps`."""
        planes, first = to_planes(frame), self.groups[0]
        left, top = self.corners(self.search(planes))
        return SeenCrop(int(left[0, 0]), int(top[0, 0]), first.crop, self.refine(planes, left, top).points[0, list(first.points)])

    group_of: Tensor  # int64 (K,)
    cells: Tensor  # (K,), frame pixels per cell of each point's map
    places: Tensor  # int64 (K,), where each point stands among the points in the order of groups
