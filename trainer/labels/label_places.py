"""Where the points of frames were labelled, as a run keeps it of the images that it learnt from, and what has changed since."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from trainer.labels.image_keys import image_keys
from trainer.labels.labelled_frames import LabelledFrames

Place = tuple[float, float] | Literal["hidden"]
Places = tuple[dict[str, Place], ...]  # by the point's name, of each labelled animal of a frame

KEPT_DIGITS = 2  # after the point, px
MOVED_PX = 0.1  # along an axis: a label file with one digit after the point rounds by half as much


def places_by_key(frames: LabelledFrames, keys: Sequence[str]) -> dict[str, Places]:
    """The labels of frames by the keys of their images; without pictures that are there more than once with different labels.

    Args:
        frames: n labelled ones.
        keys: n, as `image_keys` gives them.
    """
    found, unclear = dict[str, Places](), set[str]()
    for index, key in enumerate(keys):
        here = _places(frames, index)
        if changed(found.setdefault(key, here), here):
            unclear.add(key)
    return {key: places for key, places in found.items() if key not in unclear}


def relabelled(frames: LabelledFrames, kept: Mapping[str, Places]) -> NDArray[np.bool_]:
    """Which frames have other labels than were kept of them: bool (n,); a frame of which nothing was kept has not.

    Args:
        frames: n labelled ones.
        kept: as `places_by_key` gave it.

    Raises:
        LabelError: an image cannot be read.
    """
    if not kept:
        return np.zeros(len(frames), bool)
    keys = image_keys(frames)
    return np.array([key in kept and changed(kept[key], _places(frames, index)) for index, key in enumerate(keys)], bool)


def changed(before: Places, since: Places) -> bool:
    """Whether a label was moved by more than rounding, renamed, added or taken away; which animal comes first does not count."""
    left = list(since)
    for animal in before:
        same = next((place for place, other in enumerate(left) if _alike(animal, other)), None)
        if same is None:
            return True
        del left[same]
    return bool(left)


def _alike(one: Mapping[str, Place], other: Mapping[str, Place]) -> bool:
    return one.keys() == other.keys() and all(_near(place, other[name]) for name, place in one.items())


def _near(one: Place, other: Place) -> bool:
    if one == "hidden" or other == "hidden":
        return one == other
    return abs(one[0] - other[0]) <= MOVED_PX and abs(one[1] - other[1]) <= MOVED_PX


def _places(frames: LabelledFrames, index: int) -> Places:
    animals = zip(np.round(frames.points[index], KEPT_DIGITS).tolist(), frames.hidden[index].tolist(), strict=True)
    each = (_places_of_animal(frames.point_names, points, hidden) for points, hidden in animals)
    return tuple(animal for animal in each if animal)


def _places_of_animal(names: Sequence[str], points: Sequence[tuple[float, float]], hidden: Sequence[bool]) -> dict[str, Place]:
    made = dict[str, Place]()
    for name, (x, y), unseen in zip(names, points, hidden, strict=True):
        if unseen:
            made[name] = "hidden"
        elif not np.isnan(x):
            made[name] = (x, y)
    return made
