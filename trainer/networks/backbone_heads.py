"""Heads on a library's network: heat maps by transposed convolutions, heat maps by one linear layer, coordinates."""

import itertools
import math

import torch
from torch import Tensor, nn

from trainer.networks.backbone import Backbone
from trainer.networks.blocks import CropPlan, FrameShape
from trainer.networks.coarse import Finder
from trainer.networks.coordinates import Regression
from trainer.networks.decode import RADIUS, Maps, decode
from trainer.networks.map_network import HeatMaps, SeenCrop
from trainer.networks.network_view import NetworkView

MAP_STRIDE = 4  # picture pixels per cell of the heat maps, as in our own network
WIDEST = 256  # channels of the first transposed convolution at most, as in Xiao et al. 2018
LATENT = 50  # 50 × 50 = 2500 nodes a key point
DENSE_SIGMA = 4.0  # cells are pixels there: the same width on the picture as a heat map's 1 cell of 4 px


class Upsampled(nn.Module):
    """Transposed convolutions from the deepest features to maps of a quarter of the picture.

    Xiao et al. 2018, "Simple baselines for human pose estimation"; narrower from step to step, so that the last costs no
    more than the first.

    Args:
        backbone: whose features come.
        points: number of key points K.
        size: height and width of the pictures.
    """

    sigma, radius, cell = 1.0, RADIUS, MAP_STRIDE

    def __init__(self, backbone: Backbone, *, points: int, size: tuple[int, int]) -> None:
        super().__init__()
        self._rows, self._columns = (-(-side // MAP_STRIDE) for side in size)
        steps = max(0, round(math.log2(backbone.stride / MAP_STRIDE)))
        first = min(WIDEST, -(-backbone.channels // 4))
        widths = [backbone.channels, *(max(16, first >> step) for step in range(steps))]
        self.layers = nn.Sequential(*(_doubling(a, b) for a, b in itertools.pairwise(widths)))
        self.points = nn.Conv2d(widths[-1], points, 1)
        self.absent = nn.Linear(backbone.channels, points)

    def forward(self, features: Tensor) -> Maps:
        """Features (n, channels, rows, columns) to float32 logits."""
        maps = self.points(self.layers(features)).float()
        # nothing can be found in what the backbone padded
        return Maps(maps[:, :, : self._rows, : self._columns], self.absent(features.mean((2, 3))).float())


class Dense(nn.Module):
    """A linear layer to 2500 nodes for every key point, then one transposed convolution to a map of the picture's size.

    Args:
        backbone: whose vectors come.
        points: number of key points K.
        size: height and width of the pictures, at least 50.
    """

    sigma, radius, cell = DENSE_SIGMA, 2 * int(DENSE_SIGMA), 1

    def __init__(self, backbone: Backbone, *, points: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.latent = nn.Linear(backbone.channels, points * LATENT**2)
        stride = (size[0] // LATENT, size[1] // LATENT)
        kernel = (size[0] - (LATENT - 1) * stride[0], size[1] - (LATENT - 1) * stride[1])
        self.spread = nn.ConvTranspose2d(points, points, kernel, stride, groups=points)
        self.absent = nn.Linear(backbone.channels, points)

    def forward(self, features: Tensor) -> Maps:
        """Vectors (n, channels) to float32 logits."""
        latent = self.latent(features).reshape(features.shape[0], -1, LATENT, LATENT)
        return Maps(self.spread(latent).float(), self.absent(features).float())


class BackboneMaps(nn.Module):
    """A library's network that answers by heat maps.

    Args:
        name: of the network.
        points: number of key points K.
        frame: what comes in.
        plan: the crop, or the whole frame.
        crop: whether it is searched for.
        dense: the head of one linear layer and one transposed convolution.
    """

    def __init__(self, name: str, points: int, *, frame: FrameShape, plan: CropPlan, crop: bool, dense: bool) -> None:
        super().__init__()
        self.view = NetworkView(frame, plan, crop=crop)
        size = (self.view.height, self.view.width)
        self.backbone = Backbone(name, size=size, vector=dense)
        self.head = (Dense if dense else Upsampled)(self.backbone, points=points, size=size)
        self.cell = self.head.cell * plan.shrink  # frame pixels

    def forward(self, frames: Tensor) -> Tensor:
        """Frames uint8 (n, h, w, c) to poses float32 (n, 1, K, 3): x, y in frame pixels, confidence 0..1."""
        pictures, left, top = self.view(frames)
        maps = self.head(self.backbone(pictures))
        return decode(maps.points, maps.absent, (left, top), cell=self.cell, radius=self.head.radius)

    @property
    def sigma(self) -> float:
        """See `MapNetwork`."""
        return self.head.sigma

    @property
    def radius(self) -> int:
        """See `MapNetwork`."""
        return self.head.radius

    def searcher(self) -> Finder | None:
        """See `MapNetwork`."""
        return self.view.finder

    def corners(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Left and top of what the network sees, int64 (n,) each, frame pixels."""
        _, left, top = self.view(frames)
        return left, top

    def maps(self, frames: Tensor, left: Tensor, top: Tensor) -> HeatMaps:
        """See `MapNetwork.maps`."""
        answer: Maps = self.head(self.backbone(self.view.cut(frames, left, top)))
        return HeatMaps(self.view.search(frames), answer.points, answer.absent)

    def seen(self, frame: Tensor) -> SeenCrop:
        """See `ShowsMaps`."""
        left, top = self.corners(frame)
        return SeenCrop(int(left[0]), int(top[0]), self.view.plan, self.maps(frame, left, top).points[0])


class BackboneCoordinates(nn.Module):
    """A library's network whose last layer answers x, y and presence of every key point; no ReLU on the output.

    Args:
        name: of the network.
        points: number of key points K.
        frame: what comes in.
        plan: the crop, or the whole frame.
        crop: whether it is searched for.
    """

    def __init__(self, name: str, points: int, *, frame: FrameShape, plan: CropPlan, crop: bool) -> None:
        super().__init__()
        self.points, self.plan = points, plan
        self.view = NetworkView(frame, plan, crop=crop)
        self.backbone = Backbone(name, size=(self.view.height, self.view.width), vector=True)
        self.head = nn.Linear(self.backbone.channels, 3 * points)

    def forward(self, frames: Tensor) -> Tensor:
        """Frames uint8 (n, h, w, c) to poses float32 (n, 1, K, 3): x, y in frame pixels, confidence 0..1."""
        pictures, left, top = self.view(frames)
        answer = self._answer(pictures)
        x = (answer[..., 0] + 0.5) * self.plan.width - 0.5 + left[:, None].float()
        y = (answer[..., 1] + 0.5) * self.plan.height - 0.5 + top[:, None].float()
        return torch.stack([x, y, torch.sigmoid(answer[..., 2])], 2)[:, None]

    def regress(self, frames: Tensor, left: Tensor, top: Tensor) -> Regression:
        """The raw answer for given crops, for training; arguments as `Coordinates.regress`."""
        answer = self._answer(self.view.cut(frames, left, top))
        return Regression(self.view.search(frames), answer[..., :2], answer[..., 2])

    def _answer(self, pictures: Tensor) -> Tensor:
        answer: Tensor = self.head(self.backbone(pictures))
        return answer.float().reshape(-1, self.points, 3)


def _doubling(inputs: int, outputs: int) -> nn.Sequential:
    """(n, inputs, h, w) to (n, outputs, 2h, 2w)."""
    return nn.Sequential(nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())
