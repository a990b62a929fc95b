"""A rig and an animal whose truth is known: four cameras around an arena, and where each of them sees the animal at every pulse."""

import datetime

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.calibration import CameraPose, Distortion, Made
from tracker.camera_rig import CameraRig, RigCamera, RigQuality
from tracker.undistortion import lens_of

Array = NDArray[np.float64]

POINT_NAMES = ("nose", "tail")
IMAGE_SIZE = (1280, 1024)
EYES_MM = {  # where the cameras are; all look at the middle of the arena, the origin, and Z is up
    "top": (50.0, 0.0, 900.0),
    "side": (800.0, 100.0, 300.0),
    "back": (-300.0, 700.0, 350.0),
    "front": (-200.0, -750.0, 300.0),
}
_FOCAL_PX = 900.0
_LENS = (-0.3, 0.1, 0.001, -0.001, -0.01)
_CIRCLE_MM, _LENGTH_MM, _HEIGHT_MM, _REARING_MM = 120.0, 70.0, 25.0, 20.0


def synthetic_rig(*names: str) -> CameraRig:
    """The rig of some of these cameras, in this order; all of them by default."""
    return CameraRig(
        schema=1,
        frame="the arena's middle, Z up",
        cameras=tuple(_camera(name) for name in names or EYES_MM),
        made=Made(date=datetime.date(2026, 1, 2), tool="synthetic", images=0),
        quality=RigQuality(verdict="good"),
    )


def places_mm(pulse: float) -> Array:
    """Where the animal's points are, (2, 3): it runs in a circle, and rears once in a while.

    Args:
        pulse: of the trigger, 100 of them a second; one turn takes 2.5 s.
    """
    angle = pulse / 40.0
    height = _HEIGHT_MM + _REARING_MM * np.sin(angle / 3)
    nose = np.array([_CIRCLE_MM * np.cos(angle), _CIRCLE_MM * np.sin(angle), height])
    ahead = np.array([-np.sin(angle), np.cos(angle), 0.0])
    return np.stack((nose, nose - _LENGTH_MM * ahead - [0.0, 0.0, 10.0]))


def seen_by(rig: CameraRig, mm: Array) -> Array:
    """Where every camera of a rig sees places: px, (cameras, n, 2), of mm (n, 3); NaN where a camera cannot."""
    found = []
    for camera in rig.cameras:
        rotation = np.asarray(cv2.Rodrigues(np.asarray(camera.pose.rotation))[0], np.float64)
        local = mm @ rotation.T + np.asarray(camera.pose.translation_mm)
        lens = lens_of(camera.distortion.model, np.asarray(camera.camera_matrix), np.asarray(camera.distortion.coefficients))
        depth = np.where(local[:, 2:] > 0, local[:, 2:], np.nan)
        found.append(lens.distort(np.ascontiguousarray(local[:, :2] / depth)))
    return np.stack(found)


def _camera(name: str) -> RigCamera:
    eye = np.asarray(EYES_MM[name])
    ahead = -eye / np.linalg.norm(eye)
    right = np.cross(ahead, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    rotation = np.stack((right, np.cross(ahead, right), ahead))
    x, y, z = (-rotation @ eye).tolist()
    turn_x, turn_y, turn_z = np.ravel(cv2.Rodrigues(rotation)[0]).tolist()
    width, height = IMAGE_SIZE
    return RigCamera(
        name=name,
        image_size=IMAGE_SIZE,
        camera_matrix=((_FOCAL_PX, 0.0, width / 2), (0.0, _FOCAL_PX, height / 2), (0.0, 0.0, 1.0)),
        distortion=Distortion(model="five_parameter", coefficients=_LENS),
        pose=CameraPose(rotation=(turn_x, turn_y, turn_z), translation_mm=(x, y, z)),
    )
