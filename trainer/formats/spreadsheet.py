"""A table of text as spreadsheets write it: cells between commas, semicolons or tabs, and numbers with a decimal comma where it is free."""

import csv
import io
from pathlib import Path

from trainer.errors import LabelError

_SEPARATORS = (",", ";", "\t")


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
    separator = next((each for each in _SEPARATORS if text.lstrip().lower().startswith(first_cell + each)), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        rows = [(reader.line_num, cells) for cells in reader if any(cells)]
    except csv.Error as problem:
        raise LabelError(f"{path}: is not a table of text ({problem}); {expected}") from problem
    if not rows:
        raise LabelError(f"{path}: is empty; {expected}")
    if separator != ",":
        rows = [(line, [_with_point(cell) for cell in cells]) for line, cells in rows]
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


def _with_point(cell: str) -> str:
    """A number with its decimal comma as a point; anything else as it is."""
    whole, comma, decimals = cell.strip().lstrip("-").partition(",")
    return cell.replace(",", ".") if comma and whole.isdigit() and decimals.isdigit() else cell


def _width(cells: list[str]) -> int:
    return next((place for place in range(len(cells), 0, -1) if cells[place - 1].strip()), 0)
