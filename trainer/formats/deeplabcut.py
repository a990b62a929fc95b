"""Labels of a DeepLabCut project, or of one of its CollectedData tables."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path, PurePosixPath

import msgspec
import numpy as np
from numpy.typing import NDArray

from tracker.parsing.yaml_file import read_yaml
from trainer.errors import LabelError
from trainer.formats.deeplabcut_images import TableImages, folders_above, image_path
from trainer.formats.deeplabcut_table import DeepLabCutTable, TableRow, read_table
from trainer.labels.assemble import LabelRow, assemble
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.misnamed import how_names_differ
from trainer.labels.missing_images import LeftOut, MissingImageError
from trainer.labels.numeric_order import frame_number, numeric_key

logger = logging.getLogger(__name__)

PROJECT_FILE = "config.yaml"
_TABLES = ("CollectedData*.csv", "CollectedData*.h5")


class _Project(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of config.yaml that matter here; DeepLabCut owns the others."""

    scorer: str | int | None = None
    skeleton: list[list[str]] | None = None


def find_tables(folder: Path) -> list[Path]:
    """The label tables of a project folder, of its labeled-data, or of one video's folder, in numeric order; none elsewhere.

    A table beside labeled-data comes last. Of a table that is there both as CSV and as HDF5, the CSV.
    """
    places = [f"{below}{pattern}" for below in ("", "*/", "labeled-data/*/") for pattern in _TABLES]
    found = {path for place in places for path in folder.glob(place)}
    single = [path for path in found if path.suffix == ".csv" or path.with_suffix(".csv") not in found]
    return sorted(single, key=lambda path: (path.parent == folder, numeric_key(str(path))))


def read_deeplabcut_project(folder: Path, media: Sequence[Path] = (), left_out: LeftOut | None = None) -> LabelledFrames:
    """Read every labelled video of a project.

    Args:
        folder: the project's, or one with tables and pictures below it.
        media: folders in which pictures and videos are looked for first.
        left_out: counts labelled rows without an image; without it they are refused.

    Raises:
        LabelError: one sentence with file and row.
    """
    tables = find_tables(folder)
    project = _read_project(folder)
    if not tables:
        raise LabelError(f"{folder}: no labeled-data/*/{_TABLES[0]} there; label frames in DeepLabCut and save them as CSV")
    folders = {path.parent for path in tables}
    if len(folders) < len(tables):
        tables = [path for path in tables if path.stem == f"CollectedData_{project.scorer}"]
        if {path.parent for path in tables} != folders:
            raise LabelError(f"{folder}: a folder holds tables of several scorers; keep one there, or name it as scorer in {PROJECT_FILE}")
    return _read_tables(tables, source=folder, project=project, media=media, left_out=left_out)


def read_deeplabcut_table(path: Path, media: Sequence[Path] = (), left_out: LeftOut | None = None) -> LabelledFrames:
    """Read one table, CSV or HDF5; its project's config.yaml, if it lies up to four folders above, gives the skeleton.

    Raises:
        LabelError: one sentence with file and row.
    """
    home = next((folder for folder in folders_above(path) if (folder / PROJECT_FILE).is_file()), path.parent)
    return _read_tables([path], source=path, project=_read_project(home), media=media, left_out=left_out)


def label_rows(
    table: DeepLabCutTable, *, group: str | None = None, media: Sequence[Path] = (), left_out: LeftOut | None = None
) -> list[LabelRow]:
    """The rows of a table with their images found; the group is the image's folder unless given.

    Raises:
        LabelError: images are not there, nor their videos, and nobody counts what is left out: the first of them, and how many more.
    """
    images = TableImages(table.path, media, folders={image_path(row.image).parent.name for row in table.rows})
    rows, missing = list[LabelRow](), list[MissingImageError]()
    for row in table.rows:
        try:
            rows.append(_label_row(table, row, group, images))
        except MissingImageError as problem:
            missing.append(problem)
            relative = image_path(row.image)
            if left_out is not None and not np.isnan(row.points).all():
                left_out.add(problem, group=group or _group(relative, table), name=relative.name)
    if missing and left_out is None:
        others = len(missing) - 1
        more = f" ({others} more {'row' if others == 1 else 'rows'} of {len(table.rows)} without an image)" if others else ""
        raise LabelError(f"{missing[0]}{more}")
    images.tell()
    return rows


def _read_tables(
    paths: Sequence[Path], *, source: Path, project: _Project, media: Sequence[Path], left_out: LeftOut | None
) -> LabelledFrames:
    tables = [read_table(path) for path in paths]
    names = tables[0].point_names
    animals = tuple(dict.fromkeys(animal for table in tables for animal in table.animals))
    rows: list[LabelRow] = []
    for table in tables:
        if sorted(table.point_names) != sorted(names):
            raise LabelError(
                f"{table.path}: labels {', '.join(table.point_names)}; expected {', '.join(names)} as in {tables[0].path.parent.name}: "
                f"{how_names_differ(table.point_names, names)}"
            )
        places = np.array([table.point_names.index(name) for name in names], np.int64)
        own = np.array([animals.index(name) for name in table.animals] or [0], np.int64)
        found = label_rows(table, media=media, left_out=left_out)
        rows += _not_repeated([replace(row, points=_arranged(row.points[:, places], own, max(1, len(animals)))) for row in found], rows)
    if left_out is not None:
        left_out.refuse_nothing_left(str(source), left=len(rows))
    return assemble(rows, source=str(source), point_names=names, skeleton=_skeleton(project, names, source), animal_names=animals)


def _not_repeated(rows: list[LabelRow], earlier: list[LabelRow]) -> list[LabelRow]:
    """Without what an earlier table says of the same image in the same words: a joint table beside those that it was made of."""
    said = {row.image: row for row in earlier}
    return [row for row in rows if row.image not in said or not np.array_equal(said[row.image].points, row.points, equal_nan=True)]


def _arranged(points: NDArray[np.float64], own: NDArray[np.int64], animals: int) -> NDArray[np.float64]:
    """A table's animals at the places they have among those of all tables; the others are not in its frames."""
    placed = np.full((animals, *points.shape[1:]), np.nan)
    placed[own] = points
    return placed


def _label_row(table: DeepLabCutTable, row: TableRow, group: str | None, images: TableImages) -> LabelRow:
    where = f"{table.path}:{row.line}"
    relative = image_path(row.image)
    return LabelRow(
        where=where,
        image=images.find(relative, where=where),
        group=group or _group(relative, table),
        name=relative.name,
        number=frame_number(relative.name),
        points=row.points,
    )


def _group(image: PurePosixPath, table: DeepLabCutTable) -> str:
    return image.parent.name or table.path.parent.name


def _read_project(folder: Path) -> _Project:
    path = folder / PROJECT_FILE
    return read_yaml(path, kind=_Project, error=LabelError) if path.is_file() else _Project()


def _skeleton(project: _Project, names: tuple[str, ...], source: Path) -> tuple[tuple[str, str], ...]:
    pairs = [pair for chain in project.skeleton or [] for pair in pairwise(chain)]
    known = tuple((one, other) for one, other in pairs if one in names and other in names)
    if len(known) < len(pairs):
        # DeepLabCut writes an example skeleton into every new project, of points that nobody labels
        logger.warning("%s: skeleton lines between points that are not labelled are left out: count=%d", source, len(pairs) - len(known))
    return known
