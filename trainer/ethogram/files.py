"""The one entrance to labels of behaviour in files: which format a file is in, and how one is written."""

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from trainer.errors import LabelError
from trainer.ethogram.arrays import mat_of, npy_of, read_mat, read_npy
from trainer.ethogram.boris import read_boris
from trainer.ethogram.boris_rows import boris_header
from trainer.ethogram.bout_file import ENDING, bout_file_of, read_bout_file
from trainer.ethogram.bouts import Ethogram
from trainer.ethogram.caltech import BENTO, CALTECH, bento_of, caltech_of, read_bento, read_caltech
from trainer.ethogram.image_folders import read_image_folders
from trainer.ethogram.read_options import Reading, ReadOptions, cells_in, text_of
from trainer.ethogram.tables import cells_of, csv_of, deepethogram_of, read_table
from trainer.ethogram.write_boris import boris_of
from trainer.project.files import PROJECT_FILE

Form = Literal["csv", "npy", "mat", "boris", "boris-aggregated", "deepethogram", "bento", "caltech", "bouts"]
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
_ONE_EACH: dict[str, Callable[[Ethogram], str]] = {"csv": csv_of, "deepethogram": deepethogram_of}
_PER_FRAME = ("csv", "npy", "mat", "deepethogram")
_ONE_SET = (*_PER_FRAME, "bouts")


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
    lost = [_touching(one) for one in ethograms] if form in _PER_FRAME else []
    if form == "bouts":
        return bout_file_of(ethograms[0]), ()
    if form == "npy":
        return npy_of(ethograms[0]), tuple(filter(None, lost))
    if form == "mat":
        lost.append(f"a .mat file keeps no names of classes; to read it again, give --classes {shlex.join(ethograms[0].class_names)}")
        return mat_of(ethograms[0]), tuple(filter(None, lost))
    if form in _ONE_EACH:
        text = _ONE_EACH[form](ethograms[0])
    elif form in ("boris", "boris-aggregated"):
        text = boris_of(ethograms, "tabular" if form == "boris" else "aggregated")
    else:
        text = bento_of(ethograms) if form == "bento" else caltech_of(ethograms)
    return text.encode(), tuple(filter(None, lost))


def form_of(path: Path) -> Form:
    """The form that a file name stands for: .annot is Bento's, .txt Caltech's, .csv, .npy, .mat are marks per frame, .bouts.json ours.

    Raises:
        LabelError: it stands for none.
    """
    for form in ("csv", "npy", "mat", "bento", "caltech", "bouts"):
        if path.name.lower().endswith(FORMS[form]):
            return form
    raise LabelError(f"{path}: its name ends in none of .csv, .npy, .mat, .annot, .txt and {ENDING}; choose one, or say the form with --as")


def _touching(one: Ethogram) -> str | None:
    """What is lost where bouts become frames: the edge between two bouts of a class that touch."""
    count = 0
    for name in one.class_names:
        pairs = one.of_class(name)
        count += int((pairs[1:, 0] == pairs[:-1, 1]).sum())
    return f"{count} bouts begin where another of their class ends; as marks per frame the two are one" if count else None
