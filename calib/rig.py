"""Solve where several cameras are, from the moments at which they saw the board together. The bundle adjustment is caliscope's."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from calib.board import Board
from calib.board_views import BoardView
from calib.bundle_adjustment import camera_poses
from calib.calibration_file import as_matrix, as_row, made
from calib.intrinsics import pose_of, residuals_of, rms
from calib.lens import Lens
from calib.moment_agreement import agreement, pose_matrix, pose_vector
from tracker.calibration import CameraPose, Distortion
from tracker.camera_rig import CameraRig, RigCamera, RigQuality, Triangulate
from tracker.errors import CalibrationError

Array = NDArray[np.float64]
MOMENTS_NEEDED = 10
_FEWEST_MOMENTS = 4
_SHARED = 8  # corners that two cameras must both see for a moment to count
_PRINT_MM = 0.1  # how far distances on the board may be off: what a printer or a mounted sheet leaves
_BIAS, _RMS_PX = 0.005, 1.0
_LEFT_OUT = 0.1  # share of the moments that may contradict the others, such as those in which the board was misread
_ALONE_RATIO, _ALONE_PX = 1.25, 0.02  # one place for all cameras may explain so much less than a place for each, and a little
_PLACE_SCALE = np.array([0.1, 0.1, 0.1, 10.0, 10.0, 10.0])  # radians and mm


@dataclass(frozen=True, slots=True, kw_only=True)
class RigCameraViews:
    """One camera of a rig.

    Attributes:
        name: of the camera.
        lens: solved before.
        reasons: why its own calibration is rejected; empty where it is good.
        views: of the board; those of one moment have the same name in every camera.
    """

    name: str
    lens: Lens
    reasons: tuple[str, ...]
    views: Sequence[BoardView]


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthErrors:
    """How far measured lengths are off: rms in mm, and mean error as a share of the length."""

    rms_mm: float
    bias: float


def solve_rig(
    cameras: Sequence[RigCameraViews], board: Board, *, origin: str | None = None, stage: Callable[[str], None] = lambda _: None
) -> CameraRig:
    """Solve poses and judge them.

    Args:
        cameras: at least two.
        board: seen by all of them.
        origin: the moment whose board becomes the frame of reference; None: the first camera.
        stage: told what is done next.

    Raises:
        CalibrationError: cameras that never see the board together, or a board that two cameras number differently.
    """
    if board.turns_into_itself:
        raise CalibrationError(
            f"a {board.description} is the same after half a turn, so two cameras may number its corners differently; "
            "use a charuco board, or a chessboard with one odd and one even number of squares"
        )
    moments = shared_moments(cameras)
    if len(moments) < _FEWEST_MOMENTS:
        raise CalibrationError(
            f"two cameras saw the board together at {len(moments)} moments; expected at least {_FEWEST_MOMENTS}, better 30: "
            "show the board where their views overlap, and give the images of one moment the same number"
        )
    left_out = _contradicting(cameras, moments)
    moments = [moment for moment in moments if moment not in left_out]
    if left_out:
        stage(_sentence_of(left_out))
    stage(f"placing the cameras from {len(moments)} moments")
    poses = _poses(cameras, board, moments)
    rig = _rig(cameras, poses, frame=f"camera {cameras[0].name}", quality=RigQuality(), moments=len(moments))
    stage("placing them again from each half of the moments")
    held_out = _held_out(cameras, board, moments)
    stage("comparing one place of the board with a place for each camera")
    rig = replace(rig, quality=_quality(cameras, rig, moments, held_out, left_out))
    return rig if origin is None else _moved(rig, board, cameras, origin)


def shared_moments(cameras: Sequence[RigCameraViews]) -> list[str]:
    """Names of the moments at which two cameras at least saw corners in common."""
    seen = [{view.name: set(view.ids.tolist()) for view in camera.views} for camera in cameras]
    names = dict.fromkeys(name for each in seen for name in each)
    pairs = list(itertools.combinations(seen, 2))
    return [name for name in names if any(len(a.get(name, set()) & b.get(name, set())) >= _SHARED for a, b in pairs)]


def _contradicting(cameras: Sequence[RigCameraViews], moments: Sequence[str]) -> list[str]:
    """Moments that contradict most others on how two cameras stand to each other.

    Raises:
        CalibrationError: most do, so that they are none.
    """
    used = set(moments)
    contradicting: dict[str, None] = {}
    for one, other in itertools.combinations(cameras, 2):
        views = [[view for view in camera.views if view.name in used and len(view.ids) >= _SHARED] for camera in (one, other)]
        found = agreement((one.lens, other.lens), (views[0], views[1]))
        if not found.is_of_moments:
            shared = len(found.agreeing) + len(found.others)
            raise CalibrationError(
                f"images of one number are not of one moment: at {len(found.others)} of {shared} numbers that "
                f"cameras {one.name} and {other.name} share, the board says something else of how they stand to each other than at "
                "the others; take images of both cameras at once (record both and give the sessions' folders)"
            )
        contradicting |= dict.fromkeys(found.others)
    return list(contradicting)


def _sentence_of(left_out: Sequence[str]) -> str:
    named = f"{', '.join(left_out[:5])}{' and others' if len(left_out) > 5 else ''}"
    return f"{len(left_out)} moments are left out, since they contradict the others on how the cameras stand to each other: {named}"


def seen_at(cameras: Sequence[RigCameraViews], board: Board, moment: str) -> Array:
    """Where every camera saw every corner at a moment: (cameras, corners, 2) px, NaN where it did not."""
    seen = np.full((len(cameras), board.corner_count, 2), np.nan)
    for index, camera in enumerate(cameras):
        for view in camera.views:
            if view.name == moment:
                seen[index, view.ids] = view.pixels
    return seen


def _poses(cameras: Sequence[RigCameraViews], board: Board, moments: Sequence[str]) -> list[Array]:
    """Rig to camera, (4, 4) each, in mm, in the first camera's frame."""
    used = set(moments)
    views = [[view for view in camera.views if view.name in used] for camera in cameras]
    found = [
        np.vstack((pose, [0, 0, 0, 1])) for pose in camera_poses([camera.lens for camera in cameras], views, board, print_mm=_PRINT_MM)
    ]
    return [np.eye(4), *(pose @ np.linalg.inv(found[0]) for pose in found[1:])]


