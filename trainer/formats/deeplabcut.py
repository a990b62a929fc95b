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
from trainer.formats.deeplabcut_table import Table, TableRow, read_table
from trainer.labels.assemble import LabelRow, assemble
from trainer.labels.images import ImageRef
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.misnamed import how_names_differ
from trainer.labels.numeric_order import frame_number, numeric_key

logger = logging.getLogger(__name__)

PROJECT_FILE = "config.yaml"
_TABLES = "CollectedData_*.csv"


class _Project(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of config.yaml that matter here; DeepLabCut owns the others."""

    scorer: str | int | None = None
    skeleton: list[list[str]] | None = None


def find_tables(folder: Path) -> list[Path]:
    """The label tables of a project folder, of its labeled-data, or of one video's folder, in numeric order; none elsewhere."""
    found = [*folder.glob(_TABLES), *folder.glob(f"*/{_TABLES}"), *folder.glob(f"labeled-data/*/{_TABLES}")]
    return sorted(set(found), key=lambda path: numeric_key(str(path)))


def read_deeplabcut_project(folder: Path) -> LabelledFrames:
    """Read every labelled video of a project.

    Raises:
        LabelError: one sentence with file and row.
    """
    tables = find_tables(folder)
    project = _read_project(folder)
    if not tables:
        raise LabelError(f"{folder}: no labeled-data/*/{_TABLES} there; label frames in DeepLabCut and save them as CSV")
    folders = {path.parent for path in tables}
    if len(folders) < len(tables):
        tables = [path for path in tables if path.stem == f"CollectedData_{project.scorer}"]
        if {path.parent for path in tables} != folders:
            raise LabelError(f"{folder}: a folder holds tables of several scorers; keep one there, or name it as scorer in {PROJECT_FILE}")
    return _read_tables(tables, source=folder, project=project)


def read_deeplabcut_csv(path: Path) -> LabelledFrames:
    """Read one table; its project's config.yaml, if it lies up to four folders above, gives the skeleton.

    Raises:
        LabelError: one sentence with file and row.
    """
    home = next((folder for folder in _ancestors(path) if (folder / PROJECT_FILE).is_file()), path.parent)
    return _read_tables([path], source=path, project=_read_project(home))


def label_rows(table: Table, *, group: str | None = None) -> list[LabelRow]:
    """The rows of a table with their images found; the group is the image's folder unless given.

    Raises:
        LabelError: an image is not there.
    """
    return [_label_row(table, row, group) for row in table.rows]


def _read_tables(paths: Sequence[Path], *, source: Path, project: _Project) -> LabelledFrames:
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
        rows += [replace(row, points=_arranged(row.points[:, places], own, max(1, len(animals)))) for row in label_rows(table)]
    return assemble(rows, source=str(source), point_names=names, skeleton=_skeleton(project, names, source), animal_names=animals)


def _arranged(points: NDArray[np.float64], own: NDArray[np.int64], animals: int) -> NDArray[np.float64]:
    """A table's animals at the places they have among those of all tables; the others are not in its frames."""
    placed = np.full((animals, *points.shape[1:]), np.nan)
    placed[own] = points
    return placed


def _label_row(table: Table, row: TableRow, group: str | None) -> LabelRow:
    where = f"{table.path}:{row.line}"
    parts = PurePosixPath(row.image).parts
    if "labeled-data" in parts:  # an absolute path of the author's machine leads nowhere here
        parts = parts[len(parts) - 1 - parts[::-1].index("labeled-data") :]
    relative = PurePosixPath(*parts)
    places = [*(folder / relative for folder in _ancestors(table.path)), table.path.parent / relative.name]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise LabelError(
            f"{where}: image {row.image} is not there; looked for it beside the table and from each folder above up to "
            f"{_ancestors(table.path)[-1]}: put it back or delete the row"
        )
    return LabelRow(
        where=where,
        image=ImageRef(path=path, frame=None),
        group=group or relative.parent.name or table.path.parent.name,
        name=relative.name,
        number=frame_number(relative.name),
        points=row.points,
    )


def _ancestors(path: Path) -> list[Path]:
    # a project's tables lie at most four folders deep: training-datasets/iteration-0/UnaugmentedDataSet_.../
    return list(path.absolute().parents[:4])


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
