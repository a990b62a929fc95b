"""Key-point labels in COCO's JSON, read strictly.

sleap-io reads COCO too, but leaves out images that it cannot find and rounds points to single precision.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

import msgspec
import numpy as np
from numpy.typing import NDArray

from trainer.errors import LabelError
from trainer.labels.assemble import LabelRow, assemble
from trainer.labels.images import ImageRef
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.misnamed import did_you_mean
from trainer.labels.missing_images import REMEDY, LeftOut, MissingImageError
from trainer.labels.moved_files import find_moved, path_parts
from trainer.labels.numeric_order import frame_number

logger = logging.getLogger(__name__)

OCCLUDED = 1  # "labelled but not visible"

_Id = int | str


class _Image(msgspec.Struct, frozen=True):
    id: _Id
    file_name: str
    width: int | None = None
    height: int | None = None
    tags: tuple[str, ...] = ()  # ours; COCO allows keys of one's own


class _Category(msgspec.Struct, frozen=True):
    id: _Id
    name: str = ""
    keypoints: tuple[str, ...] = ()
    skeleton: tuple[tuple[int, int], ...] = ()  # counted from 1


class _Annotation(msgspec.Struct, frozen=True):
    image_id: _Id
    category_id: _Id
    keypoints: tuple[float, ...] = ()  # x, y, visibility by turns; 0: not labelled, 1: behind something, 2: visible
    hidden: tuple[str, ...] = ()  # ours: names of points that cannot be seen and have no place


class _Coco(msgspec.Struct, frozen=True):
    images: tuple[_Image, ...]
    annotations: tuple[_Annotation, ...]
    categories: tuple[_Category, ...]


def read_coco(path: Path, media: Sequence[Path] = (), left_out: LeftOut | None = None) -> LabelledFrames:
    """Read COCO key points, an annotation for each animal. A point of visibility 0 is missing.

    One of visibility 1, "labelled but not visible", is placed, as it is for COCO's own evaluation: somebody told where it
    is, behind something. How many there are is said.

    COCO does not say which animal of one image is which of the next: rows are in the order of the file.

    Args:
        path: the file.
        media: folders in which its images are looked for first.
        left_out: counts labelled images that are not there; without it they are refused.

    Raises:
        LabelError: one sentence with the file and the place in it.
    """
    content = _decode(path)
    chosen = [(index, item) for index, item in enumerate(content.annotations) if item.keypoints]
    category = _one_category(path, content, [item for _, item in chosen])
    images = {image.id: image for image in content.images}
    rows: dict[_Id, list[LabelRow]] = {}
    for index, item in chosen:
        where = f"{path}: annotations[{index}]"
        if item.image_id not in images:
            raise LabelError(f"{where}: image_id {item.image_id} is not among the images; add the image or delete the annotation")
        points = _points(where, item.keypoints, len(category.keypoints))
        hidden = _hidden(where, item.hidden, names=category.keypoints)
        image = images[item.image_id]
        try:
            row = _row(path, where, image=image, points=points, hidden=hidden, media=media)
        except MissingImageError as problem:
            if left_out is None:
                raise
            left_out.add(problem, group=_group(path, image), name=str(image.id))
            continue
        rows.setdefault(item.image_id, []).append(row)
    if left_out is not None:
        left_out.refuse_nothing_left(str(path), left=len(rows))
    _say_occluded(path, [item for _, item in chosen])
    skeleton = _skeleton(path, category)
    together = [_together(animals) for animals in rows.values()]
    return assemble(together, source=str(path), point_names=category.keypoints, skeleton=skeleton)


def _together(animals: list[LabelRow]) -> LabelRow:
    """One row of an image's animals.

    Raises:
        LabelError: one of them stands there twice.
    """
    for later, row in enumerate(animals):
        for earlier in animals[:later]:
            if np.array_equal(earlier.points, row.points, equal_nan=True) and not np.isnan(row.points).all():
                raise LabelError(f"{row.where}: {row.name} has this animal already at {earlier.where}; delete one of the two")
    hidden = np.concatenate([row.hidden for row in animals if row.hidden is not None])
    return replace(animals[0], points=np.concatenate([row.points for row in animals]), hidden=hidden)


def _decode(path: Path) -> _Coco:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Coco)
    except OSError as problem:
        raise LabelError(f"{path}: cannot be read: {problem.strerror}") from problem
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise LabelError(f"{path}: {problem}; expected COCO key points (images, annotations, categories)") from None


def _one_category(path: Path, content: _Coco, annotations: list[_Annotation]) -> _Category:
    used = {item.category_id for item in annotations}
    if len(used) != 1:
        found = "no annotation has key points" if not used else f"annotations of {len(used)} categories have key points"
        raise LabelError(f"{path}: {found}; expected those of one animal")
    found_category = next((category for category in content.categories if category.id in used), None)
    if found_category is None or not found_category.keypoints:
        raise LabelError(f"{path}: category {used.pop()} names no key points; expected their names in categories[].keypoints")
    return found_category


def _points(where: str, numbers: tuple[float, ...], count: int) -> NDArray[np.float64]:
    if len(numbers) != 3 * count:
        raise LabelError(f"{where}: has {len(numbers)} numbers; expected {3 * count} (x, y, visibility of {count} points)")
    values = np.array(numbers, np.float64).reshape(count, 3)
    return np.where(values[:, 2:] == 0, np.nan, values[:, :2])[None]


def _say_occluded(path: Path, annotations: Sequence[_Annotation]) -> None:
    count = sum(item.keypoints[2::3].count(OCCLUDED) for item in annotations)
    if count:
        logger.warning(
            "%s: points that are labelled but not visible (COCO's visibility 1) are taken as placed, not as hidden: points=%d", path, count
        )


def _hidden(where: str, hidden: tuple[str, ...], *, names: tuple[str, ...]) -> NDArray[np.bool_]:
    unknown = [name for name in hidden if name not in names]
    if unknown:
        remedy = did_you_mean(unknown[0], names) or "; correct the name"
        raise LabelError(f"{where}: hidden point '{unknown[0]}' is not among the key points {', '.join(names)}{remedy}")
    return np.array([[name in hidden for name in names]])


def _row(
    path: Path, where: str, *, image: _Image, points: NDArray[np.float64], hidden: NDArray[np.bool_], media: Sequence[Path]
) -> LabelRow:
    relative = PurePosixPath(*path_parts(image.file_name))
    folders = [*media, *(base / below for base in (path.parent, path.absolute().parent.parent) for below in ("", "images"))]
    found = find_moved(image.file_name, near=folders)
    if found is None:
        raise MissingImageError(
            f"{where}: image {image.file_name} is not there; looked in {', '.join(str(folder) for folder in folders)}: "
            f"put it back or delete the annotation; {REMEDY}"
        )
    stated = (image.height, image.width) if image.height and image.width else None
    return LabelRow(
        where=where,
        image=ImageRef(path=found, frame=None),
        group=_group(path, image),
        name=relative.name,
        number=frame_number(relative.name),
        points=points,
        stated_size=stated,
        hidden=hidden & np.isnan(points[..., 0]),
        tags=frozenset(image.tags),
    )


def _group(path: Path, image: _Image) -> str:
    return PurePosixPath(*path_parts(image.file_name)).parent.name or path.stem


def _skeleton(path: Path, category: _Category) -> tuple[tuple[str, str], ...]:
    names = category.keypoints
    for one, other in category.skeleton:
        if not (1 <= one <= len(names) and 1 <= other <= len(names)):
            raise LabelError(f"{path}: the skeleton joins points {one} and {other}; expected numbers from 1 to {len(names)}")
    return tuple((names[one - 1], names[other - 1]) for one, other in category.skeleton)