def _rig(cameras: Sequence[RigCameraViews], poses: Sequence[Array], *, frame: str, quality: RigQuality, moments: int) -> CameraRig:
    return CameraRig(
        schema=1,
        frame=frame,
        cameras=tuple(_rig_camera(camera, pose) for camera, pose in zip(cameras, poses, strict=True)),
        made=made("calib rig", moments),
        quality=quality,
    )


def _rig_camera(camera: RigCameraViews, pose: Array) -> RigCamera:
    return RigCamera(
        name=camera.name,
        image_size=camera.lens.size,
        camera_matrix=as_matrix(camera.lens.matrix),
        distortion=Distortion(model=camera.lens.model, coefficients=tuple(float(value) for value in camera.lens.coefficients)),
        pose=CameraPose(rotation=as_row(np.asarray(cv2.Rodrigues(pose[:3, :3])[0])), translation_mm=as_row(pose[:3, 3])),
    )


def _held_out(cameras: Sequence[RigCameraViews], board: Board, moments: Sequence[str]) -> LengthErrors | None:
    """Lengths at the even moments by the rig of the odd ones, and the other way round; None where half is too few."""
    parts = [moments[start::2] for start in (0, 1)]
    if min(map(len, parts)) < _FEWEST_MOMENTS:
        return None
    try:
        rigs = [_rig(cameras, _poses(cameras, board, part), frame="", quality=RigQuality(), moments=len(part)) for part in parts]
    except CalibrationError:
        return None
    return length_errors(
        [Triangulate(rig)(seen_at(cameras, board, moment)).mm for rig, part in zip(rigs, parts[::-1], strict=True) for moment in part],
        board,
    )


def length_errors(places: Sequence[Array], board: Board) -> LengthErrors | None:
    """How far lengths between corners, as triangulated (corners, 3) at each moment, are off; None where no moment has two corners."""
    first, second = np.triu_indices(board.corner_count, 1)
    true = np.linalg.norm(board.corners_mm[first] - board.corners_mm[second], axis=1)
    off = [np.linalg.norm(mm[first] - mm[second], axis=1) - true for mm in places]
    errors, lengths = np.concatenate(off or [np.empty(0)]), np.tile(true, len(off))
    known = np.isfinite(errors)
    if not known.any():
        return None
    return LengthErrors(rms_mm=float(np.sqrt(np.mean(errors[known] ** 2))), bias=float(errors[known].sum() / lengths[known].sum()))


