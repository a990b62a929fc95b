"""Draw a board: as squares in mm, for print, and as pixels."""

from dataclasses import dataclass

import cv2
import numpy as np

from calib.board import Board
from tracker.frame import Image


@dataclass(frozen=True, slots=True)
class Black:
    """A black rectangle, mm from the board's top left corner, y down."""

    x: float
    y: float
    width: float
    height: float


def black_parts(board: Board) -> list[Black]:
    """Everything that is black: the squares, and the markers row by row as runs of black bits."""
    squares = [
        Black(column * board.square_mm, row * board.square_mm, board.square_mm, board.square_mm) for row, column in black_squares(board)
    ]
    return squares + _marker_parts(board)


def black_squares(board: Board) -> list[tuple[int, int]]:
    """(row, column) of the black squares: the top left one is black, except on a legacy board with an even number of rows."""
    columns, rows = board.squares
    first = 1 if board.legacy and rows % 2 == 0 else 0
    return [(row, column) for row in range(rows) for column in range(columns) if (row + column) % 2 == first]


def board_image(board: Board, *, pixels_a_square: int, border_squares: int) -> Image:
    """The board as pixels, uint8, with a white border of so many squares; a marker's bits are drawn to the nearest pixel."""
    scale = pixels_a_square / board.square_mm
    columns, rows = board.squares
    image = np.full(((rows + 2 * border_squares) * pixels_a_square, (columns + 2 * border_squares) * pixels_a_square), 255, np.uint8)
    for part in black_parts(board):
        left, top = (border_squares * pixels_a_square + round(edge * scale) for edge in (part.x, part.y))
        right, bottom = (border_squares * pixels_a_square + round(edge * scale) for edge in (part.x + part.width, part.y + part.height))
        image[top:bottom, left:right] = 0
    return image


def _marker_parts(board: Board) -> list[Black]:
    if board.kind != "charuco" or board.marker_mm is None or board.marker_bits is None:
        return []
    black, columns, rows = set(black_squares(board)), *board.squares
    white = [(row, column) for row in range(rows) for column in range(columns) if (row, column) not in black]
    dictionary = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, board.dictionary))
    cells = board.marker_bits + 2
    side, margin = board.marker_mm / cells, (board.square_mm - board.marker_mm) / 2
    parts = []
    for number, (row, column) in enumerate(white):
        bits = cv2.aruco.generateImageMarker(dictionary, number, cells, borderBits=1)
        left, top = column * board.square_mm + margin, row * board.square_mm + margin
        for line, values in enumerate(np.asarray(bits) == 0):
            edges = np.flatnonzero(np.diff(np.concatenate(([0], values.astype(np.int8), [0]))))
            parts += [
                Black(left + side * start, top + side * line, side * (end - start), side)
                for start, end in zip(edges[::2], edges[1::2], strict=True)
            ]
    return parts
