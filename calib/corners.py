"""Find a board's corners in an image."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from calib.board import FEWEST_CORNERS, Board
from tracker.frame import Image

_SMALLEST_PX = 32  # OpenCV fails on images smaller than its own windows
_SUBPIXEL = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_COUNT, 40, 1e-3)
# Half the side of the window that a chessboard's corner is refined in. On OpenCV's stereo samples 5 to 8 px give f = 532.8 to 533.0 px
# (rms 0.18 to 0.20), as its other detector does (532.3 to 532.7); 11 px reaches towards the next corners: f = 536.1 px, rms 0.41.
_RADIUS_PX = (3, 7)
_FLAGS = cv2.CALIB_CB_ADAPTIVE_THRESH | cv2.CALIB_CB_NORMALIZE_IMAGE | cv2.CALIB_CB_FAST_CHECK
_SECOND_LONGEST_PX = 1280  # a second chessboard is looked for in no more: a search that finds nothing takes long


@dataclass(frozen=True, slots=True, kw_only=True)
class Corners:
    """What was found of a board in one image.

    Attributes:
        ids: int64 (n,), which inner corners, row by row from the top left one, ascending.
        pixels: float64 (n, 2), where, in px; pixel centres are whole numbers.
    """

    ids: NDArray[np.int64]
    pixels: NDArray[np.float64]


Detector = Callable[[Image], Corners | None]  # of a grey image


class BoardFinder:
    """Finds one board; keep it, as making it takes longer than using it."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._detect = _markers_of(board) if board.kind == "charuco" else _squares_of(board)

    def find(self, image: Image) -> Corners | None:
        """Find the board in a whole image; None where too little of it is seen.

        A chessboard is seen whole or not at all; of a charuco board any part will do.
        """
        if min(image.shape[:2]) < _SMALLEST_PX:
            return None
        found = self._detect(_grey(image))
        if found is None or len(found.ids) < FEWEST_CORNERS or _on_a_line(self._board, found):
            return None
        return found

    def shows_two(self, image: Image, found: Corners | None) -> bool:
        """Whether two boards of one kind are seen, of which nothing tells which is which.

        Args:
            image: the whole of it.
            found: what `find` found in it: of two charuco boards neither, of two chessboards one.
        """
        if self._board.kind == "chessboard":
            return found is not None and _has_chessboard(_without(_grey(image), found, self._board.inner), self._board.inner)
        if found is not None or min(image.shape[:2]) < _SMALLEST_PX:
            return False
        _, ids, _ = cv2.aruco.ArucoDetector(self._board.charuco.getDictionary()).detectMarkers(_grey(image))
        return ids is not None and len(np.unique(ids)) < len(ids)


def _grey(image: Image) -> Image:
    return image if image.ndim == 2 else np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)


def _markers_of(board: Board) -> Detector:
    settings = cv2.aruco.DetectorParameters()
    settings.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_NONE  # the squares' corners are refined; markers only name them
    detector = cv2.aruco.CharucoDetector(board.charuco, cv2.aruco.CharucoParameters(), settings)

    def detect(grey: Image) -> Corners | None:
        pixels, ids, _, _ = detector.detectBoard(grey)
        if not np.ndim(ids):  # None where there is none, whatever OpenCV's types say
            return None
        flat = np.asarray(ids, np.int64).ravel()
        rank = np.argsort(flat)
        return Corners(ids=flat[rank], pixels=np.asarray(pixels, np.float64).reshape(-1, 2)[rank])

    return detect


def _squares_of(board: Board) -> Detector:
    inner = board.inner

    def detect(grey: Image) -> Corners | None:
        found, rough = cv2.findChessboardCorners(grey, inner, None, _FLAGS)
        if not found:
            return None
        radius = round(np.clip(_closest(np.asarray(rough, np.float64).reshape(inner[1], inner[0], 2)) / 3, *_RADIUS_PX))
        fine = cv2.cornerSubPix(grey, np.asarray(rough, np.float32), (radius, radius), (-1, -1), _SUBPIXEL)
        pixels = np.asarray(fine, np.float64).reshape(-1, 2)  # OpenCV begins at the corner of a black square, however the board is turned
        return Corners(ids=np.arange(len(pixels)), pixels=np.ascontiguousarray(pixels))

    return detect


def _has_chessboard(grey: Image, inner: tuple[int, int]) -> bool:
    scale = min(1.0, _SECOND_LONGEST_PX / max(grey.shape))
    smaller = grey if scale == 1.0 else cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return cv2.findChessboardCorners(smaller, inner, None, _FLAGS)[0]


def _without(grey: Image, found: Corners, inner: tuple[int, int]) -> Image:
    """The image with a chessboard painted over: its inner corners, and a square more on each side."""
    columns, rows = inner
    at_corners = found.pixels[[0, columns - 1, -1, -columns]].astype(np.float32)
    corners = np.array([[0, 0], [columns - 1, 0], [columns - 1, rows - 1], [0, rows - 1]], np.float32)
    outer = np.array([[[-1.1, -1.1]], [[columns + 0.1, -1.1]], [[columns + 0.1, rows + 0.1]], [[-1.1, rows + 0.1]]], np.float32)
    edge = cv2.perspectiveTransform(outer, cv2.getPerspectiveTransform(corners, at_corners))
    painted = grey.copy()
    cv2.fillConvexPoly(painted, np.round(edge).astype(np.int32), float(np.median(grey)))
    return painted


def _closest(grid: NDArray[np.float64]) -> float:
    """The smallest distance between neighbours, px."""
    across, down = np.diff(grid, axis=1), np.diff(grid, axis=0)
    return float(min(np.linalg.norm(across, axis=2).min(), np.linalg.norm(down, axis=2).min()))


def _on_a_line(board: Board, found: Corners) -> bool:
    """Whether all corners are of one row or column, which fixes no pose."""
    places = board.corners_mm[found.ids, :2]
    return bool((np.ptp(places, axis=0) == 0).any())
