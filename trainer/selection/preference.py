"""What every method of choosing answers: which candidates it wants, in which order, and why."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from trainer.selection.duplicates import Sieve

_MOST_OF_A_LOOK = (1, 2, 4, 2**31)  # frames of one cluster of look-alikes, raised where too few can be taken


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
        looks: by index, which cluster of look-alikes a candidate is of: one frame is taken of each before a second of any.
            Empty where looks do not matter.
    """

    bins: Sequence[Sequence[int]]
    reason: Callable[[int], Reason]
    spread_s: float = 0.0
    rest: Sequence[int] = ()
    looks: Mapping[int, int] = field(default_factory=dict)


def choose(preference: Preference, sieve: Sieve, count: int) -> list[int]:
    """Take up to `count` candidates through the sieve: the most wanted of every bin, then the next of every bin.

    Returns:
        Indices, in the order in which they were taken.
    """
    for bins in (preference.bins, [preference.rest]):
        given = [0] * len(bins)
        for of_each_look in _MOST_OF_A_LOOK if preference.looks else (count,):
            open_ = _Looks(preference.looks, sieve, of_each_look)
            gap_s = max(preference.spread_s, sieve.smallest_gap_s)
            _go_round(bins, given, sieve, count=count, gap_s=gap_s, open_=open_)
            while len(sieve.taken) < count and gap_s > sieve.smallest_gap_s:
                gap_s = max(gap_s / 2, sieve.smallest_gap_s)
                _go_round(bins, given, sieve, count=count, gap_s=gap_s, open_=open_)
    return list(sieve.taken)


class _Looks:
    """Which candidates are of a cluster of look-alikes that has not given its share yet."""

    def __init__(self, looks: Mapping[int, int], sieve: Sieve, most: int) -> None:
        self._looks, self._sieve, self._most = looks, sieve, most

    def __call__(self, index: int) -> bool:
        if not self._looks:
            return True
        own = self._looks.get(index)
        return sum(self._looks.get(taken) == own for taken in self._sieve.taken) < self._most


def _go_round(
    bins: Sequence[Sequence[int]], given: list[int], sieve: Sieve, *, count: int, gap_s: float, open_: Callable[[int], bool]
) -> None:
    """Take from the bin that has given the fewest, until none has any more to give; `given` counts on from round to round."""
    left = {number: iter(wanted) for number, wanted in enumerate(bins)}
    while left and len(sieve.taken) < count:
        number = min(left, key=lambda each: (given[each], each))
        if any(open_(index) and sieve.take(index, gap_s=gap_s) for index in left[number]):
            given[number] += 1
        else:
            del left[number]
