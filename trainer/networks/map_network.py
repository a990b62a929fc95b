"""What networks with heat maps of one animal can do, whichever way they are built."""

from typing import NamedTuple, Protocol, runtime_checkable

from torch import Tensor

from trainer.networks.blocks import CropPlan
from trainer.networks.coarse import Finder


class HeatMaps(NamedTuple):
    """What the stages answer before decoding."""

    coarse: Tensor | None  # logits (n, 1, rows, columns) of the animal's centre; None where the whole frame is seen
    points: Tensor  # logits (n, K, h, w)
    absent: Tensor  # logits (n, K) of the point being nowhere in the crop


class SeenCrop(NamedTuple):
    """One crop that a network took itself, and its maps of the key points there."""

    left: int  # frame pixels
    top: int
    plan: CropPlan
    points: Tensor  # logits (key points, h, w)


@runtime_checkable
class ShowsMaps(Protocol):
    """A network whose heat maps can be drawn."""

    def seen(self, frame: Tensor) -> SeenCrop:
        """What it sees of one frame uint8 (1, h, w, c); of several crops the first."""


@runtime_checkable
class MapNetwork(ShowsMaps, Protocol):
    """A network that answers by one heat map for each key point, all in one crop.

    Attributes:
        cell: frame pixels per cell of the maps.
        sigma: of the Gaussian that the maps are trained with, cells.
        radius: of the decoder's window, cells.
    """

    cell: int

    @property
    def sigma(self) -> float:
        """See the class."""

    @property
    def radius(self) -> int:
        """See the class."""

    def searcher(self) -> Finder | None:
        """The stage that finds the animal; None where the whole frame is seen."""

    def corners(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Left and top of what the network sees of frames uint8 (n, h, w, c): int64 (n,) each, frame pixels."""

    def maps(self, frames: Tensor, left: Tensor, top: Tensor) -> HeatMaps:
        """The maps for given crops; for training and for pictures of them.

        Args:
            frames: uint8 (n, h, w, c).
            left: int64 (n,), frame pixels.
            top: int64 (n,), frame pixels.
        """
