"""Contract 2: calibration.yaml, and what it is for: points in camera pixels to millimetres on the plane and back. Never whole frames.

A calibration without a lens (`camera_matrix`, `distortion` and `quality` are null) has only the plane: distortion is not corrected.
"""

import datetime
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from tracker.errors import CalibrationError
from tracker.parsing.yaml_file import read_yaml
from tracker.pose import KeyPoints, PlanePoints
from tracker.undistortion import LensModel, lens_of

SCHEMA = 1
NO_LENS = "no lens: distortion is not corrected"
COEFFICIENTS = {"five_parameter": ("k1, k2, p1, p2, k3", 5), "fisheye": ("k1, k2, k3, k4", 4)}
_SINGULAR = 1e-9  # determinant after scaling; a plane seen at 5 degrees still gives 0.05

Array = NDArray[np.float64]
Row = tuple[float, float, float]
Matrix = tuple[Row, Row, Row]
Count = Annotated[int, Meta(ge=0)]
LONGEST_SIDE_PX = 16_384  # as of a camera in tracker.yaml
Side = Annotated[int, Meta(ge=1, le=LONGEST_SIDE_PX)]
Verdict = Literal["good", "rejected", "unjudged"]
Length = Annotated[float, Meta(ge=0)]


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mapping of calibration.yaml: every key required, unknown keys refused."""


class Distortion(Part, frozen=True, kw_only=True):
    """The lens, in OpenCV's order: k1 k2 p1 p2 k3 for `five_parameter`, k1 k2 k3 k4 for `fisheye`."""

    model: LensModel
    coefficients: tuple[float, ...]


class Plane(Part, frozen=True, kw_only=True):
    """The plane the animals move on: homography from undistorted pixels (x, y, 1) to mm (X, Y, 1); without a lens, from camera pixels.

    Attributes:
        measured_from: null where it is not said.
        points: how many.
        rms_mm: what the plane leaves unexplained of the points or distances; null where they are too few to check it.
        held_out_rms_mm: how far off points are by a plane measured from the others, without a lens; null where no others fix one.
    """

    homography: Matrix
    measured_from: Literal["board", "points", "distances"] | None = None
    points: Count | None = None
    rms_mm: Length | None = None
    held_out_rms_mm: Length | None = None


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
    """How good it is: residual in px, share of the image that board points covered, number of points, and what follows from them.

    Attributes:
        verdict: `unjudged` in files that other programs or earlier versions made.
        reasons: why it is rejected, one clause each.
        views: images of the board; those that show it where another one does are not counted.
        tilt_directions: of eight, towards which the board was tilted.
        held_out_rms_px: residual on views left out of the solution.
        uncertainty_p95_px: one standard deviation of a projected point, at 95 % of the image's places at most; null: beyond bounds.
        halves_p95_px: how far two halves of the views differ, the same way.
    """

    rms_px: Length
    coverage: Annotated[float, Meta(ge=0, le=1)]
    points: Count
    verdict: Verdict = "unjudged"
    reasons: tuple[str, ...] = ()
    views: Count | None = None
    tilt_directions: Count | None = None
    held_out_rms_px: Length | None = None
    uncertainty_p95_px: Length | None = None
    halves_p95_px: Length | None = None


class Calibration(Part, frozen=True, kw_only=True):
    """The whole of calibration.yaml. Camera matrix, distortion and quality, which is that of the lens, are null together: no lens."""

    schema: Literal[1]
    camera_matrix: Matrix | None
    distortion: Distortion | None
    image_size: tuple[Side, Side]  # (width, height)
    plane: Plane | None
    pose: CameraPose | None
    made: Made
    quality: Quality | None

    @property
    def verdict(self) -> Verdict:
        """Of the lens; nobody has judged one that is not there."""
        return "unjudged" if self.quality is None else self.quality.verdict

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the lens is rejected."""
        return () if self.quality is None else self.quality.reasons


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
    if calibration.camera_matrix is not None and calibration.distortion is not None and calibration.quality is not None:
        check_lens(calibration.camera_matrix, calibration.distortion, str(path))
    else:
        _check_without_lens(calibration, str(path))
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
        if calibration.camera_matrix is None or calibration.distortion is None:
            model: LensModel = "five_parameter"
            width, height = calibration.image_size
            # What any lens without distortion sees whose axis is the middle of the image: the homography takes the focal length out.
            matrix, coefficients = np.array([[width, 0, (width - 1) / 2], [0, width, (height - 1) / 2], [0, 0, 1.0]]), np.zeros(5)
        else:
            matrix, model = np.asarray(calibration.camera_matrix, np.float64), calibration.distortion.model
            coefficients = np.asarray(calibration.distortion.coefficients, np.float64)
        self._lens = lens_of(model, matrix, coefficients)
        homography = np.asarray(calibration.plane.homography, np.float64) @ matrix
        # A homography has no sign of its own; take the one that puts the lens's axis, or the image's middle, in front of the horizon.
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


def _project(homography: Array, places: Array) -> Array:
    """Apply a 3x3 homography to (N, 2); NaN on and behind its horizon."""
    raised = places @ homography[:, :2].T + homography[:, 2]
    depth = raised[:, 2:]
    answer: Array = raised[:, :2] / np.where(depth > 0, depth, np.nan)
    return answer


def check_lens(camera_matrix: Matrix, distortion: Distortion, where: str) -> None:
    """Refuse what is no camera matrix or no lens of its model.

    Raises:
        CalibrationError: one sentence that begins with `where`.
    """
    names, count = COEFFICIENTS[distortion.model]
    if len(distortion.coefficients) != count:
        raise CalibrationError(
            f"{where}: distortion.coefficients has {len(distortion.coefficients)} numbers; "
            f"expected {count} for {distortion.model} ({names})"
        )
    if not np.isfinite(distortion.coefficients).all():
        raise CalibrationError(f"{where}: distortion.coefficients holds a number that is not finite; calibrate again")
    matrix = np.asarray(camera_matrix, np.float64)
    shape = np.array([[matrix[0, 0], 0, matrix[0, 2]], [0, matrix[1, 1], matrix[1, 2]], [0, 0, 1]])
    if not (np.isfinite(matrix).all() and np.array_equal(matrix, shape) and matrix[0, 0] > 0 and matrix[1, 1] > 0):
        raise CalibrationError(f"{where}: camera_matrix is {matrix.tolist()}; expected [[fx, 0, cx], [0, fy, cy], [0, 0, 1]] in px")


def _check_without_lens(calibration: Calibration, where: str) -> None:
    """Refuse half a lens, and nothing at all."""
    lens = {"camera_matrix": calibration.camera_matrix, "distortion": calibration.distortion, "quality": calibration.quality}
    if given := [name for name, value in lens.items() if value is not None]:
        absent = [name for name in lens if name not in given]
        raise CalibrationError(
            f"{where}: {' and '.join(absent)} is null but {' and '.join(given)} is given; give all of a lens, or null for all: no lens"
        )
    if calibration.pose is not None:
        raise CalibrationError(f"{where}: pose is given without a lens, and a rig of several cameras needs lenses; set pose to null")
    if calibration.plane is None:
        raise CalibrationError(f"{where}: has neither a lens nor a plane, so it says nothing; run `calib plane` or `calib solve`")


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
