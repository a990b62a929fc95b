"""What keeps a project free of frames that teach nothing new: near-duplicates of what it has, and of what was just chosen."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.selection.candidates import Candidates, distances
from trainer.selection.thumbnail import Grey

ALIKE_STEPS = 1.5  # times the median change from frame to frame, which is what an animal of usual speed does in one frame
ALIKE_NOISE = 1.5  # times the change that light and camera make
ALIKE_SHARE = (0.05, 0.25)  # of the largest changes within a second. The least: the slow drift of a compressed picture where
# nothing moves. The most: a small animal that moves by its length from frame to frame is in no two frames at the same place.
LARGEST = 99  # per cent; one second in a hundred with movement is enough to know how much a movement changes
LEAST = 0.1  # grey levels; what rounding leaves of no change at all
SMALLEST_GAP_S = 0.2  # between two frames of one video, where it is long enough for that
GAP_SHARE = 0.25  # of the time that falls to each chosen frame


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the project has already.

    Attributes:
        numbers: frames of the same video, int64 (k).
        thumbnails: of all frames of all videos, float32 (m, pixels).
    """

    numbers: NDArray[np.int64]
    thumbnails: Grey


def alike_below(candidates: Candidates) -> float:
    """The difference up to which two frames of this video count as the same picture, in grey levels of `distances`."""
    lag = _lag(candidates)
    later, earlier = candidates.thumbnails[lag:], candidates.thumbnails[: len(candidates) - lag]
    difference = later - earlier
    within_a_second = difference.std(axis=1) if len(difference) else np.zeros(1)
    least, most = (share * float(np.percentile(within_a_second, LARGEST)) for share in ALIKE_SHARE)
    return max(LEAST, ALIKE_NOISE * _median(candidates.noise), min(max(ALIKE_STEPS * _median(candidates.change), least), most))


class Sieve:
    """Which candidates may still be taken, given what the project has and what has been taken since."""

    def __init__(self, candidates: Candidates, known: Known, *, count: int, alike: float | None) -> None:
        """Set aside what the project has.

        Args:
            candidates: of one video.
            known: what is there already.
            count: how many frames are wanted, which says how near in time two may be.
            alike: difference up to which two frames are near-duplicates; None lets near-duplicates through.
        """
        self._candidates = candidates
        self._alike = alike
        self.smallest_gap_s = min(SMALLEST_GAP_S, GAP_SHARE * candidates.duration_s / count)
        self.in_project = np.isin(candidates.numbers, known.numbers)
        self.near_duplicate = ~self.in_project & self._like(known.thumbnails)
        self.too_near = np.zeros(len(candidates), bool)
        self.taken: list[int] = []
        self._times = [float(second) for second in candidates.seconds[self.in_project]]

    def open(self) -> NDArray[np.int64]:
        """Indices of the candidates that are neither in the project nor like any frame of it."""
        return np.flatnonzero(~(self.in_project | self.near_duplicate))

    def take(self, index: int, *, gap_s: float) -> bool:
        """Take a candidate unless it is taken, set aside, or within `gap_s` of another frame of its video that is taken."""
        if self.in_project[index] or self.near_duplicate[index] or index in self.taken:
            return False
        second = self._candidates.seconds[index]
        self.too_near[index] = any(abs(second - other) < gap_s for other in self._times)
        if self.too_near[index]:
            return False
        thumbnails = self._candidates.thumbnails
        if self._alike is not None and self.taken:
            self.near_duplicate[index] = bool((distances(thumbnails[[index]], thumbnails[self.taken]) <= self._alike).any())
        if self.near_duplicate[index]:
            return False
        self.taken.append(index)
        self._times.append(float(second))
        return True

    def left_out(self) -> dict[str, int]:
        """How many candidates were looked at and left, by reason."""
        return {
            "in_project": int(self.in_project.sum()),
            "near_duplicate": int(self.near_duplicate.sum()),
            "too_near_in_time": int(self.too_near.sum()),
        }

    def _like(self, thumbnails: Grey) -> NDArray[np.bool_]:
        if self._alike is None or not len(thumbnails):
            return np.zeros(len(self._candidates), bool)
        return np.asarray((distances(self._candidates.thumbnails, thumbnails) <= self._alike).any(axis=1))


def _median(values: NDArray[np.float32]) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if known.size else 0.0


def _lag(candidates: Candidates) -> int:
    """How many candidates make a second, at least one."""
    apart = candidates.duration_s / max(1, len(candidates) - 1)
    return max(1, min(round(1 / apart), len(candidates) - 1)) if apart > 0 else 1
