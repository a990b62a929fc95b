"""rig.yaml: what is refused, and places in space from what several cameras see."""

from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest
import scipy.optimize  # type: ignore[import-untyped]
import yaml

from tests.tracker.test_calibration import contents as calibration_contents
from tracker.camera_rig import CameraRig, Triangulate, read_rig
from tracker.errors import CalibrationError
from tracker.undistortion import lens_of, lenses_of

SPREAD_MM = 40.0


def camera(name: str, x_mm: float, *, model: str = "five_parameter") -> dict[str, Any]:
    """A camera that points along Z from (x_mm, 0, -500)."""
    coefficients = [-0.2, 0.05, 0.001, -0.001, 0.0] if model == "five_parameter" else [0.05, -0.01, 0.003, -0.001]
    return {
        "name": name,
        "image_size": [640, 480],
        "camera_matrix": [[500, 0, 320], [0, 505, 240], [0, 0, 1]],
        "distortion": {"model": model, "coefficients": coefficients},
        "pose": {"rotation": [0.0, 0.0, 0.0], "translation_mm": [-x_mm, 0.0, 500.0]},
    }


def contents(*cameras: dict[str, Any]) -> dict[str, Any]:
    made = {"date": "2026-01-02", "tool": "test", "images": 20}
    return {"schema": 1, "frame": "camera a", "cameras": list(cameras), "made": made, "quality": {"verdict": "good"}}


THREE = (camera("a", -100), camera("b", 100, model="fisheye"), camera("c", 0))


def seen(rig: CameraRig, mm: Any) -> Any:
    """Where every camera sees places, by the lens models written out."""
    found = []
    for one in rig.cameras:
        local = mm + np.asarray(one.pose.translation_mm)
        x, y = local[:, 0] / local[:, 2], local[:, 1] / local[:, 2]
        k = one.distortion.coefficients
        if one.distortion.model == "fisheye":
            r = np.hypot(x, y)
            t = np.arctan(r)
            bent = t * (1 + k[0] * t**2 + k[1] * t**4 + k[2] * t**6 + k[3] * t**8) / r
            x, y = x * bent, y * bent
        else:
            s = x * x + y * y
            radial = 1 + k[0] * s + k[1] * s**2 + k[4] * s**3
            x, y = (
                x * radial + 2 * k[2] * x * y + k[3] * (s + 2 * x * x),
                y * radial + k[2] * (s + 2 * y * y) + 2 * k[3] * x * y,
            )
        found.append(np.column_stack((500 * x + 320, 505 * y + 240)))
    return np.stack(found)


@pytest.fixture
def rig(tmp_path: Path) -> CameraRig:
    path = tmp_path / "rig.yaml"
    path.write_text(yaml.safe_dump(contents(*THREE)))
    return read_rig(path)


@pytest.fixture
def places() -> Any:
    return np.random.default_rng(1).uniform(-SPREAD_MM, SPREAD_MM, (12, 3))


def test_places_come_back_from_what_the_cameras_see(rig: CameraRig, places: Any) -> None:
    found = Triangulate(rig)(seen(rig, places))

    assert found.mm == pytest.approx(places, abs=1e-3)
    assert found.error_px.max() < 0.01
    assert found.cameras.tolist() == [3] * 12


@pytest.mark.parametrize("models", [("five_parameter",) * 3, ("five_parameter", "fisheye", "five_parameter")], ids=["alike", "mixed"])
def test_the_lenses_of_a_rig_are_each_as_alone(models: Any) -> None:
    coefficients = [
        np.array([-0.3, 0.1, 0.002, -0.001, 0.05]) * sign if sign else np.array([0.05, -0.01, 0.003, -0.001]) for sign in (1, 0, -1)
    ]
    if models[1] == "five_parameter":
        coefficients[1] = np.zeros(5)
    matrices = np.array([[[f, 0, 320.0], [0, f + 5, 240.0], [0, 0, 1.0]] for f in (400.0, 500.0, 600.0)])
    directions = np.random.default_rng(4).uniform(-2.5, 2.5, (3, 40, 2))  # beyond what some of the lenses reach
    together = lenses_of(models, matrices, coefficients)

    pixels = together.distort(directions)
    back = together.undistort(pixels)

    assert np.isnan(pixels).any()
    for index, lens in enumerate(map(lens_of, models, matrices, coefficients)):
        alone = lens.distort(directions[index])
        assert pixels[index] == pytest.approx(alone, abs=1e-9, nan_ok=True)
        assert back[index] == pytest.approx(lens.undistort(alone.reshape(-1, 1, 2)), abs=1e-12, nan_ok=True)


