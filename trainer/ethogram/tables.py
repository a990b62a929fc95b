"""Tables with one row per frame: our own, DeepEthogram's and SimBA's."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.errors import LabelError
from trainer.ethogram.arrays import of_array
from trainer.ethogram.bouts import NO, UNCURATABLE, YES, Ethogram, Marks, bouts_of_marks, ethogram
from trainer.ethogram.read_options import Reading, ReadOptions

BACKGROUND = "background"  # DeepEthogram's column for "none of them"
_FRAME = ("frame", "frames", "frame_number", "frame number")
_INDEX = ("", "unnamed: 0")  # as pandas writes an index, and as it calls one that it has read
LABEL = ("label", "labels", "class", "behavior", "behaviour")


@dataclass(frozen=True, slots=True, kw_only=True)
class TextTable:
    """A table's text. `header` is empty where its first row already holds values."""

    path: Path
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    first_line: int  # of the rows, in the file

    def column(self, place: int) -> list[str]:
        """One column's cells."""
        return [row[place].strip() for row in self.rows]


def cells_of(path: Path, table: Sequence[Sequence[str]]) -> TextTable:
    """The cells of a table with or without a header.

    Raises:
        LabelError: rows of different lengths, or nothing below the header.
    """
    lines = [tuple(row) for row in table if any(cell.strip() for cell in row)]
    if not lines:
        raise LabelError(f"{path}: is empty; expected labels of behaviour")
    if len(lines[0]) == 1:  # an unlabelled frame of a table with one column is an empty line
        lines = [tuple(row) or ("",) for row in table]
    header = () if all(_is_number(cell) for cell in lines[0]) else tuple(cell.strip() for cell in lines[0])
    rows = lines[1:] if header else lines
    if not rows:
        raise LabelError(f"{path}: holds a header and no frame; expected one row per frame")
    for number, row in enumerate(rows):
        if len(row) != len(lines[0]):
            raise LabelError(
                f"{path}: row {number + 1 + bool(header)} has {len(row)} cells, the first has {len(lines[0])}; expected as many"
            )
    return TextTable(path=path, header=header, rows=tuple(rows), first_line=1 + bool(header))


def read_table(cells: TextTable, asked: ReadOptions) -> Reading:
    """A table with one row per frame, of whichever kind."""
    if is_simba(cells.header):
        return _read_simba(cells, asked)
    if BACKGROUND in (name.lower() for name in cells.header):
        return _read_deepethogram(cells, asked)
    return _read_plain(cells, asked)


def is_simba(header: Sequence[str]) -> bool:
    """Whether a header is that of a SimBA table: coordinates and probability of points in columns _x, _y, _p."""
    lower = [name.lower() for name in header]
    return any(name.endswith("_x") and f"{name[:-2]}_y" in lower and f"{name[:-2]}_p" in lower for name in lower)


def csv_of(one: Ethogram) -> str:
    """One row per frame: its number and a mark for each class."""
    return _rows_of(("frame", *one.class_names), one.marks())


def deepethogram_of(one: Ethogram) -> str:
    """DeepEthogram's table: `background` is 1 where no class is on, and a frame without labels is -1 in every column.

    Raises:
        LabelError: a mark that such a table has no number for.
    """
    marks, names = one.marks(), one.class_names
    unjudged = (marks == UNCURATABLE).all(axis=1)
    odd = np.flatnonzero(((marks != YES) & (marks != NO)).any(axis=1) & ~unjudged)
    if odd.size:
        raise LabelError(
            f"frame {odd[0]} is uncuratable for some classes only, or to decide, which a DeepEthogram table cannot say; write .csv or .npy"
        )
    background = np.where(unjudged, UNCURATABLE, (marks != YES).all(axis=1)).astype(np.int8)
    return _rows_of(("", BACKGROUND, *names), np.column_stack([background, marks]))


def _rows_of(header: Sequence[str], marks: Marks) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([number, *row] for number, row in enumerate(marks.tolist()))
    return text.getvalue()


def _read_deepethogram(cells: TextTable, asked: ReadOptions) -> Reading:
    frame = _frame_column(cells.header)
    places = [place for place, name in enumerate(cells.header) if name and place != frame]
    names = [cells.header[place] for place in places]
    marks, _, mended = of_array(_numbers(cells, places), names, where=str(cells.path))
    background = [name.lower() for name in names].index(BACKGROUND)
    classes = [place for place in range(len(names)) if place != background]
    wrong = np.flatnonzero((marks[:, background] == YES) == (marks[:, classes] == YES).any(axis=1))
    wrong = wrong[(marks[wrong] != UNCURATABLE).all(axis=1)]
    if wrong.size:
        mended.append(
            f"{cells.path}: background contradicts the classes in {wrong.size} frames, frame {wrong[0]} first; the classes were believed"
        )
    marks = _at_frames(cells, marks[:, classes], mended)
    return _reading(cells, "DeepEthogram table", marks, [names[place] for place in classes], asked=asked, mended=mended)


