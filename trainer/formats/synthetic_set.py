"""A rendered set on disk: set.json says what it is, labels.csv is a DeepLabCut table, images/ holds the PNG files.

set.json is written last: a folder without it is a set that was never finished.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from trainer.errors import LabelError
from trainer.formats.deeplabcut import label_rows
from trainer.formats.deeplabcut_table import read_table
from trainer.labels.assemble import assemble
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.missing_images import LeftOut

SET_FILE = "set.json"
LABELS_FILE = "labels.csv"
IMAGES_FOLDER = "images"

_Place = Annotated[int, Meta(ge=0)]
_Range = tuple[_Place, _Place]  # first image and the one after the last, as positions in labels.csv


class SetParts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which images serve what; the three ranges are disjoint and cover the set."""

    train: _Range
    validation: _Range
    test: _Range


class SetDescription(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole of set.json."""

    schema: Literal[1]
    scene: Literal["rodent", "rectangles", "mirror", "reach", "disturbed"]
    seed: Annotated[int, Meta(ge=0)]
    width: Annotated[int, Meta(ge=1)]
    height: Annotated[int, Meta(ge=1)]
    rectangles: int
    count: Annotated[int, Meta(ge=1)]
    first_number: int  # image i is the scene's frame first_number + i × number_step
    number_step: int
    point_names: tuple[str, ...]
    skeleton: tuple[tuple[str, str], ...]
    parts: SetParts
    empty: Literal["unlabelled", "hidden"] = "unlabelled"  # what a cell without a point says


@dataclass(frozen=True, slots=True, kw_only=True)
class SetIndices:
    """The parts of a set as int64 indices into its frames, each ascending."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]


def read_synthetic_set(folder: Path, media: Sequence[Path] = (), left_out: LeftOut | None = None) -> LabelledFrames:
    """Read a rendered set; frames stand in the order of labels.csv, as `set_part` counts them.

    Args:
        folder: of the set.
        media: folders in which pictures are looked for first.
        left_out: counts labelled rows without an image; without it they are refused.

    Raises:
        LabelError: unfinished, damaged, or labels that do not fit set.json.
    """
    description = read_description(folder)
    table = read_table(folder / LABELS_FILE)
    if table.point_names != description.point_names or len(table.rows) != description.count:
        raise LabelError(
            f"{table.path}: has {len(table.rows)} rows of {len(table.point_names)} points; {SET_FILE} says {description.count} "
            f"of {len(description.point_names)}: write the set again with `trainer synth`"
        )
    rows = label_rows(table, group=f"{description.scene}-{description.seed}", media=media, left_out=left_out)
    if left_out is not None:
        left_out.refuse_nothing_left(str(folder), left=len(rows))
    if description.empty == "hidden":
        rows = [replace(row, hidden=np.asarray(np.isnan(row.points).any(axis=-1))) for row in rows]
    return assemble(rows, source=str(folder), point_names=table.point_names, skeleton=description.skeleton)


def set_part(folder: Path, frames: LabelledFrames, *, part: Literal["train", "validation", "test"]) -> NDArray[np.int64]:
    """Indices into `frames` (as `read_synthetic_set` gave them) of one part of the set.

    Raises:
        LabelError: set.json is missing or damaged.
    """
    first, end = getattr(read_description(folder).parts, part)
    return np.flatnonzero((frames.order >= first) & (frames.order < end)).astype(np.int64)


def own_parts(data: Path, frames: LabelledFrames) -> SetIndices | None:
    """The parts of labels that were read from a synthetic set's folder; None for any other labels.

    Raises:
        LabelError: set.json is damaged.
    """
    if not (data / SET_FILE).exists():
        return None
    train, validation, test = (set_part(data, frames, part=part) for part in ("train", "validation", "test"))
    return SetIndices(train=train, validation=validation, test=test)


def read_description(folder: Path) -> SetDescription:
    """Read set.json.

    Raises:
        LabelError: it is missing (the set was never finished) or damaged.
    """
    path = folder / SET_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=SetDescription)
    except FileNotFoundError:
        raise LabelError(f"{folder}: no {SET_FILE} there, so the set was never finished; write it again with `trainer synth`") from None
    except OSError as problem:
        raise LabelError(f"{path}: cannot be read: {problem.strerror}") from problem
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise LabelError(f"{path}: {problem}; expected a set of schema 1: write it again with `trainer synth`") from None
