"""Views of a board by a camera that is known exactly: as corner tables with noise, and as pictures. Seeded."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RectBivariateSpline  # type: ignore[import-untyped]

from calib.board import Board
from calib.board_image import board_image
from calib.board_views import BoardView
from calib.lens import Lens, directions, project
from tracker.frame import Image

Array = NDArray[np.float64]
_PIXELS_A_SQUARE = 80  # of the drawing that is bent into the picture
_DARK, _BRIGHT, _GROUND = 25.0, 225.0, 110.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Placing:
    """Where boards are held.

    Attributes:
        views: how many.
        spread: how far from the image's centre their middle goes, as a share of its half width and height.
        tilt_deg: largest tilt.
        fill: width of the board's image as a share of the image's width, smallest and largest.
    """

    views: int = 30
    spread: float = 0.75
    tilt_deg: float = 35.0
    fill: tuple[float, float] = (0.35, 0.6)


def board_poses(board: Board, lens: Lens, placing: Placing, *, seed: int) -> Array:
    """Poses (views, 6) that put the board all over the image, tilted in all directions."""
    rng = np.random.default_rng(seed)
    poses = []
    middle = board.corners_mm.mean(axis=0)
    width_mm = board.squares[0] * board.square_mm
    for number in range(placing.views):
        place = _places(number, placing.spread) * np.array(lens.size) / 2 + (np.array(lens.size) - 1) / 2
        ray = directions(lens, place[None])[0]
        if not np.isfinite(ray).all():
            continue
        distance = lens.parameters[0] * width_mm / (rng.uniform(*placing.fill) * lens.size[0])
        axis = 2 * np.pi * (number * 0.381966 + 0.05 * rng.uniform())
        tilt = np.deg2rad(placing.tilt_deg) * rng.uniform(0.4, 1)
        about = cv2.Rodrigues(np.array([0.0, 0.0, rng.uniform(-0.4, 0.4)]))[0]
        turn = cv2.Rodrigues(tilt * np.array([np.cos(axis), np.sin(axis), 0.0]))[0] @ about
        facing = _facing(ray)
        rotation = facing @ turn
        poses.append([*np.ravel(cv2.Rodrigues(rotation)[0]), *(ray / np.linalg.norm(ray) * distance - rotation @ middle)])
    return np.array(poses)


def corner_views(board: Board, lens: Lens, poses: Array, *, noise_px: float, seed: int) -> list[BoardView]:
    """Corner tables: the corners inside the image, with normal noise on each coordinate."""
    rng = np.random.default_rng(seed)
    views = []
    for number, pose in enumerate(poses):
        exact = project(lens, board.corners_mm, pose[:3], pose[3:]).pixels
        ids = np.flatnonzero(((exact >= 2) & (exact <= np.array(lens.size) - 3)).all(axis=1) & _seen(lens, board.corners_mm, pose, exact))
        noisy = exact[ids] + rng.normal(0, noise_px, (len(ids), 2))
        if len(ids) >= 12:
            views.append(BoardView(name=f"{number:03d}", ids=ids, mm=board.corners_mm[ids], pixels=noisy))
    return views


def picture(board: Board, lens: Lens, pose: Array, *, seed: int = 0, noise: float = 2.0) -> Image:
    """What the camera sees, uint8 (h, w): every pixel sampled on the board three by three times, with noise in grey levels."""
    width, height = lens.size
    sharp = board_image(board, pixels_a_square=_PIXELS_A_SQUARE, border_squares=1).astype(np.float32)
    drawing = cv2.GaussianBlur(sharp, (0, 0), 1.2)
    rays = _LensGrid(lens)
    seen = np.zeros((height, width), np.float64)
    rotation = np.asarray(cv2.Rodrigues(np.asarray(pose[:3], np.float64))[0], np.float64)
    for down in (-1 / 3, 0.0, 1 / 3):
        for right in (-1 / 3, 0.0, 1 / 3):
            on_board = _hits(rays.at(right, down), rotation, np.asarray(pose[3:], np.float64))
            places = (on_board / board.square_mm + 1) * _PIXELS_A_SQUARE - 0.5
            maps = np.where(np.isfinite(places), places, -10_000).astype(np.float32).reshape(height, width, 2)
            seen += cv2.remap(drawing, maps[..., 0], maps[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=-1.0)
    levels = np.where(seen < 0, _GROUND, _DARK + (_BRIGHT - _DARK) * seen / 9 / 255)
    levels = cv2.GaussianBlur(levels, (0, 0), 0.6) + np.random.default_rng(seed).normal(0, noise, (height, width))
    return np.clip(np.round(levels), 0, 255).astype(np.uint8)


def pictures(board: Board, lens: Lens, poses: Sequence[Array] | Array, *, seed: int = 0) -> list[Image]:
    """One picture of each pose."""
    return [picture(board, lens, pose, seed=seed + number) for number, pose in enumerate(poses)]


class _LensGrid:
    """Directions of all pixels, from those of every fourth by cubic splines: undoing a lens takes far longer than reading a spline."""

    def __init__(self, lens: Lens) -> None:
        self._size = lens.size
        x, y = (np.arange(-4, side + 8, 4, dtype=np.float64) for side in lens.size)
        rays = directions(lens, np.column_stack((np.tile(x, len(y)), np.repeat(y, len(x)))))[:, :2].reshape(len(y), len(x), 2)
        lost = np.isnan(rays[..., 0])
        self._lost = cv2.dilate(lost.astype(np.uint8), np.ones((3, 3), np.uint8))
        filled = np.where(lost[..., None], 0.0, rays)
        self._splines = [RectBivariateSpline(y, x, filled[..., axis]) for axis in (0, 1)]

    def at(self, right: float, down: float) -> Array:
        """Of all pixels, moved by part of a pixel: (h * w, 3) with z = 1, NaN beyond the lens's reach."""
        width, height = self._size
        x, y = np.arange(width) + right, np.arange(height) + down
        rays = np.stack([*(spline(y, x) for spline in self._splines), np.ones((height, width))], axis=-1)
        lost = self._lost[np.ix_(((y + 4) / 4).astype(int), ((x + 4) / 4).astype(int))] > 0
        rays[lost] = np.nan
        return np.asarray(rays.reshape(-1, 3))


