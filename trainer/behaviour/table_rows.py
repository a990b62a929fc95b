"""The rows of a table of videos: names, labels, frame rates and parts; and which video is used for what."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from trainer.errors import LabelError, TrainingError
from trainer.ethogram.bouts import NO, TO_DECIDE, UNCURATABLE, YES, Ethogram, Marks, bouts_of_marks
from trainer.ethogram.files import read_ethograms
from trainer.ethogram.read_options import ReadOptions, cells_in, text_of

Part = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = ("train", "validation", "test")
_NAMED = 12  # columns in a sentence
GROUPS = ("animal", "session", "trial")  # columns by which videos belong together; a trial is one of its session and animal


def table_rows(table: Path, *, source: str, columns: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """Line and cells of every video, each with a name of its own.

    Args:
        table: .csv.
        source: the column that, with `labels`, must be there.
        columns: all that may be.

    Raises:
        LabelError: in one sentence, with the line.
    """
    header, cells = header_and_rows(table)
    strange = [name for name in header if name not in columns]
    if strange or not {source, "labels"} <= set(header):
        raise LabelError(
            f"{table}: {_found(header, source)}; expected {source} and labels, and where wanted "
            f"{', '.join(name for name in columns if name not in (source, 'labels'))}: a row for each video"
        )
    rows = []
    for line, row in cells:
        row["video"] = row.get("video") or Path(row["labels"]).stem
        rows.append((line, row))
    names = [row["video"] for _, row in rows]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None or not rows:
        raise LabelError(f"{table}: {f'two videos are called {twice!r}; name them in a column video' if twice else 'holds no video'}")
    for line, row in rows:
        for what in (source, "labels"):
            if not row[what]:
                raise LabelError(f"{table}:{line}: names no {what}; give a path, relative to the table")
    return rows


def _found(header: Sequence[str], source: str) -> str:
    """What a table is that has other columns than it should."""
    columns = f"has the columns {', '.join(header[:_NAMED])}{' and more' if len(header) > _NAMED else ''}"
    if header[:1] == ["scorer"]:
        return "holds the poses of one video, as DeepLabCut writes them, and no table of videos"
    if "labels" in header and "poses" in header and "images" in header and source == "poses":
        return f"{columns}, images as well as poses: give `--region` to learn from images, or leave the column images out"
    if "images" in header and source == "poses":
        return f"{columns}, a table of images, where poses are taken (`trainer fit --region` is what learns from images)"
    if "poses" in header and "images" not in header and source == "images":
        return f"{columns}, a table of poses, where images are taken (`trainer fit` without `--region` is what learns from poses)"
    if "frame" in header:
        return f"{columns}, and so tells of the frames of one video, and is no table of videos"
    return columns


def header_and_rows(table: Path) -> tuple[list[str], Iterator[tuple[int, dict[str, str]]]]:
    """Names of the columns, in small letters; then, as they are taken, line and cells of every row that is not empty.

    Raises:
        LabelError: it is no table; while rows are taken, one with more or fewer cells than the header.
    """
    lines = [row for row in cells_in(table, text_of(table)) if any(cell.strip() for cell in row)]
    header = [cell.strip().lower() for cell in lines[0]] if lines else []
    return header, _rows(table, header, lines[1:])


def _rows(table: Path, header: list[str], lines: list[list[str]]) -> Iterator[tuple[int, dict[str, str]]]:
    for line, cells in enumerate(lines, 2):
        if len(cells) != len(header):
            raise LabelError(f"{table}:{line}: has {len(cells)} cells; expected {len(header)} as in the header")
        yield line, dict(zip(header, (cell.strip() for cell in cells), strict=True))


def labels_of(table: Path, line: int, row: dict[str, str], asked: ReadOptions) -> tuple[Ethogram, float, list[str]]:
    """Labels of a row's video, their frame rate, and what was mended."""
    reading = read_ethograms(table.parent / row["labels"], asked)
    if len(reading.ethograms) > 1:
        parts = "; ".join(one.title for one in reading.ethograms)
        raise LabelError(f"{reading.path}: holds {len(reading.ethograms)} sets of labels ({parts}); choose one with --channel, or split it")
    labels = reading.ethograms[0]
    if labels.fps is None:
        raise LabelError(f"{table}:{line}: the frame rate of {row['video']} is not known; give it in a column fps, or with --fps")
    return labels, labels.fps, list(reading.mended)


