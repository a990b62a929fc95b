"""Contract 2: calibration.yaml, and what it is for: points in camera pixels to millimetres on the plane and back. Never whole frames."""

import datetime
from pathlib import Path
from typing import Annotated, Literal, Protocol

import cv2
import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from tracker.errors import CalibrationError
from tracker.parsing.yaml_file import read_yaml
from tracker.pose import KeyPoints, PlanePoints

SCHEMA = 1
COEFFICIENTS = {"five_parameter": ("k1, k2, p1, p2, k3", 5), "fisheye": ("k1, k2, k3, k4", 4)}
_RETURN_PX = 0.005  # an undistorted point, distorted again, must come back this close; half of the 0.01 px promised
_SINGULAR = 1e-9  # determinant after scaling; a plane seen at 5 degrees still gives 0.05
_STEPS = (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, 200, 1e-10)  # OpenCV's own 5 steps miss by pixels far from the centre

Array = NDArray[np.float64]
Row = tuple[float, float, float]
Matrix = tuple[Row, Row, Row]
Count = Annotated[int, Meta(ge=0)]
Side = Annotated[int, Meta(ge=1)]


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mapping of calibration.yaml: every key required, unknown keys refused."""


class Distortion(Part, frozen=True, kw_only=True):
    """The lens, in OpenCV's order: k1 k2 p1 p2 k3 for `five_parameter`, k1 k2 k3 k4 for `fisheye`."""

    model: Literal["five_parameter", "fisheye"]
    coefficients: tuple[float, ...]


class Plane(Part, frozen=True, kw_only=True):
    """The plane the animals move on: homography from undistorted pixels (x, y, 1) to mm (X, Y, 1)."""

    homography: Matrix


class CameraPose(Part, frozen=True, kw_only=True):
    """Where the camera is in a rig of several: rig to camera, rotation as a Rodrigues vector."""

    rotation: Row
    translation_mm: Row


class Made(Part, frozen=True, kw_only=True):
    """How it was made."""

    date: datetime.date
    tool: str
    images: Count


class Quality(Part, frozen=True, kw_only=True):
    """How good it is: residual in px, share of the image that board points covered, number of points."""

    rms_px: Annotated[float, Meta(ge=0)]
    coverage: Annotated[float, Meta(ge=0, le=1)]
    points: Count


class Calibration(Part, frozen=True, kw_only=True):
    """The whole of calibration.yaml."""

    schema: Literal[1]
    camera_matrix: Matrix
    distortion: Distortion
    image_size: tuple[Side, Side]  # (width, height)
    plane: Plane | None
    pose: CameraPose | None
    made: Made
    quality: Quality


def load_calibration(path: Path, image_size: tuple[int, int]) -> Calibration:
    """Read calibration.yaml and check that it can be used on images of `image_size`, (width, height).

    Raises:
        CalibrationError: absent, damaged, impossible or made for another image size, in one sentence.
    """
    calibration = read_calibration(path)
    if calibration.image_size != tuple(image_size):
        (width, height), (found_width, found_height) = calibration.image_size, image_size
        raise CalibrationError(
            f"{path}: was made for images of {width}x{height}, the camera delivers {found_width}x{found_height};"
            " set the camera to that size or calibrate again"
        )
    return calibration


def read_calibration(path: Path) -> Calibration:
    """Read calibration.yaml, for images of whatever size it was made for.

    Raises:
        CalibrationError: absent, damaged or impossible, in one sentence.
    """
    calibration = read_yaml(path, kind=Calibration, error=CalibrationError)
    _check_lens(calibration, path)
    if calibration.plane is not None and _is_singular(np.asarray(calibration.plane.homography, np.float64)):
        raise CalibrationError(f"{path}: plane.homography is singular, so it maps the image onto a line; measure the plane again")
    return calibration


