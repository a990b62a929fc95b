"""Networks of timm and torchvision as feature extractors: any picture size, grey or RGB, their normalisation inside."""

import copy
import difflib
import math
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from trainer.errors import TrainingError
from trainer.networks.blocks import bin_means
from trainer.networks.names import TIMM

COARSEST = 32  # pictures are padded to a multiple of this, so that no network's rounding shifts its features
TIMM_NAMES = {
    "resnet18": "resnet18",
    "resnet34": "resnet34",
    "resnet50": "resnet50",
    "mobilenet_v3_large": "mobilenetv3_large_100",
    "mobilenet_v3_small": "mobilenetv3_small_100",
}
IMAGENET_MEAN, IMAGENET_SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # RGB, of 0..1
ALEXNET_GRID = 6


class Backbone(nn.Module):
    """Pictures to features.

    Args:
        name: of the network.
        size: height and width of the pictures.
        vector: one vector a picture instead of maps: the maps' mean, or what AlexNet's last layer but one answers.

    Attributes:
        body: the library's network, with the library's names of layers.
        channels: of the features.
        stride: picture pixels per cell of the features; 0 for vectors.
    """

    def __init__(self, name: str, *, size: tuple[int, int], vector: bool) -> None:
        super().__init__()
        self.name, self.vector = name, vector
        height, width = size
        self._pad = (-width % COARSEST, -height % COARSEST)
        padded = (height + self._pad[1], width + self._pad[0])
        mean, spread = IMAGENET_MEAN, IMAGENET_SPREAD
        if name == "alexnet":
            self.body: nn.Module = AlexNet(padded, vector=vector)
        else:
            self.body, about = _timm_body(name, padded)
            mean, spread = about.mean, about.std
        # pictures come as -0.5..0.5, ImageNet's figures are of 0..1
        self.register_buffer("middle", torch.tensor(mean).reshape(1, 3, 1, 1) - 0.5, persistent=False)
        self.register_buffer("spread", torch.tensor(spread).reshape(1, 3, 1, 1), persistent=False)
        self.channels, self.stride = self._measure(padded)
        self._grid = (math.ceil(padded[0] / self.stride), math.ceil(padded[1] / self.stride)) if self.stride else (0, 0)

    def forward(self, pictures: Tensor) -> Tensor:
        """Features of pictures (n, 1 or 3, h, w), -0.5..0.5: (n, channels, rows, columns), or (n, channels)."""
        grey = pictures.to(self.middle.dtype)
        colours = torch.cat([grey] * 3, 1) if pictures.shape[1] == 1 else grey
        features = self._features(nn.functional.pad((colours - self.middle) / self.spread, (0, self._pad[0], 0, self._pad[1])))
        if self.vector:
            return features if features.ndim == 2 else features.mean((2, 3))
        if features.shape[2:] != self._grid:  # AlexNet's rounding leaves its last row and column away
            features = nn.functional.interpolate(features, size=self._grid, mode="bilinear", align_corners=False)
        return features

    def _features(self, padded: Tensor) -> Tensor:
        found = self.body(padded)
        deepest: Tensor = found if isinstance(found, Tensor) else found[-1]
        return deepest

    def _measure(self, padded: tuple[int, int]) -> tuple[int, int]:
        """Channels and stride, by running the body without memory or arithmetic."""
        body = copy.deepcopy(self.body).to("meta").eval()
        found = body(torch.empty(1, 3, *padded, device="meta"))
        features = found if isinstance(found, Tensor) else found[-1]
        if features.ndim == 4 and features.shape[2] * features.shape[3] * COARSEST**2 < padded[0] * padded[1] // 4:
            raise TrainingError(f"the network '{self.name}' answers {tuple(features.shape)}: expected maps of channels, rows, columns")
        return features.shape[1], (padded[0] // features.shape[2] if features.ndim == 4 else 0)

    middle: Tensor  # (1, 3, 1, 1)
    spread: Tensor  # (1, 3, 1, 1)


class AlexNet(nn.Module):
    """AlexNet (Krizhevsky 2014, "one weird trick") as torchvision defines it, up to its last layer but one.

    Args:
        size: height and width of its pictures.
        vector: the classifier's 4096 numbers; otherwise the maps before the last pooling, whose stride is 16.
    """

    def __init__(self, size: tuple[int, int], *, vector: bool) -> None:
        super().__init__()
        whole = library("alexnet").alexnet(weights=None)
        self.features: nn.Module = whole.features if vector else whole.features[:-1]
        self.classifier: nn.Module | None = whole.classifier[:-1] if vector else None
        rows, columns = copy.deepcopy(self.features).to("meta")(torch.empty(1, 3, *size, device="meta")).shape[2:]
        self.register_buffer("row_means", bin_means(rows, ALEXNET_GRID), persistent=False)
        self.register_buffer("column_means", bin_means(columns, ALEXNET_GRID).T.contiguous(), persistent=False)

    def forward(self, pictures: Tensor) -> Tensor:
        """Standardised pictures (n, 3, h, w) to (n, 4096), or to maps (n, 256, h / 16, w / 16)."""
        maps: Tensor = self.features(pictures)
        if self.classifier is None:
            return maps
        vector: Tensor = self.classifier(torch.flatten(self.row_means @ maps @ self.column_means, 1))
        return vector

    row_means: Tensor  # (6, rows)
    column_means: Tensor  # (columns, 6)


def timm_name(name: str) -> str:
    """What timm calls a network."""
    return TIMM_NAMES.get(name) or name.removeprefix(TIMM)


def library(name: str) -> ModuleType:
    """The libraries, timm and torchvision.

    Raises:
        TrainingError: they are not installed.
    """
    try:
        from trainer.networks import backbone_library
    except ImportError as problem:
        raise TrainingError(f"the network '{name}' needs timm and torchvision: pip install '.[backbones]'") from problem
    return backbone_library


def _timm_body(name: str, size: tuple[int, int]) -> tuple[nn.Module, Any]:
    """A network of timm with its maps as output, and what timm says about it."""
    timm = library(name).timm
    called = timm_name(name)
    about = timm.get_pretrained_cfg(called) if timm.is_model(called) else None
    if about is None:
        near = ", ".join(difflib.get_close_matches(called, timm.list_models(), n=3)) or "none of a like name"
        raise TrainingError(f"timm {timm.__version__} has no model '{called}'; it has {near}")
    fixed = {"img_size": size} if about.fixed_input_size else {}
    try:
        return timm.create_model(called, features_only=True, **fixed), about
    except (RuntimeError, AttributeError, TypeError, NotImplementedError) as problem:
        raise TrainingError(f"timm's model '{called}' gives no feature maps here ({problem}); choose another") from problem
