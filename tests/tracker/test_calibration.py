"""Calibration: what is refused, and that places map as the lens and the plane say, there and back."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tracker.calibration import Calibration, PlaneMapper, load_calibration
from tracker.errors import CalibrationError

WIDTH, HEIGHT = 1280, 1024
# A rig camera as measured from its own board images: five parameters, k1 near -0.36.
MATRIX = [[762.13, 0.0, 635.84], [0.0, 762.65, 508.75], [0.0, 0.0, 1.0]]
RIG_LENS = [-0.35854, 0.18284, -0.00010818, -0.0011408, -0.054039]
FISHEYE = [0.05, -0.01, 0.003, -0.001]
# Its polynomial turns back 652 px from the axis, measured on the distorted image; beyond, no place belongs to a pixel.
RIG_REACH_PX = 640
WITHOUT_LENS: dict[str, Any] = {"camera_matrix": None, "distortion": None, "quality": None}
TILTED = [[0.31, 0.02, -200.0], [-0.01, 0.33, -150.0], [2e-5, 1e-4, 1.0]]


def contents(**changes: Any) -> dict[str, Any]:
    return {
        "schema": 1,
        "camera_matrix": MATRIX,
        "distortion": {"model": "five_parameter", "coefficients": RIG_LENS},
        "image_size": [WIDTH, HEIGHT],
        "plane": {"homography": TILTED},
        "pose": None,
        "made": {"date": "2026-01-02", "tool": "calib solve", "images": 21},
        "quality": {"rms_px": 0.205, "coverage": 0.83, "points": 1468},
    } | changes


def calibration(**changes: Any) -> Calibration:
    return msgspec.convert(contents(**changes), Calibration)


def write(folder: Path, values: dict[str, Any]) -> Path:
    path = folder / "calibration.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return path


def seen(pixels: NDArray[np.float64]) -> NDArray[np.float32]:
    """Pixels (animals, K, 2) as key points."""
    return np.concatenate([pixels, np.ones((*pixels.shape[:-1], 1))], axis=-1).astype(np.float32)


def through_rig_lens(x: float, y: float) -> tuple[float, float]:
    """Where a direction appears, by Brown's formula, written out here on its own."""
    k1, k2, p1, p2, k3 = RIG_LENS
    s = x * x + y * y
    radial = 1 + k1 * s + k2 * s**2 + k3 * s**3
    bent_x = x * radial + 2 * p1 * x * y + p2 * (s + 2 * x * x)
    bent_y = y * radial + p1 * (s + 2 * y * y) + 2 * p2 * x * y
    return MATRIX[0][0] * bent_x + MATRIX[0][2], MATRIX[1][1] * bent_y + MATRIX[1][2]


def on_plane(x: float, y: float) -> NDArray[np.float64]:
    """Where a direction meets the plane: undistorted pixel, then homography."""
    pixel = np.array([MATRIX[0][0] * x + MATRIX[0][2], MATRIX[1][1] * y + MATRIX[1][2], 1.0])
    raised = np.array(TILTED) @ pixel
    return np.asarray(raised[:2] / raised[2], np.float64)


def test_a_calibration_is_read_as_written(tmp_path: Path) -> None:
    found = load_calibration(write(tmp_path, contents()), (WIDTH, HEIGHT))
    assert found == calibration()
    assert found.distortion is not None
    assert found.distortion.coefficients == tuple(RIG_LENS)