def test_a_point_that_some_cameras_miss_is_found_by_the_others(rig: CameraRig, places: Any) -> None:
    pixels = seen(rig, places)
    pixels[0, 0] = pixels[1, 1] = np.nan
    pixels[:2, 2] = np.nan

    found = Triangulate(rig)(pixels)

    assert found.cameras[:4].tolist() == [2, 2, 1, 3]
    assert np.isnan(found.mm[2]).all()
    assert np.isnan(found.error_px[2])
    assert found.mm[[0, 1, 3]] == pytest.approx(places[[0, 1, 3]], abs=1e-3)


def test_a_wrong_point_shows_in_its_error(rig: CameraRig, places: Any) -> None:
    pixels = seen(rig, places)
    pixels[1, 5, 1] += 12.0

    found = Triangulate(rig)(pixels)

    assert found.error_px[5] > 3
    assert np.delete(found.error_px, 5).max() < 0.01


def test_noise_is_weighed_in_pixels(rig: CameraRig, places: Any) -> None:
    noise = np.random.default_rng(2).normal(0, 0.5, (3, 12, 2))

    found = Triangulate(rig)(seen(rig, places) + noise)

    assert np.sqrt(np.mean((found.mm - places) ** 2)) < 2.5  # 0.5 px at 500 mm is 0.5 mm across and some times that in depth
    assert 0.1 < found.error_px.mean() < 0.7


def test_places_are_those_of_least_squares_of_pixels_however_far_the_cameras_are() -> None:
    near, far = camera("near", 40), camera("far", -300)
    near["pose"]["translation_mm"][2], far["pose"]["translation_mm"][2] = 120.0, 3000.0
    turned = camera("turned", 0)
    turned["pose"] = {"rotation": [0.0, 0.6, 0.0], "translation_mm": [0.0, 0.0, 900.0]}
    rig = msgspec.convert(contents(near, far, turned), CameraRig)
    mm = np.array([[4.0, -6.0, 10.0]])
    local = [mm @ np.asarray(cv2.Rodrigues(np.array(one.pose.rotation))[0]).T + np.asarray(one.pose.translation_mm) for one in rig.cameras]
    lenses = [lens_of(one.distortion.model, np.array(one.camera_matrix), np.array(one.distortion.coefficients)) for one in rig.cameras]
    pixels = np.stack([lens.distort(place[:, :2] / place[:, 2:]) for lens, place in zip(lenses, local, strict=True)])
    triangulate = Triangulate(rig)
    noisy = pixels + np.random.default_rng(3).normal(0, 1.0, pixels.shape)

    found = triangulate(noisy)

    def error(place: Any) -> float:
        moved = [
            place @ np.asarray(cv2.Rodrigues(np.array(one.pose.rotation))[0]).T + np.asarray(one.pose.translation_mm) for one in rig.cameras
        ]
        seen_at = np.stack([lens.distort(each[:, :2] / each[:, 2:]) for lens, each in zip(lenses, moved, strict=True)])
        return float(((seen_at - noisy) ** 2).sum())

    best = scipy.optimize.minimize(lambda flat: error(flat[None]), mm[0], method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-9})
    assert error(found.mm) == pytest.approx(best.fun, rel=0.02)


@pytest.mark.parametrize(
    ("values", "refusal"),
    [
        (contents(camera("a", 0), camera("a", 9)), r"cameras\[1\].name is 'a'"),
        (contents(camera("a", 0) | {"distortion": {"model": "fisheye", "coefficients": [0.0]}}), "has 1 numbers; expected 4"),
        (contents(camera("a", 0) | {"pose": None}), "pose"),
        (contents(camera("a", 0) | {"camera_matrix": None, "distortion": None}), r"cameras\[0\].camera_matrix is null; expected"),
        (calibration_contents(camera_matrix=None), "is the calibration of one camera; give the rig.yaml that `calib rig` makes"),
        (contents(), "cameras"),
        (contents(camera("a", 0)) | {"unit": "m"}, "unknown key 'unit'"),
    ],
    ids=["same name", "short lens", "no pose", "no lens", "one camera", "no camera", "unknown key"],
)
def test_a_rig_that_must_not_be_used_is_refused(tmp_path: Path, values: dict[str, Any], refusal: str) -> None:
    path = tmp_path / "rig.yaml"
    path.write_text(yaml.safe_dump(values))

    with pytest.raises(CalibrationError, match=refusal):
        read_rig(path)


def test_one_camera_is_no_rig_to_triangulate_with() -> None:
    with pytest.raises(CalibrationError, match="a rig of one camera"):
        Triangulate(msgspec.convert(contents(camera("a", 0)), CameraRig))
