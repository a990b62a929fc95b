"""How far apart people place the same point: the line below which no accuracy measured against their labels means anything."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from trainer.errors import TrainingError
from trainer.project.agreement import floor_px
from trainer.project.store import PROJECT_FILE, open_project


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """Mean distance between annotators, source pixels.

    Attributes:
        per_point: by name; a point that no two people placed is not there.
        source: whose, in words.
    """

    per_point: Mapping[str, float]
    source: str

    @property
    def mean_px(self) -> float:
        """Mean over the key points."""
        return sum(self.per_point.values()) / len(self.per_point)


def read_floor(asked: str, names: Sequence[str]) -> Floor:
    """The floor from a number of pixels or a labelling project.

    Args:
        asked: "2.7", or a project's folder.
        names: the key points that are scored.

    Raises:
        TrainingError: neither a number above 0 nor a project whose people labelled the same of these points.
        ProjectError: a damaged project.
    """
    try:
        number = float(asked)
    except ValueError:
        return _of_project(Path(asked), names)
    if not (math.isfinite(number) and number > 0):
        raise TrainingError(f"a floor of {asked} px was given; expected more than 0, or the folder of a labelling project")
    return Floor(per_point=dict.fromkeys(names, number), source=f"{number:g} px, as given")


def floor_of_data(data: Path, names: Sequence[str]) -> Floor | None:
    """The floor of labels that are a project of several annotators; None for all others.

    Raises:
        ProjectError: a damaged project.
    """
    if not (data.is_dir() and (data / PROJECT_FILE).is_file()):
        return None
    project = open_project(data)
    between = {name: px for name, px in (floor_px(project) or {}).items() if name in names}
    return Floor(per_point=between, source=f"{len(project.annotators())} annotators of {data.name}") if between else None


def _of_project(folder: Path, names: Sequence[str]) -> Floor:
    found = floor_of_data(folder, names)
    if found is None:
        raise TrainingError(
            f"{folder}: gives no floor; expected a number of pixels, or a labelling project in which two people labelled the same frames "
            f"with some of {', '.join(names)}"
        )
    return found