def fps_of(table: Path, line: int, cell: str) -> float | None:
    """Frames per second of a cell; None for an empty one."""
    if not cell:
        return None
    try:
        fps = float(cell)
    except ValueError:
        fps = 0.0
    if not 0 < fps < 1e6:
        raise LabelError(f"{table}:{line}: fps is '{cell}'; expected frames per second, more than 0")
    return fps


def groups_of(row: Mapping[str, str]) -> dict[str, str]:
    """Of which animal, session and trial a video is, as far as the table says; trials of other sessions and animals are other trials."""
    found = {kind: row[kind] for kind in GROUPS if row.get(kind)}
    within = ", ".join(found[kind] for kind in ("animal", "session") if kind in found)
    return found | ({"trial": f"{found['trial']} ({within})"} if "trial" in found and within else {})


def part_of(table: Path, line: int, row: dict[str, str]) -> Part | None:
    """What a video is used for, None where the table does not say."""
    cell = row.get("part", "").lower()
    if not cell:
        return None
    for part in PARTS:
        if cell == part:
            return part
    raise LabelError(f"{table}:{line}: part is '{cell}'; expected train, validation or test")


def classes_of(labels: Sequence[Ethogram], asked: Sequence[str], left_out: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """Which classes to learn: those of a bundle, those asked for, or all that are on anywhere."""
    listed = list(dict.fromkeys(name for one in labels for name in one.class_names if one.lists_classes or len(one.of_class(name))))
    strange = next((name for name in (*asked, *left_out) if name not in listed), None)
    if strange is not None:
        raise TrainingError(f"no video labels '{strange}'; the labels have {', '.join(listed)}")
    if known:
        return tuple(known)
    on = [name for name in listed if any(len(one.of_class(name)) for one in labels) and name not in left_out]
    names = tuple(asked) or tuple(on)
    if not names:
        raise TrainingError("no class is on in any frame; label some, or leave fewer out")
    return names


def of_classes(labels: Ethogram, names: Sequence[str]) -> Ethogram:
    """The labels of some classes, in their order.

    One that the labels do not list was not judged: it is to decide. Frames that are uncuratable for every listed class are so for it too.
    """
    whole = labels.marks()
    of_all = np.where((whole == UNCURATABLE).all(axis=1), UNCURATABLE, TO_DECIDE if labels.lists_classes else NO)
    strange = [name for name in names if name not in labels.class_names]
    bouts = bouts_of_marks(np.repeat(of_all[:, None], len(strange), axis=1).astype(np.int8), strange)
    kept = [bout for bout in labels.bouts if bout.name in names]
    return replace(labels, class_names=tuple(names), bouts=tuple(sorted([*kept, *bouts])))


def unjudged_classes(labels: Ethogram, names: Sequence[str]) -> tuple[str, ...]:
    """Which classes nobody judged in these labels, as they were not there to be marked."""
    return tuple(name for name in names if name not in labels.class_names) if labels.lists_classes else ()


def marks_of(labels: Ethogram, names: Sequence[str], left_out: Sequence[str], *, frames: int, name: str) -> tuple[Marks, list[str]]:
    """Marks of as many frames as there are, and what that took; classes that the labels do not list are as in `of_classes`."""
    whole = labels.marks()
    marks = np.full((frames, len(names)), UNCURATABLE, np.int8)
    length = min(frames, len(whole))
    marks[:length] = of_classes(labels, names).marks()[:length]
    for each in left_out:
        if each in labels.class_names:
            marks[:length][whole[:length, labels.class_names.index(each)] == YES] = UNCURATABLE
    said = []
    if len(whole) > frames:
        said.append(f"{name}: its labels run {len(whole) - frames} frames past the {frames} there are, and are left out")
    elif len(whole) < frames:
        said.append(f"{name}: its labels end {frames - len(whole)} frames before it does; nothing is learnt from those")
    return marks, said
