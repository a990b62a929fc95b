"""The coarse stage: find the animal in a reduced frame and cut a crop of full-resolution pixels around it."""

import torch
from torch import Tensor, nn

from trainer.networks.blocks import CropPlan, FrameShape, convolution, peak, scaled

WIDTHS = (16, 32)


class Finder(nn.Module):
    """Reduced frame → one map of where the animal's centre is. 0.03 M parameters, about 0.15 ms at 640×480.

    Args:
        frame: what the network takes.
        plan: its crop.
        widths: channels at a half and at a quarter of the reduced frame.
    """

    def __init__(self, frame: FrameShape, plan: CropPlan, *, widths: tuple[int, int] = WIDTHS) -> None:
        super().__init__()
        narrow, wide = widths
        self.frame, self.plan, self.cell = frame, plan, 2 * plan.pool
        self.shallow = nn.Sequential(convolution(frame.channels, narrow, stride=2), convolution(narrow, narrow))
        self.deep = nn.Sequential(convolution(narrow, wide, stride=2), convolution(wide, wide), convolution(wide, wide))
        self.lateral = nn.Conv2d(narrow, wide, 1)
        self.head = nn.Sequential(convolution(wide, narrow), nn.Conv2d(narrow, 1, 1))
        # pooling drops what is left over at the right and lower edge (less than one cell), then each stage rounds up
        self.rows, self.columns = (-(-(side // plan.pool) // 2) for side in (frame.height, frame.width))

    def forward(self, planes: Tensor) -> Tensor:
        """Score every cell of 2 · pool frame pixels.

        Args:
            planes: float32 (n, c, h, w), 0..255.

        Returns:
            Logits (n, 1, rows, columns).
        """
        small = scaled(nn.functional.avg_pool2d(planes, self.plan.pool)).to(self.lateral.weight.dtype)
        shallow = self.shallow(small)
        context = nn.functional.interpolate(self.deep(shallow), size=(self.rows, self.columns), mode="nearest")
        answer: Tensor = self.head(torch.relu(self.lateral(shallow) + context))
        return answer

    def corners(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Left and top of the crop around the best cell, kept inside the frame.

        Args:
            logits: (n, 1, rows, columns).

        Returns:
            Two int64 (n,), frame pixels.
        """
        row, column = peak(logits)
        return self.around(row[:, 0], column[:, 0])

    def around(self, row: Tensor, column: Tensor) -> tuple[Tensor, Tensor]:
        """Left and top of the crop around a cell, kept inside the frame: two int64 of the shape of `row` and `column`."""
        left = column * self.cell + (self.cell // 2 - self.plan.width // 2)
        top = row * self.cell + (self.cell // 2 - self.plan.height // 2)
        return left.clamp(0, self.frame.width - self.plan.width), top.clamp(0, self.frame.height - self.plan.height)

    def crop(self, planes: Tensor, left: Tensor, top: Tensor) -> Tensor:
        """Cut whole pixels, by two Gathers a frame: nothing is interpolated, so every runtime cuts the same.

        Args:
            planes: float32 (n, c, h, w), 0..255.
            left: int64 (n,).
            top: int64 (n,).

        Returns:
            float32 (n, c, plan.height / shrink, plan.width / shrink), -0.5..0.5.
        """
        rows = torch.arange(self.plan.height, device=planes.device)
        columns = torch.arange(self.plan.width, device=planes.device)
        cut = [
            one.index_select(1, y + rows).index_select(2, x + columns)
            for one, x, y in zip(planes.unbind(0), left.unbind(0), top.unbind(0), strict=True)
        ]
        crops = scaled(torch.stack(cut))
        return nn.functional.avg_pool2d(crops, self.plan.shrink) if self.plan.shrink > 1 else crops
