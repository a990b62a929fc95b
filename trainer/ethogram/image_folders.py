"""Folders of images named by class: each image one frame, in the order of the numbers in their names."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from trainer.errors import LabelError
from trainer.ethogram.bouts import NO, UNCURATABLE, YES, bouts_of_marks, ethogram
from trainer.ethogram.class_words import class_names_of
from trainer.ethogram.read_options import Reading, ReadOptions
from trainer.labels.numeric_order import numeric_key

IMAGES = frozenset({".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".tif", ".tiff"})
_NOT_A_CLASS = "uncuratable"


def read_image_folders(folder: Path, asked: ReadOptions) -> Reading:
    """Classes and frames of a folder of folders; one called `uncuratable` is no class but says so of its images.

    Classes have the names of their folders, or the words that are asked for.

    Raises:
        LabelError: no folder with images, images beside the folders, or one name in two of them.
    """
    found = {each.name: class_images(each) for each in class_folders(folder)}
    images: dict[str, str] = {}
    if not any(found.values()):
        raise LabelError(f"{folder}: holds no folder with images; expected a folder for each class, with its images in it")
    if loose := _images(folder):
        raise LabelError(f"{folder}: {len(loose)} images lie beside the folders of the classes, {loose[0].name} first; put each into one")
    for name, paths in found.items():
        for path in paths:
            if images.setdefault(path.name, name) != name:
                raise LabelError(f"{folder}: {path.name} lies in {images[path.name]} and in {name}; leave it in one of them")
    called = class_names_of((name for name, paths in found.items() if paths and name.lower() != _NOT_A_CLASS), asked.class_words)
    mended = [f"{folder / name}: holds no image, and is not a class" for name, paths in found.items() if not paths]
    names = list(called.values())
    if asked.class_names:
        strange = next((name for name in names if name not in asked.class_names), None)
        if strange is not None:
            raise LabelError(
                f"{folder}: has a folder {strange}, which is none of --classes {' '.join(asked.class_names)}; add it or move it away"
            )
        names = list(asked.class_names)
    order, column = sorted(images, key=numeric_key), {name: place for place, name in enumerate(names)}
    marks = np.full((len(order), len(names)), NO, np.int8)
    for frame, image in enumerate(order):
        if images[image].lower() == _NOT_A_CLASS:
            marks[frame] = UNCURATABLE
        else:
            marks[frame, column[called[images[image]]]] = YES
    one = ethogram(names, bouts_of_marks(marks, names), where=str(folder), frames=len(order), fps=asked.fps)
    only_these = replace(one, lists_classes=False)  # an image that lies in a folder is not of another's class
    return Reading(path=folder, kind="folders of images", ethograms=(only_these,), mended=tuple(mended))


def class_folders(folder: Path) -> list[Path]:
    """The folders that may be classes, by name."""
    return sorted(each for each in folder.iterdir() if each.is_dir() and not each.name.startswith("."))


def class_images(folder: Path) -> list[Path]:
    """The images of a class, by name; those of a folder `images` in it, where it has none itself."""
    found, inside = _images(folder), folder / "images"
    return _images(inside) if not found and inside.is_dir() else found


def _images(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file() and path.suffix.lower() in IMAGES and not path.name.startswith("."))
