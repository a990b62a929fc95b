"""Where a key point's name may speak of left or right: words, single letters, codes of a limb, and letters run together with a word."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Level = Literal["word", "letter", "known", "guess"]
LEVELS: tuple[Level, ...] = ("word", "letter", "known", "guess")  # from the surest on

# what stands for left, and what for right in its place
_SINGLE = (("left", ("right",)), ("l", ("r",)), ("g", ("d",)))
# English, German, Italian, Spanish, Portuguese
_SHORT = (
    ("lt", ("rt",)),
    ("lft", ("rgt", "rht")),
    ("li", ("re",)),
    ("sx", ("dx",)),
    ("izq", ("der", "dch", "dcha")),
    ("izda", ("dcha",)),
    ("izqda", ("dcha",)),
    ("izdo", ("dcho",)),
    ("izqdo", ("dcho",)),
    ("esq", ("dir",)),
)
# German and Dutch, French, Spanish, Portuguese, Italian: stems, so that endings stay ("linkes", "rechtes")
_STEMS = (
    ("link", ("recht",)),
    ("gauche", ("droite", "droit")),
    ("izquierd", ("derech",)),
    ("esquerd", ("direit",)),
    ("sinistr", ("destr",)),
    # of a lesion, an implant or a stimulus; which of them is left is not known, nor does it matter: a mirrored picture exchanges the two
    ("ipsi", ("contra", "kontra", "contro")),
)
# words that say nothing but a side; "blinks", "aufrecht", "destroyed" and "contrast" are none, and "droit", "derecho", "direito" mean
# straight on too
_SURE_FORM = re.compile(
    r"(?:link|recht)(?:s|e|er|es|en|em)|(?:gauche|droite)s?|(?:izquierd|esquerd)[oa]s?|(?:derech|direit)as?|(?:sinistr|destr)[aoei]|"
    r"(?:ipsi|[ck]ontra)(?:lat[ex]ra.*|lesion.*|versive)?|controlat[ex]ra.*"
)


def _both_ways(*tables: tuple[tuple[str, tuple[str, ...]], ...]) -> dict[str, tuple[str, ...]]:
    """For every mark of a side those of the other."""
    others: dict[str, tuple[str, ...]] = {}
    for left, rights in (pair for table in tables for pair in table):
        others[left] = rights
        for right in rights:
            others[right] = (*others.get(right, ()), left)
    return others


_OTHERS = _both_ways(_SINGLE, _SHORT, _STEMS)
_OF_LEFT = frozenset(left for left, _ in (*_SINGLE, *_SHORT, *_STEMS))
_ABBREVIATIONS = frozenset(_both_ways(_SHORT))
_STEM = re.compile("|".join(sorted(_both_ways(_STEMS), key=len, reverse=True)))
_WITHOUT_SIDE = re.compile(r"cleft|bright|upright|outright|forthright|fright|wright")
_PARTS = (
    "ankle|antenna|arm|ax|back|brow|cheek|ear|elbow|eye|feeler|feet|femur|fetlock|fin|finger|flank|flipper|foot|fore|front|haltere|hand|heel|hind|"
    "hip|hock|hoof|iris|jaw|joint|knee|knuckle|leg|limb|lip|mouth|nostril|palm|paw|pupil|scapula|shoulder|side|stifle|tarsus|thigh|thumb|tibia|"
    "toe|tragus|whisker|wing|wrist"
)
_PART_FIRST = re.compile(rf"(?:{_PARTS})")
_PART = re.compile(rf"(?:[fhbm]|fore|hind|front|back|mid|middle)?(?:{_PARTS})s?")
# left or right, and fore or front, hind, middle, back, rear, top; German "vorn"; Dutch "voor" and "achter"
_CODE = re.compile(r"[lr][fhmblr]|[fhmbtv][lr]")
_SHORT_CODE = re.compile(rf"{_CODE.pattern}|[lr][va]")
_UNSURE_IN_CODE = frozenset("va")
# French "G" and "D", and "AVG", "ARD" with "avant" and "arrière": sides of these parts alone, for else they are letters like others
_FRENCH_PART = re.compile(
    r"(?:aile|antenne|bras|cheville|coude|doigt|epaule|genou|hanche|jambe|joue|main|moustache|nageoire|narine|oeil|oreille|patte|pied|poignet|"
    r"sourcil|vibrisse|yeux)s?(?:av(?:ant)?|ar(?:riere)?)?"
)
_FRENCH_CODE = re.compile(r"a[vr][gd]")
_TOKEN = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_LONGEST_CODE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A piece of a name that may be a side.

    Attributes:
        start: where it begins in the name.
        end: where it ends.
        others: what stands in its place on the other side, in small letters.
        left: whether it is of the left side, or the ipsilateral one.
        level: how sure it is: a `word`, a `letter` or code of its own, a letter run together with a `known` part of a body,
            or one run together with anything, a `guess`.
        sure: it is a side even if no partner can be found.
        first: of a letter run together with others: whether it is the first one; None of all else.
    """

    start: int
    end: int
    others: tuple[str, ...]
    left: bool
    level: Level
    sure: bool
    first: bool | None = None


