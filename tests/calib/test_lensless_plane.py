"""The plane without a lens: exact for a lens that does not distort, and its error stated for one that does."""

import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from calib.__main__ import main
from calib.board import board_yaml
from calib.calibration_file import as_yaml, calibration_of, calibration_without_lens
from calib.lens import Lens, project
from calib.lensless_plane import plane_from_distances_without_lens, plane_without_lens, point_errors
from calib.plane import KnownDistance
from calib.synthetic import picture
from tests.calib.views_of_truth import SMALL, charuco, lens
from tracker.calibration import Plane, PlaneMapper, Quality, read_calibration
from tracker.errors import CalibrationError

Array = NDArray[np.float64]
SIZE = (640, 480)
BARREL = lens("five_parameter")
PINHOLE = Lens(model="five_parameter", size=SIZE, parameters=np.array([420.0, 421.0, 325.0, 236.0, 0, 0, 0, 0, 0]))
FLOOR = np.array([0.3, -0.2, 0.1, -150.0, -100.0, 420.0])  # of the arena's corner, seen from the side
NAMES = "ABCDE"
PLACES = np.array([[0.0, 0.0], [300.0, 0.0], [300.0, 200.0], [0.0, 200.0], [120.0, 90.0]])


def seen(places: Array, through: Lens = PINHOLE) -> Array:
    """Where places on the floor appear."""
    return project(through, np.column_stack((places, np.zeros(len(places)))), FLOOR[:3], FLOOR[3:]).pixels


def located(plane: Plane, pixels: Array) -> Array:
    """What the tracker makes of pixels with this plane alone."""
    points = np.column_stack((pixels, np.ones(len(pixels))))[None].astype(np.float32)
    return np.asarray(PlaneMapper(calibration_without_lens(plane, SIZE)).to_mm(points)[0])


def texts(pixels: Array, mm: Array) -> list[str]:
    """Points as the command takes them."""
    return [f"{x},{y}={X:g},{Y:g}" for (x, y), (X, Y) in zip(pixels, mm, strict=True)]


def distances(pairs: str, **wrong: float) -> list[KnownDistance]:
    """True distances between named places, but for those that are wrong by so many times."""
    return [
        KnownDistance(
            first=pair[0],
            second=pair[1],
            mm=wrong.get(pair, 1.0) * float(np.linalg.norm(PLACES[NAMES.index(pair[0])] - PLACES[NAMES.index(pair[1])])),
        )
        for pair in pairs.split()
    ]


def test_four_corners_give_the_floor_of_a_lens_that_does_not_distort() -> None:
    plane = plane_without_lens(seen(PLACES[:4]), PLACES[:4], size=SIZE)

    assert located(plane, seen(PLACES)) == pytest.approx(PLACES, abs=1e-3)  # key points are float32: 3e-5 px
    assert (plane.measured_from, plane.points) == ("points", 4)


def test_four_points_leave_nothing_to_check_and_say_so() -> None:
    plane = plane_without_lens(seen(PLACES[:4], BARREL), PLACES[:4], size=SIZE)

    assert plane.rms_mm is None
    assert plane.held_out_rms_mm is None


def test_a_fifth_point_shows_what_the_lens_distorts() -> None:
    four = plane_without_lens(seen(PLACES[:4], BARREL), PLACES[:4], size=SIZE)
    five = plane_without_lens(seen(PLACES, BARREL), PLACES, size=SIZE)
    off = float(np.linalg.norm(located(four, seen(PLACES, BARREL))[4] - PLACES[4]))

    assert off > 1
    assert five.rms_mm is not None
    assert five.held_out_rms_mm is not None
    assert five.held_out_rms_mm > five.rms_mm > 0.1, "the residual of five points flatters"
    assert five.held_out_rms_mm >= 0.9 * off