def _quality(
    cameras: Sequence[RigCameraViews], rig: CameraRig, moments: Sequence[str], held_out: LengthErrors | None, left_out: Sequence[str]
) -> RigQuality:
    together, alone = _residuals(cameras, rig, moments)
    told = [f"the calibration of camera {camera.name} is not good: {camera.reasons[0]}" for camera in cameras if camera.reasons]
    if len(moments) < MOMENTS_NEEDED:
        told.append(f"two cameras saw the board together at {len(moments)} moments; expected at least {MOMENTS_NEEDED}")
    if together > _RMS_PX:
        told.append(f"the cameras disagree by {together:.2f} px; expected at most {_RMS_PX:g} px")
    if together > _ALONE_RATIO * alone + _ALONE_PX:
        told.append(
            f"one place of the board explains all cameras to {together:.2f} px, a place for each to {alone:.2f} px: "
            "a lens is wrong, or the board moved between the cameras' exposures"
        )
    if len(left_out) > _LEFT_OUT * (len(moments) + len(left_out)):
        told.append(f"{_sentence_of(left_out)}; expected at most {_LEFT_OUT:.0%} of them")
    if held_out is None:
        told.append("half of the moments is not enough to solve the rig again, so nothing confirms it")
    elif abs(held_out.bias) > _BIAS:
        told.append(f"lengths at moments left out are {held_out.bias:+.2%} off; expected at most {_BIAS:.1%}")
    return RigQuality(
        verdict="rejected" if told else "good",
        reasons=tuple(told),
        moments=len(moments),
        rms_px=round(together, 4),
        held_out_length_rms_mm=round(held_out.rms_mm, 4) if held_out else None,
        held_out_length_bias=round(held_out.bias, 6) if held_out else None,
    )


def _residuals(cameras: Sequence[RigCameraViews], rig: CameraRig, moments: Sequence[str]) -> tuple[float, float]:
    """Rms in px of the board's corners: with one place of the board at each moment for all cameras, and with one for each camera."""
    together, alone = [], []
    poses = [_as_matrix(camera.pose) for camera in rig.cameras]
    for moment in moments:
        seen = [
            (camera.lens, pose, view)
            for camera, pose in zip(cameras, poses, strict=True)
            for view in camera.views
            if view.name == moment and len(view.ids) >= _SHARED
        ]
        own = [pose_of(lens, view) for lens, _, view in seen]
        alone += [residuals_of(lens, view, place) for (lens, _, view), place in zip(seen, own, strict=True)]
        together += _explained_by_one_place(seen, own[0])
    return rms(together), rms(alone)


def _explained_by_one_place(seen: Sequence[tuple[Lens, Array, BoardView]], first: Array) -> list[Array]:
    """Residuals (n, 2) in each camera for the place of the board that explains all of them best, from its place in the first."""
    from scipy.optimize import least_squares  # type: ignore[import-untyped]

    def residuals(place: Array) -> list[Array]:
        board = pose_matrix(place)
        return [residuals_of(lens, view, pose_vector(pose @ board)) for lens, pose, view in seen]

    start = pose_vector(np.linalg.inv(seen[0][1]) @ pose_matrix(first))
    return residuals(least_squares(lambda place: np.concatenate(residuals(place)).ravel(), start, method="lm", x_scale=_PLACE_SCALE).x)


def baselines_mm(rig: CameraRig) -> dict[str, float]:
    """Distances between the centres of every two cameras, by "NAME to NAME"."""
    centres = {}
    for camera in rig.cameras:
        pose = _as_matrix(camera.pose)
        centres[camera.name] = -pose[:3, :3].T @ pose[:3, 3]
    return {
        f"{first} to {second}": round(float(np.linalg.norm(centres[first] - centres[second])), 4)
        for first, second in itertools.combinations(centres, 2)
    }


def _moved(rig: CameraRig, board: Board, cameras: Sequence[RigCameraViews], origin: str) -> CameraRig:
    """The same rig in the frame of the board as it lay at one moment (Kabsch's algorithm)."""
    mm = Triangulate(rig)(seen_at(cameras, board, origin)).mm
    known = np.isfinite(mm).all(axis=1)
    if known.sum() < _SHARED:
        raise CalibrationError(f"--origin {origin}: no two cameras saw the board together then; name a moment at which they did")
    here, there = board.corners_mm[known], mm[known]
    left, _, right = np.linalg.svd((there - there.mean(axis=0)).T @ (here - here.mean(axis=0)))
    rotation = left @ np.diag([1, 1, np.sign(np.linalg.det(left @ right))]) @ right
    to_rig = np.eye(4)
    to_rig[:3, :3], to_rig[:3, 3] = rotation, there.mean(axis=0) - rotation @ here.mean(axis=0)
    poses = [_as_matrix(camera.pose) @ to_rig for camera in rig.cameras]
    return _rig(cameras, poses, frame=f"board in {origin}", quality=rig.quality, moments=rig.made.images)


def _as_matrix(pose: CameraPose) -> Array:
    return pose_matrix(np.array([*pose.rotation, *pose.translation_mm]))
