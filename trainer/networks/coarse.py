"""The coarse stage: find the animal in a reduced frame and cut a crop of full-resolution pixels around it."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from trainer.networks.blocks import USUAL, CropPlan, FrameShape, Layers, convolution, first_and_last, peak, scaled

WIDTHS = (16, 32)  # filters at a half and at a quarter of the reduced frame
RADIUS = 2  # cells around the best one that the animal's middle is the mean of
NOWHERE = -1e4  # a logit beyond the frame; no probability is left of it in any precision
STEP_PX = 4  # crops move by whole steps: what a runtime rounds otherwise in the last digit then hardly ever moves one


class Finder(nn.Module):
    """Reduced frame → one map of where the animal's centre is. 0.03 M parameters, about 0.15 ms at 640×480.

    Args:
        frame: what the network takes.
        plan: its crop.
        maps: how many there are: one for each group of key points that has a crop of its own.
        layers: how many filters, of which the coarse stage has its own factor.
    """

    def __init__(self, frame: FrameShape, plan: CropPlan, *, maps: int = 1, layers: Layers = USUAL) -> None:
        super().__init__()
        narrow, wide = (layers.coarse_filters(width) for width in WIDTHS)
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
        small = scaled(means_of_squares(planes, self.plan.pool)).to(self.lateral.weight.dtype)
        shallow = self.shallow(small)
        context = nn.functional.interpolate(self.deep(shallow), size=(self.rows, self.columns), mode="nearest")
        answer: Tensor = self.head(torch.relu(self.lateral(shallow) + context))
        return answer

    def corners(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Left and top of the crop around the middle of the best cells.

        Args:
            logits: (n, 1, rows, columns).

        Returns:
            Two int64 (n,), frame pixels.
        """
        place = best_place(logits, cell=self.cell)
        return corner_around(place.row[:, 0], place.column[:, 0], place.off(0), cell=self.cell, frame=self.frame, plan=self.plan)

    def around(self, row: Tensor, column: Tensor) -> tuple[Tensor, Tensor]:
        """Left and top of the crop around a cell, kept in or close to the frame: two int64 of the shape of `row` and `column`."""
        return corner_around(row, column, cell=self.cell, frame=self.frame, plan=self.plan)

    def crop(self, planes: Tensor, left: Tensor, top: Tensor) -> Tensor:
        """See `cut`."""
        return cut(planes, left, top, self.plan)


class BestPlace(NamedTuple):
    """Where maps are highest: a cell of each, and how far the middle of the cells around it is off its own. All int64 (n, maps)."""

    row: Tensor
    column: Tensor
    right: Tensor  # frame pixels, whole steps
    down: Tensor

    def off(self, number: int) -> tuple[Tensor, Tensor]:
        """How far to the right and down for one of the maps, (n,) each."""
        return self.right[:, number], self.down[:, number]


def best_place(logits: Tensor, *, cell: int) -> BestPlace:
    """The best cell of each map, and the mean of the probability near it: a cell alone is up to half its side off.

    Only the way from the best cell is a fraction, and that is rounded to whole steps, so that in any precision the crops are the same.

    Args:
        logits: (n, maps, rows, columns).
        cell: frame pixels per cell.
    """
    row, column = peak(logits)
    columns = logits.shape[3] + 2 * RADIUS
    flat = nn.functional.pad(logits, (RADIUS,) * 4, value=NOWHERE).flatten(2)
    side = torch.arange(2 * RADIUS + 1, device=logits.device)
    down, right = (one.flatten() for one in torch.meshgrid(side, side, indexing="ij"))  # of each cell in the window
    near = torch.softmax(flat.gather(2, (row * columns + column)[..., None] + (down * columns + right)), 2)
    steps = torch.stack([right - RADIUS, down - RADIUS]).to(near.dtype) * (cell / STEP_PX)
    off = STEP_PX * torch.round((near[:, :, None] * steps).sum(3)).to(torch.int64)
    return BestPlace(row, column, off[..., 0], off[..., 1])


def corner_around(
    row: Tensor,
    column: Tensor,
    off: tuple[Tensor, Tensor] | None = None,
    *,
    cell: int,
    frame: FrameShape,
    plan: CropPlan,
) -> tuple[Tensor, Tensor]:
    """Left and top of a crop, kept in or close to the frame: two int64 of the shape of `row` and `column`.

    Args:
        row: int64, of the cell that it is laid around.
        column: of that cell.
        off: int64, how far its middle is to the right of the cell's and below it, frame pixels; nothing for exactly around the cell.
        cell: frame pixels per cell.
        frame: what the network takes.
        plan: the crop.
    """
    left = column * cell + (cell // 2 - plan.width // 2)
    top = row * cell + (cell // 2 - plan.height // 2)
    if off is not None:
        left, top = left + off[0], top + off[1]
    across = first_and_last(frame.width, plan.width, beyond=plan.beyond)
    down = first_and_last(frame.height, plan.height, beyond=plan.beyond)
    return left.clamp(*across), top.clamp(*down)


def means_of_squares(planes: Tensor, pool: int) -> Tensor:
    """Means of squares of so many pixels, rows first: in OpenVINO less than half the time that pooling one plane takes."""
    count, channels, height, width = planes.shape
    rows, columns = height // pool, width // pool
    if (rows * pool, columns * pool) != (height, width):
        planes = planes[:, :, : rows * pool, : columns * pool]
    return planes.reshape(count, channels, rows, pool, columns * pool).mean(3).reshape(count, channels, rows, columns, pool).mean(4)


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
    if len(planes) == 1:  # a rig's graph: without taking a batch apart and putting it together
        crops = planes.index_select(2, _kept(top + rows, height, plan)).index_select(3, _kept(left + columns, width, plan))
        return _reduced(scaled(crops), plan)
    pictures = [
        one.index_select(1, _kept(y + rows, height, plan)).index_select(2, _kept(x + columns, width, plan))
        for one, x, y in zip(planes.unbind(0), left.unbind(0), top.unbind(0), strict=True)
    ]
    return _reduced(scaled(torch.stack(pictures)), plan)


def _reduced(crops: Tensor, plan: CropPlan) -> Tensor:
    return nn.functional.avg_pool2d(crops, plan.shrink) if plan.shrink > 1 else crops


def _kept(places: Tensor, extent: int, plan: CropPlan) -> Tensor:
    """Rows or columns of the frame; those beyond it become its border."""
    return places.clamp(0, extent - 1) if plan.beyond else places
