"""How many images each class has in each part, where images lie in folders by class: what is short, in plain words."""

from collections.abc import Sequence

import numpy as np

from trainer.behaviour.table_rows import PARTS, Part
from trainer.errors import TrainingError
from trainer.ethogram.bouts import YES
from trainer.image_behaviour.image_videos import ImageVideos

FEWEST = 20  # images of a class to learn from
_NAMED = 10  # classes that a sentence names
_WORDS: dict[Part, str] = {"train": "learn from", "validation": "validate by", "test": "be judged by"}


def count_sentences(videos: ImageVideos) -> list[str]:
    """Images of each class in each part, and which classes are short."""
    said = []
    for part in PARTS:
        if not videos.of(part):
            continue
        counts = _counts(videos, part)
        least, most = min(counts.values()), max(counts.values())
        range_ = f"{least}" if least == most else f"{least} to {most}"
        said.append(f"{range_} images of each of {len(counts)} classes to {_WORDS[part]}")
        enough = max(FEWEST if part == "train" else 1, float(np.median(list(counts.values()))) / 2)
        short = [f"'{name}' ({count})" for name, count in counts.items() if count < enough]
        if short:
            said.append(f"too few images to {_WORDS[part]}: {_some(short)}; add images of them, or leave the classes out")
    return said


def refuse_unlearnt_classes(videos: ImageVideos) -> None:
    """Refuse a division by which nothing is learnt from of a class.

    Raises:
        TrainingError: naming the classes.
    """
    none = [f"'{name}'" for name, count in _counts(videos, "train").items() if count == 0]
    if none:
        raise TrainingError(
            f"no image is left to learn {_some(none)} from: parts are blocks by the first number in the images' names, and these classes "
            "lie in others; put images of every class into folders train, val and test, or name them so that numbers mix the classes"
        )


def refuse_short_classes(videos: ImageVideos, per_class: tuple[int, int, int]) -> None:
    """Refuse parts in which a class has fewer or more images than it is said to have.

    Args:
        videos: divided.
        per_class: in training, validation and test.

    Raises:
        TrainingError: naming the classes.
    """
    for part, expected in zip(PARTS, per_class, strict=True):
        counts = _counts(videos, part)
        wrong = [f"'{name}' has {count}" for name, count in counts.items() if count != expected]
        if wrong:
            raise TrainingError(
                f"there should be {expected} images of each class to {_WORDS[part]}, and {_some(wrong)}; look for the images that are "
                "missing or too many, or give the number that is right with --per-class"
            )


def _counts(videos: ImageVideos, part: Part) -> dict[str, int]:
    of_part = videos.of(part)
    return {name: sum(int((video.marks[:, place] == YES).sum()) for video in of_part) for place, name in enumerate(videos.class_names)}


def _some(items: Sequence[str]) -> str:
    more = f" and {len(items) - _NAMED} more" if len(items) > _NAMED else ""
    return ", ".join(items[:_NAMED]) + more
