"""How well animals keep their identity over a video, against people's tracks. Pure; never imports torch.

Frame by frame: CLEAR MOT (Bernardin & Stiefelhagen 2008, "Evaluating multiple object tracking performance"). Over the whole
video: IDF1 (Ristani et al. 2016, "Performance measures and a data set for multi-target, multi-camera tracking").
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped]

from trainer.scoring.assignment import best_pairs, mean_distances, present, reach_px


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityScore:
    """What became of the animals of a video.

    Attributes:
        frames: how many.
        labelled: animals with a label, over all frames.
        found: those that a tracked animal was near enough to.
        false: tracked animals that were near no labelled one.
        switch_frames: frames in which an animal was found under another identity than when it was last found; one entry
            for each such animal, so that two animals that swap count twice.
        identified: animals found under the identity that is theirs over the whole video, the pairing of identities and
            animals being the best there is.
    """

    frames: int
    labelled: int
    found: int
    false: int
    switch_frames: tuple[int, ...]
    identified: int

    @property
    def switches(self) -> int:
        """How often an animal was found under a new identity."""
        return len(self.switch_frames)

    @property
    def missed(self) -> int:
        """Labelled animals that were not found."""
        return self.labelled - self.found

    @property
    def mota(self) -> float:
        """1 - (missed + false + switches) / labelled."""
        return 1 - (self.missed + self.false + self.switches) / self.labelled if self.labelled else math.nan

    @property
    def idf1(self) -> float:
        """2 · identified / (labelled + tracked): 1 only if every animal is found in every frame under one identity."""
        whole = self.labelled + self.found + self.false
        return 2 * self.identified / whole if whole else math.nan


def score_identity(tracked: NDArray[np.floating], truth: NDArray[np.float64], *, spot_px: float) -> IdentityScore:
    """Compare a tracked video with its labels.

    An animal that was found under an identity in the frame before keeps it as long as the two stay near enough, half the
    animal's size; the others are paired so that their distances are least.

    Args:
        tracked: (n, A, K, 3), source pixels; row a is identity a, all zero where it was not found.
        truth: (n, L, K, 2), row l is the same animal throughout, NaN where it is not labelled.
        spot_px: how far off an animal of a single point may be, which has no size.
    """
    last: dict[int, int] = {}  # animal → identity it was last found under
    switch_frames: list[int] = []
    found = false = 0
    shared = np.zeros((truth.shape[1], tracked.shape[1]), np.int64)
    for frame, (rows, labels) in enumerate(zip(tracked, truth, strict=True)):
        there = present(rows)
        distance = np.where(there, mean_distances(labels, rows), np.nan)
        near = distance <= reach_px(labels, spot_px)
        shared += near
        pairs = _pairs(distance, near, last)
        switch_frames += [frame for animal, identity in pairs if last.get(animal, identity) != identity]
        last.update(pairs)
        found += len(pairs)
        false += int(there.sum()) - len(pairs)
    labelled = int((~np.isnan(truth[..., 0])).any(axis=2).sum())
    return IdentityScore(
        frames=len(truth),
        labelled=labelled,
        found=found,
        false=false,
        switch_frames=tuple(switch_frames),
        identified=int(shared[linear_sum_assignment(-shared)].sum()),
    )


def _pairs(distance: NDArray[np.float64], near: NDArray[np.bool_], last: dict[int, int]) -> list[tuple[int, int]]:
    """(animal, identity) of one frame."""
    kept = [(animal, identity) for animal, identity in last.items() if near[animal, identity]]
    # two animals may have been last found under one identity, at different times
    kept = list({identity: (animal, identity) for animal, identity in sorted(kept, key=lambda pair: -distance[pair])}.values())
    free = near.copy()
    for animal, identity in kept:
        free[animal] = False
        free[:, identity] = False
    others = best_pairs(np.where(free, distance, np.nan))
    return kept + [(int(animal), int(identity)) for animal, identity in others]
