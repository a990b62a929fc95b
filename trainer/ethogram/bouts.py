"""Labels of behaviour: bouts of classes in frames of one video, and the same as one mark per frame and class."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tracker.parsing.one_line import is_one_line
from trainer.errors import LabelError

YES, NO, UNCURATABLE, TO_DECIDE = 1, 0, -1, 2
Mark = Literal["yes", "uncuratable", "to decide"]  # "no" is where there is no bout
MARKS: dict[Mark, int] = {"yes": YES, "uncuratable": UNCURATABLE, "to decide": TO_DECIDE}
_NAMES: dict[int, Mark] = {number: mark for mark, number in MARKS.items()}

Marks = NDArray[np.int8]  # (frames, classes): YES, NO, UNCURATABLE or TO_DECIDE


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Bout:
    """A run of frames of one class.

    Attributes:
        first: its first frame, counted from 0.
        end: the first frame after it.
        name: of the class.
        mark: what is said of these frames.
    """

    first: int
    end: int
    name: str
    mark: Mark = "yes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ethogram:
    """What one person or program said of one video.

    Attributes:
        class_names: every class that could be marked, in the file's order; only those that were, where `lists_classes` is False.
        bouts: in order of time. Bouts of one class do not share a frame.
        frames: how many were judged, counted from the video's first; at least up to the last bout's end.
        fps: frames per second, None where the file does not say.
        video: what the file calls the video or observation; may be empty.
        subject: which animal it is about; empty where the file tells none apart.
        channel: which of several sets of classes in one file; empty where there is one.
        lists_classes: whether a class that is not named was not judged. False where a form names no class but those that are on, as
            BORIS's tables do: there, a class that is not named was on in no frame.
    """

    class_names: tuple[str, ...]
    bouts: tuple[Bout, ...]
    frames: int
    fps: float | None = None
    video: str = ""
    subject: str = ""
    channel: str = ""
    lists_classes: bool = True

    @property
    def title(self) -> str:
        """Which part of its file this is, for sentences: "video, subject, channel"; empty where the file holds one."""
        return ", ".join(part for part in (self.video, self.subject, self.channel) if part)

    def marks(self) -> Marks:
        """One mark per frame and class, int8 (frames, classes)."""
        marks = np.full((self.frames, len(self.class_names)), NO, np.int8)
        for bout in self.bouts:
            marks[bout.first : bout.end, self.class_names.index(bout.name)] = MARKS[bout.mark]
        return marks

    def of_class(self, name: str, mark: Mark = "yes") -> NDArray[np.int64]:
        """The bouts of a class, int64 (bouts, 2): first frame and the first frame after."""
        pairs = [(bout.first, bout.end) for bout in self.bouts if bout.name == name and bout.mark == mark]
        return np.array(pairs, np.int64).reshape(-1, 2)


def ethogram(
    class_names: Sequence[str],
    bouts: Sequence[Bout],
    *,
    where: str,
    frames: int = 0,
    fps: float | None = None,
    video: str = "",
    subject: str = "",
    channel: str = "",
) -> Ethogram:
    """Put bouts in order and check them.

    Args:
        class_names: in the order to keep.
        bouts: in any order.
        where: file and part of it, for the sentence of a refusal.
        frames: how many were judged, as far as is known; raised to the last bout's end.
        fps: frames per second.
        video: as in `Ethogram`.
        subject: as in `Ethogram`.
        channel: as in `Ethogram`.

    Raises:
        LabelError: no class, a class twice, a bout before frame 0, empty, of no class, or that shares frames with another of its class.
    """
    start = where.rstrip(" :,")
    names = tuple(class_names)
    if not names:
        raise LabelError(f"{start}: names no class of behaviour; expected at least one")
    for name in names:
        if not name.strip():
            raise LabelError(f"{start}: a class of behaviour has no name; give it one")
        if not is_one_line(name):
            raise LabelError(f"{start}: has a class of behaviour {name!r:.60}; expected a name of printable characters on one line")
        if names.count(name) > 1:
            raise LabelError(f"{start}: the class '{name}' stands twice; expected each once")
    if fps is not None and not 0 < fps < 1e6:
        raise LabelError(f"{start}: {fps:g} frames per second; expected more than 0")
    ordered = tuple(sorted(bouts))
    ends: dict[str, Bout] = {}
    for bout in ordered:
        said = f"{start}: the bout of '{bout.name}' from frame {bout.first} to before {bout.end}"
        if bout.name not in names:
            raise LabelError(f"{said} is of no class that is listed ({', '.join(names)}); add the class or rename the bout")
        if bout.first < 0 or bout.end <= bout.first:
            raise LabelError(f"{said} is {'before the video' if bout.first < 0 else 'empty'}; expected frames from 0 on, first before end")
        before = ends.get(bout.name)
        if before is not None and bout.first < before.end:
            raise LabelError(
                f"{said} begins before that from frame {before.first} has ended (before {before.end}); end one of the two first"
            )
        ends[bout.name] = bout
    last = max((bout.end for bout in ordered), default=0)
    return Ethogram(class_names=names, bouts=ordered, frames=max(frames, last), fps=fps, video=video, subject=subject, channel=channel)


def bouts_of_marks(marks: Marks, class_names: Sequence[str]) -> list[Bout]:
    """Runs of one mark as bouts; `NO` makes none.

    Args:
        marks: int8 (frames, classes).
        class_names: of its columns.
    """
    bouts = []
    for place, name in enumerate(class_names):
        column = marks[:, place]
        edges = np.flatnonzero(np.diff(column)) + 1
        for first, end in zip([0, *edges.tolist()], [*edges.tolist(), len(column)], strict=True):
            if end > first and column[first] != NO:
                bouts.append(Bout(first=first, end=end, name=name, mark=_NAMES[int(column[first])]))
    return bouts
