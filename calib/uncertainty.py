"""How far a lens may be off, everywhere in its image: predicted from the Jacobian, and measured between two solutions.

A turn of the whole camera is not an error of a lens: whatever uses the lens afterwards (a plane, a rig) measures that turn anew. So the
turn that fits best where corners were seen is taken out of every difference, in prediction and measurement alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from calib.board_views import all_pixels
from calib.intrinsics import Solution
from calib.lens import Lens, directions, pixels_of, project

Array = NDArray[np.float64]
GRID = (41, 31)  # columns, rows of the map; a lens is smooth
_ASIDE = np.deg2rad(80)  # from the axis; a plane seen from farther aside has no useful scale, and x/z and y/z end at 90
_CORNERS = 1500  # of those seen, for the turn that fits best


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A length in px at every place of a grid over the image.

    Attributes:
        x, y: float64 (columns,) and (rows,), where, in px.
        px: float64 (rows, columns); inf where the lens's polynomial turns back, NaN where a fisheye lens sees too far aside to be used.
    """

    x: Array
    y: Array
    px: Array

    def percentile(self, share: float) -> float:
        """Over the whole image, but for NaN; inf where so much of it is beyond reach."""
        ascending = np.sort(self.px[~np.isnan(self.px)])
        if not len(ascending):
            return float("inf")
        return float(ascending[min(len(ascending) - 1, int(np.ceil(share / 100 * len(ascending))) - 1)])


def grid(size: tuple[int, int]) -> tuple[Array, Array, Array]:
    """Columns x (columns,), rows y (rows,) and all places (rows * columns, 2) from corner pixel to corner pixel."""
    x, y = np.linspace(0, size[0] - 1, GRID[0]), np.linspace(0, size[1] - 1, GRID[1])
    return x, y, np.column_stack((np.tile(x, GRID[1]), np.repeat(y, GRID[0])))


def predicted(solution: Solution) -> Field:
    """One standard deviation of where a direction appears, in its worst direction, from the noise of the corners alone."""
    lens = solution.lens
    x, y, places = grid(lens.size)
    at_corners, turns_corners = _slopes(lens, _some(all_pixels(solution.views)))
    seen = np.isfinite(at_corners).all(axis=1)
    turn = -np.linalg.lstsq(turns_corners[seen], at_corners[seen], rcond=None)[0]  # (3, p)
    slopes, turns = _slopes(lens, places)
    slopes = (slopes + turns @ turn).reshape(len(places), 2, -1)
    covariance = np.einsum("nip,pq,njq->nij", slopes, solution.covariance, slopes)
    return Field(x=x, y=y, px=_sigma(covariance, lens, places).reshape(len(y), len(x)))


def difference(first: Lens, second: Lens, seen: Array) -> Field:
    """How far apart two lenses of one camera put the same direction, px, with the turn that fits best at `seen` (n, 2) taken out."""
    x, y, places = grid(first.size)
    length = np.linalg.norm(shifts(first, second, seen), axis=1)
    length[~np.isfinite(length)] = np.inf
    length[_aside(first, places)] = np.nan
    return Field(x=x, y=y, px=length.reshape(len(y), len(x)))


def shifts(first: Lens, second: Lens, seen: Array) -> Array:
    """By how much the second lens shows the directions of the first elsewhere: (rows * columns, 2) px over `grid`."""
    _, _, places = grid(first.size)
    rotation = _turn(directions(first, _some(seen)), directions(second, _some(seen)))
    return pixels_of(second, directions(first, places) @ rotation.T) - places


def _turn(first: Array, second: Array) -> Array:
    """The rotation (3, 3) that turns the first rays (n, 3) best onto the second (Kabsch's algorithm)."""
    both = np.isfinite(first[:, 0] + second[:, 0])
    if both.sum() < 3:
        return np.eye(3)
    a, b = (rays[both] / np.linalg.norm(rays[both], axis=1, keepdims=True) for rays in (first, second))
    left, _, right = np.linalg.svd(b.T @ a)
    mirror = np.diag([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
    return np.asarray(left @ mirror @ right)


def _slopes(lens: Lens, pixels: Array) -> tuple[Array, Array]:
    """How the places of fixed directions change, by the lens (2n, p) and by a turn of the camera (2n, 3); NaN beyond reach."""
    rays = directions(lens, pixels)
    reached = np.isfinite(rays[:, 0])
    at = project(lens, np.where(reached[:, None], rays, [0.0, 0.0, 1.0]), np.zeros(3), np.zeros(3))
    lost = np.repeat(~reached, 2)
    by_lens, by_turn = at.by_lens.copy(), at.by_pose[:, :3].copy()
    by_lens[lost] = by_turn[lost] = np.nan
    return by_lens, by_turn


def _aside(lens: Lens, places: Array) -> NDArray[np.bool_]:
    """Places (n,) that a fisheye lens shows from farther aside than can be used, although its polynomial goes on rising until there."""
    angles = np.linspace(0, _ASIDE, 200)
    powers = angles[:, None] ** np.arange(0, 10, 2)
    if lens.model != "fisheye" or (powers @ (np.array([1.0, *lens.coefficients]) * np.arange(1, 10, 2)) <= 0).any():
        return np.zeros(len(places), bool)
    rays = directions(lens, places)
    return np.asarray(~(np.hypot(rays[:, 0], rays[:, 1]) <= np.tan(_ASIDE)))


def _some(pixels: Array) -> Array:
    return pixels[:: max(1, len(pixels) // _CORNERS)]


def hull(pixels: Array) -> Array:
    """The convex hull of corners, (k, 2)."""
    return np.asarray(cv2.convexHull(pixels.astype(np.float32)), np.float64).reshape(-1, 2)


def spread(lenses: Sequence[Lens], truth: Lens, seen: Array) -> Field:
    """Root of the mean squared shift in its worst direction between many lenses and one, px: what `predicted` predicts."""
    x, y, places = grid(truth.size)
    every = np.stack([shifts(truth, lens, seen) for lens in lenses])
    covariance = np.einsum("kni,knj->nij", every, every) / len(lenses)
    return Field(x=x, y=y, px=_sigma(covariance, truth, places).reshape(len(y), len(x)))


def _sigma(covariance: Array, lens: Lens, places: Array) -> Array:
    """The standard deviation in the worst direction, (n,), of covariances (n, 2, 2); inf and NaN as in `Field`."""
    known = np.isfinite(covariance.sum(axis=(1, 2)))
    sigma = np.full(len(covariance), np.inf)
    sigma[known] = np.sqrt(np.maximum(np.linalg.eigvalsh(covariance[known])[:, -1], 0))
    sigma[_aside(lens, places)] = np.nan
    return sigma
