"""The calibration board: its description in board.yaml, the corners it has, and the smallest dictionary of markers that fits it."""

import json
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import cv2
import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from calib.toml_file import read_toml
from tracker.errors import CalibrationError
from tracker.parsing.value_fault import first_fault
from tracker.parsing.yaml_file import read_yaml

Squares = Annotated[int, Meta(ge=3, le=100)]
Length = Annotated[float, Meta(gt=0, le=10_000)]
_SIZES = (50, 100, 250, 1000)  # the entries of a dictionary; a smaller one holds the first entries of a larger one
FEWEST_CORNERS = 8  # in an image, too: fewer say next to nothing about a lens and let a wrong marker pass


class Board(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """A flat board of squares, with ArUco markers in the white ones (`charuco`) or without (`chessboard`).

    Attributes:
        schema: of the file.
        kind: with markers or without.
        squares: (columns, rows), counted as squares, not as inner corners.
        square_mm: side of a square.
        marker_mm: side of a marker, for `charuco`.
        marker_bits: a marker has so many times so many bits, for `charuco`.
        legacy: drawn as OpenCV did before 4.6: with an even number of rows, the marker is in the top left square.
    """

    schema: Literal[1] = 1
    kind: Literal["charuco", "chessboard"]
    squares: tuple[Squares, Squares]
    square_mm: Length
    marker_mm: Length | None = None
    marker_bits: Literal[4, 5, 6, 7] | None = None
    legacy: bool = False

    @property
    def inner(self) -> tuple[int, int]:
        """Inner corners: (columns, rows)."""
        return self.squares[0] - 1, self.squares[1] - 1

    @property
    def corner_count(self) -> int:
        """How many inner corners there are."""
        return self.inner[0] * self.inner[1]

    @property
    def dictionary(self) -> str:
        """Name of the smallest dictionary with enough markers: a search among 50 takes an eighth of the time of one among 1000."""
        needed = self.squares[0] * self.squares[1] // 2
        size = next(size for size in _SIZES if size >= needed)
        return f"DICT_{self.marker_bits}X{self.marker_bits}_{size}"

    @property
    def turns_into_itself(self) -> bool:
        """Whether half a turn leaves the board as it is, so that two cameras may number its corners differently."""
        return self.kind == "chessboard" and sum(self.squares) % 2 == 0

    @cached_property
    def corners_mm(self) -> NDArray[np.float64]:
        """Inner corners by id, (N, 3): X to the right, Y down, from the outer corner of the top left square; Z is 0."""
        columns, rows = self.inner
        y, x = np.mgrid[1 : rows + 1, 1 : columns + 1]
        return np.column_stack((x.ravel(), y.ravel(), np.zeros(x.size))) * self.square_mm

    @cached_property
    def charuco(self) -> cv2.aruco.CharucoBoard:
        """OpenCV's own description of it."""
        dictionary = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, self.dictionary))
        board = cv2.aruco.CharucoBoard(self.squares, self.square_mm, self.marker_mm or 0.0, dictionary)
        board.setLegacyPattern(self.legacy)
        return board

    @property
    def description(self) -> str:
        """One line for people."""
        columns, rows = self.squares
        text = f"{self.kind} {columns}x{rows} squares of {self.square_mm:g} mm"
        if self.kind == "charuco":
            text += f", markers of {self.marker_mm:g} mm, {self.dictionary}{', legacy' if self.legacy else ''}"
        return text


def make_board(values: dict[str, Any], *, where: str) -> Board:
    """A board from plain values.

    Raises:
        CalibrationError: impossible, in one sentence that begins with `where`.
    """
    fault = first_fault(values, Board)
    if fault is not None:
        raise CalibrationError(f"{where}: {fault.sentence}")
    return _checked(msgspec.convert(values, Board), where)


def read_board(path: Path) -> Board:
    """Read board.yaml, or the board.toml of sleap-anipose.

    Raises:
        CalibrationError: absent, damaged or impossible, in one sentence.
    """
    if path.suffix.lower() == ".toml":
        return make_board(_of_anipose(read_toml(path), path), where=str(path))
    return _checked(read_yaml(path, kind=Board, error=CalibrationError), str(path))


def board_yaml(board: Board) -> str:
    """The description as it is written beside the PDF."""
    columns, rows = board.squares
    lines = [
        "# A calibration board. Measure the line of 100 mm below it on the print; if it is not as long, correct the lengths here.",
        "schema: 1",
        f"kind: {board.kind}",
        f"squares: [{columns}, {rows}]  # columns, rows",
        f"square_mm: {board.square_mm:g}",
    ]
    if board.kind == "charuco":
        lines += [f"marker_mm: {board.marker_mm:g}", f"marker_bits: {board.marker_bits}  # {board.dictionary}"]
        lines += [f"legacy: {json.dumps(board.legacy)}"]
    return "\n".join(lines) + "\n"


def _checked(board: Board, where: str) -> Board:
    if board.kind == "chessboard":
        if board.marker_mm is not None or board.marker_bits is not None or board.legacy:
            raise CalibrationError(
                f"{where}: a chessboard has no markers; leave marker_mm, marker_bits and legacy out, or set kind to charuco"
            )
        return _enough_corners(board, where)
    if board.marker_mm is None or board.marker_bits is None:
        raise CalibrationError(f"{where}: a charuco board needs marker_mm and marker_bits (4, 5, 6 or 7)")
    if board.marker_mm >= board.square_mm:
        raise CalibrationError(f"{where}: marker_mm is {board.marker_mm:g}; expected less than square_mm, which is {board.square_mm:g}")
    markers = board.squares[0] * board.squares[1] // 2
    if markers > _SIZES[-1]:
        raise CalibrationError(f"{where}: {markers} markers are needed and the largest dictionary has {_SIZES[-1]}; take fewer squares")
    return _enough_corners(board, where)


def _enough_corners(board: Board, where: str) -> Board:
    if board.corner_count < FEWEST_CORNERS:
        raise CalibrationError(
            f"{where}: the board has {board.corner_count} inner corners; expected at least {FEWEST_CORNERS}: take more squares"
        )
    return board


def _of_anipose(values: dict[str, Any], path: Path) -> dict[str, Any]:
    names = {"board_x", "board_y", "square_length", "marker_length", "marker_bits"}
    if not names <= values.keys():
        raise CalibrationError(
            f"{path}: has no {', '.join(sorted(names - values.keys()))}; expected a board.toml of sleap-anipose, in mm, or a board.yaml"
        )
    return {
        "kind": "charuco",
        "squares": (values["board_x"], values["board_y"]),
        "square_mm": values["square_length"],
        "marker_mm": values["marker_length"],
        "marker_bits": values["marker_bits"],
    }
