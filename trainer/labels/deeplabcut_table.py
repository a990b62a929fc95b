"""Text of one DeepLabCut label table: three header rows, then an image path and x, y of every point per row."""

import csv
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.errors import LabelError

_EXPECTED = "expected DeepLabCut's header rows 'scorer', 'bodyparts', 'coords' (x and y by turns)"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """One row: its line in the file, the image path in it (with `/`), and float64 (K, 2) points, NaN where empty."""

    line: int
    image: str
    points: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table read whole."""

    path: Path
    point_names: tuple[str, ...]
    rows: tuple[TableRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Header:
    names: tuple[str, ...]
    index_columns: int  # 1 for a path in one cell, 3 for its three parts in a cell each


def read_table(path: Path) -> Table:
    """Read a table; numbers are kept to the last digit.

    Raises:
        LabelError: another header, several animals, text where a number belongs, a row of another length.
    """
    lines = _lines(path)
    header, start = _read_header(path, lines)
    rows = tuple(_read_row(path, line, cells, header=header) for line, cells in lines[start:])
    return Table(path=path, point_names=header.names, rows=rows)


def _lines(path: Path) -> list[tuple[int, list[str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            lines = [(reader.line_num, cells) for cells in reader if any(cells)]
    except OSError as problem:
        raise LabelError(f"{path}: cannot be read: {problem.strerror}") from problem
    except (UnicodeDecodeError, csv.Error) as problem:
        raise LabelError(f"{path}: is not a table of text ({problem}); {_EXPECTED}") from problem
    if not lines:
        raise LabelError(f"{path}: is empty; {_EXPECTED}")
    return lines


def _read_header(path: Path, lines: list[tuple[int, list[str]]]) -> tuple[_Header, int]:
    titles = [cells[0].strip().lower() for _, cells in lines[:4]]
    start = 4 if titles[1:2] == ["individuals"] else 3
    expected = ["scorer", "individuals", "bodyparts", "coords"] if start == 4 else ["scorer", "bodyparts", "coords"]
    if titles[:start] != expected:
        raise LabelError(f"{path}:{lines[0][0]}: the first rows begin with {', '.join(map(repr, titles[:3]))}; {_EXPECTED}")
    (line, coords), bodyparts = lines[start - 1], lines[start - 2][1]
    index_columns = next((column for column, cell in enumerate(coords) if column and cell.strip()), 1)
    axes = [cell.strip() for cell in coords[index_columns:]]
    points = bodyparts[index_columns:]
    if not axes or axes != ["x", "y"] * (len(axes) // 2) or points[::2] != points[1::2] or len(points) != len(axes):
        raise LabelError(f"{path}:{line}: the columns are {', '.join(axes[:4])} …; {_EXPECTED}; tables of predictions are not labels")
    names = tuple(name.strip() for name in points[::2])
    if start == 4:
        _refuse_several_animals(path, *lines[1], index_columns=index_columns)
    if len(set(names)) < len(names):
        raise LabelError(f"{path}:{lines[start - 2][0]}: a point name stands twice; expected each once")
    return _Header(names=names, index_columns=index_columns), start


def _refuse_several_animals(path: Path, line: int, cells: list[str], *, index_columns: int) -> None:
    animals = sorted({cell.strip() for cell in cells[index_columns:]})
    if len(animals) > 1:
        raise LabelError(
            f"{path}:{line}: labels {len(animals)} animals ({', '.join(animals)}); expected one: keep the columns of one animal"
        )


def _read_row(path: Path, line: int, cells: list[str], *, header: _Header) -> TableRow:
    expected = header.index_columns + 2 * len(header.names)
    if len(cells) != expected:
        raise LabelError(f"{path}:{line}: has {len(cells)} columns; expected {expected} as in the header")
    columns = [f"{name} {axis}" for name in header.names for axis in "xy"]
    numbers = [_number(cell, where=f"{path}:{line}: {column}") for cell, column in zip(cells[header.index_columns :], columns, strict=True)]
    parts = [cell.strip().replace("\\", "/") for cell in cells[: header.index_columns]]
    return TableRow(line=line, image="/".join(parts), points=np.array(numbers, np.float64).reshape(-1, 2))


def _number(cell: str, *, where: str) -> float:
    text = cell.strip()
    if not text:
        return math.nan
    try:
        number = float(text)
    except ValueError:
        raise LabelError(f"{where} is '{text}'; expected a number, or nothing for a missing point") from None
    if math.isinf(number) or "_" in text:
        raise LabelError(f"{where} is '{text}'; expected a finite number, or nothing for a missing point")
    return number
