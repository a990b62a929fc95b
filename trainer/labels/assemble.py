"""Rows of labels → LabelledFrames. Every reader ends here, so that every format is held to the same rules."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.parsing.one_line import is_one_line
from trainer.errors import LabelError
from trainer.labels.images import ImageRef, Size, frame_of, image_size, sized
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.numeric_order import numeric_key

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelRow:
    """One labelled image as a reader found it.

    Attributes:
        where: file and row, to begin a error message with.
        image: an existing image.
        group: the video or animal it is from.
        name: what orders the frames of a group that have no number.
        number: its number inside the group, None where the name has none.
        points: float64 (animals, K, 2), source pixels, NaN where missing; rows may differ in their number of animals.
        stated_size: (height, width) as the label file says, None where it is silent.
        hidden: bool (animals, K), said to be out of sight; None where the format cannot say so.
        tags: of the frame.
    """

    where: str
    image: ImageRef
    group: str
    name: str
    number: int | None
    points: NDArray[np.float64]
    stated_size: Size | None = None
    hidden: NDArray[np.bool_] | None = None
    tags: frozenset[str] = frozenset()


def assemble(
    rows: Sequence[LabelRow],
    *,
    source: str,
    point_names: tuple[str, ...],
    skeleton: tuple[tuple[str, str], ...],
    animal_names: tuple[str, ...] = (),
    pairs: tuple[tuple[str, str], ...] = (),
) -> LabelledFrames:
    """Check rows against each other and their images, and put them in numeric order of group and frame.

    Frames without any labelled point are left out, and counted in the log: not yet labelled is not absent. With
    `animal_names`, row a of every frame is the animal of that name; one animal alone needs no name.

    Raises:
        LabelError: duplicate rows, an image of another size than its file says, a point outside its image or half given, nothing labelled.
    """
    if not point_names:
        raise LabelError(f"{source}: names no key point; expected at least one")
    strange = next((name for name in point_names if not name.strip() or not is_one_line(name)), None)
    if strange is not None:
        raise LabelError(f"{source}: has a key point {strange!r:.60}; expected a name of printable characters on one line")
    _refuse_duplicates(rows)
    sizes = {id(row): size for row, size in zip(rows, _sizes(rows), strict=True)}
    for row in rows:
        _check_row(row, point_names, sizes[id(row)])
    labelled = [row for row in rows if not np.isnan(row.points).all() or (row.hidden is not None and row.hidden.any())]
    if not rows or all(np.isnan(row.points).all() for row in labelled):
        raise LabelError(f"{source}: holds no labelled point; label some frames first")
    if len(labelled) < len(rows):
        logger.warning("%s: frames without any labelled point are left out: count=%d", source, len(rows) - len(labelled))
    numbered = _in_order(labelled)
    animals = max(len(row.points) for row in labelled)
    own = tuple(sizes[id(row)] for row, _ in numbered)
    return LabelledFrames(
        images=tuple(row.image for row, _ in numbered),
        points=np.stack([_padded(row.points, animals, fill=np.nan) for row, _ in numbered]).astype(np.float64),
        hidden=np.stack([_padded(_hidden(row), animals, fill=False) for row, _ in numbered]).astype(bool),
        tags=tuple(row.tags for row, _ in numbered),
        point_names=point_names,
        skeleton=skeleton,
        group=tuple(row.group for row, _ in numbered),
        order=np.array([number for _, number in numbered], np.int64),
        size=frame_of(own),
        sizes=own if len(set(own)) > 1 else (),
        animal_names=animal_names if animals == len(animal_names) > 1 else (),
        pairs=pairs,
    )


def _hidden(row: LabelRow) -> NDArray[np.bool_]:
    return np.zeros(row.points.shape[:2], bool) if row.hidden is None else row.hidden


def _padded(values: NDArray[Any], animals: int, *, fill: float | bool) -> NDArray[Any]:
    """The rows of a frame with fewer animals than the most."""
    missing = np.full((animals - len(values), *values.shape[1:]), fill, values.dtype)
    return np.concatenate([values, missing])


def _refuse_duplicates(rows: Sequence[LabelRow]) -> None:
    seen: dict[ImageRef, LabelRow] = {}
    for row in rows:
        earlier = seen.setdefault(row.image, row)
        if earlier is not row:
            raise LabelError(f"{row.where}: {row.image} is labelled already at {earlier.where}; delete one of the two")


def _sizes(rows: Sequence[LabelRow]) -> list[Size]:
    """(height, width) of each row's image."""
    sizes = []
    for row in rows:
        try:
            found = image_size(row.image)
        except LabelError as problem:
            raise LabelError(f"{row.where}: {problem}") from problem
        if row.stated_size and row.stated_size != found:
            raise LabelError(f"{row.where}: {row.image} is {sized(found)}; the label file says {sized(row.stated_size)}: was it resized?")
        sizes.append(found)
    return sizes


def _check_row(row: LabelRow, point_names: tuple[str, ...], size: Size) -> None:
    height, width = size
    named = [pair for animal in row.points.tolist() for pair in zip(point_names, animal, strict=True)]
    for name, (x, y) in named:
        if np.isnan(x) and np.isnan(y):
            continue
        if np.isnan(x) or np.isnan(y):
            raise LabelError(f"{row.where}: point '{name}' has {'y' if np.isnan(x) else 'x'} only; give both numbers or neither")
        # a pixel reaches half a pixel around its centre, and centres are whole numbers
        if not (-0.5 <= x <= width - 0.5 and -0.5 <= y <= height - 0.5):
            raise LabelError(
                f"{row.where}: point '{name}' is at ({x:g}, {y:g}), outside its image of {sized((height, width))}; "
                f"correct it, or leave it empty if it cannot be seen"
            )


def _in_order(rows: Sequence[LabelRow]) -> list[tuple[LabelRow, int]]:
    """Rows with their number inside the group; in a group where a name has no number, the rank in numeric order serves."""
    groups: dict[str, list[LabelRow]] = {}
    for row in rows:
        groups.setdefault(row.group, []).append(row)
    ordered: list[tuple[LabelRow, int]] = []
    for name in sorted(groups, key=numeric_key):
        by_name = sorted(groups[name], key=lambda row: numeric_key(row.name))
        numbers = [rank if row.number is None else row.number for rank, row in enumerate(by_name)]
        if any(row.number is None for row in by_name):
            numbers = list(range(len(by_name)))
        ordered += sorted(zip(by_name, numbers, strict=True), key=lambda pair: pair[1])
    return ordered
