"""Errors by tag and by video or animal: the mean over all frames hides under what conditions a network fails."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.scoring.evaluation import Evaluation
from trainer.scoring.metrics import PointErrors

UNTAGGED = "no tag"
SHIFTS = 1999  # chance arrangements that an observed difference is compared with
FEWEST_SHIFTS = 20  # with fewer possible arrangements no result could be rarer than 1 in 20
CHANCE = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class TagErrors:
    """The frames with one tag against those without it.

    Attributes:
        tag: its name, or UNTAGGED for the frames that have none.
        frames: how many have it.
        errors: theirs.
        larger_px: by how much the mean error of a frame with the tag exceeds that of a frame without; NaN where one of
            the two kinds is missing.
        p: chance of a difference at least as large, either way, if the tag had nothing to do with the error; None where
            too few arrangements exist to say.
    """

    tag: str
    frames: int
    errors: PointErrors
    larger_px: float
    p: float | None

    @property
    def sentence(self) -> str:
        """Whether large errors could be related to the tag, with the figures that say so."""
        about = f"{self.tag}: a mean error {abs(self.larger_px):.2f} px {'larger' if self.larger_px > 0 else 'smaller'} than elsewhere"
        if math.isnan(self.larger_px):
            return f"{self.tag}: no frame to compare with."
        if self.p is None:
            return f"{about}, but {self.frames} frames are too few to tell whether that is chance."
        if self.p < CHANCE:
            kind = "Large" if self.larger_px > 0 else "Small"
            return f"{about} (p = {self.p:.3f}). {kind} errors are related to {self.tag}."
        return f"{about} (p = {self.p:.2f}): these frames do not show that errors are related to {self.tag}."


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupErrors:
    """The frames of one video or animal."""

    group: str
    frames: int
    errors: PointErrors


def by_tag(evaluation: Evaluation, *, seed: int = 0) -> tuple[TagErrors, ...]:
    """Errors for each tag, sorted by name, and last for the frames without any; empty where no frame has a tag.

    A frame with several tags counts for each of them. The chance of a difference is that of a permutation test whose
    permutations shift the tags in time, round and round within each group: neighbouring frames share tag and error, and
    free permutations would take every one of them for a new piece of evidence (circular shifts: Lancaster et al. 2018,
    "Surrogate data for hypothesis testing of physical systems").
    """
    names = sorted(set().union(*evaluation.frames.tags))
    if not names:
        return ()
    masks = {name: np.array([name in tags for tags in evaluation.frames.tags]) for name in names}
    masks[UNTAGGED] = np.array([not tags for tags in evaluation.frames.tags])
    return tuple(_tag(evaluation, name, mask, seed=seed) for name, mask in masks.items() if mask.any())


def by_group(evaluation: Evaluation) -> tuple[GroupErrors, ...]:
    """Errors for each video or animal, in the order in which they first appear."""
    group = np.array(evaluation.frames.group)
    masks = {name: group == name for name in dict.fromkeys(evaluation.frames.group)}
    return tuple(GroupErrors(group=name, frames=int(mask.sum()), errors=evaluation.errors.of_frames(mask)) for name, mask in masks.items())


def in_time(group: tuple[str, ...], order: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Indices of the frames of each group, in order of time."""
    names = np.array(group)
    members = [np.flatnonzero(names == name) for name in dict.fromkeys(group)]
    return [inside[np.argsort(order[inside], kind="stable")] for inside in members]


def _tag(evaluation: Evaluation, name: str, mask: NDArray[np.bool_], *, seed: int) -> TagErrors:
    error = evaluation.errors.per_frame_px
    known = ~np.isnan(error)
    sequences = [inside[known[inside]] for inside in in_time(evaluation.frames.group, evaluation.frames.order)]
    sequences = [inside for inside in sequences if inside.size]
    order = np.concatenate(sequences) if sequences else np.zeros(0, np.int64)
    lengths = [len(inside) for inside in sequences]
    larger, p = _shift_test(mask[order], error[order], lengths, seed=seed)
    return TagErrors(tag=name, frames=int(mask.sum()), errors=evaluation.errors.of_frames(mask), larger_px=larger, p=p)


def _shift_test(mask: NDArray[np.bool_], error: NDArray[np.float64], lengths: list[int], *, seed: int) -> tuple[float, float | None]:
    """Difference of the means, and how often shifted tags give one as large.

    Args:
        mask: (n,), which frames have the tag, group after group.
        error: (n,) px.
        lengths: of the groups.
        seed: of the shifts.
    """
    if not mask.any() or mask.all():
        return math.nan, None
    parts = np.split(mask, np.cumsum(lengths)[:-1])
    if math.prod(_arrangements(part) for part in parts) < FEWEST_SHIFTS:
        return _difference(mask, error), None
    rng = np.random.default_rng(seed)
    observed = _difference(mask, error)
    shifted = (np.concatenate([np.roll(part, rng.integers(len(part))) for part in parts]) for _ in range(SHIFTS))
    as_large = sum(abs(_difference(one, error)) >= abs(observed) - 1e-12 for one in shifted)
    return observed, (1 + as_large) / (1 + SHIFTS)


def _arrangements(part: NDArray[np.bool_]) -> int:
    """How many different sequences shifting gives."""
    return next((step for step in range(1, len(part)) if np.array_equal(np.roll(part, step), part)), len(part))


def _difference(mask: NDArray[np.bool_], error: NDArray[np.float64]) -> float:
    return float(error[mask].mean() - error[~mask].mean())