def plain(name: str) -> str:
    """In small letters, of the same length."""
    return "".join(low if len(low := letter.lower()) == 1 else letter for letter in name)


def without_digits(name: str) -> str:
    """In small letters, without numbers."""
    return re.sub(r"\d+", "", plain(name))


def marks_of(name: str) -> tuple[Mark, ...]:
    """All that may be a side, in any level."""
    ascii_only = "".join(letter if letter.isascii() else ("X" if letter.isupper() else "x") if letter.isalpha() else "_" for letter in name)
    french = _is_french(name)
    return tuple(mark for found in _TOKEN.finditer(ascii_only) for mark in _of_token(found[0], found.start(), french=french))


def are_sides(one: str, other: str) -> bool:
    """Whether two words, in small letters, stand for left and right: "left" and "right", "links" and "rechts", "g" and "d"."""
    sure = (mark for mark in marks_of(one) if mark.level in ("word", "letter"))
    turned = (f"{one[: mark.start]}{side}{one[mark.end :]}" for mark in sure for side in mark.others)
    return other in _OTHERS.get(one, ()) or other in turned


def _is_french(name: str) -> bool:
    """Whether a word of it is a part of a body in French."""
    bare = unicodedata.normalize("NFKD", name.replace("œ", "oe").replace("Œ", "Oe"))
    words = _TOKEN.findall("".join(letter for letter in bare if not unicodedata.combining(letter)))
    return any(_FRENCH_PART.fullmatch(word.lower()) for word in words)


def _of_token(token: str, start: int, *, french: bool) -> Iterator[Mark]:
    low = token.lower()
    spared = [found.span() for found in _WITHOUT_SIDE.finditer(low)]
    words = [found for found in re.finditer("left|right", low) if not any(a <= found.start() < b for a, b in spared)]
    for found in words:
        yield _mark(found[0], start + found.start(), level="word", sure=True)
    if words or spared or token.isdigit():
        return
    for found in _STEM.finditer(low):
        yield _mark(found[0], start + found.start(), level="word", sure=_SURE_FORM.fullmatch(low) is not None)
    if low in ("l", "r"):
        yield _mark(low, start, level="letter", sure=True)
        return
    if french and (low in ("g", "d") or _FRENCH_CODE.fullmatch(low)):
        yield _mark(low[-1], start + len(low) - 1, level="letter", sure=False)
        return
    if low in _ABBREVIATIONS:
        yield _mark(low, start, level="letter", sure=False)
    if _is_code(token):
        yield from _of_code(low, start)
    if len(token) >= _LONGEST_CODE or not _is_code(token):
        yield from _run_together(low, start)


def _is_code(token: str) -> bool:
    low = token.lower()
    if len(token) == _LONGEST_CODE:
        return token.isupper() and _CODE.match(low) is not None
    return _SHORT_CODE.fullmatch(low) is not None


def _of_code(low: str, start: int) -> Iterator[Mark]:
    """Of "LH" the L, of "FR" the R; of "RL" either, since its R may be the rear."""
    sure = len(low) < _LONGEST_CODE and not _UNSURE_IN_CODE & set(low)
    for place in (place for place in (0, 1) if low[place] in "lr"):
        yield _mark(low[place], start + place, level="letter", sure=sure, first=place == 0)


def _run_together(low: str, start: int) -> Iterator[Mark]:
    """Of "lear" and "earl", of "flpaw" and "pawlf", of "LSHO" and "LE"; "leg" is a word of its own, whatever else is named "reg"."""
    if _PART.fullmatch(low):
        return
    last = len(low) - 1
    if low[0] in "lr":
        known = _PART_FIRST.match(low[1:]) is not None or _PART.fullmatch(low[1:]) is not None
        yield _letter(low, 0, start, known=known, sure=known and not low.startswith(("rear", "lear")))
    if low[last] in "lr":
        known = _PART.fullmatch(low[:last]) is not None
        yield _letter(low, last, start, known=known, sure=known)
    for inside, place in ((low[2:], 1), (low[:-2], last - 1)):
        # "flpaw" and "pawlf"
        code = low[:2] if place == 1 else low[-2:]
        if _CODE.fullmatch(code) and low[place] in "lr" and _PART.fullmatch(inside):
            yield _letter(low, place, start, known=True, sure=False)


def _letter(low: str, place: int, start: int, *, known: bool, sure: bool) -> Mark:
    return _mark(low[place], start + place, level="known" if known else "guess", sure=sure, first=place == 0)


def _mark(low: str, start: int, *, level: Level, sure: bool, first: bool | None = None) -> Mark:
    return Mark(start=start, end=start + len(low), others=_OTHERS[low], left=low in _OF_LEFT, level=level, sure=sure, first=first)