def _read_simba(cells: TextTable, asked: ReadOptions) -> Reading:
    targets = [name for name in asked.class_names if name in cells.header]
    if not asked.class_names or len(targets) < len(asked.class_names):
        numbers = [name for place, name in enumerate(cells.header) if name and _is_target(name, cells.column(place))]
        missing = [name for name in asked.class_names if name not in targets]
        said = (
            f"has no column {', '.join(missing)}"
            if missing
            else "is a SimBA table, which does not say which of its columns are classifiers"
        )
        raise LabelError(f"{cells.path}: {said}; name them with --classes (columns of 0 and 1: {', '.join(numbers[-12:]) or 'none'})")
    marks, _, mended = of_array(_numbers(cells, [cells.header.index(name) for name in targets]), targets, where=str(cells.path))
    return _reading(cells, "SimBA table", _at_frames(cells, marks, mended), targets, asked=asked, mended=mended)


def _is_target(name: str, column: Sequence[str]) -> bool:
    return name.lower()[-2:] not in ("_x", "_y", "_p") and set(column) <= {"0", "1", "0.0", "1.0"}


def _read_plain(cells: TextTable, asked: ReadOptions) -> Reading:
    header = [name.lower() for name in cells.header]
    frame = _frame_column(header)
    values = [place for place in range(len(cells.rows[0])) if place != frame]
    if not values:
        raise LabelError(f"{cells.path}: has a column of frame numbers and none of labels; expected a column for each class")
    numeric = all(_is_number(cell) for place in values for cell in cells.column(place))
    if not numeric and (len(values) > 1 or any(_is_number(cell) for cell in cells.column(values[0]))):
        _numbers(cells, values)  # says which cell
    one_of_several = len(values) == 1 and (not header or header[values[0]] in LABEL)
    array = _numbers(cells, values) if numeric else np.array(cells.column(values[0]))
    if not numeric and len(header) == 1 and not one_of_several:
        array = np.array([cells.header[0], *array.tolist()])  # a list of names has no header
    # a table with a header names its classes there, unless its one column is called "label"
    own = () if one_of_several or not header or not numeric else tuple(cells.header[place] for place in values)
    marks, names, mended = of_array(array[:, 0] if numeric and len(values) == 1 else array, own or asked.class_names, where=str(cells.path))
    reading = _reading(cells, "table of frames", _at_frames(cells, marks, mended), names, asked=asked, mended=mended)
    if numeric or asked.class_names:
        return reading
    return replace(reading, ethograms=tuple(replace(one, lists_classes=False) for one in reading.ethograms))


def _reading(cells: TextTable, kind: str, marks: Marks, names: Sequence[str], *, asked: ReadOptions, mended: Sequence[str]) -> Reading:
    one = ethogram(names, bouts_of_marks(marks, names), where=str(cells.path), frames=len(marks), fps=asked.fps)
    return Reading(path=cells.path, kind=kind, ethograms=(one,), mended=tuple(mended))


def _frame_column(header: Sequence[str]) -> int | None:
    """Which column holds the frames' numbers: one that says so, or a first one without a name, as pandas writes its index."""
    return next((place for place, name in enumerate(header) if name.lower() in _FRAME or (place == 0 and name.lower() in _INDEX)), None)


def _numbers(cells: TextTable, places: Sequence[int]) -> NDArray[np.float64]:
    for row, line in enumerate(cells.rows):
        for place in places:
            if not _is_number(line[place]):
                title = f"'{cells.header[place]}'" if cells.header else f"column {place + 1}"
                raise LabelError(
                    f"{cells.path}:{row + cells.first_line}: {title} is '{line[place]}'; "
                    "expected 1 (yes), 0 (no), -1 (uncuratable) or 2 (to decide)"
                )
    return np.array([[float(line[place]) for place in places] for line in cells.rows], np.float64)


def _frame_numbers(cells: TextTable, place: int) -> NDArray[np.int64]:
    numbers = _numbers(cells, [place])[:, 0]
    odd = np.flatnonzero((numbers != np.floor(numbers)) | ~((numbers >= 0) & (numbers < 1e9)))
    if odd.size:
        where = f"{cells.path}:{odd[0] + cells.first_line}"
        raise LabelError(f"{where}: the frame number is {numbers[odd[0]]:g}; expected 0, 1, 2 …")
    order, counts = np.unique(numbers, return_counts=True)
    if (counts > 1).any():
        raise LabelError(f"{cells.path}: frame {order[counts > 1][0]:g} stands {counts.max()} times; expected each once")
    return numbers.astype(np.int64)


def _at_frames(cells: TextTable, marks: Marks, mended: list[str]) -> Marks:
    """Put each row at the frame that it names, where the table numbers them; frames without a row were not judged."""
    place = _frame_column(cells.header)
    if place is None:
        return marks
    numbers = _frame_numbers(cells, place)
    if np.array_equal(numbers, np.arange(len(marks))):
        return marks
    first = 1 if np.array_equal(np.sort(numbers), np.arange(1, len(marks) + 1)) else 0
    placed = np.full((int(numbers.max()) + 1 - first, marks.shape[1]), UNCURATABLE, np.int8)
    placed[numbers - first] = marks
    if first:
        mended.append(f"{cells.path}: its frames are numbered from 1; read as 0, 1, 2 …")
    if len(placed) > len(marks):
        mended.append(f"{cells.path}: {len(placed) - len(marks)} frames up to frame {numbers.max()} have no row; read as uncuratable")
    if (np.diff(numbers) < 0).any():
        mended.append(f"{cells.path}: its rows do not stand in the order of their frames; each was put at its frame")
    return placed


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell
