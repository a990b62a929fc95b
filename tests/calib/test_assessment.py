"""What is called good and what is not, and that the files say so."""

import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from calib.__main__ import main
from calib.assessment import Assessment, solve_and_assess
from calib.board import Board, board_yaml, make_board
from calib.board_image import board_image
from calib.board_views import BoardView, view_of
from calib.calibration_file import as_yaml, calibration_of
from calib.corners import BoardFinder
from calib.coverage import Coverage, covered_by, rough_lens, tilt
from calib.report import report
from calib.same_place import same_place
from calib.synthetic import Placing
from tests.calib.views_of_truth import SMALL, charuco, chessboard, lens, views, write_pictures
from tracker.calibration import Quality, read_calibration
from tracker.cameras.image_folder import numbered_images, read_image
from tracker.undistortion import LensModel


@pytest.fixture(scope="module")
def good() -> Assessment:
    """From 30 boards all over the image."""
    return solve_and_assess(views(lens("five_parameter")), size=(640, 480), model="five_parameter")


@pytest.fixture(scope="module")
def middling() -> Assessment:
    """From as many boards, as well seen, all in the middle of the image and nearly square to it."""
    placing = Placing(spread=0.1, fill=(0.2, 0.25), tilt_deg=8)
    return solve_and_assess(views(lens("five_parameter"), placing=placing), size=(640, 480), model="five_parameter")


def test_a_lens_seen_by_boards_all_over_the_image_is_good(good: Assessment) -> None:
    assert good.reasons == ()
    assert good.quality.verdict == "good"
    assert good.quality.uncertainty_p95_px is not None
    assert good.quality.uncertainty_p95_px < 0.2


def test_a_small_residual_alone_is_not_called_good(middling: Assessment, good: Assessment) -> None:
    assert middling.solution.rms_px < 1.1 * good.solution.rms_px
    assert middling.quality.verdict == "rejected"
    told = " ".join(middling.reasons)
    assert "of the image; expected more than 80%" in told
    assert "tilted in 0 of 8 directions" in told
    assert "the board never came near the left edge" in told


def again(found: list[BoardView], *, moved_px: float, seed: int) -> list[BoardView]:
    """The same boards once more, found anew after each was moved by so much."""
    rng = np.random.default_rng(seed)
    way = np.array([0.6, 0.8])
    return [
        BoardView(
            name=f"{view.name} again", ids=view.ids, mm=view.mm, pixels=view.pixels + moved_px * way + rng.normal(0, 0.1, view.pixels.shape)
        )
        for view in found
    ]


@pytest.mark.parametrize("moved_px", [0.0, 1.0, 5.0])
@pytest.mark.parametrize("following", [True, False], ids=["each after its own", "all after all"])
def test_the_same_views_again_make_no_lens_good(moved_px: float, following: bool) -> None:
    found = views(lens("five_parameter"), placing=Placing(views=13, fill=(0.45, 0.65)))
    once = solve_and_assess(found, size=(640, 480), model="five_parameter")
    assert once.reasons == ("there are 13 views; expected at least 15",)
    more = again(found, moved_px=moved_px, seed=2)
    both = [view for pair in zip(found, more, strict=True) for view in pair] if following else [*found, *more]

    twice = solve_and_assess(both, size=(640, 480), model="five_parameter")

    assert twice.reasons == ("there are 13 views, beside 13 that show the board where another one does; expected at least 15",)
    assert twice.quality.views == 13
    assert twice.predicted.percentile(95) > 0.9 * once.predicted.percentile(95), "not more certain for it"


def test_views_of_boards_that_were_moved_are_all_counted() -> None:
    found = views(lens("five_parameter"), placing=Placing(views=13, fill=(0.45, 0.65)))
    more = again(found, moved_px=10.0, seed=2)

    twice = solve_and_assess([*found, *more], size=(640, 480), model="five_parameter")

    assert (twice.quality.views, twice.coverage.repeated) == (26, 0)
    assert twice.reasons == ()


