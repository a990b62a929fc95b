"""The one import of timm and torchvision's models; both are an optional extra (see also torchvision_import)."""

from trainer.networks.torchvision_import import load_torchvision

load_torchvision()

import timm  # noqa: E402
from torchvision.models import AlexNet_Weights, alexnet  # type: ignore[import-untyped]  # noqa: E402

__all__ = ["AlexNet_Weights", "alexnet", "timm"]
