"""Which point is which in a mirrored image: a left one takes the place of its right partner, as far as their names say."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from trainer.errors import LabelError
from trainer.labels.misnamed import did_you_mean
from trainer.labels.side_marks import LEVELS, Level, Mark, marks_of, plain, without_digits

Pairs = tuple[tuple[str, str], ...]

# a first or last letter run together with anything ("LSHO", "RSHO"; "LE", "RE") is a side only where so many pairs have theirs at this end
COMPANY = 2
SUBSETS = 4  # marks of a name beyond these are not tried one by one
_SERIES = {"g": "fh", "d": "ce"}  # French "G" and "D" beside a name with one of these count: "doigt_C", "doigt_D"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """What is known of left and right among the key points of an animal.

    Attributes:
        pairs: names that change places in a mirrored image, the left or ipsilateral one first where it is known.
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


def said_pairs(asked: Pairs | None, labels: Pairs) -> Pairs:
    """What was asked for, and what the label file says of the other points."""
    settled = {name for pair in asked or () for name in pair}
    return (*(asked or ()), *(pair for pair in labels if not settled & set(pair)))


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
    found = {name: known.candidates(name, marks) for name, marks in marked.items()}
    mutual = {name: other for name in point_names if (other := found[name].only) is not None and found[other].only == name}
    alone = _alone(mutual, found)
    mutual = {name: other for name, other in mutual.items() if name not in alone}
    pairs = tuple(
        (name, other) if found[name].marks_of_only[0].left else (other, name)
        for name, other in mutual.items()
        if point_names.index(name) < point_names.index(other)
    )
    unclear = {name for name in point_names if name in alone or found[name].several(name, found) or _near_or_off(name, point_names)}
    sided = {name for name in point_names if _is_sided(name, marked[name], known=known)}
    return Sides(pairs=pairs, unpaired=tuple(name for name in point_names if name in sided | unclear and name not in mutual))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidates:
    """Names that one could change places with, by its marks of one level.

    Attributes:
        turned: for each of them the marks that stand for the other side in it.
        level: of the marks.
    """

    turned: Mapping[str, tuple[Mark, ...]]
    level: Level

    @property
    def only(self) -> str | None:
        """The one name that it can be; None where none or several could be it."""
        return next(iter(self.turned)) if len(self.turned) == 1 else None

    @property
    def marks_of_only(self) -> tuple[Mark, ...]:
        """In the order of the name."""
        return next(iter(self.turned.values()))

    def several(self, name: str, found: Mapping[str, "_Candidates"]) -> bool:
        """Whether a name and another could be partners, and one of the two has others too: "LE" and "Le" beside "RE"."""
        return any(name in found[other].turned and len(self.turned) + len(found[other].turned) > 2 for other in self.turned)


