"""The rows of a table of videos: names, labels, frame rates and parts; and which video is used for what."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from trainer.errors import LabelError, TrainingError
from trainer.ethogram.bouts import NO, UNCURATABLE, YES, Ethogram, Marks
from trainer.ethogram.files import read_ethograms
from trainer.ethogram.read_options import ReadOptions, cells_in, text_of

Part = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = ("train", "validation", "test")
GROUPS = ("animal", "session")  # columns by which videos belong together


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
            f"{table}: has the columns {', '.join(header)}; expected {source} and labels, and where wanted "
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
    """Of which animal and which session a video is, as far as the table says."""
    return {kind: row[kind] for kind in GROUPS if row.get(kind)}


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
    listed = list(dict.fromkeys(name for one in labels for name in one.class_names))
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


def marks_of(labels: Ethogram, names: Sequence[str], left_out: Sequence[str], *, frames: int, name: str) -> tuple[Marks, list[str]]:
    """Marks of as many frames as there are, and what that took."""
    whole = labels.marks()
    marks = np.full((frames, len(names)), NO, np.int8)
    length = min(frames, len(whole))
    for place, each in enumerate(names):
        if each in labels.class_names:
            marks[:length, place] = whole[:length, labels.class_names.index(each)]
    for each in left_out:
        if each in labels.class_names:
            marks[:length][whole[:length, labels.class_names.index(each)] == YES] = UNCURATABLE
    marks[length:] = UNCURATABLE
    said = []
    if len(whole) > frames:
        said.append(f"{name}: its labels run {len(whole) - frames} frames past the {frames} there are, and are left out")
    elif len(whole) < frames:
        said.append(f"{name}: its labels end {frames - len(whole)} frames before it does; nothing is learnt from those")
    return marks, said


def divided(
    names: Sequence[str], given: Sequence[Part | None], *, test: Sequence[str], validation: Sequence[str], nothing_held_out: bool
) -> list[Part]:
    """The part of every video: as the table says, as asked by name, or by default the last fifth tests, the one before validates.

    Raises:
        TrainingError: a name that is none, or too few videos.
    """
    for name in (*test, *validation):
        if name not in names:
            raise TrainingError(f"there is not a video '{name}'; the table has {', '.join(names)}")
    both = [name for name in test if name in validation]
    if both:
        raise TrainingError(f"the video '{both[0]}' cannot both be held out and validate; name it once")
    if not test and not validation and any(given):
        parts: list[Part] = [part or "train" for part in given]
    else:
        fifth = max(1, len(names) // 5)
        last = () if nothing_held_out else tuple(test) or tuple(name for name in names if name not in validation)[-fifth:]
        before = tuple(validation) or tuple(name for name in names if name not in last)[-fifth:]
        parts = ["test" if name in last else "validation" if name in before else "train" for name in names]
    needed = ("train", "validation") if nothing_held_out else PARTS
    for part in needed:
        if part not in parts:
            raise TrainingError(
                f"{len(names)} videos leave none for {part}; give at least {len(needed)}: to learn from, to choose temperature and "
                f"thresholds by{'' if nothing_held_out else ', and to be judged by (or --no-held-out)'}"
            )
    return parts
