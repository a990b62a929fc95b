"""One DeepLabCut label table, CSV or HDF5: three header rows (four with several animals), then image paths and x, y of each point."""

import logging
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.errors import LabelError
from trainer.formats.deeplabcut_store import stored_rows
from trainer.formats.spreadsheet import spreadsheet_rows
from trainer.labels.misnamed import did_you_mean, how_names_differ

logger = logging.getLogger(__name__)

_EXPECTED = "expected DeepLabCut's header rows 'scorer', 'bodyparts', 'coords' (x and y by turns)"
_TO_TYPE = (
    "expected three rows above the table as DeepLabCut writes them, `scorer;me;me`, `bodyparts;nose;nose` and `coords;x;y` with two "
    "columns for each point (or with commas or tabs, as in the table), then a row for each picture with its file in the first cell"
)
_QUOTED = 40  # signs of a line that a sentence has room for
_MISSING = ("", "NA", "N/A", "#N/A")  # as pandas, R and spreadsheets write it; "nan" is a number to Python
_OF_NO_ANIMAL = "single"  # DeepLabCut's name for points of the arena, which stand beside those of several animals


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """One row: its line in the file, the image path in it (with `/`), and float64 (animals, K, 2) points, NaN where empty."""

    line: int
    image: str
    points: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeepLabCutTable:
    """A table read whole."""

    path: Path
    point_names: tuple[str, ...]
    animals: tuple[str, ...]  # empty where the table has no row of individuals
    rows: tuple[TableRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Header:
    names: tuple[str, ...]
    animals: tuple[str, ...]
    index_columns: int  # 1 for a path in one cell, 3 for its three parts in a cell each
    titles: tuple[str, ...]  # of the columns of numbers, for error messages
    columns: NDArray[np.int64]  # (animals, K, 2): the column of numbers that each coordinate is in


def read_table(path: Path) -> DeepLabCutTable:
    """Read a table; numbers are kept to the last digit.

    Raises:
        LabelError: another header, animals with different points, text where a number belongs, a row of another length.
    """
    lines = stored_rows(path) if path.suffix.lower() == ".h5" else spreadsheet_rows(path, first_cell="scorer", expected=_EXPECTED)
    header, start = _read_header(path, lines)
    rows = tuple(_read_row(path, line, cells, header=header) for line, cells in lines[start:])
    return DeepLabCutTable(path=path, point_names=header.names, animals=header.animals, rows=rows)


def _read_header(path: Path, lines: list[tuple[int, list[str]]]) -> tuple[_Header, int]:
    titles = [cells[0].strip().lower() for _, cells in lines[:4]]
    start = 4 if titles[1:2] == ["individuals"] else 3
    expected = ["scorer", "individuals", "bodyparts", "coords"] if start == 4 else ["scorer", "bodyparts", "coords"]
    if path.suffix.lower() != ".h5" and not set(titles) & set(expected) and not did_you_mean(titles[0], expected):
        raise LabelError(f"{path}:{lines[0][0]}: begins with {_quoted(path)}; {_TO_TYPE}")
    if titles[:start] != expected:
        wrong = next((pair for pair in zip(titles, expected, strict=False) if pair[0] != pair[1]), ("", expected[0]))
        raise LabelError(
            f"{path}:{lines[0][0]}: the first rows begin with {', '.join(map(repr, titles[:start]))}; {_EXPECTED}"
            f"{did_you_mean(wrong[0], [wrong[1]])}"
        )
    (line, coords), bodyparts = lines[start - 1], lines[start - 2][1]
    index_columns = next((column for column, cell in enumerate(coords) if column and cell.strip()), 1)
    axes = [cell.strip() for cell in coords[index_columns:]]
    points = [cell.strip() for cell in bodyparts[index_columns:]]
    _refuse_misnamed(path, lines[start - 2][0], points, axes, first=index_columns)
    if not axes or axes != ["x", "y"] * (len(axes) // 2) or points[::2] != points[1::2] or len(points) != len(axes):
        raise LabelError(f"{path}:{line}: the columns are {', '.join(axes[:4])} …; {_EXPECTED}; tables of predictions are not labels")
    names = points[::2]
    animals = [cell.strip() for cell in lines[1][1][index_columns::2]] if start == 4 else [""] * len(names)
    if len(animals) != len(names):
        raise LabelError(f"{path}:{lines[1][0]}: names {len(animals)} animals for {len(names)} points; expected one for each two columns")
    if len(set(zip(animals, names, strict=True))) < len(names):
        raise LabelError(f"{path}:{lines[start - 2][0]}: a point name stands twice; expected each once")
    return _header(path, lines[1][0], names, animals, index_columns=index_columns), start


def _quoted(path: Path) -> str:
    """The first line that holds something, as it stands in the file."""
    line = next(filter(None, map(str.strip, path.read_text("utf-8-sig").splitlines())), "")
    return repr(line if len(line) <= _QUOTED else f"{line[:_QUOTED]}…")


def _refuse_misnamed(path: Path, line: int, points: list[str], axes: list[str], *, first: int) -> None:
    """Refuse a column whose name makes no pair with its neighbour's, or whose axis is neither x nor y.

    Args:
        path: of the table.
        line: of its row of body parts; the row of axes is the next.
        points: name of the point of each column of numbers.
        axes: the same for its axis.
        first: cells before the first number.
    """
    if len(points) != len(axes) or len(points) % 2:
        return  # said of the whole header
    for place in range(0, len(points), 2):
        one, other = points[place : place + 2]
        if axes[place : place + 2] == ["x", "y"] and one != other:
            wrong, right = (one, other) if points.count(other) > points.count(one) else (other, one)
            column = first + place + 1 + (wrong == other)
            raise LabelError(
                f"{path}:{line}: column {column} is of point '{wrong}', its neighbour of '{right}'; expected x and y of one point"
                f"{did_you_mean(wrong, [right])}"
            )
    odd = next((place for place, axis in enumerate(axes) if axis not in ("x", "y", "likelihood")), None)
    if odd is not None:
        raise LabelError(
            f"{path}:{line + 1}: column {first + odd + 1} ('{points[odd]}') is called '{axes[odd]}'; expected '{'xy'[odd % 2]}', "
            "for x and y stand by turns"
        )


def _header(path: Path, line: int, names: list[str], animals: list[str], *, index_columns: int) -> _Header:
    """Which column is which coordinate of which animal.

    Args:
        path: of the table.
        line: of its row of individuals.
        names: of the point of each pair of columns.
        animals: the same for the animal.
        index_columns: cells before the first number.
    """
    pairs = list(zip(animals, names, strict=True))
    own = list(dict.fromkeys(animals))
    if len(own) > 1 and _OF_NO_ANIMAL in own:
        logger.warning("%s: points of no animal are left out: count=%d", path, animals.count(_OF_NO_ANIMAL))
        own.remove(_OF_NO_ANIMAL)
    points = [name for animal, name in pairs if animal == own[0]]
    for animal in own:
        if sorted(name for other, name in pairs if other == animal) != sorted(points):
            differ = how_names_differ([name for other, name in pairs if other == animal], points)
            raise LabelError(f"{path}:{line}: '{animal}' has other points than '{own[0]}', expected the same for all animals: {differ}")
    columns = [[[2 * pairs.index((animal, name)) + axis for axis in (0, 1)] for name in points] for animal in own]
    return _Header(
        names=tuple(points),
        animals=tuple(own) if own != [""] else (),
        index_columns=index_columns,
        titles=tuple(f"{f'{animal} {name}'.strip()} {axis}" for animal, name in pairs for axis in "xy"),
        columns=np.array(columns, np.int64),
    )


def _read_row(path: Path, line: int, cells: list[str], *, header: _Header) -> TableRow:
    expected = header.index_columns + len(header.titles)
    if len(cells) != expected:
        raise LabelError(f"{path}:{line}: has {len(cells)} columns; expected {expected} as in the header")
    values = zip(cells[header.index_columns :], header.titles, strict=True)
    numbers = np.array([_number(cell, where=f"{path}:{line}: {title}") for cell, title in values], np.float64)
    parts = [cell.strip().replace("\\", "/") for cell in cells[: header.index_columns]]
    return TableRow(line=line, image="/".join(parts), points=numbers[header.columns])


def _number(cell: str, *, where: str) -> float:
    text = cell.strip()
    if text in _MISSING:
        return math.nan
    try:
        number = float(text)
    except ValueError:
        raise LabelError(f"{where} is '{text}'; expected a number, or nothing for a missing point") from None
    if math.isinf(number) or "_" in text:
        raise LabelError(f"{where} is '{text}'; expected a finite number, or nothing for a missing point")
    return number
