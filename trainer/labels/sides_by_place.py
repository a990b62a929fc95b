"""Key points that lie as left and right do and whose names do not say so: a mirrored image would be given wrong names.

An animal's usual distances give its shape. Where that shape is its own mirror image if two points such as "paw1" and "paw2" change
places, and is not if they stay, and one of the two is on the same hand of the body in nearly all images, they are its two sides.
Seen from the side, an animal that walks both ways has its points on either hand. Where all points together are no mirror image,
those that move most freely are left out one after another: a tail that wags hides no ears.
"""

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped]

from trainer.labels.beside_pair import beside, steadiness
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.mirror import Pairs, Sides, order_of

FEWEST_ANIMALS = 20  # that show two points; in fewer, one is on one hand by chance too easily
FEWEST_IN_VIDEO = 10  # in which it is told apart from other videos
ONE_HANDED = 0.9  # of these, at least; paws that walk pass each other now and then
ALIKE = 0.25  # root mean square distance of a shape from its mirror image, as a share of the shape's own size; asymmetry and posture
BETTER = 0.5  # the mirror image with points exchanged is nearer than without by this factor, at least
STEADY = 0.5  # quartiles of the distance by which a hand is told are no further apart, as a share of its median: one body
FREE = 1 / 3  # of the points, at most, are left out because they move most freely: a tail, a head
FREER = 1.5  # such a point's distances vary so many times as much as most points' do
FEWEST_IN_PART = 4  # points that are left then: three lie symmetrically too easily
STEPS = 180  # directions of the axis that are tried

Points = NDArray[np.float64]


def nameless_sides(frames: LabelledFrames, sides: Sides, *, said: Pairs) -> Pairs:
    """Names of points that lie as left and right do and are no known pair.

    Args:
        frames: all labels.
        sides: what their names say.
        said: pairs that somebody has named; a point paired with itself has no side.
    """
    names = frames.point_names
    without_side = [names.index(one) for one, other in said if one == other]
    points = frames.points.reshape(-1, *frames.points.shape[2:])
    videos = np.repeat(np.array(frames.group), frames.points.shape[1])
    found = sides_by_place(points, order_of(names, sides.pairs), settled=without_side, videos=videos)
    return tuple((names[one], names[other]) for one, other in found)


def sides_by_place(
    points: Points, order: Sequence[int], *, settled: Collection[int] = (), videos: NDArray[np.str_] | None = None
) -> tuple[tuple[int, int], ...]:
    """Pairs of points without a known partner that lie as left and right do; none where the places do not say so.

    Args:
        points: (n, K, 2) px, NaN where missing: one animal each.
        order: for every point the index of its known partner, or its own.
        settled: points that somebody has said to have no side.
        videos: (n,), which video each animal is in, as left is on the other hand in one that was filmed from below; None for one video.

    Returns:
        Indices, ascending.
    """
    if len(points) < FEWEST_ANIMALS:
        return ()
    distances, freedom = _usual_distances(points)
    used = _often_together(distances)
    fewest = max(FEWEST_IN_PART, len(used) - int(FREE * len(used)))
    numbers = np.zeros(len(points), np.int64) if videos is None else np.unique(videos, return_inverse=True)[1]
    while len(used) >= 3:  # two points are their own mirror image whatever they are
        exchanged = _exchanged_places(distances[np.ix_(used, used)], *_partners_among(used, order, settled))
        found = [(at, int(to)) for at, to in enumerate(exchanged) if at < to and order[used[at]] == used[at]]
        if pairs := [pair for pair in found if _is_one_handed(points[:, used], exchanged, pair, videos=numbers)]:
            return tuple((used[one], used[other]) for one, other in pairs)
        fewer = _without_the_freest(used, freedom, order=order)
        if not fewest <= len(fewer) < len(used):
            break
        used = fewer
    return ()


def _partners_among(used: Sequence[int], order: Sequence[int], settled: Collection[int]) -> tuple[list[int], list[bool]]:
    """For each of some points the place of its known partner or its own, and whether it stays with it."""
    place = {point: at for at, point in enumerate(used)}
    return [place.get(order[point], at) for at, point in enumerate(used)], [order[point] != point or point in settled for point in used]


def _exchanged_places(distances: Points, partners: Sequence[int], held: Sequence[bool]) -> NDArray[np.int64]:
    """Where each point goes in the mirror image of the shape that has these distances (k, k); where it is, if that is no mirror image."""
    shape = _shape(distances)
    exchanged, unlike = _mirror_image(shape, partners, held)
    _, unlike_in_place = _mirror_image(shape, partners, [True] * len(shape))
    as_it_is = np.arange(len(shape))
    if unlike > min(ALIKE, BETTER * unlike_in_place) or (exchanged[exchanged] != as_it_is).any():
        return as_it_is
    return exchanged