def test_of_the_views_of_one_place_that_with_the_most_corners_counts() -> None:
    whole, other = views(lens("five_parameter"))[:2]
    hidden = [
        BoardView(name="h", ids=whole.ids[keep], mm=whole.mm[keep], pixels=whole.pixels[keep]) for keep in (slice(20), slice(-20, None))
    ]

    assert same_place([hidden[0], other, whole, hidden[1]], width=640) == [[2, 0, 3], [1]]
    assert same_place(hidden, width=640) == [[0], [1]], "no corner is in both"


def test_a_film_of_a_board_that_stands_still_is_said_to_be_one_view_over_and_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_pictures(tmp_path / "top", charuco(5, 7), SMALL, Placing(views=5, fill=(0.5, 0.6), spread=0.3))
    for path in numbered_images(folder):
        path.with_name(f"shot-1{path.stem[-1]}.png").write_bytes(path.read_bytes())
    arguments = ["solve", str(folder), "--board", str(tmp_path / "board.yaml"), "--out", str(tmp_path / "out")]

    assert main([*arguments, "--json"]) == 1

    told, said = capsys.readouterr()
    assert (json.loads(told)["views"], json.loads(told)["repeated_views"]) == (5, 5)
    sentence = "5 views show the board where another one does, within 1% of the image's width: 5 views are counted"
    assert sentence in said
    assert sentence in (tmp_path / "out" / "report.html").read_text().replace("&#x27;", "'")
    assert "half of the views is not enough" in said


def test_a_wide_fisheye_lens_is_judged_where_it_can_be_used() -> None:
    truth = lens("fisheye")

    assessment = solve_and_assess(views(truth), size=truth.size, model="fisheye")

    assert assessment.reasons == ()
    assert np.isnan(assessment.predicted.px).any()  # its corners are more than 80 degrees from the axis


def test_a_lens_that_its_model_cannot_express_is_found_out() -> None:
    truth = lens("fisheye")
    wrong: LensModel = "five_parameter"

    assessment = solve_and_assess(views(truth, placing=Placing(views=20)), size=truth.size, model=wrong)

    assert assessment.quality.verdict == "rejected"


def test_a_view_with_wrong_corners_is_named() -> None:
    found = views(lens("five_parameter"))
    bent = found[7]
    wrong = bent.pixels + np.where((bent.ids % 7 == 3)[:, None], [6.0, 0.0], 0.0)
    found[7] = BoardView(name="0007.png", ids=bent.ids, mm=bent.mm, pixels=wrong)

    assessment = solve_and_assess(found, size=(640, 480), model="five_parameter")

    [reason] = [reason for reason in assessment.reasons if "alone" in reason]
    assert reason.startswith("0007.png alone has a residual of")


@pytest.mark.parametrize(
    ("turn", "towards"),
    [([0.0, 0.5, 0.0], 0), ([-0.5, 0.0, 0.0], 90), ([0.0, -0.5, 0.0], 180), ([0.5, 0.0, 0.0], 270)],
    ids=["right", "down", "left", "up"],
)
def test_a_tilt_points_to_where_the_board_faces_away(turn: list[float], towards: int) -> None:
    pose = np.array([*turn, 0.0, 0.0, 500.0])
    mm = np.array([[x, y, 0.0] for x in (-10, 10) for y in (-10, 10)])

    angle, direction = tilt(pose, mm)

    assert angle == pytest.approx(np.degrees(0.5))
    assert direction % 360 == pytest.approx(towards, abs=1e-6)


def test_what_is_missing_is_named_until_nothing_is(good: Assessment) -> None:
    assert len(Coverage().missing()) == 4
    found = covered_by(good.solution.views, rough_lens((640, 480)))  # tilts are told without knowing the lens, too
    assert found.missing(views=30) == ()


def test_the_file_carries_the_verdict_and_its_reasons(middling: Assessment, tmp_path: Path) -> None:
    path = tmp_path / "calibration.yaml"
    path.write_text(as_yaml(calibration_of(middling.solution.lens, middling.quality, tool="test", images=30)))

    read = read_calibration(path)

    assert read.quality == middling.quality
    assert read.camera_matrix is not None
    assert read.camera_matrix[0][0] == middling.solution.lens.parameters[0]


