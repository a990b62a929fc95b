"""The board: its description, what is refused, and that it is drawn as OpenCV draws it and printed in true size."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from calib.__main__ import main
from calib.board import Board, board_yaml, make_board, read_board
from calib.board_image import board_image
from calib.corners import BoardFinder
from tests.calib.views_of_truth import charuco
from tracker.errors import CalibrationError

CHARUCO = {"kind": "charuco", "squares": (7, 10), "square_mm": 25, "marker_mm": 18.75, "marker_bits": 4}
CHESSBOARD = {"kind": "chessboard", "squares": (10, 7), "square_mm": 25}


@pytest.mark.parametrize("values", [CHARUCO, CHESSBOARD, CHARUCO | {"legacy": True}], ids=["charuco", "chessboard", "legacy"])
def test_a_board_is_read_as_it_was_written(values: dict[str, Any], tmp_path: Path) -> None:
    board = make_board(values, where="test")
    (tmp_path / "board.yaml").write_text(board_yaml(board))

    assert read_board(tmp_path / "board.yaml") == board


@pytest.mark.parametrize(
    ("values", "refusal"),
    [
        (CHARUCO | {"marker_mm": 25}, "marker_mm is 25; expected less than square_mm"),
        (CHARUCO | {"marker_mm": None}, "needs marker_mm"),
        (CHARUCO | {"squares": (60, 60)}, "1800 markers are needed"),
        (CHESSBOARD | {"marker_mm": 10.0}, "a chessboard has no markers"),
        (CHESSBOARD | {"squares": (3, 3)}, "4 inner corners"),
        (CHESSBOARD | {"squares": (10, 2)}, "squares"),
        (CHESSBOARD | {"colour": "red"}, "colour"),
    ],
    ids=["large marker", "no marker", "too many", "markers on a chessboard", "too few corners", "too few squares", "unknown key"],
)
def test_an_impossible_board_is_refused(values: dict[str, Any], refusal: str) -> None:
    with pytest.raises(CalibrationError, match=refusal):
        make_board(values, where="test")


@pytest.mark.parametrize(("squares", "name"), [((7, 10), "DICT_4X4_50"), ((11, 10), "DICT_4X4_100"), ((30, 20), "DICT_4X4_1000")])
def test_the_smallest_dictionary_with_enough_markers_is_taken(squares: tuple[int, int], name: str) -> None:
    assert make_board(CHARUCO | {"squares": squares}, where="test").dictionary == name


def test_a_smaller_dictionary_begins_as_a_larger_one_does() -> None:
    small, large = (cv2.aruco.getPredefinedDictionary(which).bytesList for which in (cv2.aruco.DICT_4X4_50, cv2.aruco.DICT_4X4_1000))

    assert np.array_equal(small, large[:50])


def test_the_board_of_sleap_anipose_is_read(tmp_path: Path) -> None:
    path = tmp_path / "board.toml"
    path.write_text("board_x = 8\nboard_y = 11\nsquare_length = 24.0\nmarker_length = 18.75\nmarker_bits = 4\ndict_size = 1000")

    assert read_board(path).description == "charuco 8x11 squares of 24 mm, markers of 18.75 mm, DICT_4X4_50"


@pytest.mark.parametrize("text", ["board_x = ", "board_x = 8"], ids=["damaged", "incomplete"])
def test_a_toml_that_is_no_board_is_refused_in_a_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "board.toml"
    path.write_text(text)

    with pytest.raises(CalibrationError, match=r"board\.toml: (is not TOML|has no)"):
        read_board(path)


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("squares", [(8, 11), (5, 7), (6, 8)])
def test_our_drawing_is_that_of_opencv(squares: tuple[int, int], legacy: bool) -> None:
    board = charuco(*squares, legacy=legacy)

    ours = board_image(board, pixels_a_square=48, border_squares=1)[48:-48, 48:-48]

    assert np.array_equal(ours, board.charuco.generateImage((48 * squares[0], 48 * squares[1]), marginSize=0))


def test_a_legacy_board_is_not_found_as_a_board_of_today() -> None:
    drawn = board_image(charuco(6, 8, legacy=True), pixels_a_square=32, border_squares=1)

    assert BoardFinder(charuco(6, 8, legacy=True)).find(drawn) is not None
    assert BoardFinder(charuco(6, 8)).find(drawn) is None


def test_a_chessboard_seen_upside_down_is_numbered_from_the_same_corner() -> None:
    board = make_board(CHESSBOARD, where="test")
    drawn = board_image(board, pixels_a_square=32, border_squares=1)
    upright, turned = BoardFinder(board).find(drawn), BoardFinder(board).find(np.ascontiguousarray(drawn[::-1, ::-1]))

    assert upright is not None
    assert turned is not None
    assert np.abs(upright.pixels - (np.array(drawn.shape[::-1]) - 1 - turned.pixels)).max() < 0.1


def test_a_printed_board_has_its_true_size(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["board", "--squares", "7x10", "--square-mm", "25", "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().out.split() == [str(tmp_path / "board.yaml"), str(tmp_path / "board.pdf")]
    assert main(["board", "--squares", "7x10", "--square-mm", "25", "--no-pdf", "--out", str(tmp_path / "only"), "--json"]) == 0
    said = {"kind": "charuco", "squares": [7, 10], "square_mm": 25.0, "marker_mm": 18.75, "marker_bits": 4, "legacy": False}
    size = {"inner_corners": [6, 9], "width_mm": 175.0, "height_mm": 250.0}
    assert json.loads(capsys.readouterr().out) == {"files": [str(tmp_path / "only" / "board.yaml")], **said, **size}
    pdf = (tmp_path / "board.pdf").read_bytes()

    found = re.search(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", pdf)

    assert found is not None
    assert [float(side) / 72 * 25.4 for side in found.groups()] == pytest.approx([210, 297], abs=1e-6)


@pytest.mark.skipif(shutil.which("gs") is None, reason="Ghostscript (gs) is not installed")
def test_squares_on_the_printed_page_are_as_long_as_they_should_be(tmp_path: Path) -> None:
    assert main(["board", "--squares", "5x7", "--square-mm", "30", "--out", str(tmp_path)]) == 0
    picture = tmp_path / "page.png"
    command = [
        "gs",
        "-q",
        "-dSAFER",
        "-dNOPAUSE",
        "-dBATCH",
        "-sDEVICE=pnggray",
        "-r300",
        f"-sOutputFile={picture}",
        str(tmp_path / "board.pdf"),
    ]
    subprocess.run(command, check=True, timeout=300)
    board = read_board(tmp_path / "board.yaml")

    page = cv2.imread(str(picture), cv2.IMREAD_GRAYSCALE)
    assert page is not None
    corners = BoardFinder(board).find(np.asarray(page, np.uint8))

    assert corners is not None
    mm = corners.pixels / 300 * 25.4
    text = np.flatnonzero((page < 128).any(axis=1))
    assert 10 <= (page.shape[0] - 1 - text[-1]) / 300 * 25.4 < 12, "printers leave a margin"
    across = np.linalg.norm(mm[corners.ids == 3] - mm[corners.ids == 0])
    assert across == pytest.approx(3 * 30, abs=0.1)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--square-mm", "nan"], "such a board cannot be made: square_mm is .nan; expected a number above 0, at most 10000"),
        (["--squares", "2x9"], "such a board cannot be made: squares[0] is 2; expected a whole number from 3 to 100"),
        (["--marker-mm", "30"], "such a board cannot be made: marker_mm is 30; expected less than square_mm, which is 25"),
    ],
)
def test_an_impossible_board_is_refused_in_the_words_of_its_description(
    options: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["board", *options, "--out", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err == f"calib board: {sentence}\n"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("squares", ["7", "7x", "axb", "7x10x3"])
def test_squares_that_are_not_columns_and_rows_are_wrong_usage(squares: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["board", "--squares", squares])
    assert f"'{squares}' is not COLUMNSxROWS, such as 7x10" in capsys.readouterr().err


def test_a_board_that_does_not_fit_on_the_paper_is_refused_with_one_that_does(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["board", "--squares", "8x11", "--square-mm", "30", "--out", str(tmp_path)]) == 1

    assert "does not fit on A4" in (said := capsys.readouterr().err)
    assert "--paper A3" in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("board", [charuco(), make_board(CHESSBOARD, where="test")], ids=["charuco", "chessboard"])
@pytest.mark.parametrize("shape", [(1, 1), (20, 400), (33, 33, 3)])
def test_no_board_is_found_in_an_image_of_noise_however_small(board: Board, shape: tuple[int, ...]) -> None:
    noise = np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)

    assert BoardFinder(board).find(noise) is None


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--square-mm", "1e-9"], "squares of 1e-09 mm are smaller than a printer can draw; expected at least 1 mm"),
        (["--marker-mm", "0.1"], "markers of 0.1 mm with 4 bits a side are smaller than a printer can draw; expected at least 0.48 mm"),
    ],
    ids=["squares", "markers"],
)
def test_a_board_too_small_to_be_printed_is_only_described(
    arguments: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["board", *arguments, "--out", str(tmp_path)]) == 1
    assert complaint in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    assert main(["board", *arguments, "--no-pdf", "--out", str(tmp_path)]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["board.yaml"]
