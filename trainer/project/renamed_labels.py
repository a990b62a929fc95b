"""Labels with other names for their points."""

from collections.abc import Mapping

import msgspec

from trainer.errors import ProjectError
from trainer.project.layer import FrameLabel, Place
from trainer.project.renamings import Names

EXCHANGE = "rename that one as well, as in `--points a:b b:a`, which exchanges two"


def with_names(label: FrameLabel, names: Names, *, where: str, remedy: str = EXCHANGE) -> FrameLabel:
    """One frame's labels with other names for their points.

    Raises:
        ProjectError: two points of an animal would have one name; it begins with `where` and ends with the remedy.
    """
    animals: list[dict[str, Place]] = []
    for animal in label.animals:
        renamed: dict[str, Place] = {}
        for name, place in animal.items():
            other = names.get(name, name)
            if other in renamed:
                raise ProjectError(f"{where}: would have two points '{other}'; {remedy}")
            renamed[other] = place
        animals.append(renamed)
    return msgspec.structs.replace(label, animals=animals)


def has_any(label: FrameLabel, names: Mapping[str, str]) -> bool:
    """Whether there is a point in it to rename."""
    return any(name in animal for animal in label.animals for name in names)
