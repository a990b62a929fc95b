"""Which labelled frames train and which are held out. Neighbouring frames are near-duplicates, so time is cut in blocks.

With one frame nothing can be held out: every split trains on it, and its description says so.
"""

import logging
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracker.bundle_description import Division
from trainer.errors import TrainingError
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.misnamed import did_you_mean
from trainer.labels.time_order import time_is_known

logger = logging.getLogger(__name__)

USUAL_FOLDS = 5
_ALL_IN_TURN, _SOME_IN_TURN = ", one frame in ", ", and one frame in "  # of a block whose frames, or some, were given out in turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A division of labelled frames: disjoint, both parts in ascending order; a synthetic set's test part is in neither.

    Attributes:
        train: int64 indices, never empty.
        held_out: int64 indices, empty only where there is a single frame.
        description: how it was cut, for bundle and report.
        of_set: the labels say it themselves, as a synthetic set's do.
    """

    train: NDArray[np.int64]
    held_out: NDArray[np.int64]
    description: str
    of_set: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitChoice:
    """Which split was asked for; the first that applies, from below upwards, is taken.

    Attributes:
        fold, folds: block of time `fold` (from 0) of `folds`; None: the middle one.
        groups: whole videos or animals, by name.
        random_fraction: so large a share of frames at random.
        seed: of the random split.
        everything: nothing is held out.
    """

    fold: int | None
    folds: int
    groups: tuple[str, ...]
    random_fraction: float | None
    seed: int
    everything: bool

    @property
    def options(self) -> tuple[str, ...]:
        """What was asked for beyond the usual, as options of `trainer fit`."""
        folds = () if self.folds == USUAL_FOLDS else ("--folds", str(self.folds))
        fold = () if self.fold is None else ("--fold", str(self.fold))
        groups = ("--hold-out", *self.groups) if self.groups else ()
        share = () if self.random_fraction is None else ("--random-split", f"{self.random_fraction:.12g}")
        return (*folds, *fold, *groups, *share, *(("--no-held-out",) if self.everything else ()))


USUAL_SPLIT = SplitChoice(fold=None, folds=USUAL_FOLDS, groups=(), random_fraction=None, seed=0, everything=False)


def choose_split(frames: LabelledFrames, choice: SplitChoice) -> Split:
    """Divide frames as asked.

    Raises:
        TrainingError: the choice does not fit the frames.
    """
    if choice.everything:
        return Split(train=np.arange(len(frames)), held_out=np.empty(0, np.int64), description="nothing held out")
    if choice.random_fraction is not None:
        return split_random(frames, choice.random_fraction, seed=choice.seed)
    if choice.groups:
        return split_groups(frames, choice.groups)
    return split_block(frames, choice.folds // 2 if choice.fold is None else choice.fold, folds=choice.folds)


def split_block(frames: LabelledFrames, fold: int, *, folds: int) -> Split:
    """Hold out one block of time: every group is cut into `folds` contiguous blocks by `order`, and block `fold` of each is held out.

    Groups with fewer frames than folds give their frames to the blocks in turn, one after the other through all of them, and
    the description says so. With fewer frames in all than folds there are as many blocks as frames, and `fold` is scaled to them.

    Args:
        frames: what to divide.
        fold: from 0; with 5 folds, 2 is the middle fifth.
        folds: how many blocks, at least 2.

    Raises:
        TrainingError: no frames, or `fold` and `folds` out of bounds.
    """
    if folds < 2 or not 0 <= fold < folds:
        raise TrainingError(f"block {fold} of {folds} was asked for; expected 2 blocks or more and a block from 0 to {folds - 1}")
    count = _count(frames)
    if count == 1:
        return _undivided()
    blocks = min(folds, count)
    chosen = fold * blocks // folds
    note = f" ({folds} asked for, {count} frames)" if blocks < folds else ""
    held_out = np.flatnonzero(_block_of(frames, blocks) == chosen)
    return _split(count, held_out, f"block {chosen + 1} of {blocks} {_how_cut(frames, blocks)}{note}")


def _how_cut(frames: LabelledFrames, blocks: int) -> str:
    """In which order the frames of blocks lie, and which are given out in turn, for want of a frame for each block."""
    counts = Counter(frames.group)
    cut = np.flatnonzero([counts[group] >= blocks for group in frames.group])
    if not len(cut):
        return f"held out{_ALL_IN_TURN}{blocks} as no video has {blocks} labelled ones"
    order = "in time" if time_is_known(frames.subset(cut)) else "in the order of their names"
    few = sum(count < blocks for count in counts.values())
    in_turn = f"{_SOME_IN_TURN}{blocks} of {few} video{'s' if few > 1 else ''} with fewer than {blocks} labelled ones"
    return f"{order} held out{in_turn if few else ''}"


def explained(description: str) -> str:
    """What a split is called, and of a block what that means and how another is chosen."""
    if not description.startswith("block "):
        return description
    judges = "of which one judges (--fold, from 0)"
    if _ALL_IN_TURN in description:
        return f"{description}: the frames go to so many blocks (--folds) in turn, from one video to the next, {judges}"
    others = "; frames of videos with fewer go to the blocks in turn" if _SOME_IN_TURN in description else ""
    return f"{description}: each video's labelled frames are cut into so many blocks in a row (--folds), {judges}{others}"


def split_groups(frames: LabelledFrames, held_out: Iterable[str]) -> Split:
    """Hold out whole videos or animals by the names of their groups.

    Raises:
        TrainingError: a name that no frame has, no name at all, or nothing left to train on.
    """
    names, known = sorted(set(held_out)), sorted(set(frames.group))
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        found = f"no frame is of '{unknown[0]}'" if unknown else "no group was named to be held out"
        raise TrainingError(f"{found}; expected some of {', '.join(known)}{did_you_mean(unknown[0], known) if unknown else ''}")
    if names == known:
        raise TrainingError(f"all groups ({', '.join(known)}) are to be held out; leave at least one to train on")
    chosen = np.flatnonzero([group in names for group in frames.group])
    return _split(_count(frames), chosen, f"{', '.join(names)} held out")


def split_random(frames: LabelledFrames, fraction: float, *, seed: int) -> Split:
    """Hold out frames at random: `fraction` of them, at least one and never all. Warns in the log, for neighbours leak.

    Raises:
        TrainingError: no frames, or a fraction that is not between 0 and 1.
    """
    if not 0 < fraction < 1:
        raise TrainingError(f"a fraction of {fraction} was asked to be held out; expected more than 0 and less than 1")
    count = _count(frames)
    if count == 1:
        return _undivided()
    logger.warning("random split: neighbouring frames fall on both sides, so the held-out error is too good; split by block or by video")
    chosen = np.random.default_rng(seed).permutation(count)[: min(max(round(count * fraction), 1), count - 1)]
    return _split(count, chosen, f"random {fraction:.0%} held out (seed {seed}); neighbouring frames leak")


def division_of(split: Split) -> Division:
    """The split as a bundle stores it."""
    return Division(train=_ranges(split.train), held_out=_ranges(split.held_out))


def split_from(division: Division, *, description: str) -> Split:
    """The split that a bundle stored."""
    return Split(train=_indices(division.train), held_out=_indices(division.held_out), description=description)


def _ranges(index: NDArray[np.int64]) -> tuple[tuple[int, int], ...]:
    """Ascending indices as ranges [first, end)."""
    runs = np.split(index, np.flatnonzero(np.diff(index) != 1) + 1) if len(index) else []
    return tuple((int(run[0]), int(run[-1]) + 1) for run in runs)


def _indices(ranges: Iterable[tuple[int, int]]) -> NDArray[np.int64]:
    return np.concatenate([np.empty(0, np.int64), *(np.arange(first, end, dtype=np.int64) for first, end in ranges)])


def _count(frames: LabelledFrames) -> int:
    if not len(frames):
        raise TrainingError("there are no labelled frames to divide; label some first")
    return len(frames)


def _undivided() -> Split:
    return Split(
        train=np.zeros(1, np.int64), held_out=np.zeros(0, np.int64), description="nothing held out: a single frame cannot be divided"
    )


def _split(count: int, held_out: NDArray[np.int64], description: str) -> Split:
    everything = np.arange(count, dtype=np.int64)
    chosen = np.sort(held_out).astype(np.int64)
    return Split(train=np.setdiff1d(everything, chosen), held_out=chosen, description=description)


def _block_of(frames: LabelledFrames, blocks: int) -> NDArray[np.int64]:
    """int64 (n,): the block each frame falls into."""
    group = np.array(frames.group)
    block = np.zeros(len(frames), np.int64)
    turn = 0  # small groups take turns, so that their frames do not all fall into the first blocks
    for name in dict.fromkeys(frames.group):
        members = np.flatnonzero(group == name)
        members = members[np.argsort(frames.order[members], kind="stable")]
        if len(members) < blocks:
            block[members] = (turn + np.arange(len(members))) % blocks
            turn += len(members)
        else:
            block[members] = np.arange(len(members)) * blocks // len(members)
    return block
