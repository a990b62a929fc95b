"""What every network with heat maps of one animal can do, whichever way it is built."""

from typing import NamedTuple, Protocol, runtime_checkable

from torch import Tensor

from trainer.networks.coarse import Finder


class HeatMaps(NamedTuple):
    """What the stages answer before decoding."""

    coarse: Tensor | None  # logits (n, 1, rows, columns) of the animal's centre; None where the whole frame is seen
    points: Tensor  # logits (n, K, h, w)
    absent: Tensor  # logits (n, K) of the point being nowhere in the crop


@runtime_checkable
class MapNetwork(Protocol):
    """A network that answers by one heat map for each key point.

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
