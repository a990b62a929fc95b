"""Labels that make themselves: a burst of motion follows. They look into the future, so nothing at a rig may use them."""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from trainer.errors import TrainingError

NOT_LABELLED = -1
Motion = NDArray[np.float64]  # (frames,): of the pair (t, t + 1); the last frame has none, and its value is not read
Labels = NDArray[np.int8]  # (frames,): 1 a burst follows, 0 none does, NOT_LABELLED


@dataclass(frozen=True, slots=True, kw_only=True)
class BurstRule:
    """When a burst follows. The same numbers label, train and score.

    Attributes:
        horizon: h, frames looked ahead.
        share: b, of the range ahead; quiet is at most this above the lowest.
        least_range: c, of motion; less is no burst.
        past: frames that a forecast sees, its own included: earlier frames are not labelled.
    """

    horizon: int = 45
    share: float = 0.1
    least_range: float = 0.001
    past: int = 120

    def check(self) -> None:
        """Refuse what labels nothing.

        Raises:
            TrainingError: a number out of bounds.
        """
        if self.horizon < 1 or self.past < 1:
            raise TrainingError(f"a horizon of {self.horizon} and a past of {self.past} frames; expected at least 1 each")
        if not 0 <= self.share < 1 or not self.least_range >= 0:
            raise TrainingError(f"share is {self.share:g} and least range {self.least_range:g}; expected 0 to 1, and at least 0")

    def valid(self, frames: int) -> range:
        """Frames that can be labelled: those whose past and whose horizon lie within the recording, or within one part of it."""
        return range(self.past - 1, max(self.past - 1, frames - 1 - self.horizon))


def burst_labels(motion: Motion, rule: BurstRule) -> Labels:
    """Label frame i by the motion of pairs i to i + h: 1 where their range is at least c and pair i is within b of their lowest.

    Args:
        motion: of one part of a recording; nothing outside it is looked at.
        rule: h, b and c, and the past that a forecast needs.
    """
    rule.check()
    labels = np.full(len(motion), NOT_LABELLED, np.int8)
    valid = rule.valid(len(motion))
    if valid:
        ahead = sliding_window_view(motion, rule.horizon + 1)[valid.start : valid.stop]
        low, spread = ahead.min(axis=1), np.ptp(ahead, axis=1)
        labels[valid.start : valid.stop] = (spread >= rule.least_range) & (ahead[:, 0] <= low + rule.share * spread)
    return labels


def burst_frames(motion: Motion, labels: Labels, rule: BurstRule) -> NDArray[np.int64]:
    """Runs of label 1, and when their bursts come.

    Returns:
        int64 (runs, 3): first frame of the run, the frame after its last, and the first frame by which motion has risen half of the
        range that the last frame of the run has ahead of it: there the burst is under way.
    """
    edges = np.flatnonzero(np.diff(np.concatenate(([0], labels == 1, [0])).astype(np.int8))).reshape(-1, 2)
    found = []
    for first, end in edges.tolist():
        ahead = motion[end - 1 : end + rule.horizon]
        half = ahead.min() + np.ptp(ahead) / 2
        found.append((first, end, end - 1 + int(np.flatnonzero(ahead >= half)[0]) + 1))
    return np.array(found, np.int64).reshape(-1, 3)