def _places(number: int, spread: float) -> Array:
    """Places that fill a square of half side `spread` evenly: the R2 sequence of generalised golden ratios."""
    share = np.array([(0.5 + number * 0.7548776662) % 1, (0.5 + number * 0.5698402910) % 1])
    return spread * (2 * share - 1)


def _facing(ray: Array) -> Array:
    """A rotation whose third column points along a ray, with the picture upright."""
    forward = ray / np.linalg.norm(ray)
    right = np.cross([0.0, 1.0, 0.0], forward)
    right /= np.linalg.norm(right)
    return np.column_stack((right, np.cross(forward, right), forward))


def _seen(lens: Lens, mm: Array, pose: Array, pixels: Array) -> NDArray[np.bool_]:
    """Which places are in front of the camera and within the lens's reach, beyond which its polynomial folds them back into the image."""
    places = mm @ np.asarray(cv2.Rodrigues(pose[:3])[0]).T + pose[3:]
    back = directions(lens, pixels)
    true = places[:, :2] / places[:, 2:]
    return np.asarray((places[:, 2] > 0) & (np.abs(back[:, :2] - true).max(axis=1) < 1e-3))


def _hits(rays: Array, rotation: Array, translation: Array) -> Array:
    """Where rays from the camera meet the board's plane, (n, 2) mm on the board; NaN where they do not."""
    x, y = rays[:, 0], rays[:, 1]  # z is 1; written out, because a product of tall matrices waits for threads that it does not need
    normal = rotation[:, 2]
    slope = x * normal[0] + y * normal[1] + normal[2]
    reach = float(normal @ translation) / np.where(np.abs(slope) > 1e-12, slope, np.nan)
    reach = np.where(reach > 0, reach, np.nan)
    from_origin = (x * reach - translation[0], y * reach - translation[1], reach - translation[2])
    return np.column_stack([sum(part * rotation[row, axis] for row, part in enumerate(from_origin)) for axis in (0, 1)])
