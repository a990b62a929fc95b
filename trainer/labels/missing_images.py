"""Labelled frames whose picture or video is not there: a fault, unless it was asked to leave them out."""

from collections import Counter
from collections.abc import Mapping

from trainer.errors import LabelError

REMEDY = "`trainer project import` has --media for a folder elsewhere, and --skip-missing to leave out such frames"


class MissingImageError(LabelError):
    """The image of a labelled frame is not there."""


class LeftOut:
    """Counts the frames that reading leaves out; one that several label files speak of counts once."""

    def __init__(self) -> None:
        self._problems: dict[tuple[str, str], MissingImageError] = {}

    def add(self, problem: MissingImageError, *, group: str, name: str) -> None:
        """Leave out the frame `name` of a video, or folder of pictures, `group`."""
        self._problems.setdefault((group, name), problem)

    @property
    def by_group(self) -> Mapping[str, int]:
        """How many frames of each video or folder were left out."""
        return Counter(group for group, _ in self._problems)

    def refuse_nothing_left(self, source: str, *, left: int) -> None:
        """Refuse labels of which no frame is left.

        Raises:
            LabelError: frames were left out, and none is `left`.
        """
        if self._problems and not left:
            count, first = len(self._problems), next(iter(self._problems.values()))
            raise LabelError(f"{source}: none of its {count} labelled frames has its picture, so nothing is left; the first: {first}")
