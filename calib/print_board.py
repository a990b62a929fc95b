"""A board as a PDF in true size: every black part a filled rectangle, no scaling by any viewer's guess."""

import io
from dataclasses import dataclass
from typing import Any

from calib.board import Board
from calib.board_image import black_parts
from tracker.errors import CalibrationError

PAPERS = {
    "A4": (210.0, 297.0),
    "A3": (297.0, 420.0),
    "A2": (420.0, 594.0),
    "A1": (594.0, 841.0),
    "A0": (841.0, 1189.0),
    "letter": (215.9, 279.4),
}
_MM_PER_INCH = 25.4
_LEAST_SQUARE_MM = 1.0  # 24 dots of a printer of 600 dpi
_LEAST_BIT_MM = 0.08  # of a marker: two of these dots
_MARGIN_MM = 8.0  # what most printers leave white
_RULER_MM = 100.0
_FOOT_MM = 14.0  # for the ruler and the text below the board
_RULER_ABOVE_EDGE_MM = 18.5  # so that the text below it ends 10 mm from the paper's edge, which every printer reaches


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page on which a board lies: its size, and where the board's top left corner is, all in mm from the top left."""

    width: float
    height: float
    left: float
    top: float


def page_for(board: Board, paper: str) -> Page:
    """The paper, upright or across, with the board in its middle.

    Raises:
        CalibrationError: the board does not fit.
    """
    width, height = (count * board.square_mm for count in board.squares)
    short, long = PAPERS[paper]
    for page_width, page_height in ((short, long), (long, short)):
        left, top = (page_width - width) / 2, (page_height - _FOOT_MM - height) / 2
        if left >= _MARGIN_MM and top >= _MARGIN_MM:
            return Page(width=page_width, height=page_height, left=left, top=top)
    fits = [name for name, size in PAPERS.items() if max(width, height) + 30 <= max(size) and min(width, height) + 30 <= min(size)]
    advice = f"--paper {fits[0]}, fewer squares or smaller ones" if fits else "fewer squares or smaller ones"
    raise CalibrationError(
        f"a board of {width:g} x {height:g} mm does not fit on {paper} ({short:g} x {long:g} mm) with a margin; take {advice}"
    )


def _refuse_invisible(board: Board) -> None:
    if board.square_mm < _LEAST_SQUARE_MM:
        raise CalibrationError(
            f"squares of {board.square_mm:g} mm are smaller than a printer can draw; expected at least {_LEAST_SQUARE_MM:g} mm: take "
            "larger ones, or --no-pdf for a board that is there already"
        )
    if board.marker_mm is None or board.marker_bits is None:
        return
    least_mm = _LEAST_BIT_MM * (board.marker_bits + 2)  # its black border is a bit wide
    if board.marker_mm < least_mm:
        raise CalibrationError(
            f"markers of {board.marker_mm:g} mm with {board.marker_bits} bits a side are smaller than a printer can draw; expected at "
            f"least {least_mm:g} mm: take larger ones, or --no-pdf for a board that is there already"
        )


def board_pdf(board: Board, *, paper: str) -> bytes:
    """The PDF file.

    Raises:
        CalibrationError: the board does not fit on the paper or is smaller than a printer can draw, or matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_pdf import FigureCanvasPdf
        from matplotlib.figure import Figure
        from matplotlib.patches import Rectangle
    except ModuleNotFoundError as problem:
        raise CalibrationError(f"printing a board needs {(problem.name or '').partition('.')[0]}: pip install '.[calib]'") from problem
    _refuse_invisible(board)
    page = page_for(board, paper)
    figure = Figure(figsize=(page.width / _MM_PER_INCH, page.height / _MM_PER_INCH))
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_xlim(0, page.width)
    axes.set_ylim(page.height, 0)
    axes.axis("off")
    for part in black_parts(board):
        corner = (page.left + part.x, page.top + part.y)
        axes.add_patch(Rectangle(corner, part.width, part.height, facecolor="black", edgecolor="none", linewidth=0))
    foot = page.height - _RULER_ABOVE_EDGE_MM
    axes.plot([page.left, page.left + _RULER_MM], [foot, foot], color="black", linewidth=0.5, solid_capstyle="butt")
    for end in (page.left, page.left + _RULER_MM):
        axes.plot([end, end], [foot - 1.5, foot + 1.5], color="black", linewidth=0.5)
    axes.text(page.left, foot + 4.0, f"this line is {_RULER_MM:g} mm; print at 100 %, not fitted to the page", fontsize=7)
    axes.text(page.left, foot + 7.6, f"rigtrack: {board.description}", fontsize=7)
    written = io.BytesIO()
    canvas: Any = FigureCanvasPdf(figure)
    canvas.print_pdf(written, metadata={"Title": board.description, "Creator": "rigtrack calib board", "CreationDate": None})
    return written.getvalue()
