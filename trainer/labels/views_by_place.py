"""Two views of one animal told by where its key points lie, whatever their names are.

Each view of a mirror or of a second camera has its own part of the image, so a straight line that never moves keeps them apart.
The halves of an animal that stays at one place are kept apart as well. But along the edge of a mirror, a point of one view moves
with the same point of the other, beyond what the animal does as a whole; the halves of a body do not move so.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped]

from trainer.labels.two_views import APART, COVERED, LEAST_IN_VIEW, LEAST_STEMS

FEWEST_FRAMES = 10  # that show both parts; in fewer, a turning animal may lie the same way in all of them
ALIKE = 0.75  # correlation of partners' own movements that views exceed; fore and hind paws of one walking animal reach 0.7
SURE = 2.33  # standard errors above it, 99 % on one side: with few labels the halves of a body may look alike by chance
ROUNDS = 4  # of steps that each start from what the last one found
SIZES = 2.0  # one view is at most so many times as large as the other

Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parted:
    """Key points in two parts of the image.

    Attributes:
        parts: the points of each, by index, ascending; the part further left or further up is the first.
        axis: 0 where they lie beside each other, 1 above each other.
        gap_px: how far apart they stay.
    """

    parts: tuple[tuple[int, ...], tuple[int, ...]]
    axis: int
    gap_px: float

    @property
    def where(self) -> str:
        """How they lie."""
        return "beside each other" if self.axis == 0 else "above each other"

    def joined_by(self, pairs: Iterable[tuple[int, int]]) -> bool:
        """Whether any of these pairs of points has one in either part."""
        return any((one in self.parts[0]) != (other in self.parts[0]) for one, other in pairs)


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewsByPlace(Parted):
    """Two views of one animal.

    Attributes:
        pairs: a point of the first view, and the same point in the second, by index.
    """

    pairs: tuple[tuple[int, int], ...]


def parted_in_two(points: Points, *, least_px: float) -> Parted | None:
    """The two parts that a line keeps furthest apart; None where no two parts of LEAST_STEMS points stay `least_px` apart.

    Halves of one body are no parts: towards the line and away from it they move as one.

    Args:
        points: (n, K, 2) pixels, NaN where missing.
        least_px: the least gap.
    """
    wide = sorted((parted for parted in _partings(points) if parted.gap_px >= least_px), key=lambda parted: -parted.gap_px)
    return next((parted for parted in wide if not _halves(*(points[:, list(part), parted.axis] for part in parted.parts))), None)


def views_by_place(points: Points) -> ViewsByPlace | None:
    """The two views that show nearly all points each; None where the places do not say so. The widest gap is tried first.

    Args:
        points: (n, K, 2) pixels, NaN where missing.
    """
    for parted in sorted(_partings(points), key=lambda parted: -parted.gap_px):
        first, second = parted.parts
        if 2 * min(len(first), len(second)) < COVERED * len(first + second):
            continue
        along = points[..., 1 - parted.axis]
        pairs = _partners(along[:, list(first)], along[:, list(second)])
        if pairs:
            named = tuple((first[one], second[other]) for one, other in pairs)
            return ViewsByPlace(parts=parted.parts, axis=parted.axis, gap_px=parted.gap_px, pairs=named)
    return None


def _partings(points: Points) -> Iterator[Parted]:
    """Every line across or along the image that keeps LEAST_STEMS points or more on either side, in nearly every frame."""
    known = np.flatnonzero(~np.isnan(points[..., 0]).all(axis=0))
    for axis in (1, 0):
        places = points[:, known, axis]
        ranked = np.argsort(np.nanmedian(places, axis=0)) if len(known) else known
        for count in range(LEAST_STEMS, len(known) - LEAST_STEMS + 1):
            before, after = ranked[:count], ranked[count:]
            gap = _gap(places[:, before], places[:, after])
            if gap > 0:
                first, second = (tuple(sorted(int(known[place]) for place in part)) for part in (before, after))
                yield Parted(parts=(first, second), axis=axis, gap_px=gap)


def _gap(before: Points, after: Points) -> float:
    """How wide a strip lies between two parts, (n, a) and (n, b) along one axis, in APART of the frames; below 0 where none does."""
    both = ((~np.isnan(before)).sum(axis=1) >= LEAST_IN_VIEW) & ((~np.isnan(after)).sum(axis=1) >= LEAST_IN_VIEW)
    if both.sum() < FEWEST_FRAMES:
        return -np.inf
    beyond = (1 - APART) / 2
    end, begin = np.nanmax(before[both], axis=1), np.nanmin(after[both], axis=1)
    return float(np.quantile(begin, beyond) - np.quantile(end, 1 - beyond))


def _halves(first: Points, second: Points) -> bool:
    """Whether two parts, (n, a) and (n, b) across the line between them, move as the halves of one body.

    Both then go to the same side at once, and no point has a partner in the other part, as it has in views that share this direction.
    """
    both = ((~np.isnan(first)).sum(axis=1) >= LEAST_IN_VIEW) & ((~np.isnan(second)).sum(axis=1) >= LEAST_IN_VIEW)
    one, other = (_means(part[both] - _means(part[both], axis=0), axis=1)[:, 0] for part in (first, second))
    spread = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return spread > 0 and float((one * other).sum()) > ALIKE * spread and not _partners(first, second)


def _partners(first: Points, second: Points) -> list[tuple[int, int]]:
    """Which place of one part (n, a) is which of the other (n, b), along the line between them; empty where they are not alike."""
    size = float((np.nanstd(second) + 1e-9) / (np.nanstd(first) + 1e-9))
    start, pairs = float(np.nanmean(second) - size * np.nanmean(first)), []
    for _ in range(ROUNDS):
        pairs = _nearest(size * first + start, second)
        size, start = _fitted(*_paired(first, second, pairs))
    return pairs if 1 / SIZES <= size <= SIZES and _alike(*_paired(first, second, pairs)) else []


def _nearest(one: Points, other: Points) -> list[tuple[int, int]]:
    """The pairing of columns whose places lie nearest to each other over all frames."""
    squared = (one[:, :, None] - other[:, None, :]) ** 2
    shown = (~np.isnan(squared)).sum(axis=0)
    far = np.where(shown >= LEAST_IN_VIEW, np.nansum(squared, axis=0) / np.maximum(shown, 1), 1e9)  # never seen together: nobody's partner
    return [(int(row), int(column)) for row, column in zip(*linear_sum_assignment(far), strict=True)]


def _paired(first: Points, second: Points, pairs: Sequence[tuple[int, int]]) -> tuple[Points, Points]:
    """Places of partners, (n, pairs) each, NaN where either is missing."""
    one, other = first[:, [pair[0] for pair in pairs]], second[:, [pair[1] for pair in pairs]]
    missing = np.isnan(one) | np.isnan(other)
    return np.where(missing, np.nan, one), np.where(missing, np.nan, other)


def _fitted(one: Points, other: Points) -> tuple[float, float]:
    """Factor and offset that bring one's places to the other's, by least squares; a factor of 0 where there is nothing to fit."""
    there = ~np.isnan(one)
    spread = float(np.var(one[there])) if there.any() else 0.0
    if spread == 0:
        return 0.0, 0.0
    middle, others = float(one[there].mean()), float(other[there].mean())
    factor = float(((one[there] - middle) * (other[there] - others)).mean()) / spread
    return factor, others - factor * middle


def _alike(one: Points, other: Points) -> bool:
    """Whether partners, (n, pairs) each, surely move alike: without where each usually is, and without where the animal is."""
    enough = (~np.isnan(one)).sum(axis=1) >= LEAST_STEMS
    if enough.sum() < FEWEST_FRAMES:
        return False
    own, partners = (_own(part[enough]) for part in (one, other))
    spread = float(np.sqrt((own**2).sum() * (partners**2).sum()))
    if spread == 0:
        return False
    correlation = min(float((own * partners).sum()) / spread, 1 - 1e-9)
    free = int((~np.isnan(one[enough])).sum()) - sum(own.shape) + 1  # values, less the means that were taken off
    return bool(np.arctanh(correlation) - SURE / np.sqrt(max(free - 3, 1)) > np.arctanh(ALIKE))  # Fisher's transform


def _own(places: Points) -> Points:
    """Places (n, pairs) without the mean of each frame and of each point; 0 where missing."""
    for _ in range(ROUNDS):  # where points are missing one mean depends on the other
        places = places - _means(places, axis=0)
        places = places - _means(places, axis=1)
    return np.nan_to_num(places)


def _means(part: Points, *, axis: int) -> Points:
    """Means along an axis of what is there; 0 where nothing is."""
    there = ~np.isnan(part)
    return np.asarray(np.where(there, part, 0.0).sum(axis=axis, keepdims=True) / np.maximum(there.sum(axis=axis, keepdims=True), 1))
