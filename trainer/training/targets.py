"""Labels → what the networks are compared with. Vectorised: no loop over frames, points or pixels."""

from typing import NamedTuple

import torch
from torch import Tensor


class Cells(NamedTuple):
    """Where points are on a grid of cells."""

    x: Tensor  # (n, K), in cells, 0 in the middle of the first; NaN where missing
    y: Tensor  # (n, K)
    labelled: Tensor  # bool (n, K): somebody said where it is
    inside: Tensor  # bool (n, K): labelled, and on the grid


def to_cells(points: Tensor, *, left: Tensor, top: Tensor, cell: int | Tensor, grid: tuple[int, int]) -> Cells:
    """Frame pixels to cells of a crop.

    Args:
        points: (n, K, 2) frame pixels, NaN where missing.
        left: (n,) of the crop, or (n, K) where each point has its own; frame pixels.
        top: as `left`.
        cell: frame pixels per cell, or (K,) where points differ.
        grid: rows and columns.
    """
    left, top = (one if one.ndim == 2 else one[:, None] for one in (left, top))
    # the middle of cell i is at (i + 0.5) · cell - 0.5, as pixel centres are whole numbers
    x = (points[..., 0] - left + 0.5) / cell - 0.5
    y = (points[..., 1] - top + 0.5) / cell - 0.5
    labelled = ~(torch.isnan(x) | torch.isnan(y))
    inside = labelled & (x > -0.5) & (x < grid[1] - 0.5) & (y > -0.5) & (y < grid[0] - 0.5)
    return Cells(x, y, labelled, inside)


def gaussian(cells: Cells, *, grid: tuple[int, int], sigma: float) -> Tensor:
    """A true density for every point: a Gaussian peaked at the sub-pixel label, summing to 1.

    Args:
        cells: of n · K points.
        grid: rows and columns of the map.
        sigma: in cells.

    Returns:
        float32 (n, K, rows, columns); all zero where the point is not on the grid.
    """
    down = _bell(cells.y, grid[0], sigma)
    right = _bell(cells.x, grid[1], sigma)
    density = down[..., :, None] * right[..., None, :]
    return torch.where(cells.inside[..., None, None], density, 0.0)


def disk(cells: Cells, *, grid: tuple[int, int], radius: float) -> Tensor:
    """An even density within `radius` cells of every label, summing to 1: the other target.

    Args:
        cells: of n · K points.
        grid: rows and columns of the map.
        radius: in cells, at least 1, so that some cell's middle is within it.

    Returns:
        float32 (n, K, rows, columns); all zero where the point is not on the grid.
    """
    down = torch.arange(grid[0], device=cells.y.device) - cells.y[..., None]
    right = torch.arange(grid[1], device=cells.x.device) - cells.x[..., None]
    within = (down.square()[..., :, None] + right.square()[..., None, :] <= radius**2).float()
    even = within / within.sum((2, 3), keepdim=True).clamp_min(1)
    return torch.where(cells.inside[..., None, None], even, 0.0)


def centre(points: Tensor, *, width: int, height: int) -> Tensor:
    """Middle of the box around an animal's points that are inside the frame: (n, 1, 2), NaN where none is.

    Args:
        points: (n, K, 2) frame pixels, NaN where missing.
        width: of the frame.
        height: of the frame.
    """
    limits = torch.tensor([width - 0.5, height - 0.5], device=points.device)
    seen = ((points >= -0.5) & (points < limits)).all(2, keepdim=True)
    low = torch.where(seen, points, torch.inf).amin(1, keepdim=True)
    high = torch.where(seen, points, -torch.inf).amax(1, keepdim=True)
    return (low + high) / 2  # inf - inf is NaN: nothing seen


def _bell(at: Tensor, cells: int, sigma: float) -> Tensor:
    """Samples of a Gaussian along one axis, normalised: (n, K) → (n, K, cells)."""
    steps = torch.arange(cells, device=at.device) - at[..., None]
    bell = torch.exp(-0.5 * (steps / sigma) ** 2)
    return bell / bell.sum(-1, keepdim=True).clamp_min(1e-9)
