"""The plane: from a board, from marked points and from known distances, each against a floor that is known exactly."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from calib.__main__ import main
from calib.board import board_yaml
from calib.board_views import BoardView
from calib.calibration_file import as_yaml, calibration_of
from calib.lens import project
from calib.plane import KnownDistance, plane_from_board, plane_from_distances, plane_from_points
from calib.plane_picture import grid_lines
from calib.synthetic import picture
from tests.calib.views_of_truth import SMALL, charuco, lens
from tracker.calibration import Plane, PlaneMapper, Quality, read_calibration
from tracker.errors import CalibrationError

Array = NDArray[np.float64]
FLOOR = np.array([0.5, -0.2, 0.1, -150.0, -100.0, 600.0])  # of the arena's corner, 600 mm away, seen from the side
PLACES = np.array([[0.0, 0.0], [300.0, 0.0], [300.0, 200.0], [0.0, 200.0], [120.0, 90.0]])
NAMES = "ABCDE"


def seen(places: Array, *, below_mm: float = 0.0) -> Array:
    """Where places on the floor appear."""
    raised = np.column_stack((places, np.full(len(places), below_mm)))
    return project(lens("five_parameter"), raised, FLOOR[:3], FLOOR[3:]).pixels


def located(plane: Plane, pixels: Array) -> Array:
    """What the tracker makes of pixels with this plane."""
    quality = Quality(rms_px=0.1, coverage=0.9, points=100)
    calibration = calibration_of(lens("five_parameter"), quality, tool="test", images=1, plane=plane)
    points = np.column_stack((pixels, np.ones(len(pixels))))[None].astype(np.float32)
    return np.asarray(PlaneMapper(calibration).to_mm(points)[0])


def distances(pairs: str, *, times: float = 1.0) -> list[KnownDistance]:
    """True distances between named places."""
    return [
        KnownDistance(
            first=pair[0], second=pair[1], mm=times * float(np.linalg.norm(PLACES[NAMES.index(pair[0])] - PLACES[NAMES.index(pair[1])]))
        )
        for pair in pairs.split()
    ]


def test_a_board_on_the_floor_gives_its_mm() -> None:
    mm = charuco().corners_mm
    view = BoardView(name="floor", ids=np.arange(len(mm)), mm=mm, pixels=seen(mm[:, :2]))

    plane = plane_from_board(lens("five_parameter"), view)

    assert located(plane, seen(PLACES)) == pytest.approx(PLACES, abs=0.01)
    assert plane.measured_from == "board"


def test_the_thickness_of_the_board_is_taken_off() -> None:
    mm = charuco().corners_mm
    view = BoardView(name="floor", ids=np.arange(len(mm)), mm=mm, pixels=seen(mm[:, :2]))

    plane = plane_from_board(lens("five_parameter"), view, thickness_mm=5)

    assert located(plane, seen(PLACES, below_mm=5)) == pytest.approx(PLACES, abs=0.01)


def test_four_marked_points_give_the_floor() -> None:
    plane = plane_from_points(lens("five_parameter"), seen(PLACES[:4]), PLACES[:4])

    assert located(plane, seen(PLACES)) == pytest.approx(PLACES, abs=0.01)
    assert plane.rms_mm == pytest.approx(0, abs=0.01)


def test_places_may_be_counted_upwards() -> None:
    up = PLACES * np.array([1, -1])

    plane = plane_from_points(lens("five_parameter"), seen(PLACES[:4]), up[:4])

    assert located(plane, seen(PLACES)) == pytest.approx(up, abs=0.01)


def test_two_points_swapped_are_refused() -> None:
    with pytest.raises(CalibrationError, match="contradict each other"):
        plane_from_points(lens("five_parameter"), seen(PLACES), PLACES[[1, 0, 2, 3, 4]])


def test_points_on_one_line_are_refused() -> None:
    line = np.array([[0.0, 0.0], [100.0, 50.0], [200.0, 100.0], [300.0, 150.0]])

    with pytest.raises(CalibrationError, match="on one line"):
        plane_from_points(lens("five_parameter"), seen(line), line)


@pytest.mark.parametrize(
    ("pixels", "mm", "refusal"),
    [
        ([(100, 100)] * 4, [(0, 0), (100, 0), (0, 100), (100, 100)], "lie on one line in the image, which fixes no plane"),
        ([(100, 100), (300, 300), (200, 200), (10, 10)], [(0, 0), (100, 0), (0, 100), (100, 100)], "lie on one line in the image"),
        ([(639, 479), (5, 400), (5, 400), (300, 300)], [(100, 0), (50, 50), (50, 50), (0, 0)], "no plane explains the points"),
        (
            [(3000, -2500), (600, 400), (10, 10), (200, 300)],
            [(0, 0), (100, 0), (0, 100), (100, 100)],
            "where the lens model does not reach",
        ),
    ],
    ids=["one place", "a line in the image", "a point twice", "outside the image"],
)
def test_points_that_fix_no_plane_are_refused(pixels: list[tuple[float, float]], mm: list[tuple[float, float]], refusal: str) -> None:
    with pytest.raises(CalibrationError, match=refusal):
        plane_from_points(lens("five_parameter"), np.array(pixels, float), np.array(mm, float))


def test_known_distances_give_the_floor_in_the_frame_of_the_first_two_marks() -> None:
    marks = dict(zip(NAMES, seen(PLACES), strict=True))

    plane = plane_from_distances(lens("five_parameter"), marks, distances("AB BC CD DA AC BD"))

    assert located(plane, seen(PLACES)) == pytest.approx(PLACES, abs=0.02)
    assert plane.measured_from == "distances"


@pytest.mark.parametrize(
    ("pairs", "times", "refusal"),
    [
        ("AB BC CA", 1.0, "3 distances are given"),
        ("AB BC CD AX", 1.0, "X is not marked"),
    ],
    ids=["too few", "unknown mark"],
)
def test_distances_that_fix_no_plane_are_refused(pairs: str, times: float, refusal: str) -> None:
    given = [KnownDistance(first=pair[0], second=pair[1], mm=times * 100) if "X" in pair else distances(pair)[0] for pair in pairs.split()]
    with pytest.raises(CalibrationError, match=refusal):
        plane_from_distances(lens("five_parameter"), dict(zip(NAMES, seen(PLACES), strict=True)), given)


def test_marks_too_close_together_to_tell_the_tilt_are_refused() -> None:
    small = PLACES * 0.05
    pixels = project(lens("five_parameter"), np.column_stack((small, np.zeros(5))), FLOOR[:3], np.array([0.0, 0.0, 600.0])).pixels
    given = [KnownDistance(first=one.first, second=one.second, mm=0.05 * one.mm) for one in distances("AB BC CD DA AC BD")]

    with pytest.raises(CalibrationError, match=r"two planes|leave the plane's tilt open"):
        plane_from_distances(lens("five_parameter"), dict(zip(NAMES, pixels, strict=True)), given)


def test_the_same_distance_given_twice_counts_once() -> None:
    with pytest.raises(CalibrationError, match="3 distances are given"):
        plane_from_distances(lens("five_parameter"), dict(zip(NAMES, seen(PLACES), strict=True)), distances("AB BC CD AB"))


@pytest.mark.parametrize("mm", [0.0, -5.0])
def test_a_distance_that_is_no_length_is_refused(mm: float) -> None:
    given = [*distances("AB BC CD DA"), KnownDistance(first="A", second="C", mm=mm)]

    with pytest.raises(CalibrationError, match=f"distance A-C: it is {mm:g} mm; expected two places and more than 0 mm between them"):
        plane_from_distances(lens("five_parameter"), dict(zip(NAMES, seen(PLACES), strict=True)), given)


def test_a_distance_from_a_mark_to_itself_is_refused() -> None:
    given = [*distances("AB BC CD DA"), KnownDistance(first="B", second="B", mm=10)]

    with pytest.raises(CalibrationError, match="distance B-B: its marks are at one place"):
        plane_from_distances(lens("five_parameter"), dict(zip(NAMES, seen(PLACES), strict=True)), given)


def test_a_wrong_distance_is_refused() -> None:
    given = [*distances("AB BC CD DA BD"), *distances("AC", times=1.4)]

    with pytest.raises(CalibrationError, match="contradict each other"):
        plane_from_distances(lens("five_parameter"), dict(zip(NAMES, seen(PLACES), strict=True)), given)


@pytest.fixture
def calibration(tmp_path: Path) -> Path:
    """A lens without a plane."""
    quality = Quality(rms_px=0.1, coverage=0.9, points=100, verdict="rejected", reasons=("no reason",))
    path = tmp_path / "calibration.yaml"
    path.write_text(as_yaml(calibration_of(lens("five_parameter"), quality, tool="test", images=1)))
    return path


def test_the_command_writes_the_plane_into_the_calibration(calibration: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = [f"{x},{y}={X:g},{Y:g}" for (x, y), (X, Y) in zip(seen(PLACES), PLACES, strict=True)]

    assert main(["plane", str(calibration), "--points", *texts, "--json"]) == 0

    told, said = capsys.readouterr()
    assert json.loads(told)["plane"]["points"] == 5
    assert "REJECTED" in said  # mm of a lens that is not to be trusted
    plane = read_calibration(calibration).plane
    assert plane is not None
    assert located(plane, seen(PLACES)) == pytest.approx(PLACES, abs=0.02)


def test_the_command_measures_from_distances(calibration: Path) -> None:
    marks = [f"{name}={x},{y}" for name, (x, y) in zip(NAMES, seen(PLACES), strict=True)]
    given = [f"{one.first}-{one.second}={one.mm}" for one in distances("AB BC CD DA AC")]

    assert main(["plane", str(calibration), "--marks", *marks, "--distances", *given]) == 0

    plane = read_calibration(calibration).plane
    assert plane is not None
    assert located(plane, seen(PLACES)) == pytest.approx(PLACES, abs=0.05)


@pytest.mark.parametrize(
    ("more", "refusal"),
    [
        ([], "nothing is given"),
        (["--points", "1,2"], "'1,2' cannot be read; expected X,Y=X_MM,Y_MM"),
        (["--board", "board.yaml"], "--board needs --image"),
        (["--points", "1,2=3,4", "--marks", "A=1,2"], "--points and --marks with --distances is given"),
        (["--marks", "A=1,2", "A=5,2", "--distances", "A-B=4"], "mark A is given twice; give each mark another name"),
    ],
    ids=["nothing", "unreadable", "no image", "both", "a name twice"],
)
def test_what_the_plane_command_cannot_use_is_said(
    calibration: Path, more: list[str], refusal: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plane", str(calibration), *more]) == 1

    assert refusal in capsys.readouterr().err


def test_a_picture_of_a_board_on_the_floor_gives_the_plane_and_a_picture_of_its_grid(tmp_path: Path) -> None:
    board, pose = charuco(5, 7), np.array([0.5, 0.1, 0.05, -60.0, -75.0, 210.0])
    (tmp_path / "board.yaml").write_text(board_yaml(board))
    assert cv2.imwrite(str(tmp_path / "floor.png"), picture(board, SMALL, pose))
    path = tmp_path / "calibration.yaml"
    path.write_text(as_yaml(calibration_of(SMALL, Quality(rms_px=0.1, coverage=0.9, points=100), tool="test", images=1)))

    assert main(["plane", str(path), "--board", str(tmp_path / "board.yaml"), "--image", str(tmp_path / "floor.png")]) == 0

    calibration = read_calibration(path)
    pixels = project(SMALL, board.corners_mm, pose[:3], pose[3:]).pixels
    found = PlaneMapper(calibration).to_mm(np.column_stack((pixels, np.ones(len(pixels))))[None].astype(np.float32))[0]
    assert found == pytest.approx(board.corners_mm[:, :2], abs=0.3)
    assert (tmp_path / "calibration-plane.png").read_bytes().startswith(b"\x89PNG")
    lines, step = grid_lines(calibration)
    for name, pixels in lines:  # each says which mm it lies at
        seen = pixels[((pixels >= 0) & (pixels < calibration.image_size)).all(axis=1)]
        places = PlaneMapper(calibration).to_mm(np.column_stack((seen, np.ones(len(seen))))[None].astype(np.float32))[0]
        axis, mm = name.split()
        assert places[:, "XY".index(axis)] == pytest.approx(float(mm), abs=0.3)
    assert {"X 0", "Y 0", f"X {step:g}"} <= {name for name, _ in lines}