def test_points_of_a_lens_that_does_not_distort_leave_no_residual() -> None:
    plane = plane_without_lens(seen(PLACES), PLACES, size=SIZE)

    assert plane.rms_mm == pytest.approx(0, abs=1e-3)
    assert plane.held_out_rms_mm == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize(
    ("pixels", "mm", "refusal"),
    [
        (
            seen(PLACES[:3]),
            PLACES[:3],
            "3 points are given; expected at least 4, far apart, better a fifth midway along an edge as a check",
        ),
        (np.array([[10.0, 10], [20, 20], [30, 30], [40, 40]]), PLACES[:4], "lie on one line in the image"),
        (seen(PLACES[:4]), np.array([[0.0, 0], [100, 0], [200, 0], [300, 0]]), "lie on one line"),
        (seen(np.array([[0.0, 0], [150, 0], [300, 0], [0, 200]])), np.array([[0.0, 0], [150, 0], [300, 0], [0, 200]]), "no three of them"),
        (seen(PLACES[:4]), PLACES[[1, 0, 2, 3]], "the points cross over: .* two may be swapped"),
        (seen(PLACES[:4]) + np.array([0, 400]), PLACES[:4], r"the point .* is outside the image of 640x480"),
        (seen(PLACES), PLACES + np.array([[0, 0]] * 4 + [[60, 0]]), "the points contradict each other by .* a number mistyped"),
        (
            np.array([[5.0, 300], [50, 200], [50, 100], [5, 5]]),
            np.array([[0.0, 0], [50, 0], [50, 300], [0, 300]]),
            "beyond the floor's horizon",
        ),
        (seen(PLACES[[0, 1, 2, 3, 0]]), PLACES[[0, 1, 2, 3, 0]], "is given 2 times; give every point once"),
    ],
    ids=["three", "a line in the image", "a line", "three on a line", "crossing", "outside", "contradictory", "horizon", "twice"],
)
def test_points_that_give_no_plane_are_refused(pixels: Array, mm: Array, refusal: str) -> None:
    with pytest.raises(CalibrationError, match=refusal):
        plane_without_lens(pixels, mm, size=SIZE)


@pytest.mark.parametrize(
    ("pairs", "checked"),
    [("AB BC CD DA AC", False), ("AB BC CD DA AC BD", True), ("AB BC CD DA AC EA EB", True), ("CA CB CE AB AE BD CD", True)],
    ids=["sides and a diagonal", "both diagonals", "five marks", "begun elsewhere"],
)
def test_distances_that_fix_the_shape_give_the_floor(pairs: str, *, checked: bool) -> None:
    marks = {name: at for name, at in zip(NAMES, seen(PLACES), strict=True) if name in pairs}

    plane = plane_from_distances_without_lens(marks, distances(pairs), size=SIZE)

    assert located(plane, seen(PLACES)) == pytest.approx(PLACES, abs=0.01)
    assert plane.measured_from == "distances"
    assert (plane.rms_mm is not None) is checked, "five distances only just fix it"


@pytest.mark.parametrize(
    ("pairs", "wrong", "refusal"),
    [
        ("AB BC CD DA", {}, "4 marks and 4 distances are given; without a lens, distances must fix the marks' shape"),
        ("AB BC CA", {}, "3 marks and 3 distances are given"),
        ("AB BC CD DA AC EA", {}, "the distances leave E loose; without a lens"),
        ("AB BC CD DA AC", {"AC": 3.0}, "close no triangle; a mark or a number is wrong"),
        ("AB BC CD DA AC BD", {"BD": 1.2}, "the distances contradict each other by"),
        ("AB BC CD DA AX", {}, "X is not marked"),
    ],
    ids=["too few", "three marks", "loose", "no triangle", "contradictory", "unknown mark"],
)
def test_distances_that_give_no_plane_are_refused(pairs: str, wrong: dict[str, float], refusal: str) -> None:
    marks = {name: at for name, at in zip(NAMES, seen(PLACES), strict=True) if name in pairs}
    given = [KnownDistance(first="A", second="X", mm=9) if "X" in pair else distances(pair, **wrong)[0] for pair in pairs.split()]

    with pytest.raises(CalibrationError, match=refusal):
        plane_from_distances_without_lens(marks, given, size=SIZE)


def test_places_on_the_floor_may_be_counted_upwards() -> None:
    up = PLACES * np.array([1, -1])

    plane = plane_without_lens(seen(PLACES[:4]), up[:4], size=SIZE)

    assert located(plane, seen(PLACES)) == pytest.approx(up, abs=1e-3)


