"""Boards and cameras that the tests know exactly."""

from pathlib import Path

import cv2
import numpy as np

from calib.board import Board, board_yaml, make_board
from calib.board_views import BoardView
from calib.lens import Lens
from calib.synthetic import Placing, board_poses, corner_views, picture
from tracker.undistortion import LensModel

LENSES: dict[LensModel, list[float]] = {
    "five_parameter": [420.0, 421.0, 325.0, 236.0, -0.3, 0.09, 1e-3, -5e-4, -0.01],
    "fisheye": [220.0, 221.0, 325.0, 236.0, 0.05, -0.01, 0.003, -0.001],
}
SMALL = Lens(model="five_parameter", size=(320, 240), parameters=np.array([260.0, 261.0, 162.0, 118.0, -0.25, 0.08, 5e-4, -5e-4, 0.0]))


def charuco(columns: int = 8, rows: int = 11, *, legacy: bool = False) -> Board:
    """A board with markers."""
    values = {"kind": "charuco", "squares": (columns, rows), "square_mm": 24, "marker_mm": 18, "marker_bits": 4, "legacy": legacy}
    return make_board(values, where="test")


def chessboard(columns: int, rows: int) -> Board:
    """A board without markers."""
    return make_board({"kind": "chessboard", "squares": (columns, rows), "square_mm": 24}, where="test")


def lens(model: LensModel) -> Lens:
    """A wide lens of 640x480 px."""
    return Lens(model=model, size=(640, 480), parameters=np.array(LENSES[model]))


def views(truth: Lens, *, noise_px: float = 0.1, seed: int = 1, placing: Placing | None = None) -> list[BoardView]:
    """Corner tables of a board held all over the image."""
    board = charuco()
    return corner_views(board, truth, board_poses(board, truth, placing or Placing(), seed=1), noise_px=noise_px, seed=seed)


def write_pictures(folder: Path, board: Board, truth: Lens, placing: Placing, *, seed: int = 1) -> Path:
    """Numbered pictures of a board, and its board.yaml beside the folder."""
    folder.mkdir(parents=True)
    for number, pose in enumerate(board_poses(board, truth, placing, seed=seed), 1):
        assert cv2.imwrite(str(folder / f"shot-{number}.png"), picture(board, truth, pose, seed=number))
    (folder.parent / "board.yaml").write_text(board_yaml(board))
    return folder
