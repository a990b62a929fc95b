"""Measure the plane that the animals move on: from a board lying on it, from marked points, or from known distances between points."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from calib.board_views import BoardView
from calib.calibration_file import as_matrix
from calib.intrinsics import pose_of
from calib.lens import Lens, directions
from tracker.calibration import Plane
from tracker.errors import CalibrationError

Array = NDArray[np.float64]
_FEWEST_POINTS, _FEWEST_DISTANCES = 4, 4
WORST = 0.03  # of the largest distance; points that fit no better were swapped or mistyped
_FLAT = 0.02  # points closer to one line than this share of their extent say nothing about the tilt across it
_TILTS_DEG, _DIRECTIONS = (0, 25, 50, 70), 8  # starts of the search for the plane that explains distances
_SAME_DEG = 3.0  # two answers closer than this are one
_AS_GOOD = 2.0  # a second answer that fits no worse than so many times the best one, or than the noise, makes the first a guess
_NOISE, _MARK_PX = 0.002, 0.5  # how well a distance is measured, as a share, and a point marked
_UNSURE_DEG = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownDistance:
    """A known distance between two marked points."""

    first: str
    second: str
    mm: float


def plane_from_board(lens: Lens, view: BoardView, *, thickness_mm: float = 0.0) -> Plane:
    """The plane on which a board lies, X and Y along its columns and rows from its top left outer corner.

    Args:
        lens: of the camera.
        view: of the board.
        thickness_mm: of the board, whose face is so much above the plane.

    Raises:
        CalibrationError: no place of the board explains the view.
    """
    return _plane(lens, view, "board", thickness_mm=thickness_mm)


def plane_from_points(lens: Lens, pixels: Array, mm: Array) -> Plane:
    """The plane through points (n, 2) in px whose places on it (n, 2) are known in mm.

    Raises:
        CalibrationError: fewer than four, all nearly on one line on the plane or in the image, or they contradict each other.
    """
    if len(pixels) < _FEWEST_POINTS:
        raise CalibrationError(f"{len(pixels)} points are given; expected at least {_FEWEST_POINTS}, far apart")
    refuse_line(mm, "lie on one line")
    refuse_line(pixels, "lie on one line in the image")
    view = BoardView(name="the points", ids=np.arange(len(mm)), mm=np.column_stack((mm, np.zeros(len(mm)))), pixels=pixels)
    if not np.isfinite(directions(lens, pixels)).all():
        raise CalibrationError("a point lies where the lens model does not reach; mark points nearer to the middle")
    try:
        plane = _plane(lens, view, "points", thickness_mm=0.0)
    except CalibrationError as problem:
        raise CalibrationError("no plane explains the points; mark at least four, no three of them on one line") from problem
    errors = np.linalg.norm(_to_mm(plane, lens, pixels) - mm, axis=1)
    extent = float(np.linalg.norm(np.ptp(mm, axis=0)))
    if plane.rms_mm is not None and not plane.rms_mm <= WORST * extent:
        worst = int(np.argmax(errors))
        raise CalibrationError(
            f"the points contradict each other by {plane.rms_mm:.3g} mm (rms), most at {pixels[worst, 0]:g},{pixels[worst, 1]:g}: "
            "two may be swapped, or a number mistyped"
        )
    return plane


def plane_from_distances(lens: Lens, marks: Mapping[str, Array], distances: Sequence[KnownDistance]) -> Plane:
    """The plane in which marked points have known distances: X from the first mark towards the second, Y to its right-hand side as seen.

    Args:
        lens: of the camera.
        marks: name and place (2,) in px, at least three.
        distances: at least four, between marks.

    Raises:
        CalibrationError: too few, a name that is not a mark, no length, contradictory, or explained by two different planes.
    """
    check_distances(marks, distances)
    names = list(marks)
    different = len({frozenset((one.first, one.second)) for one in distances})
    if different < _FEWEST_DISTANCES:
        raise CalibrationError(
            f"{different} distances are given; expected at least {_FEWEST_DISTANCES}, such as the sides and a diagonal of a rectangle"
        )
    rays = directions(lens, np.array([marks[name] for name in names], np.float64))
    if not np.isfinite(rays).all():
        raise CalibrationError("a mark lies where the lens model does not reach; mark points nearer to the middle")
    pairs = np.array([[names.index(one.first), names.index(one.second)] for one in distances])
    mm = np.array([one.mm for one in distances])
    pixels = np.array([marks[name] for name in names], np.float64)
    noise = np.hypot(_NOISE, _MARK_PX * np.sqrt(2) / np.linalg.norm(pixels[pairs[:, 0]] - pixels[pairs[:, 1]], axis=1))
    normal = _find_plane(rays, pairs, mm, noise)
    places = rays / (rays @ normal)[:, None]
    away = normal / np.linalg.norm(normal)
    along = (places[1] - places[0]) / np.linalg.norm(places[1] - places[0])
    raised = np.column_stack((along, np.cross(away, along), places[0]))
    rms = float(np.sqrt(np.mean((np.linalg.norm(places[pairs[:, 0]] - places[pairs[:, 1]], axis=1) - mm) ** 2)))
    return Plane(homography=_homography(lens, raised), measured_from="distances", points=len(names), rms_mm=round(rms, 4))


def check_distances(marks: Mapping[str, Array], distances: Sequence[KnownDistance]) -> None:
    """Refuse distances that are none between marks (2,).

    Raises:
        CalibrationError: a name that is not a mark, or no length.
    """
    for one in distances:
        for name in (one.first, one.second):
            if name not in marks:
                raise CalibrationError(f"distance {one.first}-{one.second}: {name} is not marked; expected one of {', '.join(marks)}")
        if not one.mm > 0 or np.array_equal(marks[one.first], marks[one.second]):
            here = "its marks are at one place" if one.mm > 0 else f"it is {one.mm:g} mm"
            raise CalibrationError(f"distance {one.first}-{one.second}: {here}; expected two places and more than 0 mm between them")


def _plane(lens: Lens, view: BoardView, how: Literal["board", "points"], *, thickness_mm: float) -> Plane:
    pose = pose_of(lens, view)
    rotation = np.asarray(cv2.Rodrigues(pose[:3])[0], np.float64)
    face = Plane(homography=_homography(lens, np.column_stack((rotation[:, :2], pose[3:]))))
    errors = _to_mm(face, lens, view.pixels) - view.mm[:, :2]
    away = rotation[:, 2] if rotation[:, 2] @ pose[3:] > 0 else -rotation[:, 2]
    raised = np.column_stack((rotation[:, :2], pose[3:] + thickness_mm * away))
    rms = float(np.sqrt(np.mean((errors * errors).sum(axis=1))))
    return Plane(homography=_homography(lens, raised), measured_from=how, points=len(view.pixels), rms_mm=round(rms, 4))


def _homography(lens: Lens, raised: Array) -> tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]:
    """Undistorted pixels to mm, from the matrix (3, 3) that takes (X, Y, 1) in mm to a direction."""
    homography = np.linalg.inv(lens.matrix @ raised)
    return as_matrix(homography / np.abs(homography).max())


def _to_mm(plane: Plane, lens: Lens, pixels: Array) -> Array:
    raised = directions(lens, pixels) @ (np.asarray(plane.homography) @ lens.matrix).T
    return np.asarray(raised[:, :2] / raised[:, 2:])


def refuse_line(places: Array, how: str) -> None:
    """Refuse points (n, 2) on one line.

    Raises:
        CalibrationError: they are, nearly.
    """
    spread = np.linalg.svd(places - places.mean(axis=0), compute_uv=False)
    if not spread[1] > _FLAT * spread[0]:
        raise CalibrationError(f"the points {how}, which fixes no plane; mark points in both directions")


def _find_plane(rays: Array, pairs: NDArray[np.int64], mm: Array, noise: Array) -> Array:
    """The plane n (3,), n·X = 1, that cuts rays (n, 3) at the distances asked for, each good to a share `noise`."""
    from scipy.optimize import least_squares  # type: ignore[import-untyped]

    def errors(normal: Array) -> Array:
        depth = rays @ normal
        places = rays / np.where(np.abs(depth) > 1e-9, depth, 1e-9)[:, None]
        return np.asarray(np.linalg.norm(places[pairs[:, 0]] - places[pairs[:, 1]], axis=1) / mm - 1)

    found: list[tuple[float, Array, Array]] = []
    middle = rays.mean(axis=0)
    for start in _starts(middle / np.linalg.norm(middle), rays, pairs, mm):
        fit = least_squares(errors, start, method="lm", x_scale=np.linalg.norm(start) * np.ones(3))
        if (rays @ fit.x > 0).all():
            found.append((float(np.sqrt(np.mean(fit.fun**2))), fit.x, np.asarray(fit.jac)))
    if not found:
        raise CalibrationError("no plane in front of the camera explains the distances; check that each is between the marks it names")
    found.sort(key=lambda one: one[0])
    best, normal, slopes = found[0]
    if best > WORST:
        raise CalibrationError(f"the distances contradict each other by {best:.1%} (rms); a mark or a number is wrong")
    for error, other, _ in found[1:]:
        cosine = normal @ other / (np.linalg.norm(normal) * np.linalg.norm(other))
        apart = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
        if apart > _SAME_DEG and error < max(_AS_GOOD * best, float(np.sqrt(np.mean(noise**2)))):
            raise CalibrationError(
                f"two planes, {apart:.0f} degrees apart, explain the distances equally well; add marks and distances, or use a board"
            )
    unsure = _tilt_sigma_deg(normal, slopes / noise[:, None])
    if not unsure <= _UNSURE_DEG:
        raise CalibrationError(
            f"the distances leave the plane's tilt open by {unsure:.1f} degrees if marks are good to {_MARK_PX:g} px; "
            "mark points farther apart, in all directions"
        )
    return normal


def _tilt_sigma_deg(normal: Array, slopes: Array) -> float:
    """One standard deviation of the plane's direction in its worst direction; slopes (m, 3) in units of each distance's noise."""
    length = np.linalg.norm(normal)
    across = (np.eye(3) - np.outer(normal, normal) / length**2) / length
    covariance = across @ np.linalg.pinv(slopes.T @ slopes) @ across.T
    return float(np.degrees(np.sqrt(np.linalg.eigvalsh(covariance)[-1])))


def _starts(sight: Array, rays: Array, pairs: NDArray[np.int64], mm: Array) -> list[Array]:
    """Planes across the line of sight and tilted from it, each as far away as the distances say."""
    side = np.cross(sight, [0.0, 1.0, 0.0])
    side /= np.linalg.norm(side)
    down = np.cross(sight, side)
    starts = []
    for tilt in np.deg2rad(_TILTS_DEG):
        for turn in np.arange(_DIRECTIONS) * 2 * np.pi / _DIRECTIONS:
            normal = np.cos(tilt) * sight + np.sin(tilt) * (np.cos(turn) * side + np.sin(turn) * down)
            depth = rays @ normal
            if (depth <= 0).any():
                continue
            places = rays / depth[:, None]
            scale = float(np.median(mm / np.linalg.norm(places[pairs[:, 0]] - places[pairs[:, 1]], axis=1)))
            starts.append(normal / scale)
    return starts
