"""Solve one camera's lens from views of a board, with the covariance of what was solved."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from calib.board_views import BoardView
from calib.lens import Lens, directions, lens_from, project
from tracker.errors import CalibrationError
from tracker.undistortion import LensModel

Array = NDArray[np.float64]
FEWEST_VIEWS = 4
_STEPS = (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, 100, 1e-12)
_NARROWEST, _WIDEST = 0.05, 100.0  # focal length by image width; beyond, something else than a lens was fitted


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """A lens, where the board was in each view, and how sure the lens is.

    Attributes:
        lens: solved.
        views: it was solved from.
        poses: float64 (views, 6): rotation (Rodrigues) and translation in mm, board to camera.
        residuals: of each view, float64 (n, 2), projected minus found, px.
        covariance: float64 (p, p) of `lens.parameters`, from the residuals' own spread.
    """

    lens: Lens
    views: Sequence[BoardView]
    poses: Array
    residuals: Sequence[Array]
    covariance: Array

    @property
    def rms_px(self) -> float:
        """Root of the mean squared distance between a corner as found and as projected."""
        return rms(self.residuals)


def rms(residuals: Sequence[Array]) -> float:
    """Root of the mean squared length of (n, 2) residuals."""
    return float(np.sqrt(np.mean(np.concatenate([(each * each).sum(axis=1) for each in residuals]))))


def solve(views: Sequence[BoardView], *, size: tuple[int, int], model: LensModel, start: Lens | None = None) -> Solution:
    """Solve lens and poses.

    Args:
        views: of one board by one camera.
        size: (width, height) of the images.
        model: of the distortion.
        start: where to start from; None: from the views alone.

    Raises:
        CalibrationError: too few views, or no lens explains them.
    """
    if len(views) < FEWEST_VIEWS:
        images = f"{len(views)} image{'' if len(views) == 1 else 's'}"
        raise CalibrationError(f"the board was found in {images}; expected at least {FEWEST_VIEWS}, better 30: take more images")
    calibrate = _fisheye if model == "fisheye" else _five_parameter
    try:
        lens, poses = calibrate(views, size, start)
    except cv2.error as problem:
        raise CalibrationError(
            f"no {model} lens explains the {len(views)} views ({problem.err or problem.func}); "
            "tilt the board more, in more directions, or choose the other --lens"
        ) from problem
    wide = lens.parameters[:2] / size[0]
    if not (np.isfinite(lens.parameters).all() and np.isfinite(poses).all() and (wide > _NARROWEST).all() and (wide < _WIDEST).all()):
        raise CalibrationError(
            f"the views lead to a focal length of {lens.parameters[0]:.4g} px for images {size[0]} px wide, which no lens has; "
            "tilt the board more"
        )
    try:
        residuals, covariance = _spread(lens, views, poses)
    except np.linalg.LinAlgError as problem:
        raise CalibrationError(
            f"the {len(views)} views do not fix where the board was ({problem}); show more of it, and tilt it"
        ) from problem
    return Solution(lens=lens, views=views, poses=poses, residuals=residuals, covariance=covariance)


def covariance_from(solution: Solution, chosen: Sequence[int]) -> Array:
    """The covariance of a solution's lens, (p, p), that some of its views leave."""
    return _spread(solution.lens, [solution.views[each] for each in chosen], solution.poses[list(chosen)])[1]


def pose_of(lens: Lens, view: BoardView) -> Array:
    """Where the board is in one view, float64 (6,), by this lens.

    Raises:
        CalibrationError: no pose explains the view.
    """
    flat = directions(lens, view.pixels)
    seen = np.isfinite(flat).all(axis=1)
    if seen.sum() < FEWEST_VIEWS:
        raise CalibrationError(f"{view.name}: the board lies where the lens model does not reach; calibrate the lens with boards there")
    identity, none = np.eye(3), np.zeros(5)
    found, rotation, translation = cv2.solvePnP(view.mm[seen], flat[seen, :2].copy(), identity, none, flags=cv2.SOLVEPNP_IPPE)
    if not found:
        raise _unexplained(view)
    return _refined(lens, view, np.concatenate((np.ravel(rotation), np.ravel(translation))).astype(np.float64))


def residuals_of(lens: Lens, view: BoardView, pose: Array) -> Array:
    """Projected minus found, (n, 2), px."""
    return project(lens, view.mm, pose[:3], pose[3:]).pixels - view.pixels


def _unexplained(view: BoardView) -> CalibrationError:
    return CalibrationError(f"{view.name}: no place of the board explains its corners; leave this image out")


