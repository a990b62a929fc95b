"""Images in folders by class: one folder of them in blocks, or a folder for each of training, validation and test."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tracker.cameras.image_folder import read_image
from trainer.behaviour.blocks import BLOCKS
from trainer.behaviour.table_rows import PARTS, Part, classes_of, marks_of
from trainer.errors import LabelError, TrainingError
from trainer.ethogram.bouts import Ethogram
from trainer.ethogram.class_words import WORDS_FILE, class_names_of, read_class_words
from trainer.ethogram.image_folders import class_folders, class_images, read_image_folders
from trainer.ethogram.read_options import ReadOptions
from trainer.image_behaviour.classes_asked import ClassesAsked
from trainer.image_behaviour.image_videos import ImageVideo, ImageVideos, exclude_each_other
from trainer.image_behaviour.region import Cutter, RegionAsked, RegionPlan
from trainer.labels.numeric_order import numeric_key

_IMAGES_FPS = 1.0  # of images that do not follow one another; only scores per minute would depend on it
_LOOKED_AT = 16  # images, to see whether there is colour in them: some of a set in colour are grey
_PART_FOLDERS: dict[str, Part] = {"train": "train", "val": "validation", "validation": "validation", "test": "test"}


def read_class_folders(folder: Path, region: RegionAsked | RegionPlan, *, asked: ReadOptions, classes: ClassesAsked) -> ImageVideos:
    """A folder for each class, in five blocks by the first number in the images' names; or folders `train`, `val` and `test` of such.

    A file `words.txt` in it says what the classes are called, where nothing else is asked for.

    Raises:
        LabelError, TrainingError, CameraError: in one sentence.
    """
    if not asked.class_words and (folder / WORDS_FILE).is_file():
        asked = replace(asked, class_words=read_class_words(folder / WORDS_FILE))
    given = _parts(folder)
    places: list[tuple[str, Part | None, Path]] = [(part, part, place) for part, place in given.items()] or [("", None, folder)]
    called = class_names_of(dict.fromkeys(each.name for *_, place in places for each in class_folders(place)), asked.class_words)
    asked = replace(asked, class_words=called, class_names=classes.known or asked.class_names, fps=asked.fps or _IMAGES_FPS)
    readings = [read_image_folders(place, asked) for *_, place in places]
    labels = [reading.ethograms[0] for reading in readings]
    names = classes_of(labels, classes.class_names, classes.left_out, classes.known)
    paths = [{path.name: path for each in class_folders(place) for path in class_images(each)} for *_, place in places]
    moments = sorted(paths[0], key=lambda name: (_moment(name), name))
    some = [read_image(paths[0][moments[place]]) for place in np.unique(np.linspace(0, len(moments) - 1, _LOOKED_AT).astype(int))]
    plan = region.plan(some[0], some[1:]) if isinstance(region, RegionAsked) else region
    if plan.point is not None:
        raise TrainingError(f"{folder}: images by class have no key points to follow; take --region frame, or a rectangle")
    cutter, videos = Cutter(plan), list[ImageVideo]()
    for (title, part, _), one, of_part in zip(places, labels, paths, strict=True):
        videos += _videos(cutter, of_part, one, names, classes.left_out, title=title, part=part)
    notes = [sentence for reading in readings for sentence in reading.mended]
    shown = {each: name for each, name in called.items() if each != name and name in names}
    return ImageVideos(
        class_names=names, exclusive=exclude_each_other(videos), videos=tuple(videos), plan=plan, notes=tuple(notes), class_words=shown
    )


def _parts(folder: Path) -> dict[Part, Path]:
    """The folders of training, validation and test that hold classes; empty where there are none of training and another."""
    found: dict[Part, Path] = {}
    for each in class_folders(folder):
        part = _PART_FOLDERS.get(each.name.lower())
        if part is not None and any(class_images(inside) for inside in class_folders(each)):
            if part in found:
                raise LabelError(f"{folder}: has two folders for {part}, {found[part].name} and {each.name}; leave one of them")
            found[part] = each
    return {part: found[part] for part in PARTS if part in found} if "train" in found and len(found) > 1 else {}


def _videos(
    cutter: Cutter,
    paths: dict[str, Path],
    labels: Ethogram,
    names: Sequence[str],
    left_out: Sequence[str],
    *,
    title: str,
    part: Part | None,
) -> list[ImageVideo]:
    """One of a given part, else blocks."""
    order = {name: place for place, name in enumerate(sorted(paths, key=numeric_key))}  # as the labels count their frames
    marks, _ = marks_of(labels, names, left_out, frames=len(order), name=title)
    moments = sorted(paths, key=lambda name: (_moment(name), name))
    found = []
    for number, block in enumerate([moments] if part is not None else _blocks(moments), 1):
        cut = [cutter.cut(read_image(paths[name]), None, 0) for name in block]
        images = np.stack([each for each in cut if each is not None])
        chosen = marks[[order[name] for name in block]]
        found.append(ImageVideo(name=title or f"block {number}", images=images, marks=chosen, fps=_IMAGES_FPS, part=part, times_s=None))
    return found


def _moment(name: str) -> tuple[int, str]:
    """The first number in a name; what has none is put in an order that says nothing."""
    found = re.search(r"[0-9]+", name)
    return (int(found[0]), "") if found else (0, hashlib.sha256(name.encode()).hexdigest())


def _blocks(moments: Sequence[str]) -> list[list[str]]:
    """Of about the same size, each moment in one of them."""
    edges, blocks = np.linspace(0, len(moments), BLOCKS + 1)[1:], [[]]  # type: ignore[var-annotated]
    for place, name in enumerate(moments):
        new = place and _moment(name) != _moment(moments[place - 1])
        if new and len(blocks) < BLOCKS and place >= edges[len(blocks) - 1]:
            blocks.append([])
        blocks[-1].append(name)
    return blocks