class PlaneMapper:
    """Camera pixels to mm on the plane, and back.

    Undistortion inverts the lens model; a polynomial lens model can be inverted only up to the radius where it turns back.
    What lies beyond, behind the plane's horizon or at NaN is NaN in the answer.

    Raises:
        CalibrationError: the calibration has no plane.
    """

    def __init__(self, calibration: Calibration) -> None:
        if calibration.plane is None:
            raise CalibrationError(
                "the calibration has no plane, so pixels have no place in mm; measure the plane, or set calibration to null"
            )
        matrix = np.asarray(calibration.camera_matrix, np.float64)
        coefficients = np.asarray(calibration.distortion.coefficients, np.float64)
        self._lens: _Lens = (_Fisheye if calibration.distortion.model == "fisheye" else _FiveParameter)(matrix, coefficients)
        homography = np.asarray(calibration.plane.homography, np.float64) @ matrix
        # A homography has no sign of its own; take the one that puts what the lens's axis sees in front of the horizon.
        self._to_plane = homography if homography[2, 2] >= 0 else -homography
        self._from_plane = np.asarray(np.linalg.inv(self._to_plane), np.float64)

    def to_mm(self, points: KeyPoints) -> PlanePoints:
        """Map key points.

        Args:
            points: float32 (animals, K, 3), x and y in source pixels; the confidence is not looked at.

        Returns:
            float64 (animals, K, 2): X and Y in mm, NaN where a point cannot be mapped.
        """
        if points.size == 0:
            return np.empty((*points.shape[:-1], 2))
        pixels = points[..., :2].astype(np.float64).reshape(-1, 1, 2)
        return _project(self._to_plane, self._lens.undistort(pixels)).reshape(*points.shape[:-1], 2)

    def to_pixels(self, mm: PlanePoints) -> Array:
        """Map places on the plane into the camera's image, with its distortion, for drawing.

        Args:
            mm: float64 (..., 2).

        Returns:
            float64 (..., 2): x and y in source pixels, possibly outside the image; NaN where the camera cannot see.
        """
        if mm.size == 0:
            return np.empty(mm.shape)
        directions = _project(self._from_plane, mm.astype(np.float64).reshape(-1, 2))
        return self._lens.distort(directions).reshape(mm.shape)


class _Lens(Protocol):
    """Pixels (N, 1, 2) to directions (N, 2), x/z and y/z in the camera's frame, and back; NaN where the model does not reach."""

    def undistort(self, pixels: Array) -> Array: ...

    def distort(self, directions: Array) -> Array: ...


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


def _project(homography: Array, places: Array) -> Array:
    """Apply a 3x3 homography to (N, 2); NaN on and behind its horizon."""
    raised = places @ homography[:, :2].T + homography[:, 2]
    depth = raised[:, 2:]
    answer: Array = raised[:, :2] / np.where(depth > 0, depth, np.nan)
    return answer


def _check_lens(calibration: Calibration, path: Path) -> None:
    distortion = calibration.distortion
    names, count = COEFFICIENTS[distortion.model]
    if len(distortion.coefficients) != count:
        raise CalibrationError(
            f"{path}: distortion.coefficients has {len(distortion.coefficients)} numbers; expected {count} for {distortion.model} ({names})"
        )
    if not np.isfinite(distortion.coefficients).all():
        raise CalibrationError(f"{path}: distortion.coefficients holds a number that is not finite; calibrate again")
    matrix = np.asarray(calibration.camera_matrix, np.float64)
    shape = np.array([[matrix[0, 0], 0, matrix[0, 2]], [0, matrix[1, 1], matrix[1, 2]], [0, 0, 1]])
    if not (np.isfinite(matrix).all() and np.array_equal(matrix, shape) and matrix[0, 0] > 0 and matrix[1, 1] > 0):
        raise CalibrationError(f"{path}: camera_matrix is {matrix.tolist()}; expected [[fx, 0, cx], [0, fy, cy], [0, 0, 1]] in px")


def _is_singular(matrix: Array) -> bool:
    """Whether a homography cannot be inverted, whatever its units: rows and columns are brought to length 1 first."""
    if not np.isfinite(matrix).all():
        return True
    for axis in (1, 0):
        length = np.linalg.norm(matrix, axis=axis, keepdims=True)
        if not length.all():
            return True
        matrix = matrix / length
    return bool(abs(np.linalg.det(matrix)) < _SINGULAR)
