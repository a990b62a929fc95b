"""What other people said of the videos of a table: a column names their labels, or these lie beside the labels by annotator."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from trainer.behaviour.table_rows import marks_of
from trainer.behaviour_scores.scored_video import ScoredVideo
from trainer.errors import LabelError
from trainer.ethogram.annotators import annotator_of, others_beside
from trainer.ethogram.bouts import NO, UNCURATABLE, YES, Marks
from trainer.ethogram.files import read_ethograms
from trainer.ethogram.read_options import ReadOptions

COLUMN = "second_person"
People = Mapping[str, Marks]  # int8 (frames, classes) by name


class LabelledByPeople(Protocol):
    """What of a video is needed to hold people against each other."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def marks(self) -> Marks: ...  # noqa: D102 of the labels that count as true
    @property
    def people(self) -> People: ...  # noqa: D102
    @property
    def fps(self) -> float: ...  # noqa: D102
    @property
    def groups(self) -> Mapping[str, str]: ...  # noqa: D102


def second_people(
    table: Path, row: Mapping[str, str], asked: ReadOptions, names: Sequence[str], left_out: Sequence[str], *, frames: int
) -> tuple[dict[str, Marks], list[str]]:
    """Marks by other people of a row's video, and what was left aside.

    Labels that a column names must be readable; those that only lie beside the labels are left aside where they are not, and it is said.

    Args:
        table: of the row.
        row: its cells.
        asked: what label files do not say.
        names: classes of the columns; one that a file does not list is judged by nobody there.
        left_out: classes whose frames count as judged by nobody.
        frames: of the video.

    Raises:
        LabelError: labels that a column names cannot be read.
    """
    cell = row.get(COLUMN, "")
    named = {annotator_of(Path(cell)) or COLUMN.replace("_", " "): table.parent / cell} if cell else {}
    found, said = dict[str, Marks](), list[str]()
    for name, path in {**others_beside(table.parent / row["labels"]), **named}.items():
        try:
            found[name] = _marks(path, asked, names, left_out, frames=frames)
        except LabelError as problem:
            if name in named:
                raise
            said.append(f"labels of '{name}' are left aside: {problem}")
    return found, said


def people_as_answers(videos: Sequence[LabelledByPeople], class_names: Sequence[str]) -> list[tuple[str, list[ScoredVideo]]]:
    """Every person as an answer to the labels, on the frames that the person judged too."""
    names = dict.fromkeys(name for video in videos for name in video.people)
    return [(name, [_answer(video, name, tuple(class_names)) for video in videos]) for name in names]


def _answer(video: LabelledByPeople, name: str, class_names: tuple[str, ...]) -> ScoredVideo:
    said = video.people.get(name)
    if said is None:
        said = np.full(video.marks.shape, UNCURATABLE, np.int8)
    truth = np.where((said == YES) | (said == NO), video.marks, np.int8(UNCURATABLE))
    return ScoredVideo(
        name=video.name, class_names=class_names, truth=truth, said=said == YES, probabilities=None, fps=video.fps, groups=video.groups
    )


def _marks(path: Path, asked: ReadOptions, names: Sequence[str], left_out: Sequence[str], *, frames: int) -> Marks:
    reading = read_ethograms(path, asked)
    if len(reading.ethograms) > 1:
        parts = "; ".join(one.title for one in reading.ethograms)
        raise LabelError(f"{path}: holds {len(reading.ethograms)} sets of labels ({parts}); choose one with --channel, or split it")
    labels = reading.ethograms[0]
    if not set(names) & set(labels.class_names):
        raise LabelError(f"{path}: has the classes {', '.join(labels.class_names)}; expected some of {', '.join(names)}")
    marks, _ = marks_of(labels, names, left_out, frames=frames, name=path.name)
    marks[:, [name not in labels.class_names for name in names]] = UNCURATABLE
    return marks
