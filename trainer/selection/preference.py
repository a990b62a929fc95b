"""What every method of choosing answers: which candidates it wants, in which order, and why."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from trainer.selection.duplicates import Sieve


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a frame was chosen.

    Attributes:
        why: in a word or two; frames that share it are told apart by nothing else in the project.
        detail: the figure behind it, for people.
    """

    why: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """Candidates by index, in bins of which each gives one frame in turn.

    Attributes:
        bins: the most wanted first in each.
        reason: why a candidate is wanted.
        spread_s: how far apart in time the chosen frames should be; less where that leaves too few.
        rest: what to take when the bins have no more to give, the most wanted first.
    """

    bins: Sequence[Sequence[int]]
    reason: Callable[[int], Reason]
    spread_s: float = 0.0
    rest: Sequence[int] = ()


def choose(preference: Preference, sieve: Sieve, count: int) -> list[int]:
    """Take up to `count` candidates through the sieve: the most wanted of every bin, then the next of every bin.

    Returns:
        Indices, in the order in which they were taken.
    """
    for bins in (preference.bins, [preference.rest]):
        gap_s = max(preference.spread_s, sieve.smallest_gap_s)
        _go_round(bins, sieve, count=count, gap_s=gap_s)
        while len(sieve.taken) < count and gap_s > sieve.smallest_gap_s:
            gap_s = max(gap_s / 2, sieve.smallest_gap_s)
            _go_round(bins, sieve, count=count, gap_s=gap_s)
    return list(sieve.taken)


def _go_round(bins: Sequence[Sequence[int]], sieve: Sieve, *, count: int, gap_s: float) -> None:
    left = [iter(wanted) for wanted in bins]
    while left:
        for wanted in list(left):
            if len(sieve.taken) >= count:
                return
            if not any(sieve.take(index, gap_s=gap_s) for index in wanted):
                left.remove(wanted)