def test_the_worst_point_is_one_that_has_no_place() -> None:
    found = point_errors(np.array([[0.0, 0], [np.nan, np.nan], [9, 0]]), np.zeros((3, 2)))

    assert found.worst == 1


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Of a calibration.yaml that is not there yet."""
    return tmp_path / "calibration.yaml"


def test_the_command_makes_a_calibration_that_the_tracker_reads(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--points", *texts(seen(PLACES[:4]), PLACES[:4]), "--no-lens", "--size", "640x480"]

    assert main(["plane", str(path), *given]) == 0

    told, said = capsys.readouterr()
    assert "plane from points: 4 points, nothing left to check them" in told
    assert "no lens: distortion is not corrected" in said
    assert f"try one midway along an edge with `calib check {path} --points X,Y=X_MM,Y_MM`" in said
    assert path.read_text().startswith("# no lens: distortion is not corrected\n")
    calibration = read_calibration(path)
    assert (calibration.camera_matrix, calibration.distortion, calibration.quality) == (None, None, None)
    assert calibration.image_size == SIZE
    points = np.column_stack((seen(PLACES), np.ones(len(PLACES))))[None].astype(np.float32)
    assert PlaneMapper(calibration).to_mm(points)[0] == pytest.approx(PLACES, abs=1e-3)


@pytest.mark.parametrize(("first", "is_said"), [(0, False), (1, True)])
def test_corners_counted_from_another_one_are_noticed_by_the_size_of_a_pixel(
    path: Path, capsys: pytest.CaptureFixture[str], first: int, is_said: bool
) -> None:
    pixels = np.array([[80.0, 60.0], [560, 60], [560, 380], [80, 380]])
    mm = np.roll(PLACES[:4], first, axis=0)
    assert main(["plane", str(path), "--points", *texts(pixels, mm), "--no-lens", "--size", "640x480"]) == 0
    said = capsys.readouterr().err
    size = "0.417 mm across and 0.938 mm down" if first else "0.625 mm across and 0.625 mm down"
    assert f"in the middle of the image a pixel is {size}" in said
    assert ("do the points begin at the right corner?" in said) == is_said


def test_a_plane_without_a_lens_is_measured_again_in_its_own_file(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plane", str(path), "--points", *texts(seen(PLACES[:4]), PLACES[:4]), "--no-lens", "--size", "640x480"]) == 0
    assert main(["plane", str(path), "--points", *texts(seen(PLACES, BARREL), PLACES), "--json"]) == 0

    told = json.loads(capsys.readouterr().out.partition("\n{")[2].join(("{", "")))
    assert told["lens"] is None
    assert told["plane"]["points"] == 5
    assert told["plane"]["held_out_rms_mm"] > 1


@pytest.mark.parametrize(
    ("more", "refusal"),
    [
        ([], "no such file; solve the lens first (`calib solve`), or add --no-lens to measure the plane alone"),
        (["--no-lens"], "the size of the camera's images is not known; give it as --size WIDTHxHEIGHT, or one of them as --image"),
        (["--no-lens", "--size", "320x240"], "is outside the image of 320x240"),
    ],
    ids=["by mistake", "no size", "another size"],
)
def test_what_is_not_known_without_a_lens_is_asked_for(
    path: Path, more: list[str], refusal: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plane", str(path), "--points", *texts(seen(PLACES[:4]), PLACES[:4]), *more]) == 1

    assert refusal in capsys.readouterr().err
    assert not path.exists()


def test_a_lens_that_is_there_is_not_lost(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path.write_text(as_yaml(calibration_of(BARREL, Quality(rms_px=0.1, coverage=0.9, points=100), tool="test", images=1)))

    assert main(["plane", str(path), "--points", *texts(seen(PLACES[:4]), PLACES[:4]), "--no-lens"]) == 1

    assert "has a lens, which --no-lens would lose" in capsys.readouterr().err
    assert read_calibration(path).camera_matrix is not None


def test_images_of_two_sizes_are_refused(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = path.with_name("floor.png")
    assert cv2.imwrite(str(image), np.zeros((480, 640), np.uint8))
    given = ["--points", *texts(seen(PLACES[:4]), PLACES[:4]), "--no-lens", "--image", str(image)]

    assert main(["plane", str(path), *given, "--size", "1280x1024"]) == 1

    assert "the images' size is not one: --size 1280x1024, --image 640x480" in capsys.readouterr().err


def test_a_board_in_a_video_gives_the_plane_and_its_picture_without_a_lens(path: Path) -> None:
    board, pose = charuco(5, 7), np.array([0.3, 0.1, 0.05, -60.0, -75.0, 210.0])
    straight = Lens(model="five_parameter", size=SMALL.size, parameters=np.array([260.0, 261.0, 162.0, 118.0, 0, 0, 0, 0, 0]))
    path.with_name("board.yaml").write_text(board_yaml(board))
    video = cv2.VideoWriter(str(path.with_name("floor.avi")), cv2.VideoWriter.fourcc(*"MJPG"), 10, SMALL.size)
    video.write(cv2.cvtColor(picture(board, straight, pose), cv2.COLOR_GRAY2BGR))
    video.release()
    given = ["--board", str(path.with_name("board.yaml")), "--image", str(path.with_name("floor.avi")), "--no-lens"]

    assert main(["plane", str(path), *given]) == 0

    calibration = read_calibration(path)
    assert calibration.image_size == SMALL.size
    pixels = project(straight, board.corners_mm, pose[:3], pose[3:]).pixels
    found = PlaneMapper(calibration).to_mm(np.column_stack((pixels, np.ones(len(pixels))))[None].astype(np.float32))[0]
    assert found == pytest.approx(board.corners_mm[:, :2], abs=0.3)
    assert path.with_name("calibration-plane.png").read_bytes().startswith(b"\x89PNG")


def test_the_boards_thickness_is_refused_without_a_lens(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    board = charuco(5, 7)
    path.with_name("board.yaml").write_text(board_yaml(board))
    assert cv2.imwrite(str(path.with_name("floor.png")), picture(board, SMALL, np.array([0.3, 0.1, 0.05, -60.0, -75.0, 210.0])))
    given = ["--board", str(path.with_name("board.yaml")), "--image", str(path.with_name("floor.png")), "--no-lens", "--thickness-mm", "3"]

    assert main(["plane", str(path), *given]) == 1

    assert "--thickness-mm needs a lens" in capsys.readouterr().err


@pytest.fixture
def four_corners(path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A calibration of a lens that distorts, from the arena's corners alone."""
    assert main(["plane", str(path), "--points", *texts(seen(PLACES[:4], BARREL), PLACES[:4]), "--no-lens", "--size", "640x480"]) == 0
    capsys.readouterr()
    return path