def _refined(lens: Lens, view: BoardView, pose: Array) -> Array:
    """Gauss-Newton on pixels; solvePnP minimises in undistorted coordinates, which weigh the image's edge differently.

    Raises:
        CalibrationError: it leads nowhere, as from the answer without numbers that solvePnP has for points that fix no pose.
    """
    for _ in range(10):
        at = project(lens, view.mm, pose[:3], pose[3:])
        if not (np.isfinite(at.pixels).all() and np.isfinite(at.by_pose).all()):
            raise _unexplained(view)
        step = np.linalg.lstsq(at.by_pose, (view.pixels - at.pixels).ravel(), rcond=None)[0]
        pose = pose + step
        if np.abs(step).max() < 1e-10:
            break
    return pose


def _five_parameter(views: Sequence[BoardView], size: tuple[int, int], start: Lens | None) -> tuple[Lens, Array]:
    places = [np.ascontiguousarray(view.mm, np.float32) for view in views]
    pixels = [np.ascontiguousarray(view.pixels, np.float32) for view in views]
    if start is None:
        _, matrix, coefficients, turns, moves = cv2.calibrateCamera(places, pixels, size, None, None, criteria=_STEPS)
    else:
        _, matrix, coefficients, turns, moves = cv2.calibrateCamera(
            places, pixels, size, start.matrix, start.coefficients.copy(), flags=cv2.CALIB_USE_INTRINSIC_GUESS, criteria=_STEPS
        )
    return lens_from("five_parameter", size, matrix, np.ravel(coefficients)[:5]), _poses(turns, moves)


def _fisheye(views: Sequence[BoardView], size: tuple[int, int], start: Lens | None) -> tuple[Lens, Array]:
    places = [np.ascontiguousarray(view.mm, np.float64).reshape(1, -1, 3) for view in views]
    pixels = [np.ascontiguousarray(view.pixels, np.float64).reshape(1, -1, 2) for view in views]
    flags = _fisheye_flag("CALIB_RECOMPUTE_EXTRINSIC") + _fisheye_flag("CALIB_FIX_SKEW")
    refused: cv2.error | None = None
    for guess in (*([start] if start is not None else []), *_fisheye_starts(size)):
        start_matrix = guess.matrix if guess else np.eye(3)
        start_coefficients = guess.coefficients.reshape(4, 1).copy() if guess else np.zeros((4, 1))
        more = _fisheye_flag("CALIB_USE_INTRINSIC_GUESS") if guess else 0
        try:
            _, matrix, coefficients, turns, moves = cv2.fisheye.calibrate(
                places, pixels, size, start_matrix, start_coefficients, flags=flags + more, criteria=_STEPS
            )
        except cv2.error as problem:
            refused = problem
            continue
        return lens_from("fisheye", size, matrix, coefficients), _poses(turns, moves)
    raise refused or cv2.error("no start")


def _fisheye_starts(size: tuple[int, int]) -> Iterator[Lens | None]:
    """OpenCV's own start (a lens of 180 degrees), from which it gives up where that is far off, then longer focal lengths."""
    yield None
    for share in (0.5, 0.75, 1.0, 0.25):
        focal, centre = share * size[0], (np.array(size) - 1) / 2
        yield Lens(model="fisheye", size=size, parameters=np.array([focal, focal, *centre, 0, 0, 0, 0], np.float64))


def _fisheye_flag(name: str) -> int:
    """OpenCV 5 has moved the flags and given them other values."""
    return int(getattr(cv2.fisheye, name) if hasattr(cv2.fisheye, name) else getattr(cv2, name))


def _poses(turns: Sequence[Any], moves: Sequence[Any]) -> Array:
    return np.array([[*np.ravel(turn), *np.ravel(move)] for turn, move in zip(turns, moves, strict=True)], np.float64)


def _spread(lens: Lens, views: Sequence[BoardView], poses: Array) -> tuple[list[Array], Array]:
    """Residuals, and the covariance of the lens with the poses eliminated (Schur complement of the normal equations)."""
    count = len(lens.parameters)
    normal, residuals = np.zeros((count, count)), []
    for view, pose in zip(views, poses, strict=True):
        at = project(lens, view.mm, pose[:3], pose[3:])
        residuals.append(at.pixels - view.pixels)
        between = at.by_pose.T @ at.by_lens
        normal += at.by_lens.T @ at.by_lens - between.T @ np.linalg.solve(at.by_pose.T @ at.by_pose, between)
    numbers = 2 * sum(len(each) for each in residuals)
    freedom = max(1, numbers - count - 6 * len(views))
    variance = sum(float((each * each).sum()) for each in residuals) / freedom
    return residuals, variance * _inverse(normal)


def _inverse(normal: Array) -> Array:
    """Inverse of a positive matrix whose units differ by many orders; infinite where the views leave a parameter open."""
    scale = 1 / np.sqrt(np.maximum(np.diag(normal), np.finfo(float).tiny))
    values, vectors = np.linalg.eigh(normal * np.outer(scale, scale))
    values = np.maximum(values, 1e-14)
    inverse: Array = (vectors / values) @ vectors.T * np.outer(scale, scale)
    return inverse
