"""Which numbers pictures get in a folder of a project that has pictures already: those that are there keep theirs.

Ranks among names, and numbers in names that are no frames', change or collide as a folder grows; a picture does not.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from tracker.frame import Image
from trainer.labels.grey_picture import in_one_channel
from trainer.labels.image_keys import image_key
from trainer.labels.images import read_image
from trainer.project.files import BY_NAME
from trainer.project.store import Project, ProjectFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class ComingPicture:
    """A picture that is to be in a project.

    Attributes:
        name: of its file; empty where that says nothing.
        number: its own, inside the folder.
        loose: the number is only a place among the others.
        of_video: it is a frame of a video, and no other number would be true.
        read: decodes it; uint8, (h, w) or (h, w, 3) RGB.
    """

    name: str
    number: int
    loose: bool
    of_video: bool
    read: Callable[[], Image]


_Coming = Mapping[int, ComingPicture]  # by place in the sequence
_There = Mapping[int, ProjectFrame]  # by number


def numbers_for(project: Project, folder: str, pictures: Sequence[ComingPicture], names: Mapping[str, str]) -> list[int]:
    """The numbers of pictures in a folder of a project.

    Where all numbers are of time, they are the pictures' own. Else a picture that is there already, by its name or by its
    pixels, has the number that it has there; another has its own where that is free, or else the next free one.

    Args:
        project: where they are to be.
        folder: of pictures; it may not be there yet.
        pictures: with numbers that differ.
        names: file names that pictures of the project had, by image.

    Raises:
        LabelError: a picture cannot be read.
    """
    there = {frame.frame: frame for frame in project.frames if frame.group == folder}
    timed = not any(each.loose for each in pictures) and not any(frame.why.endswith(BY_NAME) for frame in there.values())
    if timed or not there:
        return [each.number for each in pictures]
    found = _by_name(dict(enumerate(pictures)), there, names)
    for find in (_by_pixels, _by_place):
        coming = {index: each for index, each in enumerate(pictures) if index not in found}
        left = {number: there[number] for number in there.keys() - set(found.values())}
        found |= find(project, coming, left, names) if left else {}
    taken = there.keys() | {each.number for each in pictures if not each.loose}
    fresh = (number for number in count(len(there)) if number not in taken)
    return [found[index] if index in found else _new_number(each, there, fresh.__next__) for index, each in enumerate(pictures)]


def _new_number(picture: ComingPicture, there: _There, fresh: Callable[[], int]) -> int:
    own = picture.of_video or not (picture.loose or picture.number in there)
    return picture.number if own else fresh()


def _by_name(coming: _Coming, there: _There, names: Mapping[str, str]) -> dict[int, int]:
    """Numbers of pictures whose names stand for one picture on either side, as they do but where folders of one name were joined."""
    called = Counter(each.name for each in coming.values())
    known = Counter(names.get(frame.image, "") for frame in there.values())
    numbers = {names.get(frame.image, ""): number for number, frame in there.items()}
    return {index: numbers[each.name] for index, each in coming.items() if each.name and called[each.name] == known[each.name] == 1}


def _by_pixels(project: Project, coming: _Coming, left: _There, _names: Mapping[str, str]) -> dict[int, int]:
    """Numbers of pictures that are there with the same pixels; of several alike each is taken once, first by those of its number."""
    alike: dict[tuple[tuple[int, ...], str], list[int]] = {}
    for number, frame in sorted(left.items()) if coming else ():
        alike.setdefault(_pixels(read_image(project.image_ref(frame.image), project.image_size(frame.image))), []).append(number)
    numbers = {index: alike.get(_pixels(each.read()), []) for index, each in coming.items()}
    found: dict[int, int] = {}
    for index in sorted(coming, key=lambda index: coming[index].number not in numbers[index]):
        own = coming[index].number
        if numbers[index]:
            found[index] = numbers[index].pop(numbers[index].index(own) if own in numbers[index] else 0)
    return found


def _by_place(project: Project, coming: _Coming, left: _There, names: Mapping[str, str]) -> dict[int, int]:
    """Numbers of pictures that were stored anew with a loss, where the project has no name to know them by."""
    nameless = {number: frame.image for number, frame in left.items() if frame.image not in names}
    return {
        index: each.number
        for index, each in coming.items()
        if each.number in nameless and not each.of_video and project.shows(nameless[each.number], each.read())
    }


def _pixels(image: Image) -> tuple[tuple[int, ...], str]:
    return in_one_channel(image).shape, image_key(image)