def test_a_file_of_an_earlier_version_still_loads(tmp_path: Path, good: Assessment) -> None:
    values = yaml.safe_load(as_yaml(calibration_of(good.solution.lens, good.quality, tool="test", images=30)))
    values["quality"] = {"rms_px": 0.2, "coverage": 0.8, "points": 900}
    values["plane"] = {"homography": [[0.5, 0, 0], [0, 0.5, 0], [0, 0, 1]]}
    path = tmp_path / "calibration.yaml"
    path.write_text(yaml.safe_dump(values))

    assert read_calibration(path).verdict == "unjudged"


def test_the_report_states_the_verdict_and_needs_no_other_file(middling: Assessment) -> None:
    written = report(middling, title="top <camera>", created="2026-01-31", notes=["one image was damaged"], background=None)

    assert "rejected: do not measure with it" in written
    assert all(reason in written.replace("&#x27;", "'") for reason in middling.reasons)
    usual = float(np.median([np.sqrt((each**2).sum(axis=1).mean()) for each in middling.solution.residuals]))
    assert f"at most {max(4 * usual, 0.5):.3g} px" in written, "of the worst view"
    assert f"at most {1.3 * middling.solution.rms_px + 0.05:.3f} px" in written, "on views left out"
    assert "top &lt;camera&gt;" in written
    assert "one image was damaged" in written
    assert written.count("data:image/png;base64,") == 6
    assert "://" not in written