def test_a_date_that_yaml_itself_recognises_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, contents())
    path.write_text(path.read_text().replace("'2026-01-02'", "2026-01-02"))
    assert load_calibration(path, (WIDTH, HEIGHT)) == calibration()


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"image_size": [640, 480]}, r"images of 640x480, the camera delivers 1280x1024"),
        ({"plane": {"homography": [[1, 2, 3], [2, 4, 6], [0, 0, 1]]}}, "singular"),
        ({"plane": {"homography": [[0, 0, 0]] * 3}}, "singular"),
        (
            {"plane": {"homography": [[1, 0, float("nan")], [0, 1, 0], [0, 0, 1]]}},
            r"homography\[0\]\[2\] is .nan; expected a finite number",
        ),
        ({"distortion": {"model": "five_parameter", "coefficients": FISHEYE}}, r"has 4 numbers; expected 5 .*k1, k2, p1, p2, k3"),
        ({"distortion": {"model": "fisheye", "coefficients": RIG_LENS}}, "has 5 numbers; expected 4"),
        ({"distortion": {"model": "fisheye", "coefficients": [0, 0, 0, float("inf")]}}, r"coefficients\[3\] is .inf; expected a finite"),
        ({"distortion": {"model": "pinhole", "coefficients": []}}, "distortion.model is 'pinhole'"),
        ({"camera_matrix": [[0, 0, 0], [0, 1, 0], [0, 0, 1]]}, r"camera_matrix .*expected \[\[fx"),
        ({"camera_matrix": [[700, 3, 0], [0, 700, 0], [0, 0, 1]]}, r"camera_matrix .*expected \[\[fx"),
        ({"quality": {"rms_px": 0.2, "coverage": 1.5, "points": 3}}, "quality.coverage is 1.5"),
        ({"lens": "12 mm"}, "unknown key 'lens'"),
        ({"camera_matrix": None}, "camera_matrix is null but distortion and quality is given; give all of a lens, or null for all"),
        (WITHOUT_LENS | {"pose": {"rotation": [0, 0, 0], "translation_mm": [0, 0, 0]}}, "pose is given without a lens"),
        (WITHOUT_LENS | {"plane": None}, "has neither a lens nor a plane"),
        ({"schema": 2}, "schema is 2"),
    ],
)
def test_a_calibration_that_must_not_be_used_is_refused(tmp_path: Path, changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(CalibrationError, match=complaint):
        load_calibration(write(tmp_path, contents(**changes)), (WIDTH, HEIGHT))


def test_everything_wrong_with_a_file_written_by_hand_is_named_at_once(tmp_path: Path) -> None:
    path = write(tmp_path, {"schema": 1, "image_size": [1280], "plane": {"homografy": TILTED}, "made": {"tool": "hand", "images": "none"}})

    with pytest.raises(CalibrationError) as refused:
        load_calibration(path, (WIDTH, HEIGHT))

    for sentence in (
        "missing key 'camera_matrix'",
        "missing key 'distortion'",
        "image_size is [1280]",
        "unknown key 'plane.homografy' (did you mean 'homography'?)",
        "missing key 'pose'",
        "missing key 'made.date'",
        "made.images is 'none'",
        "missing key 'quality'",
    ):
        assert str(refused.value).count(sentence) == 1
    assert "missing key 'plane.homography'" not in str(refused.value)  # it is there, misspelt


def test_an_absent_calibration_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match="no such file"):
        load_calibration(tmp_path / "none.yaml", (WIDTH, HEIGHT))


@pytest.mark.parametrize(
    "homography",
    [TILTED, [[300.0, 0, 1e4], [0, 300.0, -1e4], [0, 0, 1]], [[1e-3, 0, 0], [0, 1e-3, 0], [0, 0, 1]]],
    ids=["tilted", "far origin", "microscope"],
)
def test_planes_of_any_scale_are_accepted(tmp_path: Path, homography: list[list[float]]) -> None:
    load_calibration(write(tmp_path, contents(plane={"homography": homography})), (WIDTH, HEIGHT))


def test_without_a_plane_there_are_no_mm() -> None:
    with pytest.raises(CalibrationError, match="no plane"):
        PlaneMapper(calibration(plane=None))


@given(radius=st.floats(0, RIG_REACH_PX), angle=st.floats(0, 2 * np.pi))
def test_a_pixel_goes_to_mm_and_back_within_a_hundredth_px(radius: float, angle: float) -> None:
    """As far from the axis as this lens can be inverted."""
    locate = PlaneMapper(calibration())
    pixel = np.array([[[MATRIX[0][2] + radius * np.cos(angle), MATRIX[1][2] + radius * np.sin(angle)]]])
    points = seen(pixel)
    back = locate.to_pixels(locate.to_mm(points))
    assert np.abs(back - points[..., :2]).max() < 0.01


@given(x=st.floats(0, WIDTH - 1), y=st.floats(0, HEIGHT - 1))
def test_a_fisheye_pixel_goes_to_mm_and_back_within_a_hundredth_px(x: float, y: float) -> None:
    locate = PlaneMapper(calibration(distortion={"model": "fisheye", "coefficients": FISHEYE}))
    points = seen(np.array([[[x, y]]]))
    assert np.abs(locate.to_pixels(locate.to_mm(points)) - points[..., :2]).max() < 0.01


