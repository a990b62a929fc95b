"""The one entrance to labels of behaviour in files: which format a file is in, and how one is written."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from trainer.errors import LabelError
from trainer.ethogram.arrays import mat_of, npy_of, read_mat, read_npy
from trainer.ethogram.boris import read_boris
from trainer.ethogram.boris_rows import boris_header
from trainer.ethogram.bout_file import ENDING, bout_file_of, read_bout_file
from trainer.ethogram.bouts import NO, Ethogram
from trainer.ethogram.caltech import BENTO, CALTECH, bento_of, caltech_of, read_bento, read_caltech
from trainer.ethogram.form_limits import PER_FRAME, Form, lost_in, refuse_unwritable_names
from trainer.ethogram.image_folders import read_image_folders
from trainer.ethogram.read_options import Reading, ReadOptions, cells_in, text_of
from trainer.ethogram.tables import cells_of, csv_of, deepethogram_of, read_table
from trainer.ethogram.write_boris import boris_of
from trainer.project.files import PROJECT_FILE

FORMS: dict[Form, str] = {
    "csv": ".csv",
    "npy": ".npy",
    "mat": ".mat",
    "boris": ".csv",
    "boris-aggregated": ".csv",
    "deepethogram": ".csv",
    "bento": ".annot",
    "caltech": ".txt",
    "bouts": ENDING,
}
_ONE_EACH: dict[str, Callable[[Ethogram], str | bytes]] = {
    "csv": csv_of,
    "deepethogram": deepethogram_of,
    "npy": npy_of,
    "mat": mat_of,
    "bouts": bout_file_of,
}
_ONE_SET = (*PER_FRAME, "bouts")


def read_ethograms(path: Path, asked: ReadOptions | None = None) -> Reading:
    """Labels of behaviour from a .npy, .mat, .annot, .txt, .csv, .tsv or .bouts.json file, or a folder of folders of images named by class.

    Raises:
        LabelError: in one sentence: what stands where, what was expected, what to do.
    """
    asked = asked or ReadOptions()
    if path.is_dir() and (path / PROJECT_FILE).exists():
        raise LabelError(
            f"{path}: is a labelling project, whose tags are no bouts; learn them with "
            f"`trainer fit --task behaviour --region frame --data {path}`"
        )
    if path.is_dir():
        return read_image_folders(path, asked)
    if not path.exists():
        raise LabelError(f"{path}: is not there; give a file or folder with labels of behaviour")
    if path.suffix.lower() == ".npy":
        return read_npy(path, asked)
    if path.suffix.lower() == ".mat":
        return read_mat(path, asked)
    text = text_of(path)
    if path.name.lower().endswith(ENDING):
        return read_bout_file(path, text, asked)
    first = text.lstrip().splitlines()[0].strip()
    if first.lower().startswith(CALTECH.lower()):
        return read_caltech(path, text, asked)
    if first.lower().startswith(BENTO.lower()):
        return read_bento(path, text, asked)
    if path.suffix.lower() in (".annot", ".json", ".boris", ".xlsx", ".xls", ".ods", ".tbs"):
        expected = f"expected '{BENTO}'" if path.suffix.lower() == ".annot" else "save it as .csv"
        raise LabelError(f"{path}: begins with '{first[:60]}'; {expected}")
    rows = cells_in(path, text)
    if boris_header(rows) is not None:
        return read_boris(path, rows, asked)
    return read_table(cells_of(path, rows), asked)


def file_of(ethograms: Sequence[Ethogram], form: Form) -> tuple[bytes, tuple[str, ...]]:
    """The content of a file in one of the forms, and what it cannot keep, a sentence each.

    Raises:
        LabelError: the form cannot hold these labels, with what to do instead.
    """
    if not ethograms:
        raise LabelError("there are no labels to write")
    if form in _ONE_SET and len(ethograms) > 1:
        parts = "; ".join(one.title for one in ethograms)
        raise LabelError(
            f"a file of the form {form} holds one set of labels, and there are {len(ethograms)} ({parts}); write them one by one"
        )
    if form in ("bento", "caltech") and len({one.video for one in ethograms}) > 1:
        raise LabelError(
            f"a file of the form {form} holds one video, and there are {len({one.video for one in ethograms})}; write them one by one"
        )
    same = [one.title for one in ethograms if sum((one.video, one.subject) == (each.video, each.subject) for each in ethograms) > 1]
    if form in ("boris", "boris-aggregated") and same:
        raise LabelError(f"a BORIS table has no channels, and {' and '.join(same)} are of one video and animal; choose one with --channel")
    refuse_unwritable_names(ethograms, form)
    content = _content(ethograms, form)
    _refuse_otherwise_read(ethograms, form, content)
    return content, tuple(lost_in(ethograms, form))


def _content(ethograms: Sequence[Ethogram], form: Form) -> bytes:
    if form in _ONE_EACH:
        written = _ONE_EACH[form](ethograms[0])
    elif form in ("boris", "boris-aggregated"):
        written = boris_of(ethograms, "tabular" if form == "boris" else "aggregated")
    else:
        written = bento_of(ethograms) if form == "bento" else caltech_of(ethograms)
    return written.encode() if isinstance(written, str) else written


def _refuse_otherwise_read(ethograms: Sequence[Ethogram], form: Form, content: bytes) -> None:
    """Read what was made, and refuse it where other classes or frames come back: names may hold what a form has a meaning for.

    Raises:
        LabelError: with what came back.
    """
    names = tuple(dict.fromkeys(name for one in ethograms for name in one.class_names))
    asked = ReadOptions(class_names=() if form in ("csv", "deepethogram") else names, fps=ethograms[0].fps)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"labels{FORMS[form]}"
        path.write_bytes(content)
        try:
            found = read_ethograms(path, asked).ethograms
        except LabelError as problem:
            raise LabelError(f"{_not_as_it_is(form)} ({str(problem).removeprefix(f'{path}: ')})") from problem
    kept = [one for one in ethograms if one.bouts] if form in ("boris", "boris-aggregated", "caltech") else ethograms
    if len(found) != len(kept) or any(not _same(one, other) for one, other in zip(kept, found, strict=True)):
        raise LabelError(f"{_not_as_it_is(form)} (the classes {', '.join(names)} come back otherwise)")


def _not_as_it_is(form: Form) -> str:
    return f"a file of the form {form} would not give these labels back; rename their classes, or write {ENDING}"


def _same(one: Ethogram, other: Ethogram) -> bool:
    """Whether all classes that are anywhere are on in the same frames, and no rate was made up."""
    return _edges(one) == _edges(other) and (other.fps is None or one.fps is not None)


def _edges(one: Ethogram) -> dict[str, list[int]]:
    """Of the frames of each class that is anywhere; not of its bouts, since not every form tells those apart that touch."""
    marks = one.marks()
    return {
        name: np.flatnonzero(np.diff(marks[:, place], prepend=NO, append=NO)).tolist()
        for place, name in enumerate(one.class_names)
        if (marks[:, place] != NO).any()
    }


def form_of(path: Path) -> Form:
    """The form that a file name stands for: .annot is Bento's, .txt Caltech's, .csv, .npy, .mat are marks per frame, .bouts.json ours.

    Raises:
        LabelError: it stands for none.
    """
    for form in ("csv", "npy", "mat", "bento", "caltech", "bouts"):
        if path.name.lower().endswith(FORMS[form]):
            return form
    raise LabelError(f"{path}: its name ends in none of .csv, .npy, .mat, .annot, .txt and {ENDING}; choose one, or say the form with --as")
