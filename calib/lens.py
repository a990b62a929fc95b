"""One camera's lens: places in front of it to pixels with the derivatives, and pixels to directions."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.undistortion import LensModel, lens_of

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lens:
    """Intrinsics.

    Attributes:
        model: of the distortion.
        size: (width, height) of the image, px.
        parameters: float64 (9,) fx fy cx cy k1 k2 p1 p2 k3, or (8,) fx fy cx cy k1 k2 k3 k4 for fisheye.
    """

    model: LensModel
    size: tuple[int, int]
    parameters: Array

    @property
    def matrix(self) -> Array:
        """The camera matrix, (3, 3)."""
        fx, fy, cx, cy = self.parameters[:4]
        return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])

    @property
    def coefficients(self) -> Array:
        """Of the distortion, in OpenCV's sequence."""
        return self.parameters[4:]


def lens_from(model: LensModel, size: tuple[int, int], matrix: NDArray[Any], coefficients: NDArray[Any]) -> Lens:
    """A lens from OpenCV's two arrays."""
    values = [matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2], *np.ravel(coefficients)]
    return Lens(model=model, size=size, parameters=np.asarray(values, np.float64))


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """Where places appear, and how that changes.

    Attributes:
        pixels: float64 (n, 2).
        by_lens: float64 (2n, p), derivative by the lens's parameters; rows x, y, x, y, ...
        by_pose: float64 (2n, 6), by rotation (Rodrigues) and translation.
    """

    pixels: Array
    by_lens: Array
    by_pose: Array


def project(lens: Lens, mm: Array, rotation: Array, translation: Array) -> Projection:
    """Project places (n, 3) seen from a pose; rotation as a Rodrigues vector (3,), translation (3,)."""
    places = np.ascontiguousarray(mm, np.float64).reshape(-1, 1, 3)
    turn, move = np.asarray(rotation, np.float64).reshape(3, 1), np.asarray(translation, np.float64).reshape(3, 1)
    count = len(lens.parameters)
    if lens.model == "fisheye":
        pixels, slopes = cv2.fisheye.projectPoints(places, turn, move, lens.matrix, lens.coefficients)[:2]
        columns = np.asarray(slopes, np.float64)
        by_lens, by_pose = columns[:, :count], columns[:, count : count + 6]
    else:
        pixels, slopes = cv2.projectPoints(places, turn, move, lens.matrix, lens.coefficients)[:2]
        columns = np.asarray(slopes, np.float64)
        by_lens, by_pose = columns[:, 6 : 6 + count], columns[:, :6]
    return Projection(pixels=np.asarray(pixels, np.float64).reshape(-1, 2), by_lens=by_lens, by_pose=by_pose)


def directions(lens: Lens, pixels: Array) -> Array:
    """The directions of pixels (n, 2): (n, 3) with z = 1; NaN beyond the reach of the lens's polynomial."""
    found = lens_of(lens.model, lens.matrix, lens.coefficients).undistort(np.ascontiguousarray(pixels, np.float64).reshape(-1, 1, 2))
    return np.column_stack((found, np.ones(len(found))))


def pixels_of(lens: Lens, rays: Array) -> Array:
    """Where directions (n, 3) appear, (n, 2); NaN behind the camera and beyond the reach."""
    depth = np.where(rays[:, 2] > 0, rays[:, 2], np.nan)
    return lens_of(lens.model, lens.matrix, lens.coefficients).distort(np.ascontiguousarray(rays[:, :2] / depth[:, None]))
