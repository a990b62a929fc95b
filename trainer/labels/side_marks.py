"""Where a key point's name may speak of left or right: words, single letters, codes of a limb, and letters run together with a word."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Level = Literal["word", "letter", "known", "guess"]
LEVELS: tuple[Level, ...] = ("word", "letter", "known", "guess")  # from the surest on

_OTHER = {"left": ("right",), "right": ("left",), "l": ("r",), "r": ("l",)}
_SHORT = {"lt": ("rt",), "rt": ("lt",), "lft": ("rgt", "rht"), "rgt": ("lft",), "rht": ("lft",)}
# German and Dutch, French, Spanish, Portuguese, Italian: stems, so that endings stay ("linkes", "rechtes")
_STEMS = (
    ("link", ("recht",)),
    ("gauche", ("droite", "droit")),
    ("izquierd", ("derech",)),
    ("esquerd", ("direit",)),
    ("sinistr", ("destr",)),
)
_OF_STEM = dict(_STEMS) | {one: (left,) for left, right in _STEMS for one in right}
_STEM = re.compile("|".join(sorted(_OF_STEM, key=len, reverse=True)))
_MAY_BE_OTHERWISE = re.compile(r"link(?!(s|e|er|es|en|em)$)|destr(?!(a|o|e|i)$)")  # "linkage", "destroyed": sides only beside a partner
_WITHOUT_SIDE = re.compile(r"cleft|bright|upright|outright|forthright|fright|wright")
_PARTS = (
    "ankle|antenna|arm|ax|back|brow|cheek|ear|elbow|eye|feeler|feet|femur|fetlock|fin|finger|flank|flipper|foot|fore|front|haltere|hand|heel|hind|"
    "hip|hock|hoof|iris|jaw|joint|knee|knuckle|leg|limb|lip|mouth|nostril|palm|paw|pupil|scapula|shoulder|side|stifle|tarsus|thigh|thumb|tibia|"
    "toe|tragus|whisker|wing|wrist"
)
_PART_FIRST = re.compile(rf"(?:{_PARTS})")
_PART = re.compile(rf"(?:[fhbm]|fore|hind|front|back|mid|middle)?(?:{_PARTS})s?")
_CODE = re.compile(r"[lr][fhmblr]|[fhmbt][lr]")  # left or right, and fore or front, hind, middle, back, rear, top
_TOKEN = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_LONGEST_CODE = 3
_SHORTEST_GUESS = 3  # letters of a word beside a guessed side: "leg" and "reg" are none


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A piece of a name that may be a side.

    Attributes:
        start: where it begins in the name.
        end: where it ends.
        others: what stands in its place on the other side, in small letters.
        level: how sure it is: a `word`, a `letter` or code of its own, a letter run together with a `known` part of a body,
            or one run together with anything, a `guess`.
        sure: it is a side even if no partner can be found.
        first: of a letter run together with a word: whether it is the first one.
    """

    start: int
    end: int
    others: tuple[str, ...]
    level: Level
    sure: bool
    first: bool = False


def plain(name: str) -> str:
    """In small letters, of the same length."""
    return "".join(low if len(low := letter.lower()) == 1 else letter for letter in name)


def without_digits(name: str) -> str:
    """In small letters, without numbers."""
    return re.sub(r"\d+", "", plain(name))


def marks_of(name: str) -> tuple[Mark, ...]:
    """All that may be a side, in any level."""
    ascii_only = "".join(letter if letter.isascii() else ("X" if letter.isupper() else "x") if letter.isalpha() else "_" for letter in name)
    return tuple(mark for found in _TOKEN.finditer(ascii_only) for mark in _of_token(found[0], found.start()))


def _of_token(token: str, start: int) -> Iterator[Mark]:
    low = token.lower()
    spared = [found.span() for found in _WITHOUT_SIDE.finditer(low)]
    words = [found for found in re.finditer("left|right", low) if not any(a <= found.start() < b for a, b in spared)]
    for found in words:
        yield Mark(start=start + found.start(), end=start + found.end(), others=_OTHER[found[0]], level="word", sure=True)
    if words or spared or token.isdigit():
        return
    for found in _STEM.finditer(low):
        sure = _MAY_BE_OTHERWISE.match(low, found.start()) is None
        yield Mark(start=start + found.start(), end=start + found.end(), others=_OF_STEM[found[0]], level="word", sure=sure)
    if low in _OTHER:
        yield Mark(start=start, end=start + 1, others=_OTHER[low], level="letter", sure=True)
    elif low in _SHORT:
        yield Mark(start=start, end=start + len(low), others=_SHORT[low], level="letter", sure=False)
    elif _is_code(token):
        yield from _of_code(token, start)
    else:
        yield from _run_together(low, start)


def _is_code(token: str) -> bool:
    return len(token) <= (_LONGEST_CODE if token.isupper() else 2) and _CODE.match(token.lower()) is not None


def _of_code(token: str, start: int) -> Iterator[Mark]:
    """Of "LH" the L, of "FR" the R; of "RL" either, since its R may be the rear."""
    low = token.lower()
    for place in (place for place in (0, 1) if low[place] in _OTHER):
        yield Mark(start=start + place, end=start + place + 1, others=_OTHER[low[place]], level="letter", sure=len(token) == 2)


def _run_together(low: str, start: int) -> Iterator[Mark]:
    """Of "lear" and "earl", of "flpaw", "pawlf" and "LSHO"."""
    last = len(low) - 1
    if low[0] in _OTHER:
        known = _PART_FIRST.match(low[1:]) is not None or _PART.fullmatch(low[1:]) is not None
        if known or last >= _SHORTEST_GUESS:
            yield _letter(low, 0, start, known=known, sure=known and not low.startswith(("rear", "lear")))
    if low[last] in _OTHER:
        known = _PART.fullmatch(low[:last]) is not None
        if known or last >= _SHORTEST_GUESS:
            yield _letter(low, last, start, known=known, sure=known)
    for inside, place in ((low[2:], 1), (low[:-2], last - 1)):
        # "flpaw" and "pawlf"
        code = low[:2] if place == 1 else low[-2:]
        if _CODE.fullmatch(code) and low[place] in _OTHER and _PART.fullmatch(inside):
            yield _letter(low, place, start, known=True, sure=False)


def _letter(low: str, place: int, start: int, *, known: bool, sure: bool) -> Mark:
    return Mark(
        start=start + place,
        end=start + place + 1,
        others=_OTHER[low[place]],
        level="known" if known else "guess",
        sure=sure,
        first=place == 0,
    )
