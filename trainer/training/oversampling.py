"""How often each frame is shown in one pass over them: those with a rare point, video or tag more often, where that is asked for."""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trainer.errors import TrainingError
from trainer.labels.labelled_frames import LabelledFrames

Oversampled = Literal["nothing", "points", "videos", "tags"]

MOST = 5  # times as often: of a few frames shown more often than that, their very pixels would be learnt
MOST_NAMED = 4  # in a sentence; more are counted
UNTAGGED = "no tag"


class _Kinds(NamedTuple):
    """What frames are of: which of `names` each is, bool (n, names)."""

    names: tuple[str, ...]
    has: NDArray[np.bool_]

    @property
    def factor(self) -> NDArray[np.int64]:
        """How often a frame of each kind is shown: (names,)."""
        count = np.maximum(self.has.sum(axis=0), 1)
        return np.asarray(np.clip(np.rint(count.max(initial=1) / count), 1, MOST), np.int64)


def times_shown(frames: LabelledFrames, by: Oversampled) -> NDArray[np.int64]:
    """How often a pass shows each frame: int64 (n,), 1 to MOST; as often as its rarest point, video or tag asks for.

    Raises:
        TrainingError: by tags, of frames without any.
    """
    if by == "nothing":
        return np.ones(len(frames), np.int64)
    kinds = _kinds(frames, by)
    return np.asarray(np.where(kinds.has, kinds.factor, 1).max(axis=1, initial=1), np.int64)


def oversampling_sentence(frames: LabelledFrames, by: Oversampled) -> str | None:
    """What is shown how often, for people; None where nothing was asked for.

    Raises:
        TrainingError: as `times_shown`.
    """
    if by == "nothing":
        return None
    kinds = _kinds(frames, by)
    count, factor = kinds.has.sum(axis=0).tolist(), kinds.factor.tolist()
    rare = [
        f"'{name}' ({number} of {len(frames)} frames) {times} times"
        for name, number, times in sorted(zip(kinds.names, count, factor, strict=True), key=lambda kind: kind[1])
        if times > 1 and number
    ]
    if not rare:
        return f"oversampling by {by} changes nothing: none is half as frequent as another"
    more = len(rare) - MOST_NAMED
    return f"oversampling by {by}: in each pass a frame is shown once, with {', '.join(rare[:MOST_NAMED])}" + (
        f", and {more} more" if more > 0 else ""
    )


def _kinds(frames: LabelledFrames, by: Oversampled) -> _Kinds:
    if by == "points":
        return _Kinds(frames.point_names, np.asarray((~np.isnan(frames.points[..., 0])).any(axis=1), bool))
    if by == "videos":
        names = tuple(dict.fromkeys(frames.group))
        return _Kinds(names, np.array([[group == name for name in names] for group in frames.group], bool).reshape(-1, len(names)))
    tags = sorted(frozenset[str]().union(*frames.tags))
    if not tags:
        raise TrainingError("--oversample tags: no training frame has a tag; tag frames in `trainer label`, or oversample points or videos")
    has = [[*(tag in own for tag in tags), not own] for own in frames.tags]
    return _Kinds((*tags, UNTAGGED), np.array(has, bool))
