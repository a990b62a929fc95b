"""Key points that lie as left and right do and whose names do not say so: a mirrored image would be given wrong names.

An animal's usual distances give its shape. Where that shape is its own mirror image if two points such as "paw1" and "paw2" change
places, and is not if they stay, and one of the two is on the same hand of the body in nearly all images, they are its two sides.
Seen from the side, an animal that walks both ways has its points on either hand.
"""

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped]

FEWEST_ANIMALS = 20  # that show two points; in fewer, one is on one hand by chance too easily
ONE_HANDED = 0.9  # of these, at least; paws that walk pass each other now and then
ALIKE = 0.25  # root mean square distance of a shape from its mirror image, as a share of the shape's own size; asymmetry and posture
BETTER = 0.5  # the mirror image with points exchanged is nearer than without by this factor, at least
STEADY = 0.5  # quartiles of the distance by which a hand is told are no further apart, as a share of its median: one body
STEPS = 180  # directions of the axis that are tried

Points = NDArray[np.float64]


def sides_by_place(points: Points, order: Sequence[int], *, settled: Collection[int] = ()) -> tuple[tuple[int, int], ...]:
    """Pairs of points without a known partner that lie as left and right do; none where the places do not say so.

    Args:
        points: (n, K, 2) px, NaN where missing: one animal each.
        order: for every point the index of its known partner, or its own.
        settled: points that somebody has said to have no side.

    Returns:
        Indices, ascending.
    """
    if len(points) < FEWEST_ANIMALS:
        return ()
    distances = _usual_distances(points)
    used = _often_together(distances)
    if len(used) < 3:  # two points are their own mirror image whatever they are
        return ()
    shape = _shape(distances[np.ix_(used, used)])
    place = {point: at for at, point in enumerate(used)}
    partners = [place.get(order[point], at) for at, point in enumerate(used)]
    held = [order[point] != point or point in settled for point in used]
    exchanged, unlike = _mirror_image(shape, partners, held)
    _, unlike_in_place = _mirror_image(shape, partners, [True] * len(used))
    if unlike > min(ALIKE, BETTER * unlike_in_place) or (exchanged[exchanged] != np.arange(len(used))).any():
        return ()
    found = [(at, int(other)) for at, other in enumerate(exchanged) if at < other and not held[at]]
    return tuple((used[one], used[other]) for one, other in found if _is_one_handed(points[:, used], shape, exchanged, (one, other)))


def _usual_distances(points: Points) -> Points:
    """(K, K): median distance of two points in one animal; NaN where too few show both."""
    apart = np.linalg.norm(points[:, :, None] - points[:, None], axis=-1)
    often = (~np.isnan(apart)).sum(axis=0) >= FEWEST_ANIMALS
    return np.where(often, np.nanmedian(np.where(often, apart, 0.0), axis=0), np.nan)


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


def _is_one_handed(points: Points, shape: Points, exchanged: NDArray[np.int64], pair: tuple[int, int]) -> bool:
    """Whether the first of a pair is nearly always on the same hand of what lies farthest along the same body from the two."""
    one, other = pair
    others = [sorted({at, int(to)}) for at, to in enumerate(exchanged) if at <= to and at not in pair]
    middle = shape[list(pair)].mean(axis=0)
    farthest = max(others, key=lambda group: float(np.linalg.norm(shape[group].mean(axis=0) - middle)), default=None)
    if farthest is None:
        return False
    across, along = points[:, other] - points[:, one], points[:, farthest].mean(axis=1) - points[:, [one, other]].mean(axis=1)
    seen = ~np.isnan(across + along).any(axis=1)
    if seen.sum() < FEWEST_ANIMALS:
        return False
    low, usual, high = np.quantile(np.linalg.norm(along[seen], axis=1), [0.25, 0.5, 0.75])
    hand = np.sign(across[:, 0] * along[:, 1] - across[:, 1] * along[:, 0])[seen]
    return bool(high - low <= STEADY * usual and max(np.mean(hand > 0), np.mean(hand < 0)) >= ONE_HANDED)
