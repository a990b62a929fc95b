"""Probabilities per frame as a file: a table with a column for each class, or a NumPy array."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.behaviour_scores.scored_video import Probabilities
from trainer.errors import LabelError
from trainer.ethogram.read_options import cells_in, text_of

_SUM_SLACK = 1e-3  # a row of exclusive classes adds up to 1 within this
NONE = "none"  # the column of what exclusive classes leave to 1


@dataclass(frozen=True, slots=True)
class ProbabilityTable:
    """What a file says of one video.

    Attributes:
        probabilities: float32 (frames, classes), NaN where it says nothing.
        class_names: of the columns, without "none".
        exclusive: whether the classes exclude each other: with "none", the rows add up to 1.
    """

    probabilities: Probabilities
    class_names: tuple[str, ...]
    exclusive: bool


WITHOUT_NETWORK = "without_network"  # the column that says 1 where a frame was decided without the network


def probabilities_csv(
    probabilities: Probabilities, class_names: Sequence[str], *, exclusive: bool, to_network: NDArray[np.bool_] | None = None
) -> bytes:
    """One row per frame: its number and a probability for each class, NaN as an empty cell; of exclusive classes, "none" as well.

    Where some frames were decided without the network, a last column says 1 of these.
    """
    if exclusive:
        probabilities = np.column_stack([probabilities, np.clip(1 - probabilities.sum(axis=1), 0, 1)])
        class_names = (*class_names, NONE)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    without = None if to_network is None else (~to_network).astype(int).tolist()
    writer.writerow(["frame", *class_names, *([] if without is None else [WITHOUT_NETWORK])])
    for frame, row in enumerate(probabilities.tolist()):
        cells = ["" if value != value else f"{value:.6g}" for value in row]
        writer.writerow([frame, *cells, *([] if without is None else [without[frame]])])
    return text.getvalue().encode()


def read_probabilities(path: Path, class_names: Sequence[str]) -> ProbabilityTable:
    """Read a table with a header, or a .npy array (frames, classes) whose classes are named.

    Args:
        path: .csv or .npy.
        class_names: of the columns of an array without names.

    Raises:
        LabelError: not such a file, a number outside 0..1, or no names.
    """
    if path.suffix.lower() == ".npy":
        try:
            values = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError) as problem:
            raise LabelError(f"{path}: cannot be read as an array of probabilities ({problem})") from problem
        names = tuple(class_names)
        if values.ndim == 1:
            values = values[:, None]
    else:
        rows = cells_in(path, text_of(path))
        names = tuple(name.strip() for name in rows[0] if name.strip().lower() not in ("", "frame", WITHOUT_NETWORK))
        places = [place for place, name in enumerate(rows[0]) if name.strip() in names]
        try:
            values = np.array([[float(row[place] or "nan") for place in places] for row in rows[1:] if row])
        except (ValueError, IndexError) as problem:
            raise LabelError(
                f"{path}: is not a table of probabilities ({problem}); expected a header and a number for each class"
            ) from None
    if not names or values.ndim != 2 or values.shape[1] != len(names) or not len(values) or values.dtype.kind not in "fiu":
        raise LabelError(
            f"{path}: has shape {values.shape} for the classes {', '.join(names) or '(none named)'}; expected a column for each"
        )
    odd = np.argwhere((values < 0) | (values > 1))
    if len(odd):
        frame, place = odd[0].tolist()
        raise LabelError(f"{path}: the probability of '{names[place]}' in frame {frame} is {values[frame, place]:g}; expected 0 to 1")
    exclusive = _seem_exclusive(values)
    places = [place for place, name in enumerate(names) if name.lower() != NONE]
    if not places:
        raise LabelError(f"{path}: has a column for '{NONE}' alone; expected one for each class")
    return ProbabilityTable(values[:, places].astype(np.float32), tuple(names[place] for place in places), exclusive)


def _seem_exclusive(probabilities: Probabilities) -> bool:
    rows = probabilities[np.isfinite(probabilities).all(axis=1)]
    return bool(rows.shape[1] > 1 and len(rows) and np.abs(rows.sum(axis=1) - 1).max() < _SUM_SLACK)
