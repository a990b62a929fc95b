"""The one import of Lightning: it loads torchvision when it finds it, which must not fail (see torchvision_import)."""

from trainer.networks.torchvision_import import load_torchvision

load_torchvision()

from lightning import pytorch as pl  # noqa: E402

__all__ = ["pl"]
