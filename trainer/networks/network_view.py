"""What of a frame a network sees: a crop about the animal, found first, or the whole frame, reduced where it is large."""

import math

import torch
from torch import Tensor, nn

from trainer.networks.blocks import BEYOND_PX, CropPlan, FrameShape, scaled, to_planes
from trainer.networks.coarse import Finder, cut

LARGEST_WHOLE_PX = 1024  # a frame above this is reduced by a whole factor: a ResNet-18 on 1024×768 is 30 GMAC already


def whole_frame(frame: FrameShape, *, maps: bool = False) -> CropPlan:
    """The crop that is the whole frame; with `maps` a strip around it, so that a peak at the border is a whole one."""
    shrink = math.ceil(max(frame.height, frame.width) / LARGEST_WHOLE_PX)
    beyond = BEYOND_PX * shrink if maps else 0
    return CropPlan(height=frame.height + 2 * beyond, width=frame.width + 2 * beyond, shrink=shrink, pool=1, beyond=beyond)


class NetworkView(nn.Module):
    """Frames to the pictures that a network sees.

    Args:
        frame: what comes in.
        plan: the crop, or `whole_frame`.
        crop: find the animal and cut; otherwise nothing is searched.

    Attributes:
        height: of the pictures.
        width: of the pictures.
    """

    def __init__(self, frame: FrameShape, plan: CropPlan, *, crop: bool) -> None:
        super().__init__()
        self.frame, self.plan = frame, plan
        self.finder = Finder(frame, plan) if crop else None
        self.height, self.width = plan.height // plan.shrink, plan.width // plan.shrink

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Look where the animal is.

        Args:
            frames: uint8 (n, h, w, c).

        Returns:
            Pictures (n, c, height, width), -0.5..0.5; left and top of each in the frame, int64 (n,).
        """
        if self.finder is None:
            left = torch.full((frames.shape[0],), -self.plan.beyond, dtype=torch.int64, device=frames.device)
            return self.cut(frames, left, left), left, left
        planes = to_planes(frames)
        left, top = self.finder.corners(self.finder(planes))
        return self.finder.crop(planes, left, top), left, top

    def cut(self, frames: Tensor, left: Tensor, top: Tensor) -> Tensor:
        """Pictures of given places; the places do not matter where the whole frame is seen."""
        planes = to_planes(frames)
        if self.finder is not None:
            return self.finder.crop(planes, left, top)
        if self.plan.beyond:
            return cut(planes, left, top, self.plan)
        whole = scaled(planes)
        return nn.functional.avg_pool2d(whole, self.plan.shrink) if self.plan.shrink > 1 else whole

    def search(self, frames: Tensor) -> Tensor | None:
        """Logits (n, 1, rows, columns) of where the animal's centre is; None where nothing is searched."""
        return None if self.finder is None else self.finder(to_planes(frames)).float()
