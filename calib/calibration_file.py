"""Write calibration.yaml and rig.yaml, and aniposelib's calibration.toml; read the latter."""

import datetime
import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import yaml
from numpy.typing import NDArray

from calib.lens import Lens, lens_from
from calib.toml_file import read_toml
from tracker.calibration import NO_LENS, Calibration, CameraPose, Distortion, Made, Matrix, Plane, Quality, Row
from tracker.camera_rig import CameraRig, RigCamera, RigQuality
from tracker.errors import CalibrationError

Array = NDArray[np.float64]


def calibration_of(
    lens: Lens, quality: Quality, *, tool: str, images: int, plane: Plane | None = None, pose: CameraPose | None = None
) -> Calibration:
    """What calibration.yaml says of a lens, made today."""
    return Calibration(
        schema=1,
        camera_matrix=as_matrix(lens.matrix),
        distortion=Distortion(model=lens.model, coefficients=tuple(float(value) for value in lens.coefficients)),
        image_size=lens.size,
        plane=plane,
        pose=pose,
        made=made(tool, images),
        quality=quality,
    )


def calibration_without_lens(plane: Plane, size: tuple[int, int]) -> Calibration:
    """What calibration.yaml says where only the plane was measured, on images of `size` (width, height), today."""
    return Calibration(
        schema=1,
        camera_matrix=None,
        distortion=None,
        image_size=size,
        plane=plane,
        pose=None,
        made=made("calib plane", 0),
        quality=None,
    )


def made(tool: str, images: int) -> Made:
    """Made today."""
    return Made(date=datetime.datetime.now(tz=datetime.timezone.utc).date(), tool=tool, images=images)


def lens_in(part: Calibration | RigCamera) -> Lens:
    """The lens that a file describes.

    Raises:
        CalibrationError: it has none.
    """
    if part.camera_matrix is None or part.distortion is None:
        raise CalibrationError("the calibration has no lens, only a plane; solve the lens with `calib solve` from images of a board")
    return lens_from(
        part.distortion.model,
        part.image_size,
        np.asarray(part.camera_matrix, np.float64),
        np.asarray(part.distortion.coefficients, np.float64),
    )


def as_matrix(values: Array) -> Matrix:
    """A matrix (3, 3) as it stands in a file."""
    first, second, third = (as_row(row) for row in values)
    return first, second, third


def as_row(values: Array) -> Row:
    """Three numbers as they stand in a file."""
    first, second, third = (float(value) for value in np.ravel(values))
    return first, second, third


def as_yaml(value: Calibration | CameraRig) -> str:
    """The text of calibration.yaml or rig.yaml."""
    note = f"# {NO_LENS}\n" if isinstance(value, Calibration) and value.camera_matrix is None else ""
    return note + yaml.safe_dump(msgspec.to_builtins(value), sort_keys=False, default_flow_style=None, allow_unicode=True, width=140)


def as_anipose(rig: CameraRig) -> str:
    """The text of aniposelib's calibration.toml: one table a camera; lengths in mm."""
    tables = []
    for index, camera in enumerate(rig.cameras):
        values: dict[str, Any] = {
            "name": camera.name,
            "size": list(camera.image_size),
            "matrix": [list(row) for row in camera.camera_matrix],
            "distortions": list(camera.distortion.coefficients),
            "rotation": list(camera.pose.rotation),
            "translation": list(camera.pose.translation_mm),
        }
        if camera.distortion.model == "fisheye":
            values["fisheye"] = True
        tables.append(f"[cam_{index}]\n" + "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items()))
    error = "" if rig.quality.rms_px is None else f"error = {rig.quality.rms_px}\n"
    return "\n".join([*tables, f"[metadata]\nadjusted = false\n{error}"])


def read_anipose(path: Path) -> CameraRig:
    """Read aniposelib's calibration.toml; its lengths are taken as mm.

    Raises:
        CalibrationError: absent, damaged or impossible, in one sentence.
    """
    tables = {key: value for key, value in read_toml(path).items() if isinstance(value, dict) and key != "metadata"}
    if not tables:
        raise CalibrationError(f"{path}: has no camera; expected aniposelib's calibration.toml with a table for each")
    cameras = tuple(_anipose_camera(values, path, table=key) for key, values in tables.items())
    return CameraRig(schema=1, frame=f"as in {path.name}", cameras=cameras, made=made("aniposelib", 0), quality=RigQuality())


def _anipose_camera(values: dict[str, Any], path: Path, *, table: str) -> RigCamera:
    where = f"{path}: {table}"
    try:
        size, matrix, coefficients, rotation, translation = (
            np.asarray(values[key], np.float64) for key in ("size", "matrix", "distortions", "rotation", "translation")
        )
        name = str(values.get("name", table))
    except KeyError as problem:
        raise CalibrationError(f"{where} has no {problem}; expected size, matrix, distortions, rotation and translation") from None
    except (ValueError, TypeError) as problem:
        raise CalibrationError(f"{where} holds what is not a number ({problem}); expected aniposelib's calibration.toml") from None
    model = "fisheye" if values.get("fisheye") else "five_parameter"
    wanted = 4 if model == "fisheye" else 5
    fits = size.shape == (2,) and matrix.shape == (3, 3) and coefficients.ndim == 1 and len(coefficients) <= wanted
    if not (fits and rotation.shape == translation.shape == (3,)):
        raise CalibrationError(
            f"{where} has a size, matrix or vector of another length than aniposelib writes; write it again with aniposelib"
        )
    return RigCamera(
        name=name,
        image_size=(int(size[0]), int(size[1])),
        camera_matrix=as_matrix(matrix),
        distortion=Distortion(model=model, coefficients=(*coefficients.tolist(), *([0.0] * (wanted - len(coefficients))))),  # type: ignore[arg-type]
        pose=CameraPose(rotation=as_row(rotation), translation_mm=as_row(translation)),
    )
