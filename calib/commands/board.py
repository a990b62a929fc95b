"""`calib board`: a board to print, and its description."""

import argparse
import json
from pathlib import Path
from typing import Any

import msgspec

from calib.board import Board, board_yaml, make_board
from calib.commands.options import say
from calib.print_board import PAPERS, board_pdf
from calib.whole_files import check_place, write_files
from tracker.commands.options import Commands, add_command

_MARKER_SHARE = 0.75  # of a square: large enough to be read, with white around it


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "board",
        call=draw,
        text="Make a calibration board: a PDF in true size, and board.yaml that describes it.",
        example="calib board --squares 7x10 --square-mm 25 --out board",
    )
    parser.add_argument("--kind", choices=("charuco", "chessboard"), default="charuco", help="with markers, or without (%(default)s)")
    parser.add_argument("--squares", type=_squares, default=(7, 10), metavar="COLUMNSxROWS", help="(7x10)")
    parser.add_argument("--square-mm", type=float, default=25.0, metavar="MM", help="side of a square (%(default)s)")
    parser.add_argument("--marker-mm", type=float, metavar="MM", help="side of a marker (three quarters of a square)")
    parser.add_argument("--marker-bits", type=int, choices=(4, 5, 6, 7), default=4, help="bits along a marker's side (%(default)s)")
    parser.add_argument("--legacy", action="store_true", help="as OpenCV drew it before 4.6, for a board that is printed already")
    parser.add_argument("--paper", choices=tuple(PAPERS), default="A4", help="(%(default)s)")
    parser.add_argument("--no-pdf", action="store_true", help="only describe a board that is printed already")
    parser.add_argument("--out", type=Path, default=Path(), help="folder for board.pdf and board.yaml (the current one)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def draw(options: argparse.Namespace) -> int:
    """Write the files and print their paths."""
    check_place(options.out, ("board.yaml", "board.pdf"))
    values = {"kind": options.kind, "squares": options.squares, "square_mm": options.square_mm, "legacy": options.legacy}
    if options.kind == "charuco":
        marker_mm = options.marker_mm if options.marker_mm is not None else _MARKER_SHARE * options.square_mm
        values |= {"marker_mm": marker_mm, "marker_bits": options.marker_bits}
    elif options.marker_mm is not None:
        values["marker_mm"] = options.marker_mm
    board = make_board(values, where="such a board cannot be made")
    files = {"board.yaml": board_yaml(board).encode()}
    if not options.no_pdf:
        files["board.pdf"] = board_pdf(board, paper=options.paper)
    write_files(options.out, files)
    if board.turns_into_itself:
        say("half a turn leaves this board as it is: good for one camera, not for a rig, which needs one odd and one even number")
    written = [str(options.out / name) for name in files]
    print(json.dumps({"files": written, **_told(board)}, indent=2) if options.json else "\n".join(written))
    return 0


def _told(board: Board) -> dict[str, Any]:
    """What board.yaml says, and what follows from it."""
    said = msgspec.to_builtins(board)
    del said["schema"]
    width_mm, height_mm = (count * board.square_mm for count in board.squares)
    return {**said, "inner_corners": board.inner, "width_mm": width_mm, "height_mm": height_mm}


def _squares(text: str) -> tuple[int, int]:
    columns, _, rows = text.partition("x")
    if not (columns.isdecimal() and rows.isdecimal()):
        raise argparse.ArgumentTypeError(f"'{text}' is not COLUMNSxROWS, such as 7x10")
    return int(columns), int(rows)
