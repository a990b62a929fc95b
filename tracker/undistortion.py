"""What a lens does to directions, and back: Brown's model with five parameters, and Kannala and Brandt's for fisheye lenses."""

from collections.abc import Sequence
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


class LensMaps(Protocol):
    """The same for all cameras of a rig at once: pixels (cameras, n, 2) to directions (cameras, n, 2), and back."""

    def undistort(self, pixels: Array) -> Array:
        """Pixels to directions."""
        ...

    def distort(self, directions: Array) -> Array:
        """Directions to pixels."""
        ...


def lens_of(model: LensModel, matrix: Array, coefficients: Array) -> LensMap:
    """The lens of a camera matrix (3, 3) and the coefficients of its distortion."""
    return (_Fisheye if model == "fisheye" else _FiveParameter)(matrix, coefficients)


def lenses_of(models: Sequence[LensModel], matrices: Array, coefficients: Sequence[Array]) -> LensMaps:
    """The lenses of several cameras: camera matrices (cameras, 3, 3) and the coefficients of each."""
    if set(models) == {"five_parameter"}:
        return _FiveParameters(matrices, np.stack(list(coefficients)))
    return _Each([lens_of(*lens) for lens in zip(models, matrices, coefficients, strict=True)])


class _Each:
    """Lenses one after the other."""

    def __init__(self, lenses: Sequence[LensMap]) -> None:
        self._lenses = lenses

    def undistort(self, pixels: Array) -> Array:
        return np.stack(
            [lens.undistort(np.ascontiguousarray(each).reshape(-1, 1, 2)) for lens, each in zip(self._lenses, pixels, strict=True)]
        )

    def distort(self, directions: Array) -> Array:
        return np.stack([lens.distort(np.ascontiguousarray(each)) for lens, each in zip(self._lenses, directions, strict=True)])


class _FiveParameters:
    """Brown's model for several cameras: for the few points of an animal, calls cost more than the arithmetic.

    With a direction as a complex number z = x + iy, r² = |z|², q = p2 + i p1, and q' its conjugate, the model's
    x (1 + k1 r² + k2 r⁴ + k3 r⁶) + 2 p1 xy + p2 (r² + 2x²), and the same of y, are together z (1 + k1 r² + k2 r⁴ + k3 r⁶ + q' z) + 2 q r².
    """

    def __init__(self, matrices: Array, coefficients: Array) -> None:
        self._matrices, self._coefficients = matrices, coefficients
        k1, k2, p1, p2, k3 = coefficients.T[:, :, None]  # (cameras, 1) each
        self._radial, self._tangential = (k1, k2, k3), p2 + 1j * p1
        self._reach = np.array([_turning_point((a, b, c)) for a, b, _, _, c in coefficients])[:, None]
        self._focal, self._centre = matrices[:, None, [0, 1], [0, 1]], matrices[:, None, :2, 2]

    def undistort(self, pixels: Array) -> Array:
        directions = np.empty(pixels.shape)
        for index, each in enumerate(pixels):
            points = np.ascontiguousarray(each).reshape(-1, 1, 2)
            directions[index] = _undistort_points(points, self._matrices[index], self._coefficients[index])
        kept = np.abs(self.distort(directions) - pixels).max(axis=2) <= _RETURN_PX
        if not kept.all():
            directions[~kept] = np.nan
        return directions

    def distort(self, directions: Array) -> Array:
        z = np.ascontiguousarray(directions).view(np.complex128)[..., 0]
        squared = z.real * z.real + z.imag * z.imag
        (k1, k2, k3), q = self._radial, self._tangential
        found = z * (1 + squared * (k1 + squared * (k2 + squared * k3)) + q.conj() * z) + (2 * q) * squared
        pixels = found[..., None].view(np.float64) * self._focal + self._centre
        reached = squared < self._reach
        if not reached.all():
            pixels[~reached] = np.nan
        return np.asarray(pixels)


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
