"""The folds of a cross-validation: every frame is held out exactly once. Blocks of time, whole videos, whole animals, or chance."""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from trainer.errors import TrainingError
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.numeric_order import numeric_key
from trainer.labels.split import Split, split_block

logger = logging.getLogger(__name__)

By = Literal["blocks", "videos", "animals", "random"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """One fold: a name fit for a folder, and the split."""

    name: str
    split: Split


def folds_of(frames: LabelledFrames, *, by: By, folds: int, animal: str | None, seed: int) -> list[Fold]:
    """Divide frames into folds.

    Args:
        frames: what to divide.
        by: what is kept together.
        folds: how many; there are fewer where there are fewer videos or animals.
        animal: regular expression whose first group is the animal's name in a video's name; for `animals` only.
        seed: of the random division.

    Raises:
        TrainingError: there is too little to divide, or the expression does not fit.
    """
    if folds < 2 or folds > len(frames):
        raise TrainingError(f"{folds} folds of {len(frames)} labelled frames were asked for; expected 2 to {len(frames)}")
    if by == "blocks":
        return [Fold(name=f"block{fold + 1}", split=split_block(frames, fold, folds=folds)) for fold in range(folds)]
    if by == "random":
        return _random(len(frames), folds, seed)
    owners = list(frames.group) if by == "videos" else animals_of(frames.group, animal)
    return _whole(owners, by=by, folds=folds)


def animals_of(groups: Sequence[str], pattern: str | None) -> list[str]:
    """The animal of each frame, found in its video's name.

    Raises:
        TrainingError: no expression, one that cannot be read or has no group, or a name that it does not fit.
    """
    if pattern is None:
        raise TrainingError(
            f"a label file names videos, not animals; say with --animal where an animal's name stands in a video's, such as "
            f"--animal '^(m[0-9]+)' (the first video is '{groups[0]}')"
        )
    try:
        compiled = re.compile(pattern)
    except re.error as problem:
        raise TrainingError(f"--animal '{pattern}' is not a regular expression: {problem}") from None
    if compiled.groups < 1:
        raise TrainingError(f"--animal '{pattern}' has no group in brackets; put the animal's name in brackets, such as '^(m[0-9]+)'")
    found = {group: compiled.search(group) for group in set(groups)}
    if strangers := sorted(group for group, match in found.items() if match is None or not match[1]):
        raise TrainingError(f"--animal '{pattern}' finds no animal in the name of video '{strangers[0]}'; correct the expression")
    return [match[1] for group in groups if (match := found[group]) is not None]


def _whole(owners: Sequence[str], *, by: By, folds: int) -> list[Fold]:
    """Whole videos or animals, spread over the folds so that these become equally large: the largest first, each to the smallest fold."""
    names, counts = np.unique(np.array(owners), return_counts=True)
    if len(names) < 2:
        raise TrainingError(f"all frames are of '{names[0]}'; to hold out whole {by}, label frames of two {by} or more, or use --by blocks")
    members: list[list[str]] = [[] for _ in range(min(folds, len(names)))]
    sizes = [0] * len(members)
    for place in np.lexsort((names, -counts)).tolist():
        smallest = sizes.index(min(sizes))
        members[smallest].append(str(names[place]))
        sizes[smallest] += int(counts[place])
    members.sort(key=lambda held: numeric_key(held[0]))
    kind = by.removesuffix("s")
    return [
        Fold(name=f"{kind}{number + 1}", split=_held_out([owner in held for owner in owners], f"{', '.join(sorted(held))} held out"))
        for number, held in enumerate(members)
    ]


def _random(count: int, folds: int, seed: int) -> list[Fold]:
    logger.warning(
        "random folds: neighbouring frames fall on both sides, so the held-out error is too good; use --by blocks, videos or animals"
    )
    fold_of = np.empty(count, np.int64)
    fold_of[np.random.default_rng(seed).permutation(count)] = np.arange(count) * folds // count
    note = f"(seed {seed}); neighbouring frames leak"
    return [
        Fold(name=f"random{fold + 1}", split=_held_out(fold_of == fold, f"random fold {fold + 1} of {folds} held out {note}"))
        for fold in range(folds)
    ]


def _held_out(chosen: Sequence[bool] | NDArray[np.bool_], description: str) -> Split:
    mask = np.asarray(chosen, bool)
    return Split(train=np.flatnonzero(~mask), held_out=np.flatnonzero(mask), description=description)
