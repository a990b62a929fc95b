"""Points that can hardly be right by how far they are from the rest of their animal."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.labels.images import Size
from trainer.labels.label_finding import LabelFinding, OddPair, image_name
from trainer.labels.labelled_frames import LabelledFrames

LEAST_FRAMES = 10  # no statistics on fewer
SPREADS = 6.0  # robust standard deviations from the median
LONG = 2.0  # a distance so many times the median is odd by itself, if it is outside the spread as well
STEADY = 0.15  # spread over median of a distance in a stiff part of the body; a paw's, a wing's or a tail's varies more
OFF = 0.25  # of its median, by which a steady distance is off at least: heads turn, and labels of small animals scatter
# and so many times farther from the median than the 95th percentile (or the 5th). By median and spread alone, legs of flies that stand
# for most of a video and then walk were called misplaced in 163 of 1500 frames, with this in 6; none in those of a mouse or of two rats
TAILS = 2.0
TAIL = 0.05
LEAST_OFF = 2  # steady distances of one point: of a single one nobody can tell whose fault it is

Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Usual:
    """How long a distance is in most frames, in pixels.

    Attributes:
        median: of all.
        spread: robust standard deviation.
        low, high: what few are below and above (`TAIL`).
    """

    median: float
    spread: float
    low: float
    high: float

    def off(self, length: Points) -> NDArray[np.bool_]:
        """Which of these lengths are far outside, shorter or longer."""
        least = max(SPREADS * self.spread, OFF * self.median)
        above = max(least, TAILS * (self.high - self.median))
        below = max(least, TAILS * (self.median - self.low))
        return (length > self.median + above) | (length < self.median - below)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Misplaced:
    """A point of one animal in one frame, by index, and the point that it is farther from than usual."""

    frame: int
    animal: int
    point: int
    partner: int


def odd_distances(frames: LabelledFrames) -> Iterator[LabelFinding]:
    """Pairs of points that are far apart, then points that are a little out of place in an animal that is stiff."""
    told = set[tuple[int, int, int]]()
    for frame, animal, pair, finding in _far_apart(frames):
        told |= {(frame, animal, point) for point in pair}
        yield finding
    for (group, _), chosen in _alike(frames).items():
        points = frames.points[chosen]
        for found in _misplaced(points):
            if (chosen[found.frame], found.animal, found.point) not in told:
                yield _finding(frames, chosen[found.frame], found, points=points, group=group)


def _far_apart(frames: LabelledFrames) -> Iterator[tuple[int, int, tuple[int, int], LabelFinding]]:
    """A distance between two points of one animal that is far outside those of all other frames of that size (median and MAD).

    And that is more than all distances of an animal have grown by that has come nearer.
    """
    sizes = np.array(frames.own_sizes)
    for size in dict.fromkeys(frames.own_sizes):
        chosen = np.flatnonzero((sizes == size).all(axis=1))
        grown = _grown(frames.points[chosen])
        for one, other in itertools.combinations(range(len(frames.point_names)), 2):
            length = _lengths(frames.points[chosen], one, other)
            usual = _usual(length)
            if usual is None:
                continue
            far = length / grown > max(LONG * usual.median, usual.median + SPREADS * usual.spread)
            for place, animal in np.argwhere(far).tolist():
                frame = int(chosen[place])
                pair = OddPair(
                    names=_named(frames, one, other),
                    than=f"in half of all frames less than {usual.median:.0f} px",
                    look="look whether one of them is misplaced",
                    length_px=float(length[place, animal]),
                )
                yield frame, animal, (one, other), _of_pair(frames, frame, pair)


def _grown(points: Points) -> Points:
    """(n, A): how many times as large as usual all of an animal is, at least 1: half of its distances are, and not those of one point."""
    ratios = np.full((points.shape[2] * (points.shape[2] - 1) // 2, *points.shape[:2]), np.nan)
    for place, (one, other) in enumerate(itertools.combinations(range(points.shape[2]), 2)):
        length = _lengths(points, one, other)
        usual = _usual(length)
        if usual is not None and usual.median > 0:
            ratios[place] = length / usual.median
    known = (~np.isnan(ratios)).sum(axis=0)
    labelled = (~np.isnan(points[..., 0])).sum(axis=2)
    apart_from_one = known - labelled  # rank of the largest of those that one point has no part in; of two points there are none
    rank = np.clip(np.minimum((known - 1) // 2, apart_from_one), 0, None)
    grown = np.take_along_axis(np.sort(ratios, axis=0), rank[None], axis=0)[0] if len(ratios) else np.ones(points.shape[:2])
    return np.where(apart_from_one < 0, 1.0, np.fmax(grown, 1.0))


def _misplaced(points: Points) -> list[_Misplaced]:
    """Points (n, A, K) with half of their steady distances off, two or more, of which one is longer: seen at a slant, all are shorter."""
    known, off = (np.zeros(points.shape[:3], np.int64) for _ in range(2))
    excess, partner = np.zeros(points.shape[:3]), np.full(points.shape[:3], -1)
    for one, other in itertools.combinations(range(points.shape[2]), 2):
        length = _lengths(points, one, other)
        usual = _usual(length)
        if usual is None or usual.median == 0 or usual.spread > STEADY * usual.median:
            continue
        wrong, beyond = usual.off(length), length / usual.median - 1
        for point, to in ((one, other), (other, one)):
            known[:, :, point] += ~np.isnan(length)
            off[:, :, point] += wrong
            farther = wrong & (beyond > excess[:, :, point])
            excess[:, :, point][farther] = beyond[farther]
            partner[:, :, point][farther] = to
    chosen = (off >= LEAST_OFF) & (2 * off >= known) & (partner >= 0)
    places = np.argwhere(chosen).tolist()
    return [_Misplaced(frame=f, animal=a, point=k, partner=int(partner[f, a, k])) for f, a, k in places]


def _finding(frames: LabelledFrames, frame: int, found: _Misplaced, *, points: Points, group: str) -> LabelFinding:
    one, other = sorted((found.point, found.partner))
    length = _lengths(points, one, other)
    low, high = (f"{edge:.0f}" for edge in np.nanquantile(length, (TAIL, 1 - TAIL)))
    pair = OddPair(
        names=_named(frames, one, other),
        than=f"in 9 of 10 frames of '{group}' {low if low == high else f'{low} to {high}'} px",
        look=f"look whether '{frames.point_names[found.point]}' is misplaced",
        length_px=float(length[found.frame, found.animal]),
    )
    return _of_pair(frames, frame, pair)


def _of_pair(frames: LabelledFrames, frame: int, pair: OddPair) -> LabelFinding:
    image = frames.images[frame]
    said = f"{image_name(image)}: {pair.names} are {pair.length_px:.0f} px apart, {pair.than}; {pair.look}"
    return LabelFinding(kind="distance", sentence=said, frame=frame, image=image, of_pair=pair)


def _alike(frames: LabelledFrames) -> dict[tuple[str, Size], list[int]]:
    """Frames of one video and one size, whose distances can be compared closely."""
    found: dict[tuple[str, Size], list[int]] = {}
    for index, key in enumerate(zip(frames.group, frames.own_sizes, strict=True)):
        found.setdefault(key, []).append(index)
    return found


def _usual(length: Points) -> _Usual | None:
    """Of lengths (n, A); None where too few are known."""
    known = length[~np.isnan(length)]
    if len(known) < LEAST_FRAMES:
        return None
    median = float(np.median(known))
    spread = 1.4826 * float(np.median(np.abs(known - median)))  # of a normal distribution: its standard deviation
    low, high = np.quantile(known, (TAIL, 1 - TAIL)).tolist()
    return _Usual(median=median, spread=spread, low=low, high=high)


def _lengths(points: Points, one: int, other: int) -> Points:
    """(n, A) between two points, in pixels, NaN where either is missing."""
    return np.asarray(np.linalg.norm(points[:, :, one] - points[:, :, other], axis=-1))


def _named(frames: LabelledFrames, one: int, other: int) -> str:
    return f"'{frames.point_names[one]}' and '{frames.point_names[other]}'"
