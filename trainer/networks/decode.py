"""Heat maps → positions and confidences: part of every graph that answers by maps, and of its training."""

from typing import NamedTuple

import torch
from torch import Tensor

from trainer.networks.blocks import peak

RADIUS = 2  # cells around the peak that the position is the mean of
TINY = 1e-12  # a point that is surely absent may leave no probability at all: its position is then the peak's cell, not 0 / 0


class Maps(NamedTuple):
    """One map per key point, and the answer that it is nowhere on it."""

    points: Tensor  # logits (n, K, h, w)
    absent: Tensor  # logits (n, K)


def decode(points: Tensor, absent: Tensor, corner: tuple[Tensor, Tensor], *, cell: int | Tensor, radius: int = RADIUS) -> Tensor:
    """Mean position of the probability around each peak; its mass is the confidence.

    Soft-argmax (Levine et al. 2016, "spatial soft arg-max"), restricted to a window so that a second peak does not
    pull. Positions are summed as offsets from the peak, which stay small whatever the frame's size.

    Args:
        points: logits (n, K, h, w).
        absent: logits (n, K) of being nowhere on the map.
        corner: left and top of the maps, int64 (n,) each, or (n, K) where each point has its own, frame pixels.
        cell: frame pixels per cell, or (K,) where points differ.
        radius: of the window, cells.

    Returns:
        (n, 1, K, 3): x, y in frame pixels, confidence 0..1.
    """
    left, top = (one if one.ndim == 2 else one[:, None] for one in corner)
    probability = with_absent(points, absent)[..., :-1].reshape(points.shape)
    row, column = peak(probability)
    down = (torch.arange(points.shape[2], device=points.device) - row[..., None]).float()  # (n, K, h)
    right = (torch.arange(points.shape[3], device=points.device) - column[..., None]).float()  # (n, K, w)
    near = probability * _near(down, radius)[..., None] * _near(right, radius)[:, :, None]
    mass = near.sum((2, 3))
    weight = mass.clamp(min=TINY)
    x = (near.sum(2) * right).sum(2) / weight + column.float()
    y = (near.sum(3) * down).sum(2) / weight + row.float()
    # the middle of cell i is at (i + 0.5) · cell - 0.5, as pixel centres are whole numbers
    x = (x + 0.5) * cell - 0.5 + left.float()
    y = (y + 0.5) * cell - 0.5 + top.float()
    return torch.stack([x, y, mass], 2)[:, None]


def with_absent(points: Tensor, absent: Tensor) -> Tensor:
    """Probability of every cell and, last, of being absent: (n, K, h · w + 1), sums to 1."""
    return torch.softmax(torch.cat([points.flatten(2), absent[..., None]], 2), 2)


def _near(offset: Tensor, radius: int) -> Tensor:
    return (offset.abs() < radius + 0.5).float()
