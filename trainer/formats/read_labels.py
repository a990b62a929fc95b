"""One door for labelled data: recognise what a path holds and read it."""

from collections.abc import Callable, Sequence
from pathlib import Path

from trainer.errors import LabelError
from trainer.formats.coco import read_coco
from trainer.formats.deeplabcut import PROJECT_FILE, find_tables, read_deeplabcut_project, read_deeplabcut_table
from trainer.formats.empty_cells import Empty, settle_empty
from trainer.formats.project import read_project
from trainer.formats.sleap import read_sleap
from trainer.formats.synthetic_set import LABELS_FILE, SET_FILE, read_synthetic_set
from trainer.labels.join import join_labels
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.missing_images import LeftOut
from trainer.project.files import PROJECT_FILE as LABELLING_FILE

_READERS: dict[str, Callable[[Path, Sequence[Path], LeftOut | None], LabelledFrames]] = {
    ".csv": read_deeplabcut_table,
    ".h5": read_deeplabcut_table,
    ".slp": read_sleap,
    ".json": read_coco,
}
_WORKBOOKS = (".xlsx", ".xls", ".xlsm", ".ods")
_ALONE = ("*.slp", "*.json", "annotations/*.json", "*.csv")  # label files that a folder may hold, in which only one may lie
_KNOWN = "expected a DeepLabCut project, CSV or HDF5 table, a SLEAP .slp, COCO .json, a labelling project, or a set of `trainer synth`"


def read_labels(path: Path, *, media: Sequence[Path] = (), left_out: LeftOut | None = None) -> LabelledFrames:
    """Read labelled frames, whichever tool wrote them.

    Missing points stay missing, sub-pixel coordinates are kept to the last digit, and frames are in numeric order
    of video and frame.

    Args:
        path: the folder of a labelling project, or its project.json; a DeepLabCut project folder, its config.yaml, or a
            CollectedData table; a SLEAP .slp; COCO .json; a folder with one of these files; the folder of a synthetic set, or
            its set.json.
        media: folders in which other tools' pictures and videos are looked for first.
        left_out: counts frames of other tools' labels whose pictures are not there; without it they are refused.

    Raises:
        LabelError: anything that must not be trained on, in one sentence with file and row.
    """
    if path.is_dir():
        return _read_folder(path, media, left_out)
    refuse_absent(path)
    if path.name in (LABELLING_FILE, PROJECT_FILE, SET_FILE):
        return _read_folder(path.parent, media, left_out)
    reader = _READERS.get(path.suffix.lower())
    if path.suffix.lower() in _WORKBOOKS:
        raise LabelError(f"{path}: is a spreadsheet program's own file; save it as CSV (UTF-8), with DeepLabCut's header rows")
    if reader is None:
        raise LabelError(f"{path}: is of no kind that can be read; {_KNOWN}")
    if path.stat().st_size == 0:
        raise LabelError(f"{path}: is empty; {_KNOWN}")
    return reader(path, media, left_out)


def refuse_absent(path: Path) -> None:
    """Refuse a path where nothing is.

    Raises:
        LabelError: saying what can be there.
    """
    if not (path.is_dir() or path.is_file()):
        raise LabelError(f"{path}: no such file or folder; {_KNOWN}")


def read_settled(path: Path, empty: Empty | None = None, *, media: Sequence[Path] = (), left_out: LeftOut | None = None) -> LabelledFrames:
    """Read labelled frames to learn from or to score with: what an empty cell means is settled.

    Args:
        path: as for `read_labels`.
        empty: what an empty cell of another tool's labels means, None where nobody has said.
        media: as for `read_labels`.
        left_out: as for `read_labels`.

    Raises:
        LabelError: as `read_labels`; or nobody has said, and a point is empty in most frames.
    """
    frames = read_labels(path, media=media, left_out=left_out)
    return frames if says_hidden(path) else settle_empty(frames, empty, source=path)


def read_and_join(data: Sequence[Path], empty: Empty | None = None) -> LabelledFrames:
    """Read labels from one or several places, settle what their empty cells mean, and join them.

    Raises:
        LabelError: one cannot be read, they disagree, or nobody has said what empty cells mean.
    """
    return join_labels([read_settled(one, empty) for one in data], sources=[str(one) for one in data])


def says_hidden(path: Path) -> bool:
    """Whether labels say themselves which points are hidden: a labelling project, or a synthetic set."""
    return path.name in (LABELLING_FILE, SET_FILE) or any((path / name).is_file() for name in (LABELLING_FILE, SET_FILE))


def _read_folder(folder: Path, media: Sequence[Path], left_out: LeftOut | None) -> LabelledFrames:
    if (folder / LABELLING_FILE).is_file():
        return read_project(folder)
    if (folder / SET_FILE).is_file() or (folder / LABELS_FILE).is_file():
        return read_synthetic_set(folder, media, left_out)
    if (folder / PROJECT_FILE).is_file():
        return read_deeplabcut_project(folder, media, left_out)
    tables, others = find_tables(folder), list(folder.glob("*.slp"))
    if tables and not others:
        return read_deeplabcut_project(folder, media, left_out)
    alone = sorted({*tables, *(path for pattern in _ALONE for path in folder.glob(pattern))})
    if len(alone) == 1:
        return read_labels(alone[0], media=media, left_out=left_out)
    if alone:
        names = ", ".join(str(path.relative_to(folder)) for path in alone)
        raise LabelError(f"{folder}: holds {len(alone)} files that may be labels ({names}); give the one that is meant")
    raise LabelError(f"{folder}: holds neither {LABELLING_FILE} nor {SET_FILE} nor labels of another tool; {_KNOWN}")