def test_a_check_says_how_far_off_new_points_are(four_corners: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pixels = seen(PLACES[4:], BARREL)
    off = float(np.linalg.norm(located(plane_without_lens(seen(PLACES[:4], BARREL), PLACES[:4], size=SIZE), pixels) - PLACES[4]))

    assert main(["check", str(four_corners), "--points", *texts(pixels, PLACES[4:]), "--json"]) == 0

    told, said = capsys.readouterr()
    report = json.loads(told)
    assert report["lens"] is None
    assert report["verdict"] == "unjudged"
    assert report["new_points"]["worst_mm"] == pytest.approx(off, abs=1e-3)
    assert "no lens: distortion is not corrected" in said


@pytest.mark.parametrize(
    ("moved_px", "more", "reason"),
    [(60, [], "is off by .* px; expected at most 24 px"), (0, ["--within-mm", "1"], "is off by .* mm; expected at most 1 mm")],
    ids=["a moved camera", "more than is wanted"],
)
def test_a_check_rejects_a_plane_that_new_points_contradict(
    four_corners: Path, moved_px: float, more: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = texts(seen(PLACES[4:], BARREL) + moved_px, PLACES[4:])

    assert main(["check", str(four_corners), "--points", *given, *more]) == 1

    told, said = capsys.readouterr()
    assert "rejected" in told
    assert "lens model                                   none" in told
    assert re.search(reason, said)


@pytest.mark.parametrize(
    "more",
    [["--within-mm", "1"], ["--within-mm", "0", "--points", "1,2=3,4"], ["--within-mm", "inf", "--points", "1,2=3,4"]],
    ids=["no points", "no length", "no limit"],
)
def test_a_limit_that_nothing_can_keep_is_refused(four_corners: Path, more: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(four_corners), *more]) == 1

    assert "expected more than 0 mm, and --points that it is asked of" in capsys.readouterr().err


def test_a_check_with_boards_needs_a_lens(four_corners: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(four_corners), "--images", "new"]) == 1

    assert "the calibration has no lens, only a plane; solve the lens with `calib solve`" in capsys.readouterr().err


def test_a_rig_refuses_a_camera_without_a_lens(four_corners: Path, capsys: pytest.CaptureFixture[str]) -> None:
    board = four_corners.with_name("board.yaml")
    board.write_text(board_yaml(charuco(5, 7)))
    given = [text for name in ("top", "side") for text in ("--camera", name, str(four_corners), "images")]

    assert main(["rig", *given, "--board", str(board)]) == 1

    assert f"--camera top: {four_corners} has no lens, which places in 3-D and aniposelib's file need" in capsys.readouterr().err


def test_the_file_on_the_documentations_page_is_read(path: Path) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "calibration.md").read_text(encoding="utf-8")
    path.write_text(page.partition("```yaml\n")[2].partition("```")[0])

    calibration = read_calibration(path)

    assert calibration.plane is not None
    assert calibration.plane.measured_from == "points"
    corners = np.array([[[102, 80, 1], [540, 84, 1], [551, 410, 1], [98, 402, 1]]], np.float32)  # as in the commands of the page
    assert PlaneMapper(calibration).to_mm(corners)[0] == pytest.approx(np.array([[0, 0], [400, 0], [400, 300], [0, 300]]), abs=0.05)
    assert set(yaml.safe_load(path.read_text())) == set(type(calibration).__struct_fields__)


@pytest.mark.parametrize("size", ["99999999x480", "640x16385", "9" * 5000 + "x480"], ids=["wide", "high", "digits"])
def test_a_size_that_no_camera_has_is_refused(size: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    points = ["102,80=0,0", "540,84=400,0", "551,410=400,300", "98,402=0,300"]
    with pytest.raises(SystemExit, match="2"):
        main(["plane", str(tmp_path / "floor.yaml"), "--no-lens", "--size", size, "--points", *points])
    assert "is larger than any camera's image; expected at most 16384 px a side" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
