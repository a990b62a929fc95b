"""What a lens does to directions, and back: Brown's model with five parameters, and Kannala and Brandt's for fisheye lenses."""

from typing import Literal, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

_RETURN_PX = 0.005  # an undistorted point, distorted again, must come back this close; half of the 0.01 px promised
_STEPS = (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, 200, 1e-10)  # OpenCV's own 5 steps miss by pixels far from the centre

Array = NDArray[np.float64]
LensModel = Literal["five_parameter", "fisheye"]


class LensMap(Protocol):
    """Pixels (N, 1, 2) to directions (N, 2), x/z and y/z in the camera's frame, and back; NaN where the model does not reach."""

    def undistort(self, pixels: Array) -> Array:
        """Pixels to directions."""
        ...

    def distort(self, directions: Array) -> Array:
        """Directions to pixels."""
        ...


def lens_of(model: LensModel, matrix: Array, coefficients: Array) -> LensMap:
    """The lens of a camera matrix (3, 3) and the coefficients of its distortion."""
    return (_Fisheye if model == "fisheye" else _FiveParameter)(matrix, coefficients)


class _FiveParameter:
    """Brown's model, as in OpenCV's `projectPoints`."""

    def __init__(self, matrix: Array, coefficients: Array) -> None:
        self._matrix, self._coefficients = matrix, coefficients
        k1, k2, _, _, k3 = coefficients
        self._reach = _turning_point((k1, k2, k3))  # of r² = (x/z)² + (y/z)²
        self._still = np.zeros(3)

    def undistort(self, pixels: Array) -> Array:
        directions = _undistort_points(pixels, self._matrix, self._coefficients)
        again = self.distort(directions)
        lost = ~(np.abs(again - pixels.reshape(-1, 2)).max(axis=1) <= _RETURN_PX)
        directions[lost] = np.nan
        return directions

    def distort(self, directions: Array) -> Array:
        rays = np.ones((len(directions), 1, 3))
        rays[:, 0, :2] = directions
        found = cv2.projectPoints(rays, self._still, self._still, self._matrix, self._coefficients)[0]
        pixels = np.asarray(found, np.float64).reshape(-1, 2)
        pixels[~((directions * directions).sum(axis=1) < self._reach)] = np.nan
        return pixels


class _Fisheye:
    """Kannala and Brandt's model, as in OpenCV's `fisheye` module."""

    def __init__(self, matrix: Array, coefficients: Array) -> None:
        self._matrix, self._coefficients = matrix, coefficients
        self._reach = _turning_point(tuple(coefficients))  # of the squared angle from the axis

    def undistort(self, pixels: Array) -> Array:
        found = cv2.fisheye.undistortPoints(pixels, self._matrix, self._coefficients)
        directions = np.asarray(found, np.float64).reshape(-1, 2)
        again = self.distort(directions)
        lost = ~(np.abs(again - pixels.reshape(-1, 2)).max(axis=1) <= _RETURN_PX)
        directions[lost] = np.nan
        return directions

    def distort(self, directions: Array) -> Array:
        found = cv2.fisheye.distortPoints(np.ascontiguousarray(directions).reshape(-1, 1, 2), self._matrix, self._coefficients)
        pixels = np.asarray(found, np.float64).reshape(-1, 2)
        angles = np.arctan(np.hypot(directions[:, 0], directions[:, 1]))
        pixels[~(angles * angles < self._reach)] = np.nan
        return pixels


def _undistort_points(pixels: Array, matrix: Array, coefficients: Array) -> Array:
    """OpenCV 4 takes the number of steps in a function of its own, which OpenCV 5 has merged into `undistortPoints`."""
    with_steps = getattr(cv2, "undistortPointsIter", None)
    if with_steps is not None:
        found = with_steps(pixels, matrix, coefficients, None, None, _STEPS)
    else:
        found = cv2.undistortPoints(pixels, matrix, coefficients, criteria=_STEPS)
    return np.asarray(found, np.float64).reshape(-1, 2)


def _turning_point(coefficients: tuple[float, ...]) -> float:
    """Where r·(1 + k1·r² + k2·r⁴ + …) stops growing, as r²: the smallest positive root of 1 + 3·k1·s + 5·k2·s² + …; inf without one."""
    slope = [1.0, *((2 * power + 3) * k for power, k in enumerate(coefficients))]
    roots = np.roots(slope[::-1])
    real = roots[np.abs(roots.imag) < 1e-9].real
    return float(min(real[real > 0], default=np.inf))