def test_pictures_are_solved_and_refused_for_coverage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_pictures(tmp_path / "top", charuco(5, 7), SMALL, Placing(views=6, fill=(0.5, 0.6), spread=0.3))
    (folder / "shot-7.png").write_bytes(b"no image")

    status = main(["solve", str(folder), "--board", str(tmp_path / "board.yaml"), "--out", str(tmp_path / "out"), "--json"])

    told, said = capsys.readouterr()
    assert status == 1
    assert json.loads(told)["verdict"] == "rejected"
    assert json.loads(told)["camera_matrix"][0][0] == pytest.approx(SMALL.parameters[0], rel=0.02)
    assert "shot-7.png: is not an image" in said
    assert "solving the lens from 6 views\nsolving it again from each half of the views\n" in said
    assert "expected more than 80%" in said
    assert (tmp_path / "out" / "report.html").read_text().startswith("<!doctype html>")
    assert main(["check", str(tmp_path / "out" / "calibration.yaml")]) == 1
    assert "expected more than 80%" in capsys.readouterr().err
    assert main(["solve", str(folder), "--board", str(tmp_path / "board.yaml"), "--out", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().out.splitlines()[1:] == [str(tmp_path / "out" / name) for name in ("calibration.yaml", "report.html")]


def test_images_without_the_board_end_in_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_pictures(tmp_path / "top", charuco(5, 7), SMALL, Placing(views=2))
    (tmp_path / "board.yaml").write_text(board_yaml(charuco(8, 11, legacy=False)).replace("marker_bits: 4", "marker_bits: 6"))

    assert main(["solve", str(folder), "--board", str(tmp_path / "board.yaml"), "--out", str(tmp_path / "out")]) == 1

    assert "the board was found in none of the images" in capsys.readouterr().err


@pytest.mark.parametrize("board", [charuco(5, 7), chessboard(5, 8)], ids=["charuco", "chessboard"])
def test_two_boards_in_one_image_are_said_to_be_two(board: Board, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    drawn = board_image(board, pixels_a_square=32, border_squares=1)
    (tmp_path / "images").mkdir()
    assert cv2.imwrite(str(tmp_path / "images" / "1.png"), np.hstack((drawn, drawn)))
    (tmp_path / "board.yaml").write_text(board_yaml(board))
    width, height = 2 * drawn.shape[1], drawn.shape[0]
    wide = type(SMALL)(model=SMALL.model, size=(width, height), parameters=SMALL.parameters)
    quality = Quality(rms_px=0.1, coverage=0.9, points=9)
    (tmp_path / "lens.yaml").write_text(as_yaml(calibration_of(wide, quality, tool="test", images=1)))
    given = ["--board", str(tmp_path / "board.yaml"), "--out", str(tmp_path / "out")]

    assert main(["solve", str(tmp_path / "images"), *given]) == 1
    said = capsys.readouterr().err
    assert "two boards of this kind, which cannot be told apart, are in 1 image: 1.png; show one at a time\n" in said
    assert "no board was found in" not in said
    assert main(["plane", str(tmp_path / "lens.yaml"), "--image", str(tmp_path / "images" / "1.png"), *given]) == 1
    assert f"1.png: two boards of this kind are seen, which cannot be told apart; expected {board.description}" in capsys.readouterr().err


def test_new_images_tell_a_lens_that_was_refocused(
    tmp_path: Path, good: Assessment, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracker.task_progress.LINE_EVERY_S", 0.0)
    board = charuco(5, 7)
    folder = write_pictures(tmp_path / "new", board, SMALL, Placing(views=9, fill=(0.5, 0.6)), seed=3)
    for name, focal in (("kept", 1.0), ("refocused", 1.04)):
        values = SMALL.parameters.copy()
        values[:2] *= focal
        changed = type(SMALL)(model=SMALL.model, size=SMALL.size, parameters=values)
        (tmp_path / f"{name}.yaml").write_text(as_yaml(calibration_of(changed, good.quality, tool="test", images=30)))
    more = ["--images", str(folder), "--board", str(tmp_path / "board.yaml")]

    assert main(["check", str(tmp_path / "kept.yaml"), *more, "--json"]) == 0
    told, said = capsys.readouterr()
    assert json.loads(told)["new_images"]["rms_px"] < 0.3
    assert said.splitlines()[-1] == "finding the board: 9 of 9 images"
    assert main(["check", str(tmp_path / "refocused.yaml"), *more]) == 1
    told, said = capsys.readouterr()
    assert "the new images lead to a lens that differs by" in said
    assert "\n  lens of these images alone differs, p95, px  " in told
    assert re.search(r"[a-z]_[a-z]|reasons|\d\.\d{5}", told.replace("five_parameter", "")) is None, "keys are for programs"


def test_a_video_of_a_board_is_solved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    board = charuco(5, 7)
    folder = write_pictures(tmp_path / "top", board, SMALL, Placing(views=5, fill=(0.5, 0.6), spread=0.3))
    film = cv2.VideoWriter(str(tmp_path / "film.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, SMALL.size)
    for path in numbered_images(folder):
        frame = cv2.imread(str(path))
        assert frame is not None
        film.write(frame)
    film.release()

    arguments = ["solve", str(tmp_path / "film.avi"), "--board", str(tmp_path / "board.yaml"), "--out", str(tmp_path / "out")]
    assert main([*arguments, "--every", "1", "--json"]) == 1  # rejected: five views

    assert json.loads(capsys.readouterr().out)["views"] == 5


@pytest.mark.parametrize("name", ["left", "right"])
def test_real_chessboards_fit_within_half_a_pixel(shared_data: Path, name: str) -> None:
    folder = shared_data / "stereo_chessboard"
    if not folder.is_dir():
        pytest.skip("stereo_chessboard is not at ../shared/data")
    board = make_board({"kind": "chessboard", "squares": (10, 7), "square_mm": 25}, where="test")
    finder, found = BoardFinder(board), []
    for path in sorted(folder.glob(f"{name}*.jpg")):
        corners = finder.find(read_image(path))
        assert corners is not None
        found.append(view_of(board, corners, name=path.name))

    assessment = solve_and_assess(found, size=(640, 480), model="five_parameter")

    assert len(found) == 13
    assert assessment.quality.rms_px < 0.25
    assert assessment.quality.verdict == "rejected"  # 13 views, none of them near the image's corners