@given(x=st.floats(-0.6, 0.6), y=st.floats(-0.5, 0.5))
def test_places_agree_with_the_formula_written_out(x: float, y: float) -> None:
    locate = PlaneMapper(calibration())
    pixel = np.array([[through_rig_lens(x, y)]])
    # Pixels are float32 here: 1e-4 px at 1000, times 0.3 mm/px.
    np.testing.assert_allclose(locate.to_mm(seen(pixel))[0, 0], on_plane(x, y), atol=2e-4)
    np.testing.assert_allclose(locate.to_pixels(on_plane(x, y)[None]), pixel[0], atol=1e-6)


@given(x=st.floats(0, WIDTH - 1), y=st.floats(0, HEIGHT - 1))
def test_without_a_lens_a_pixel_goes_through_the_homography_alone_and_back(x: float, y: float) -> None:
    locate = PlaneMapper(calibration(**WITHOUT_LENS))
    points = seen(np.array([[[x, y]]]))
    raised = np.array(TILTED) @ [*points[0, 0, :2].astype(float), 1.0]
    np.testing.assert_allclose(locate.to_mm(points)[0, 0], raised[:2] / raised[2], atol=1e-6)
    assert np.abs(locate.to_pixels(locate.to_mm(points)) - points[..., :2]).max() < 0.01


@pytest.mark.parametrize("sign", [1, -1])
def test_without_a_lens_what_the_middle_of_the_image_shows_is_in_front(sign: int) -> None:
    horizon_at_y_200 = [[sign * value for value in row] for row in ([1.0, 0, 0], [0, 1.0, 0], [0, 1 / 200, -1.0])]
    locate = PlaneMapper(calibration(**WITHOUT_LENS, plane={"homography": horizon_at_y_200}))
    below, above = locate.to_mm(seen(np.array([[(600.0, 500.0), (600.0, 100.0)]])))[0]
    assert np.isfinite(below).all()
    assert np.isnan(above).all()


def test_all_animals_at_once_are_each_alone() -> None:
    locate = PlaneMapper(calibration())
    points = seen(np.random.default_rng(0).uniform(200, 900, (3, 5, 2)))
    together = locate.to_mm(points)
    assert together.shape == (3, 5, 2)
    assert together.dtype == np.float64
    for animal in range(3):
        for k in range(5):
            np.testing.assert_allclose(locate.to_mm(points[animal : animal + 1, k : k + 1])[0, 0], together[animal, k], atol=1e-9)


@pytest.mark.parametrize(
    "pixel",
    [(np.nan, 400.0), (400.0, np.nan), (2.0, 3.0), (-9000.0, 500.0), (np.inf, 500.0)],
    ids=["no x", "no y", "corner beyond the turning point", "far outside", "infinite"],
)
def test_a_point_that_cannot_be_mapped_is_nan_and_harms_no_other(pixel: tuple[float, float]) -> None:
    locate = PlaneMapper(calibration())
    good = locate.to_mm(seen(np.array([[(400.0, 400.0)]])))
    both = locate.to_mm(seen(np.array([[pixel, (400.0, 400.0)]])))
    assert np.isnan(both[0, 0]).all()
    np.testing.assert_allclose(both[0, 1], good[0, 0], atol=1e-9)


@pytest.mark.parametrize("sign", [1, -1])
def test_beyond_the_horizon_of_the_plane_is_nan(sign: int) -> None:
    """The sign of a homography means nothing; what the camera's axis sees is in front."""
    horizon_at_y_200 = [[sign * value for value in row] for row in ([1.0, 0, 0], [0, 1.0, 0], [0, 1 / 200, -1.0])]
    locate = PlaneMapper(calibration(plane={"homography": horizon_at_y_200}))
    below, above = locate.to_mm(seen(np.array([[(600.0, 500.0), (600.0, 100.0)]])))[0]
    assert np.isfinite(below).all()
    assert np.isnan(above).all()


def test_a_place_that_the_lens_cannot_show_has_no_pixel() -> None:
    locate = PlaneMapper(calibration())
    far = on_plane(1.5, 0.0)
    assert np.isnan(locate.to_pixels(far[None])).all()


def test_no_points_give_no_places() -> None:
    locate = PlaneMapper(calibration())
    assert locate.to_mm(np.empty((0, 4, 3), np.float32)).shape == (0, 4, 2)
    assert locate.to_pixels(np.empty((0, 2))).shape == (0, 2)
