"""A table of text as spreadsheets write it: cells between commas, semicolons or tabs, and numbers with a decimal comma where it is free."""

import csv
import io
import re
from pathlib import Path

from trainer.errors import LabelError

_SEPARATORS = (",", ";", "\t")
_WITH_COMMA, _WITH_POINT = re.compile(r"-?\d+,\d+"), re.compile(r"-?\d+\.\d+")
_PERHAPS_THOUSANDS = re.compile(r"-?[1-9]\d{0,2},\d{3}")  # nobody writes a thousand with a nought before it
_FARTHEST_PX = 65_535  # no picture of a camera, and no JPEG, is wider: 258,319 is no place in it, and so a number with decimals


def spreadsheet_rows(path: Path, *, first_cell: str, expected: str) -> list[tuple[int, list[str]]]:
    """Rows that are not empty, each with its line in the file; without columns that are empty in every row, which spreadsheets add.

    Args:
        path: the file, in UTF-8.
        first_cell: which the table begins with, in small letters: what follows it is what separates cells.
        expected: of the table, in words, for sentences.

    Raises:
        LabelError: the file cannot be read, is in another encoding or no table, or is empty.
    """
    text = _text(path, expected)
    begin = text.lstrip().lower().removeprefix('"')
    separator = next((each for each in _SEPARATORS if begin.startswith((first_cell + each, f'{first_cell}"{each}'))), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        rows = [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except csv.Error as problem:
        raise LabelError(f"{path}: is not a table of text ({problem}); {expected}") from problem
    if not rows:
        raise LabelError(f"{path}: is empty; {expected}")
    if separator != ",":
        rows = _with_points(path, rows)
    width = max(_width(cells) for _, cells in rows)
    return [(line, cells[:width]) for line, cells in rows]


def _text(path: Path, expected: str) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as problem:
        raise LabelError(f"{path}: cannot be read: {problem.strerror}") from problem
    except UnicodeDecodeError as problem:
        raise LabelError(
            f"{path}: is not in UTF-8 ({problem.reason} at byte {problem.start}); save it as UTF-8 (in a spreadsheet 'CSV UTF-8'); "
            f"{expected}"
        ) from problem


def _with_points(path: Path, rows: list[tuple[int, list[str]]]) -> list[tuple[int, list[str]]]:
    """Numbers with their decimal comma as a point, where the whole table has decimal commas; anything else as it is.

    Commas are decimal ones if any number cannot be meant otherwise.

    Raises:
        LabelError: numbers with a comma stand beside numbers with a point, so that one of them may separate thousands.
    """
    commas = next(((line, cell) for line, cells in rows for cell in cells if _WITH_COMMA.fullmatch(cell.strip())), None)
    points = next(((line, cell) for line, cells in rows for cell in cells if _WITH_POINT.fullmatch(cell.strip())), None)
    if commas is None:
        return rows
    if points is not None:
        raise LabelError(
            f"{path}:{commas[0]}: has '{commas[1].strip()}', and line {points[0]} has '{points[1].strip()}', so which sign stands before "
            "decimals is not certain; save it with points before decimals and nothing between thousands"
        )
    if all(_may_be_thousands(cell.strip()) for _, cells in rows for cell in cells if _WITH_COMMA.fullmatch(cell.strip())):
        raise LabelError(
            f"{path}:{commas[0]}: has '{commas[1].strip()}', which may be a thousand and more or a number with decimals; save it with "
            "points before decimals and nothing between thousands"
        )
    return [(line, [cell.replace(",", ".") if _WITH_COMMA.fullmatch(cell.strip()) else cell for cell in cells]) for line, cells in rows]


def _may_be_thousands(cell: str) -> bool:
    """Whether a number with a comma may be a whole number of pixels, written with a comma between thousands."""
    return _PERHAPS_THOUSANDS.fullmatch(cell) is not None and abs(int(cell.replace(",", ""))) <= _FARTHEST_PX


def _width(cells: list[str]) -> int:
    return next((place for place in range(len(cells), 0, -1) if cells[place - 1].strip()), 0)
