"""rig.yaml: several calibrated cameras in one frame of reference, and places in mm from what they see at one moment."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import cv2
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from tracker.calibration import CameraPose, Count, Distortion, Length, Made, Matrix, Part, Side, check_lens
from tracker.errors import CalibrationError
from tracker.parsing.yaml_file import open_yaml, typed
from tracker.undistortion import lenses_of

Array = NDArray[np.float64]
_FEWEST_CAMERAS = 2
_PASSES = 2  # the second weighs each camera by the distance that the first has found


class RigCamera(Part, frozen=True, kw_only=True):
    """One camera, with all that is needed to turn its pixels into rays of the rig."""

    name: Annotated[str, Meta(min_length=1, max_length=64)]  # as in the topics of its tracker
    image_size: tuple[Side, Side]  # (width, height)
    camera_matrix: Matrix
    distortion: Distortion
    pose: CameraPose  # rig to camera


class RigQuality(Part, frozen=True, kw_only=True):
    """How good the rig is.

    Attributes:
        verdict: `unjudged` for a rig of another program.
        reasons: why it is rejected, one clause each.
        moments: at which at least two cameras saw the board.
        rms_px: corners as found and as seen by the cameras together.
        held_out_length_rms_mm, held_out_length_bias: lengths on the board, measured at moments left out of the solution: rms of
            their errors, and mean error as a share of the length.
    """

    verdict: Literal["good", "rejected", "unjudged"] = "unjudged"
    reasons: tuple[str, ...] = ()
    moments: Count | None = None
    rms_px: Length | None = None
    held_out_length_rms_mm: Length | None = None
    held_out_length_bias: float | None = None


class CameraRig(Part, frozen=True, kw_only=True):
    """The whole of rig.yaml. Places are in mm in the frame of reference that `frame` names."""

    schema: Literal[1]
    frame: str  # "camera NAME", or "board in NAME": X and Y along its rows and columns, Z away from whoever faces it
    cameras: Annotated[tuple[RigCamera, ...], Meta(min_length=1, max_length=64)]
    made: Made
    quality: RigQuality


def read_rig(path: Path) -> CameraRig:
    """Read rig.yaml.

    Raises:
        CalibrationError: absent, damaged or impossible, in one sentence.
    """
    file = open_yaml(path, error=CalibrationError)
    if isinstance(file.values, dict) and "camera_matrix" in file.values and "cameras" not in file.values:
        raise CalibrationError(
            f"{path}: is the calibration of one camera; give the rig.yaml that `calib rig` makes of two or more with lenses"
        )
    rig = typed(file, kind=CameraRig, error=CalibrationError)
    names = [camera.name for camera in rig.cameras]
    for index, camera in enumerate(rig.cameras):
        if camera.name in names[:index]:
            raise CalibrationError(f"{path}: cameras[{index}].name is '{camera.name}', as an earlier one is; expected a name of its own")
        check_lens(camera.camera_matrix, camera.distortion, f"{path}: cameras[{index}]")
    return rig


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where points are.

    Attributes:
        mm: float64 (n, 3); NaN where fewer than two cameras see a point.
        error_px: float64 (n,), rms over the cameras of how far the place appears from where it was seen; NaN as above.
        cameras: int64 (n,), how many cameras saw it.
    """

    mm: Array
    error_px: Array
    cameras: NDArray[np.int64]


class Triangulate:
    """Pixels of several cameras to places in the rig's frame of reference."""

    def __init__(self, rig: CameraRig) -> None:
        if len(rig.cameras) < _FEWEST_CAMERAS:
            raise CalibrationError("a rig of one camera gives no places in space; add another camera with `calib rig`")
        self.names = tuple(camera.name for camera in rig.cameras)
        matrices = np.array([camera.camera_matrix for camera in rig.cameras], np.float64)
        self._focal = np.sqrt(matrices[:, 0, 0] * matrices[:, 1, 1])[:, None]
        models = [camera.distortion.model for camera in rig.cameras]
        self._lenses = lenses_of(models, matrices, [np.asarray(camera.distortion.coefficients, np.float64) for camera in rig.cameras])
        rotations = np.stack([np.asarray(cv2.Rodrigues(np.asarray(camera.pose.rotation))[0], np.float64) for camera in rig.cameras])
        translations = np.array([camera.pose.translation_mm for camera in rig.cameras], np.float64)
        self._turned = np.ascontiguousarray(np.swapaxes(rotations, 1, 2))  # mm @ turned + moved: in the frame of each camera
        self._moved = translations[:, None]
        self._rows = np.concatenate((rotations, -translations[..., None]), axis=2)[:, None]  # (cameras, 1, 3, 4)
        self._ahead, self._depth = rotations[:, 2], translations[:, 2:]

    def __call__(self, seen: Array, weights: Array | None = None) -> Places:
        """Find the places that agree best with all cameras, in the sense of least squares of pixels.

        Args:
            seen: float64 (cameras, n, 2), px in the order of `names`; NaN where a camera does not see a point.
            weights: float64 (cameras, n), above 0: how much a camera's deviation counts, 1 for all where None.
        """
        rays = self._lenses.undistort(seen)
        sees = np.isfinite(rays[..., 0] + rays[..., 1])
        count = sees.sum(axis=0)
        mm = np.full((seen.shape[1], 3), np.nan)
        enough = count >= _FEWEST_CAMERAS
        if enough.any():
            counted = sees if weights is None else np.sqrt(np.where(sees, weights, 0.0))
            wanted = slice(None) if enough.all() else enough
            mm[wanted] = self._solve(np.where(sees[..., None], rays, 0.0)[:, wanted], counted[:, wanted])
        squares = np.where(sees & enough, self._squares(mm, seen), 0.0).sum(axis=0)
        return Places(mm=mm, error_px=np.sqrt(squares / np.where(enough, count, np.nan)), cameras=count)

    def _solve(self, rays: Array, sees: Array | NDArray[np.bool_]) -> Array:
        """Rows (r1 - x r3) X = x t3 - t1 and the same for y, each divided by the depth at which the camera sees the place.

        `sees` (cameras, n) is how much each camera's rows count, 0 where it does not see the point.
        """
        rows = self._rows[:, :, :2] - rays[..., None] * self._rows[:, :, 2:]  # (cameras, n, 2, 4), the right side in the last column
        products = np.swapaxes(rows, 2, 3) @ rows
        scale = sees * self._focal
        weight, mm = scale, np.empty(0)
        for again in reversed(range(_PASSES)):
            normal = np.einsum("cn,cnij->nij", weight * weight, products)
            diagonal = np.einsum("nii->ni", normal[:, :3, :3])
            diagonal += 1e-12 * diagonal.sum(axis=1, keepdims=True)
            mm = np.linalg.solve(normal[:, :3, :3], normal[:, :3, 3:])[..., 0]
            if again:
                weight = scale / np.maximum(np.abs(self._ahead @ mm.T + self._depth), 1e-6)
        return mm

    def deviations_px(self, mm: Array, seen: Array) -> Array:
        """How far each place (n, 3) appears from where a camera saw it: float64 (cameras, n); NaN behind a camera or where it saw none.

        Args:
            mm: places.
            seen: float64 (cameras, n, 2), px.
        """
        return np.sqrt(self._squares(mm, seen))

    def _squares(self, mm: Array, seen: Array) -> Array:
        """The same, squared."""
        local = mm @ self._turned + self._moved
        depth = local[..., 2:]
        apart = self._lenses.distort(local[..., :2] / np.where(depth > 0, depth, np.nan)) - seen
        apart *= apart
        return np.asarray(apart[..., 0] + apart[..., 1])
