"""Which point is which in a mirrored image: a left one takes the place of its right partner, as far as their names say."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from trainer.errors import LabelError
from trainer.labels.misnamed import did_you_mean
from trainer.labels.side_marks import LEVELS, Mark, marks_of, plain, without_digits

Pairs = tuple[tuple[str, str], ...]

COMPANY = 2  # a first or last letter before an unknown word ("LSHO", "RSHO") is a side only where so many pairs are named in this way
SUBSETS = 4  # marks of a name beyond these are not tried one by one


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """What is known of left and right among the key points of an animal.

    Attributes:
        pairs: names that change places in a mirrored image, the left one first where it is known.
        unpaired: names that speak of a side, without one partner that could be told: a mirrored image would be given wrong names.
    """

    pairs: Pairs
    unpaired: tuple[str, ...]

    def order(self, point_names: Sequence[str]) -> tuple[int, ...] | None:
        """For every point the index of its partner, or its own; None where images must not be mirrored."""
        return None if self.unpaired else order_of(point_names, self.pairs)


def sides_of(point_names: Sequence[str], *, said: Iterable[tuple[str, str]] = ()) -> Sides:
    """Read sides from names.

    Args:
        point_names: of one animal.
        said: pairs that somebody has named; their points are not judged by their names. A point paired with itself has no side.

    Raises:
        LabelError: a pair names an unknown point, or a point is in two pairs.
    """
    named = tuple(said)
    _refuse_bad(named, point_names)
    settled = {name for pair in named for name in pair}
    partners = {one: other for pair in named for one, other in (pair, pair[::-1])}
    found = _read(point_names)
    unpaired = [name for name in found.unpaired if name not in settled]
    for one, other in found.pairs:
        if not {one, other} & settled:
            partners |= {one: other, other: one}
        else:
            unpaired += [name for name in (one, other) if name not in settled]  # its partner was given to another
    pairs = [(one, other) for one, other in [*named, *found.pairs] if one != other and partners.get(one) == other]
    place = {name: index for index, name in enumerate(point_names)}
    return Sides(
        pairs=tuple(dict.fromkeys(sorted(pairs, key=lambda pair: min(place[pair[0]], place[pair[1]])))),
        unpaired=tuple(sorted(unpaired, key=place.__getitem__)),
    )


def swapped_order(point_names: Sequence[str]) -> tuple[int, ...] | None:
    """Where each point finds its name in a mirrored image: "leftear" takes the place of "rightear".

    Returns:
        For every point the index of its mirror partner (itself where there is none to have), or None where a name speaks of
        a side and no partner can be told: such an animal cannot be mirrored.
    """
    return sides_of(point_names).order(point_names)


def order_of(point_names: Sequence[str], pairs: Iterable[tuple[str, str]]) -> tuple[int, ...]:
    """For every point the index of its partner in `pairs`, or its own."""
    place = {name: index for index, name in enumerate(point_names)}
    order = list(range(len(point_names)))
    for one, other in pairs:
        order[place[one]], order[place[other]] = place[other], place[one]
    return tuple(order)


def _refuse_bad(named: Pairs, point_names: Sequence[str]) -> None:
    for name in (name for pair in named for name in pair):
        if name not in point_names:
            known = ", ".join(point_names)
            raise LabelError(f"pairs: '{name}' is not among the key points {known}{did_you_mean(name, point_names)}")
    counts = Counter(name for pair in named for name in set(pair))
    for name, count in counts.items():
        if count > 1:
            raise LabelError(f"pairs: '{name}' is in {count} pairs; expected each key point in one")


def _read(point_names: Sequence[str]) -> Sides:
    """By the names alone."""
    known = _Names(point_names)
    marked = {name: marks_of(name) for name in point_names}
    partner = {name: known.partner(name, marks) for name, marks in marked.items()}
    mutual = {name: (other, level) for name, (other, level) in partner.items() if other is not None and partner[other][0] == name}
    alone = _alone(mutual, marked)
    mutual = {name: found for name, found in mutual.items() if name not in alone}
    pairs = []
    for name, (other, _) in mutual.items():
        if point_names.index(name) < point_names.index(other):
            pairs.append((name, other) if _is_left(name, other) else (other, name))
    unpaired = [name for name in point_names if name not in mutual and _is_sided(name, marked[name], known=known)]
    unclear = [name for name in point_names if name in alone or (name not in mutual and _near_or_off(name, point_names))]
    return Sides(pairs=tuple(pairs), unpaired=tuple(dict.fromkeys([*unpaired, *unclear])))


class _Names:
    """Names, to be found by what they would be called on the other side."""

    def __init__(self, point_names: Sequence[str]) -> None:
        self._by_plain: dict[str, list[str]] = {}
        self._by_stem: dict[str, list[str]] = {}
        for name in point_names:
            self._by_plain.setdefault(plain(name), []).append(name)
            self._by_stem.setdefault(without_digits(name), []).append(name)

    def partner(self, name: str, marks: Sequence[Mark]) -> tuple[str | None, str]:
        """The one name that this one changes places with, None where none or several could be it; and the level of marks that says so."""
        for level in LEVELS:
            own = [mark for mark in marks if mark.level == level and not self.is_counted(name, mark)]
            found = self._partners(name, own, whole=level == "word")
            if found:
                return (found[0] if len(found) == 1 else None), level
        return None, ""

    def is_counted(self, name: str, mark: Mark) -> bool:
        """Whether a single letter is one of a series: "leg_l" beside "leg_k" and "leg_m"."""
        if mark.end - mark.start != 1 or mark.level != "letter":
            return False
        before, letter, after = plain(name)[: mark.start], plain(name)[mark.start], plain(name)[mark.end :]
        return all(f"{before}{neighbour}{after}" in self._by_plain for neighbour in {"l": "km", "r": "qs"}[letter])

    def is_initial(self, name: str) -> bool:
        """Whether a name is a letter like others: "r1" beside "t1", "i1" and "m1" is the ring finger."""
        return len(without_digits(name)) == 1 and any(len(stem) == 1 and stem not in "lr" for stem in self._by_stem)

    def _partners(self, name: str, marks: Sequence[Mark], *, whole: bool) -> list[str]:
        """Names that turning some of the marks gives; all of them at once where `whole`."""
        subsets = [tuple(marks)] if whole or len(marks) > SUBSETS else _subsets(marks)
        turned = [other for chosen in subsets if chosen for other in _turned(name, chosen)]
        exact = [found for other in turned for found in self._by_plain.get(other, ()) if found != name]
        if exact or len(self._by_stem[without_digits(name)]) > 1:
            return list(dict.fromkeys(exact))
        # "paw1LH" and "paw4RH": numbers that only count the points
        loose = [found for other in turned for found in self._by_stem.get(without_digits(other), ()) if found != name]
        return list(dict.fromkeys(loose))


def _subsets(marks: Sequence[Mark]) -> list[tuple[Mark, ...]]:
    return [chosen for count in range(1, len(marks) + 1) for chosen in combinations(marks, count) if not _overlapping(chosen)]


def _overlapping(marks: Sequence[Mark]) -> bool:
    return any(one.start < other.end and other.start < one.end for one, other in combinations(marks, 2))


def _turned(name: str, marks: Sequence[Mark]) -> Iterator[str]:
    """The name, in small letters, with these marks of the other side; an abbreviation may have several."""
    spelt = [plain(name)]
    for mark in sorted(marks, key=lambda mark: mark.start, reverse=True):
        spelt = [f"{one[: mark.start]}{other}{one[mark.end :]}" for one in spelt for other in mark.others]
    yield from spelt


def _alone(mutual: dict[str, tuple[str, str]], marked: dict[str, tuple[Mark, ...]]) -> set[str]:
    """Names that are paired by a guess, without enough company: "lcoxa" and "rcoxa" may be sides or not."""
    guessed = [name for name, (_, level) in mutual.items() if level == "guess"]
    ends = Counter(end for name in guessed for end in _ends_guessed(marked[name]))
    return {name for name in guessed if all(ends[end] < 2 * COMPANY for end in _ends_guessed(marked[name]))}


def _ends_guessed(marks: Iterable[Mark]) -> set[bool]:
    return {mark.first for mark in marks if mark.level == "guess"}


def _is_sided(name: str, marks: Sequence[Mark], *, known: _Names) -> bool:
    return any(mark.sure and not known.is_counted(name, mark) for mark in marks) and not known.is_initial(name)


def _is_left(name: str, other: str) -> bool:
    """Whether the first of two partners is the left one: the first letter in which they differ tells."""
    differing = next(((a, b) for a, b in zip(plain(name), plain(other), strict=False) if a != b and {a, b} & {"l", "r"}), ("l", "r"))
    return differing[0] == "l" or differing[1] == "r"


def _near_or_off(name: str, point_names: Sequence[str]) -> bool:
    """A horse's near side is its left one to a rider, and the nearer one to a camera; only who labelled it knows."""
    lower = plain(name)
    others = {plain(other) for other in point_names}
    return any(one in lower and lower.replace(one, other) in others for one, other in (("near", "off"), ("off", "near")))