def _usual_distances(points: Points) -> tuple[Points, Points]:
    """(K, K) each: median distance of two points in one animal, and how freely it varies; NaN where too few show both."""
    apart = np.linalg.norm(points[:, :, None] - points[:, None], axis=-1)
    often = (~np.isnan(apart)).sum(axis=0) >= FEWEST_ANIMALS
    low, usual, high = np.nanquantile(np.where(often, apart, 0.0), [0.25, 0.5, 0.75], axis=0)
    return np.where(often, usual, np.nan), np.where(often, high - low, np.nan)


def _without_the_freest(used: Sequence[int], freedom: Points, *, order: Sequence[int]) -> list[int]:
    """The points but the one that moves most freely, as a tail's tip, and its known partner; all of them where none moves by itself."""
    varies = np.median(freedom[np.ix_(used, used)], axis=0)
    if varies.max() < FREER * np.median(varies):
        return list(used)
    freest = used[int(np.argmax(varies))]
    return [point for point in used if point not in (freest, order[freest])]


def _often_together(distances: Points) -> list[int]:
    """Points whose distance from each other is known; those that lack most are left out first."""
    used = list(range(len(distances)))
    while used and (lacking := np.isnan(distances[np.ix_(used, used)]).sum(axis=0)).any():
        used.pop(int(lacking.argmax()))
    return used


def _shape(distances: Points) -> Points:
    """(k, 2): places with about these distances, about their centre (classical multidimensional scaling, Torgerson 1952)."""
    centring = np.eye(len(distances)) - 1 / len(distances)
    values, vectors = np.linalg.eigh(-centring @ distances**2 @ centring / 2)
    places: Points = vectors[:, -2:] * np.sqrt(np.maximum(values[-2:], 0.0))
    return places


def _mirror_image(shape: Points, partners: Sequence[int], held: Sequence[bool]) -> tuple[NDArray[np.int64], float]:
    """Which points change places in the mirror image that is most like the shape, and how unlike it is, in the shape's own size.

    Args:
        shape: (k, 2).
        partners: for every point the index of its known partner, or its own.
        held: whether a point goes to its partner and nowhere else.
    """
    forbidden = np.array([[held[i] or held[j] for j in range(len(shape))] for i in range(len(shape))])
    forbidden[np.arange(len(shape)), partners] = False
    found = []
    for angle in np.arange(STEPS) * np.pi / STEPS:
        mirrored = shape @ np.array([[np.cos(2 * angle), np.sin(2 * angle)], [np.sin(2 * angle), -np.cos(2 * angle)]])
        squared = ((mirrored[:, None] - shape[None]) ** 2).sum(axis=-1)
        _, to = linear_sum_assignment(squared + np.where(forbidden, 1e6 * (squared.max() + 1), 0.0))
        found.append((float(squared[np.arange(len(shape)), to].mean()), to))
    best, to = min(found, key=lambda each: each[0])
    return to, float(np.sqrt(best / max(float((shape**2).sum(axis=1).mean()), 1e-12)))


def _is_one_handed(points: Points, exchanged: NDArray[np.int64], pair: tuple[int, int], *, videos: NDArray[np.int64]) -> bool:
    """Whether the first of a pair is nearly always on the same hand of what lies most steadily beside the two, on the same body.

    Judged in each video that shows it often enough, and in all others together: one may be filmed from below, or have wrong names.
    """
    one, other = points[:, pair[0]], points[:, pair[1]]
    groups = [sorted({at, int(to)}) for at, to in enumerate(exchanged) if at <= to and at not in pair]
    others = [points[:, group].mean(axis=1) for group in groups]
    seen_often = [each for each in others if (~np.isnan(each + one + other).any(axis=1)).sum() >= FEWEST_ANIMALS]
    if not seen_often:
        return False
    reference = max(seen_often, key=lambda each: steadiness(beside(one, other, each)))
    low, usual, high = np.nanquantile(np.linalg.norm(reference - (one + other) / 2, axis=1), [0.25, 0.5, 0.75])
    hand = np.sign(beside(one, other, reference))
    known = np.abs(hand) > 0
    often = np.isin(videos, np.flatnonzero(np.bincount(videos[known], minlength=int(videos.max()) + 1) >= FEWEST_IN_VIDEO))
    agreeing = sum(abs(hand[known & chosen].sum()) for chosen in (*(videos == video for video in np.unique(videos[often])), ~often))
    return bool(high - low <= STEADY * usual and known.any() and agreeing >= (2 * ONE_HANDED - 1) * known.sum())
