"""A flat folder of images and a table of their classes → a folder for each class. Nothing is lost or replaced, however often it runs."""

import errno
import filecmp
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from trainer.errors import LabelError
from trainer.ethogram.image_folders import IMAGES
from trainer.ethogram.read_options import cells_in, text_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Arranged:
    """What was done.

    Attributes:
        classes: how many there are in the table.
        moved: images that this run put into the folder of their class.
        there_before: images that lay in theirs.
        not_listed: images that the table does not name, which stay where they are.
    """

    classes: int
    moved: int
    there_before: int
    not_listed: int

    @property
    def sentence(self) -> str:
        """For people."""
        stay = f"; {self.not_listed} that the table does not name stay where they are" if self.not_listed else ""
        return f"{self.moved} images moved into the folders of {self.classes} classes, {self.there_before} were there before{stay}"

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)


def read_classes_of_images(path: Path) -> dict[str, str]:
    """The class of every image that a table names: its file first, then its class; what follows (a box, say) is left aside.

    Raises:
        LabelError: no such rows, names that are no file's or folder's, or an image of two classes.
    """
    rows = [(line, row) for line, row in enumerate(cells_in(path, text_of(path)), 1) if any(cell.strip() for cell in row)]
    if rows and Path(rows[0][1][0].strip()).suffix.lower() not in IMAGES:
        rows = rows[1:]  # a header
    found: dict[str, str] = {}
    for line, row in rows:
        if len(row) < 2:
            raise LabelError(
                f"{path}:{line}: has one cell, '{row[0]}'; expected an image's file and its class, with a tab or comma between"
            )
        image, name = row[0].strip(), row[1].strip()
        if Path(image).suffix.lower() not in IMAGES or Path(image).name != image:
            raise LabelError(f"{path}:{line}: '{image}' is not the name of an image; expected one such as val_0.JPEG")
        if not name or name.startswith(".") or Path(name).name != name or not name.isprintable():
            raise LabelError(f"{path}:{line}: '{name}' cannot be a class, whose name its folder takes; rename it")
        if found.setdefault(image, name) != name:
            raise LabelError(f"{path}:{line}: {image} is of the class {name}, and above of {found[image]}; leave one of them")
    if not found:
        raise LabelError(f"{path}: names no image; expected an image's file and its class in every row")
    return found


def arrange_images(images: Path, table: Path, out: Path) -> Arranged:
    """Move every image that the table names into OUT/CLASS/.

    Everything is looked at before anything is moved. An image has its new name before it loses its old one, so that a run that was
    interrupted is finished by the next.

    Raises:
        LabelError: an image that is nowhere, another image already in its place, or a folder that cannot be written; in one sentence.
    """
    classes = read_classes_of_images(table)
    _refuse_places(images, out, sorted(set(classes.values())))
    _refuse_gaps(images, table, out, classes)
    moved = 0
    try:
        for name in sorted(set(classes.values())):
            here = [image for image, of in classes.items() if of == name and (images / image).exists()]
            moved += _move(images, out / name, here)
    except OSError as problem:
        remedy = "; images are moved within one disk: give an --out on the disk of the images" if problem.errno == errno.EXDEV else ""
        raise LabelError(f"{problem.filename2 or problem.filename or out}: {problem.strerror}{remedy}; run it again") from problem
    left = [path for path in images.iterdir() if path.suffix.lower() in IMAGES] if images.is_dir() else []
    return Arranged(
        classes=len(set(classes.values())), moved=moved, there_before=len(classes) - moved, not_listed=len(left) if images != out else 0
    )


def _refuse_places(images: Path, out: Path, names: Sequence[str]) -> None:
    """Refuse class folders in which an image would meet itself, or that are none."""
    for name in names:
        folder = out / name
        if folder.is_symlink() or folder.resolve() == images.resolve():
            raise LabelError(
                f"{folder}: would be the folder of the class '{name}', and is {'a link' if folder.is_symlink() else 'that of the images'}; "
                "give another --out. Nothing was moved"
            )
        if folder.exists() and not folder.is_dir():
            raise LabelError(f"{folder}: is a file; expected to make the folder of the class '{name}' there. Nothing was moved")


def _refuse_gaps(images: Path, table: Path, out: Path, classes: Mapping[str, str]) -> None:
    gone = [image for image, name in classes.items() if not (images / image).exists() and not (out / name / image).exists()]
    if gone:
        raise LabelError(
            f"{table}: names {len(gone)} images that lie neither in {images} nor in the folder of their class, {gone[0]} first; "
            "nothing was moved"
        )
    for image, name in classes.items():
        source, target = images / image, out / name / image
        for path in (source, target):
            if path.exists() and (path.is_symlink() or not path.is_file()):
                raise LabelError(f"{path}: is no image but a {'link' if path.is_symlink() else 'folder'}; take it out. Nothing was moved")
        if source.exists() and target.exists() and not filecmp.cmp(source, target, shallow=False):
            raise LabelError(f"{target}: is another image than {source}; rename one of them. Nothing was moved")


def _move(images: Path, folder: Path, names: list[str]) -> int:
    """First all new names, on the disk, and then the old ones away; how many were not in the folder."""
    if not names:
        return 0
    folder.mkdir(parents=True, exist_ok=True)
    fresh = [name for name in names if not (folder / name).exists()]
    for name in fresh:
        os.link(images / name, folder / name)
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
    for name in names:
        (images / name).unlink()
    return len(fresh)
