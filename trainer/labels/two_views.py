"""Whether the pictures show one animal twice, once directly and once in a mirror or from another camera, as far as the labels say.

Such a picture cannot be mirrored or turned far: its views would change places, which no rig ever shows.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.side_marks import are_sides, plain

LEAST_STEMS = 3  # points that both views show
COVERED = 0.8  # of all points are named by one of the two views
APART = 0.95  # of the frames have all points of one view on one side of all points of the other
LEAST_IN_VIEW = 2  # points labelled in each view, for a frame to count

_TOKEN = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_]+")
# two of these on one stem are two places on one body, wherever they lie
_ONE_BODY = (
    {"lf", "rf", "lh", "rh", "fl", "fr", "hl", "hr"},
    {"front", "fore", "mid", "middle", "hind", "back", "rear", "behind"},
    {"upper", "lower"},
    {"inner", "outer"},
    {"tip", "base", "start", "end", "root"},
    {"proximal", "distal", "prox", "dist"},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoViews:
    """Two views of one animal.

    Attributes:
        names: what tells a point of one view from one of the other; the first is empty where its points have nothing added.
        stems: of the points that both show.
        axis: 0 where they lie beside each other, 1 above each other.
    """

    names: tuple[str, str]
    stems: tuple[str, ...]
    axis: int

    @property
    def sentence(self) -> str:
        """What was found."""
        first, second = (f"'{name}'" if name else "without a word" for name in self.names)
        shown = f"{', '.join(self.stems[:3])}{' …' if len(self.stems) > 3 else ''}"
        where = "beside each other" if self.axis == 0 else "above each other"
        return f"{len(self.stems)} points ({shown}) are named {first} and {second} and lie in two parts of the image, {where}"


def two_views(frames: LabelledFrames) -> TwoViews | None:
    """The two views that names and places of the key points agree on; None where there is one.

    Names of two views share their stem and differ in one word ("nose_top" and "nose_bot", "nose" and "nose_mirror"). Nearly
    all points must be named so, and in nearly every frame a vertical or horizontal line must part the two views.
    """
    points = frames.points.reshape(-1, *frames.points.shape[2:])
    for names, pairs in _candidates(frames.point_names):
        axis = _parting_axis(points, pairs)
        if axis is not None:
            stems = tuple(frames.point_names[one] for one, _ in pairs)
            return TwoViews(names=names, stems=tuple(_without(stem, names[0]) for stem in stems), axis=axis)
    return None


def _candidates(point_names: Sequence[str]) -> Iterator[tuple[tuple[str, str], list[tuple[int, int]]]]:
    """Pairs of words, and the points (by index) that are alike but for them; the pair that names most points first."""
    by_word: dict[str, dict[tuple[str, ...], int]] = {}
    for index, name in enumerate(point_names):
        words = _words(name)
        by_word.setdefault("", {})[tuple(words)] = index
        for place, word in enumerate(words):
            by_word.setdefault(word, {})[(*words[:place], *words[place + 1 :])] = index
    found = []
    for one, other in combinations(by_word, 2):
        shared = [(by_word[one][stem], by_word[other][stem]) for stem in by_word[one] if stem in by_word[other]]
        named = 2 * len(shared) if "" in (one, other) else len({*by_word[one].values(), *by_word[other].values()})
        if len(shared) >= LEAST_STEMS and named >= COVERED * len(point_names) and not _on_one_body(one, other):
            found.append(((one, other), shared))
    yield from sorted(found, key=lambda each: -len(each[1]))


def _words(name: str) -> list[str]:
    return [plain(found[0]) for found in _TOKEN.finditer(name)]


def _on_one_body(one: str, other: str) -> bool:
    return are_sides(one, other) or any(one in words and other in words for words in _ONE_BODY)


def _parting_axis(points: NDArray[np.float64], pairs: Sequence[tuple[int, int]]) -> int | None:
    """The axis along which the first points of all pairs lie on one side of the second ones, the same in nearly every frame."""
    first, second = points[:, [one for one, _ in pairs]], points[:, [other for _, other in pairs]]
    seen = [(~np.isnan(part[..., 0])).sum(axis=1) >= LEAST_IN_VIEW for part in (first, second)]
    both = np.flatnonzero(seen[0] & seen[1])
    if not len(both):
        return None
    for axis in (1, 0):
        one, other = first[both, :, axis], second[both, :, axis]
        before, after = np.nanmax(one, axis=1) < np.nanmin(other, axis=1), np.nanmin(one, axis=1) > np.nanmax(other, axis=1)
        if max(before.mean(), after.mean()) >= APART:
            return axis
    return None


def _without(name: str, word: str) -> str:
    """The name without a view's word and the separator beside it."""
    found = next((found for found in _TOKEN.finditer(name) if plain(found[0]) == word), None)
    return re.sub(r"[\W_]+$", "", name[: found.start()]) + re.sub(r"^[\W_]+", "", name[found.end() :]) if found else name
