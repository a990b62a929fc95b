"""Columns of a session's rows as NumPy arrays, a value for each frame."""

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
from numpy.typing import NDArray


def whole_column(table: pa.Table, name: str) -> pa.Array:
    """A column in one piece."""
    column = table[name]
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def integers(table: pa.Table, name: str) -> NDArray[np.int64]:
    """(n,) int64, -1 where there is no number."""
    found: NDArray[np.int64] = whole_column(table, name).fill_null(-1).to_numpy().astype(np.int64)
    return found


def floats(table: pa.Table, name: str) -> NDArray[np.float64]:
    """(n,) float64, NaN where there is no number; whole ones too."""
    return np.asarray(whole_column(table, name).cast(pa.float64()).to_numpy(zero_copy_only=False))


def by_name(column: pa.MapArray, names: tuple[str, ...]) -> NDArray[np.float64]:
    """(n, names) float64 from a map for each frame, NaN where it has no such key."""
    offsets = column.offsets.to_numpy()
    frame_of = np.repeat(np.arange(len(column)), np.diff(offsets))
    keys = column.keys.slice(offsets[0], offsets[-1] - offsets[0]).to_numpy(zero_copy_only=False)
    values = column.items.slice(offsets[0], offsets[-1] - offsets[0]).to_numpy(zero_copy_only=False)
    found = np.full((len(column), len(names)), np.nan)
    for place, name in enumerate(names):
        here = keys == name
        found[frame_of[here], place] = values[here]
    return found


def named(column: pa.ListArray, names: tuple[str, ...]) -> NDArray[np.bool_]:
    """(n, names) bool from a list of names for each frame."""
    found = np.zeros((len(column), len(names)), np.bool_)
    for row, mentioned in enumerate(column.to_pylist() if names else ()):
        for name in mentioned or ():
            found[row, names.index(name)] = True
    return found