class _Names:
    """Names, to be found by what they would be called on the other side."""

    def __init__(self, point_names: Sequence[str]) -> None:
        self._by_plain: dict[str, list[str]] = {}
        self._by_stem: dict[str, list[str]] = {}
        for name in point_names:
            self._by_plain.setdefault(plain(name), []).append(name)
            self._by_stem.setdefault(without_digits(name), []).append(name)

    def candidates(self, name: str, marks: Sequence[Mark]) -> _Candidates:
        """What its surest marks give that are those of a side in another name."""
        for level in LEVELS:
            own = [mark for mark in marks if mark.level == level and not self.is_counted(name, mark)]
            found = self._partners(name, _choices(own))
            if found:
                return _Candidates(turned=found, level=level)
        return _Candidates(turned={}, level=LEVELS[-1])

    def is_counted(self, name: str, mark: Mark) -> bool:
        """Whether a single letter is one of a series: "leg_l" beside "leg_k" and "leg_m"; "la" only if "ra" is one as well."""
        if mark.end - mark.start != 1 or mark.level not in ("letter", "guess"):
            return False
        before, letter, after = plain(name)[: mark.start], plain(name)[mark.start], plain(name)[mark.end :]
        if letter in _SERIES:
            return any(f"{before}{neighbour}{after}" in self._by_plain for neighbour in _SERIES[letter])
        neighbours = "kmqs" if mark.level == "guess" else {"l": "km", "r": "qs"}[letter]
        return all(f"{before}{neighbour}{after}" in self._by_plain for neighbour in neighbours)

    def is_initial(self, name: str) -> bool:
        """Whether a name is a letter like others: "r1" beside "t1", "i1" and "m1" is the ring finger."""
        return len(without_digits(name)) == 1 and any(len(stem) == 1 and stem not in "lr" for stem in self._by_stem)

    def _partners(self, name: str, choices: Sequence[tuple[Mark, ...]]) -> dict[str, tuple[Mark, ...]]:
        """Names that turning one choice of marks gives, each with these marks."""
        turned = [(other, chosen) for chosen in choices for other in _turned(name, chosen)]
        exact = {found: chosen for other, chosen in turned for found in self._by_plain.get(other, ()) if found != name}
        if exact or len(self._by_stem[without_digits(name)]) > 1:
            return exact
        # "paw1LH" and "paw4RH": numbers that only count the points
        return {found: chosen for other, chosen in turned for found in self._by_stem.get(without_digits(other), ()) if found != name}


def _choices(marks: Sequence[Mark]) -> list[tuple[Mark, ...]]:
    """Marks to be turned together: words that are surely sides all at once, and with them any that may be ("link_left"); else any."""
    words = [mark for mark in marks if mark.level == "word" and mark.sure]
    unsure = [mark for mark in marks if mark not in words]
    subsets = _subsets(unsure) if len(unsure) <= SUBSETS else [tuple(unsure)]
    return [_in_order(words, chosen) for chosen in ((), *subsets) if words or chosen]


def _in_order(*marks: Sequence[Mark]) -> tuple[Mark, ...]:
    return tuple(sorted((mark for some in marks for mark in some), key=lambda mark: mark.start))


def _subsets(marks: Sequence[Mark]) -> list[tuple[Mark, ...]]:
    return [chosen for count in range(1, len(marks) + 1) for chosen in combinations(marks, count) if not _overlapping(chosen)]


def _overlapping(marks: Sequence[Mark]) -> bool:
    return any(one.start < other.end and other.start < one.end for one, other in combinations(marks, 2))


def _turned(name: str, marks: Sequence[Mark]) -> Iterator[str]:
    """The name, in small letters, with these marks, in their order, of the other side; an abbreviation may have several."""
    spelt = [plain(name)]
    for mark in reversed(marks):
        spelt = [f"{one[: mark.start]}{other}{one[mark.end :]}" for one in spelt for other in mark.others]
    yield from spelt


def _alone(mutual: Mapping[str, str], found: Mapping[str, _Candidates]) -> set[str]:
    """Names that are paired by a guess, without enough company: "lcoxa" and "rcoxa" may be sides or not."""
    ends = Counter(end for name in mutual for end in _ends(found[name]))
    guessed = [name for name in mutual if found[name].level == "guess"]
    alone = {name for name in guessed if all(ends[end] < 2 * COMPANY for end in _ends(found[name]))}
    return alone | {mutual[name] for name in alone}


def _ends(candidates: _Candidates) -> set[bool]:
    """At which ends of a word letters run together with it tell its side; a lab that writes "L_ear" hardly means a side by "led"."""
    return {mark.first for mark in candidates.marks_of_only if mark.first is not None}


def _is_sided(name: str, marks: Sequence[Mark], *, known: _Names) -> bool:
    return any(mark.sure and not known.is_counted(name, mark) for mark in marks) and not known.is_initial(name)


def _near_or_off(name: str, point_names: Sequence[str]) -> bool:
    """A horse's near side is its left one to a rider, and the nearer one to a camera; only who labelled it knows."""
    lower = plain(name)
    others = {plain(other) for other in point_names}
    return any(one in lower and lower.replace(one, other) in others for one, other in (("near", "off"), ("off", "near")))
