"""Folders of images named by class: each image one frame, in the order of the numbers in their names."""

from pathlib import Path

import numpy as np

from trainer.errors import LabelError
from trainer.ethogram.bouts import NO, UNCURATABLE, YES, bouts_of_marks, ethogram
from trainer.ethogram.read_options import Reading, ReadOptions
from trainer.labels.numeric_order import numeric_key

_IMAGES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"})
_NOT_A_CLASS = "uncuratable"


def read_image_folders(folder: Path, asked: ReadOptions) -> Reading:
    """Classes and frames of a folder of folders; one called `uncuratable` is no class but says so of its images.

    Raises:
        LabelError: no folder with images, images beside the folders, or one name in two of them.
    """
    classes = sorted(each for each in folder.iterdir() if each.is_dir() and not each.name.startswith("."))
    images = {path.name: each.name for each in classes for path in _images(each)}
    count = sum(len(_images(each)) for each in classes)
    if not images:
        raise LabelError(f"{folder}: holds no folder with images; expected a folder for each class, with its images in it")
    if loose := _images(folder):
        raise LabelError(f"{folder}: {len(loose)} images lie beside the folders of the classes, {loose[0].name} first; put each into one")
    if count != len(images):
        seen: dict[str, str] = {}
        for each in classes:
            for path in _images(each):
                if path.name in seen:
                    raise LabelError(f"{folder}: {path.name} lies in {seen[path.name]} and in {each.name}; leave it in one of them")
                seen[path.name] = each.name
    names = [each.name for each in classes if each.name.lower() != _NOT_A_CLASS and _images(each)]
    mended = [f"{each}: holds no image, and is not a class" for each in classes if not _images(each)]
    if asked.class_names:
        strange = next((name for name in names if name not in asked.class_names), None)
        if strange is not None:
            raise LabelError(
                f"{folder}: has a folder {strange}, which is none of --classes {' '.join(asked.class_names)}; add it or move it away"
            )
        names = list(asked.class_names)
    order = sorted(images, key=numeric_key)
    marks = np.full((len(order), len(names)), NO, np.int8)
    for frame, image in enumerate(order):
        if images[image].lower() == _NOT_A_CLASS:
            marks[frame] = UNCURATABLE
        else:
            marks[frame, names.index(images[image])] = YES
    one = ethogram(names, bouts_of_marks(marks, names), where=str(folder), frames=len(order), fps=asked.fps)
    return Reading(path=folder, kind="folders of images", ethograms=(one,), mended=tuple(mended))


def _images(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file() and path.suffix.lower() in _IMAGES and not path.name.startswith("."))
