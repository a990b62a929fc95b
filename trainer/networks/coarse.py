"""The coarse stage: find the animal in a reduced frame and cut a crop of full-resolution pixels around it."""

import torch
from torch import Tensor, nn

from trainer.networks.blocks import CropPlan, FrameShape, convolution, first_and_last, peak, scaled

WIDTHS = (16, 32)


class Finder(nn.Module):
    """Reduced frame → one map of where the animal's centre is. 0.03 M parameters, about 0.15 ms at 640×480.

    Args:
        frame: what the network takes.
        plan: its crop.
        maps: how many there are: one for each group of key points that has a crop of its own.
        widths: channels at a half and at a quarter of the reduced frame.
    """

    def __init__(self, frame: FrameShape, plan: CropPlan, *, maps: int = 1, widths: tuple[int, int] = WIDTHS) -> None:
        super().__init__()
        narrow, wide = widths
        self.frame, self.plan, self.cell = frame, plan, 2 * plan.pool
        self.shallow = nn.Sequential(convolution(frame.channels, narrow, stride=2), convolution(narrow, narrow))
        self.deep = nn.Sequential(convolution(narrow, wide, stride=2), convolution(wide, wide), convolution(wide, wide))
        self.lateral = nn.Conv2d(narrow, wide, 1)
        self.head = nn.Sequential(convolution(wide, narrow), nn.Conv2d(narrow, maps, 1))
        # pooling drops what is left over at the right and lower edge (less than one cell), then each stage rounds up
        self.rows, self.columns = (-(-(side // plan.pool) // 2) for side in (frame.height, frame.width))

    def forward(self, planes: Tensor) -> Tensor:
        """Score every cell of 2 · pool frame pixels.

        Args:
            planes: float32 (n, c, h, w), 0..255.

        Returns:
            Logits (n, maps, rows, columns).
        """
        small = scaled(nn.functional.avg_pool2d(planes, self.plan.pool)).to(self.lateral.weight.dtype)
        shallow = self.shallow(small)
        context = nn.functional.interpolate(self.deep(shallow), size=(self.rows, self.columns), mode="nearest")
        answer: Tensor = self.head(torch.relu(self.lateral(shallow) + context))
        return answer

    def corners(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Left and top of the crop around the best cell.

        Args:
            logits: (n, 1, rows, columns).

        Returns:
            Two int64 (n,), frame pixels.
        """
        row, column = peak(logits)
        return self.around(row[:, 0], column[:, 0])

    def around(self, row: Tensor, column: Tensor) -> tuple[Tensor, Tensor]:
        """Left and top of the crop around a cell, kept in or close to the frame: two int64 of the shape of `row` and `column`."""
        return corner_around(row, column, cell=self.cell, frame=self.frame, plan=self.plan)

    def crop(self, planes: Tensor, left: Tensor, top: Tensor) -> Tensor:
        """See `cut`."""
        return cut(planes, left, top, self.plan)


def corner_around(row: Tensor, column: Tensor, *, cell: int, frame: FrameShape, plan: CropPlan) -> tuple[Tensor, Tensor]:
    """Left and top of a crop around a cell, kept in or close to the frame: two int64 of the shape of `row` and `column`."""
    left = column * cell + (cell // 2 - plan.width // 2)
    top = row * cell + (cell // 2 - plan.height // 2)
    across = first_and_last(frame.width, plan.width, beyond=plan.beyond)
    down = first_and_last(frame.height, plan.height, beyond=plan.beyond)
    return left.clamp(*across), top.clamp(*down)


def cut(planes: Tensor, left: Tensor, top: Tensor, plan: CropPlan) -> Tensor:
    """Cut whole pixels, by two Gathers a frame: nothing is interpolated, so every runtime cuts the same.

    What a crop shows beyond the frame are the frame's border pixels, repeated.

    Args:
        planes: float32 (n, c, h, w), 0..255.
        left: int64 (n,), frame pixels.
        top: int64 (n,), frame pixels.
        plan: the crop.

    Returns:
        float32 (n, c, plan.height / shrink, plan.width / shrink), -0.5..0.5.
    """
    height, width = planes.shape[2:]
    rows = torch.arange(plan.height, device=planes.device)
    columns = torch.arange(plan.width, device=planes.device)
    pictures = [
        one.index_select(1, _kept(y + rows, height, plan)).index_select(2, _kept(x + columns, width, plan))
        for one, x, y in zip(planes.unbind(0), left.unbind(0), top.unbind(0), strict=True)
    ]
    crops = scaled(torch.stack(pictures))
    return nn.functional.avg_pool2d(crops, plan.shrink) if plan.shrink > 1 else crops


def _kept(places: Tensor, extent: int, plan: CropPlan) -> Tensor:
    """Rows or columns of the frame; those beyond it become its border."""
    return places.clamp(0, extent - 1) if plan.beyond else places
