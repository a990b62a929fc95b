"""Cameras around an arena with known poses: rigs, and where they see places of known coordinates."""

from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import yaml

from tracker.camera_rig import CameraRig
from tracker.lens import lens_of

NAMES = ("nose", "tail")
_MATRIX = [[900.0, 0.0, 640.0], [0.0, 900.0, 512.0], [0.0, 0.0, 1.0]]
_MADE = {"date": "2026-01-02", "tool": "test", "images": 20}


def camera_at(name: str, eye_mm: Any, *, size: tuple[int, int] = (1280, 1024)) -> dict[str, Any]:
    """A camera at a place that looks at the origin, with Z of the rig upwards in its picture."""
    eye = np.asarray(eye_mm, np.float64)
    ahead = -eye / np.linalg.norm(eye)
    right = np.cross(ahead, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    rotation = np.stack((right, np.cross(ahead, right), ahead))
    return {
        "name": name,
        "image_size": list(size),
        "camera_matrix": _MATRIX,
        "distortion": {"model": "five_parameter", "coefficients": [-0.3, 0.1, 0.001, -0.001, -0.01]},
        "pose": {"rotation": cv2.Rodrigues(rotation)[0].ravel().tolist(), "translation_mm": (-rotation @ eye).tolist()},
    }


EYES = {"top": (50.0, 0.0, 900.0), "side": (800.0, 100.0, 300.0), "back": (-300.0, 700.0, 350.0), "front": (-200.0, -750.0, 300.0)}


def rig_of(*names: str, **quality: Any) -> CameraRig:
    values = {
        "schema": 1,
        "frame": "board in top",
        "cameras": [camera_at(name, EYES[name]) for name in names],
        "made": _MADE,
        "quality": {"verdict": "good"} | quality,
    }
    return msgspec.convert(values, CameraRig)


def write_rig(path: Path, *names: str) -> Path:
    path.write_text(yaml.safe_dump(msgspec.to_builtins(rig_of(*names))))
    return path


def seen_by(rig: CameraRig, mm: Any) -> Any:
    """Pixels, float64 (cameras, n, 2), of places (n, 3)."""
    found = []
    for camera in rig.cameras:
        rotation = np.asarray(cv2.Rodrigues(np.asarray(camera.pose.rotation))[0])
        local = np.asarray(mm) @ rotation.T + np.asarray(camera.pose.translation_mm)
        lens = lens_of(camera.distortion.model, np.asarray(camera.camera_matrix), np.asarray(camera.distortion.coefficients))
        found.append(lens.distort(np.ascontiguousarray(local[:, :2] / local[:, 2:])))
    return np.stack(found)


def path_mm(pulse: int) -> Any:
    """Where the animal is at a pulse of the trigger, (2, 3): it runs in a circle, and rears."""
    angle = pulse / 40.0
    nose = np.array([120 * np.cos(angle), 120 * np.sin(angle), 25 + 20 * np.sin(angle / 3)])
    back = np.array([-np.sin(angle), np.cos(angle), 0.0])
    return np.stack((nose, nose - 70 * back - [0, 0, 10]))
