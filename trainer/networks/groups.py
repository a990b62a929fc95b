"""Which key points one crop can hold: groups found from where the points lie to one another over the labels.

A set is one group unless one crop of all its points would have to be reduced. Then two views of one animal, in a mirror say, are
parts of their own. Other points are parted where smaller crops are reduced less, in two ways: one moves about independently of the
others (a hand and a joystick), or a straight line keeps them apart in every labelled frame. The parts of a body that turns and walks
do neither.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from trainer.labels.views_by_place import views_by_place
from trainer.networks.blocks import CropPlan, FrameShape, PointGroup, plan_crop

Points = NDArray[np.float64]
Part = tuple[int, ...]

FEWEST_FRAMES = 10  # with fewer labels, a turning animal may lie the same way in all of them
TOGETHER = 5  # frames that show both points, from which can be told whether they move together
INDEPENDENT = 0.8  # scatter of a difference over that of two points without any relation
RIGID = 0.3  # scatter of a distance over that of the difference; 0.45 without any relation
FAR = 0.1  # of the frame's longer side: what scatters less is always found close to where it was
GAP = 0.05  # of the frame's longer side: the least distance of two parts that a line keeps apart


def find_groups(points: Points, frame: FrameShape) -> tuple[Part, ...]:
    """Divide key points into groups, each in ascending order; most sets are one group.

    Args:
        points: (n, K, 2) frame pixels, NaN where missing.
        frame: what the network takes.
    """
    everything = tuple(range(points.shape[1]))
    labelled = points[~np.isnan(points).all(axis=(1, 2))]
    known = tuple(point for point in everything if not np.isnan(points[:, point]).all())
    if len(labelled) < FEWEST_FRAMES:
        return (everything,)

    @cache
    def reduced(part: Part) -> int:
        return plan_crop(labelled[:, list(part)], frame).shrink

    @cache
    def divided(part: Part, *, lines: bool) -> tuple[Part, ...]:
        if reduced(part) == 1:
            return (part,)
        for parts in _divisions(labelled, part, frame, lines=lines):
            leaves = tuple(itertools.chain.from_iterable(divided(one, lines=lines) for one in parts))
            if max(reduced(leaf) for leaf in leaves) < reduced(part):
                return leaves
        return (part,)

    def groups_of(part: Part, *, lines: bool) -> tuple[Part, ...]:
        found = divided(part, lines=lines)
        return _joined(labelled, found, frame, reduced) if len(found) > 1 else found

    views = views_by_place(labelled) if reduced(known) > 1 else None
    # a line inside a view would only part the body that it shows
    found = (
        groups_of(known, lines=True)
        if views is None
        else (*groups_of(views.parts[0], lines=False), *groups_of(views.parts[1], lines=False))
    )
    first, *others = sorted(found)
    # a point that nobody has labelled cannot be looked for, and needs no crop
    return (tuple(sorted(first + tuple(point for point in everything if point not in known))), *others)


def plan_groups(points: Points, frame: FrameShape) -> tuple[PointGroup, ...]:
    """Groups and their crops; none where all points are one group. After reduction all crops have one size.

    Args:
        points: (n, K, 2) frame pixels, NaN where missing.
        frame: what the network takes.

    Raises:
        TrainingError: the frames are too small to crop from.
    """
    groups = find_groups(points, frame)
    if len(groups) == 1:
        return ()
    plans = [plan_crop(points[:, list(group)], frame) for group in groups]
    height, width = max(plan.height // plan.shrink for plan in plans), max(plan.width // plan.shrink for plan in plans)
    pool = min(plan.pool for plan in plans)  # they are searched for in one reduced frame
    return tuple(
        PointGroup(
            points=group,
            crop=CropPlan(height=height * plan.shrink, width=width * plan.shrink, shrink=plan.shrink, pool=pool, beyond=plan.beyond),
        )
        for group, plan in zip(groups, plans, strict=True)
    )


def groups_sentence(groups: Sequence[PointGroup], names: Sequence[str]) -> str:
    """Which key points have a crop of their own, for people; `names` are those of all key points."""
    said = "; ".join(", ".join(names[point] for point in group.points) for group in groups)
    return f"key points far apart or independent of one another, {len(groups)} groups with a crop each: {said}"


def _divisions(points: Points, part: Part, frame: FrameShape, *, lines: bool) -> Iterator[list[Part]]:
    """Ways to divide a part: by independence, then by straight lines if they may, the widest gap first."""
    free = _components(part, lambda one, other: _bound(points[:, one], points[:, other], frame))
    if len(free) > 1:
        yield free
    if not lines:
        return
    least, gaps = GAP * max(frame.height, frame.width), []
    for axis in (0, 1):
        low, high = np.nanquantile(points[:, list(part), axis], (0.01, 0.99), axis=0)
        order = np.argsort(low)
        reach = np.maximum.accumulate(high[order])
        gaps += [(float(low[order[i + 1]] - reach[i]), [part[place] for place in order[: i + 1]]) for i in range(len(part) - 1)]
    for gap, before in sorted(gaps, reverse=True):
        if gap >= least:
            yield [tuple(sorted(before)), tuple(point for point in part if point not in before)]


def _bound(one: Points, other: Points, frame: FrameShape) -> bool:
    """Whether two points (n, 2) go together.

    They do if their difference hardly scatters, or by much less than it would without any relation, or if it turns and keeps
    its length, as within a body that turns about its middle.
    """
    difference = (other - one)[~np.isnan(other - one).any(axis=1)]
    if len(difference) < TOGETHER:
        return False
    apart = _scatter(difference)
    sure = 1 - 1 / np.sqrt(len(difference))  # a few frames may look related by chance
    if apart < FAR * max(frame.height, frame.width) or apart < sure * INDEPENDENT * np.hypot(_scatter(one), _scatter(other)):
        return True
    return bool(np.linalg.norm(difference, axis=1).std() < sure * RIGID * apart)


def _scatter(places: Points) -> float:
    """Root of the mean squared distance from the mean, of places (n, 2) that may be missing."""
    there = places[~np.isnan(places).any(axis=1)]
    return float(np.sqrt(((there - there.mean(axis=0)) ** 2).sum(axis=1).mean())) if len(there) else 0.0


def _components(part: Part, bound: Callable[[int, int], bool]) -> list[Part]:
    """Points that are bound to one another, directly or by others."""
    left, found = list(part), []
    while left:
        group = [left.pop(0)]
        for point in group:  # grows while it is gone through
            near = [other for other in left if bound(point, other)]
            group += near
            left = [other for other in left if other not in near]
        found.append(tuple(sorted(group)))
    return found


def _joined(points: Points, parts: tuple[Part, ...], frame: FrameShape, reduced: Callable[[Part], int]) -> tuple[Part, ...]:
    """The parts, those joined again that go together and that one crop holds without further reduction."""
    found = list(parts)
    for one, other in itertools.combinations(parts, 2):
        if one not in found or other not in found:
            continue
        both = tuple(sorted(one + other))
        together = any(_bound(points[:, i], points[:, j], frame) for i in one for j in other)
        if together and reduced(both) <= max(reduced(one), reduced(other)):
            found = [part for part in found if part not in (one, other)] + [both]
    return tuple(found)
