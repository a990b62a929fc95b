"""DeepLabCut's label table as pandas stores it in HDF5, given as the rows of text that the same table has as CSV.

Two layouts occur: `fixed` (axes of their own, for paths in one piece or in three) and `table` (one compound data set, whose column
names are a pickled list in an attribute). The pickle is read without anything that could run: lists, tuples and text, no names.
"""

import io
import pickle
from pathlib import Path
from typing import Any, NoReturn

import h5py  # type: ignore[import-untyped]
import numpy as np

from trainer.errors import LabelError

_HEADERS = {3: ("scorer", "bodyparts", "coords"), 4: ("scorer", "individuals", "bodyparts", "coords")}
_DAMAGED = (OSError, KeyError, ValueError, RuntimeError, IndexError, TypeError, AttributeError, EOFError, pickle.UnpicklingError)

Rows = list[tuple[int, list[str]]]  # number of the row, from 1, and its cells


def stored_rows(path: Path) -> Rows:
    """Read a table; header rows come first, numbers are text to the last digit, a missing one is empty.

    Raises:
        LabelError: no such table, or a damaged file.
    """
    try:
        with h5py.File(path) as file:
            tables = [item for item in file.values() if isinstance(item, h5py.Group) and "pandas_type" in item.attrs]
            if len(tables) != 1:
                raise LabelError(
                    f"{path}: holds {len(tables)} tables of pandas; expected DeepLabCut's one: of an analysis file of SLEAP give the .slp"
                )
            columns, images, values = _contents(tables[0])
    except _DAMAGED as problem:
        reason = " ".join(str(problem).split())
        raise LabelError(
            f"{path}: cannot be read as DeepLabCut's table ({reason}); it is damaged or of another kind: give the CSV beside it"
        ) from problem
    titles = _HEADERS.get(len(columns[0]) if columns else 0)
    if titles is None or values.shape != (len(images), len(columns)):
        raise LabelError(f"{path}: has columns of another form than DeepLabCut's labels; give the CSV beside it")
    blank = [""] * (len(images[0]) - 1 if images else 0)
    heads = [[title, *blank, *names] for title, names in zip(titles, zip(*columns, strict=True), strict=True)]
    cells = [
        [*image, *("" if np.isnan(number) else repr(number) for number in row)] for image, row in zip(images, values.tolist(), strict=True)
    ]
    return list(enumerate([*heads, *cells], start=1))


def _contents(table: Any) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]], Any]:
    """Names of each column, path of each row in one or three pieces, float64 (rows, columns)."""
    if "table" in table:
        rows = table["table"][:]
        (_, columns), *_ = _plain_pickle(table.attrs["non_index_axes"])
        return [tuple(map(_text, column)) for column in columns], [(_text(path),) for path in rows["index"]], rows["values_block_0"]
    columns, images = _axis(table, "axis0"), _axis(table, "axis1")
    blocks = [(_axis(table, f"block{number}_items"), table[f"block{number}_values"][:]) for number in range(int(table.attrs["nblocks"]))]
    by_column = {name: values[:, place] for items, values in blocks for place, name in enumerate(items)}
    return columns, images, np.array([by_column[name] for name in columns], np.float64).T.reshape(len(images), len(columns))


def _axis(table: Any, name: str) -> list[tuple[str, ...]]:
    if name in table:
        return [(_text(item),) for item in table[name][:]]
    parts = []
    for level in range(int(table.attrs[f"{name}_nlevels"])):
        names = [_text(item) for item in table[f"{name}_level{level}"][:]]
        parts.append([names[place] for place in table[f"{name}_label{level}"][:]])
    return list(zip(*parts, strict=True))


def _text(item: bytes | str) -> str:
    return item.decode() if isinstance(item, bytes) else str(item)


class _PlainUnpickler(pickle.Unpickler):
    """Lists, tuples, numbers and text: whatever would name a class or function is refused before it is looked up."""

    def find_class(self, module: str, name: str) -> NoReturn:
        raise pickle.UnpicklingError(f"its column names speak of {module}.{name}, which no list of names does")


def _plain_pickle(content: bytes) -> Any:
    return _PlainUnpickler(io.BytesIO(bytes(content)), encoding="utf-8").load()
