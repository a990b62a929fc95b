"""What is odd about a set of labels before anything is trained on it: too few, lopsided, or points that can hardly be right."""

import itertools
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.labels.images import ImageRef, Size
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.mirror import order_of, sides_of

FEW_FRAMES = 50  # DeepLabCut's authors ask for 100 to 200; below 50 an error measured on a fifth of them means little
RARE_POINT = 0.25  # a point labelled in fewer frames than this share of the most labelled one is learnt worse than it
LOPSIDED = 10  # a video or tag with so many times the frames of another decides the result alone
LONG = 2.0  # a distance between two points so many times the median, and far outside the spread of the others
SPREADS = 6.0
ONE_HANDED = 0.9  # where left is on one side in so many frames, the others are suspects; seen from the side both occur
OTHER_SIZE = 0.25  # images of a video that are not as large as the rest, where they are so few
IN_PROPORTION = 0.02  # by which the ratio of an image's sides may differ from that of the others
NAMED = 3  # images in a sentence about several
LEAST_FRAMES = 10  # no statistics on fewer


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelFinding:
    """Something to look at.

    Attributes:
        kind: "too few", "rare point", "lopsided", "size", "distance" or "mirrored".
        sentence: what was found and what to do.
        frame: index of the frame it is about, None where it is about the set.
        image: of that frame.
        of_pair: the two points it is about, None where it is about other things.
    """

    kind: str
    sentence: str
    frame: int | None = None
    image: ImageRef | None = None
    of_pair: "OddPair | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OddPair:
    """What is odd about two points of one frame.

    Attributes:
        names: of the points, as they stand in a sentence.
        than: what they are compared with, in words.
        look: what to look for, in words.
        length_px: between them; None where it is not their distance that is odd.
    """

    names: str
    than: str
    look: str
    length_px: float | None = None


def check_labels(frames: LabelledFrames) -> list[LabelFinding]:
    """All that is odd, the whole set first, then frame by frame."""
    return [
        *_too_few(frames),
        *_rare_points(frames),
        *_lopsided(frames),
        *_odd_sizes(frames),
        *_odd_distances(frames),
        *_mirrored(frames),
    ]


def too_few_in_words(count: int) -> str:
    """That so many labelled frames, fewer than `FEW_FRAMES`, are too few; no full stop."""
    said = f"below {FEW_FRAMES} neither the network nor the error measured on the held-out ones can be relied on"
    return f"{'1 labelled frame' if count == 1 else f'{count} labelled frames'}: {said}"


def _too_few(frames: LabelledFrames) -> Iterator[LabelFinding]:
    if len(frames) < FEW_FRAMES:
        yield LabelFinding(
            kind="too few",
            sentence=f"{too_few_in_words(len(frames))}; label more, from different times and videos (`trainer select`)",
        )


def _rare_points(frames: LabelledFrames) -> Iterator[LabelFinding]:
    counts = (~np.isnan(frames.points).any(axis=3)).sum(axis=(0, 1))
    most = int(counts.max())
    for name, count in zip(frames.point_names, counts.tolist(), strict=True):
        if count < RARE_POINT * most:
            yield LabelFinding(
                kind="rare point",
                sentence=f"'{name}' is labelled {count} times, the most labelled point {most} times; it will be found worse: label it "
                "in more frames, leave it out, or show those frames more often (--oversample points)",
            )


def _lopsided(frames: LabelledFrames) -> Iterator[LabelFinding]:
    tags = Counter(tag for one in frames.tags for tag in one)
    for what, counts in (("video", Counter(frames.group)), ("tag", tags)):
        if len(counts) < 2:
            continue
        (most, many), (least, few) = counts.most_common()[0], counts.most_common()[-1]
        if many > LOPSIDED * few:
            yield LabelFinding(
                kind="lopsided",
                sentence=f"{what} '{most}' has {many} frames, '{least}' {few}; the mean error is that of '{most}': label more of "
                f"'{least}' or show it more often (--oversample {what}s), and read the errors by {what}",
            )


def _odd_sizes(frames: LabelledFrames) -> Iterator[LabelFinding]:
    """Images that are a few of their video larger or smaller than the rest, whose labels are not: resized after they were labelled."""
    groups: dict[str, list[int]] = {}
    for index, name in enumerate(frames.group if frames.sizes else ()):
        groups.setdefault(name, []).append(index)
    for group, own in groups.items():
        (height, width), _ = Counter(frames.sizes[index] for index in own).most_common(1)[0]
        others = [index for index in own if frames.sizes[index] != (height, width)]
        if len(own) < LEAST_FRAMES or not 0 < len(others) <= OTHER_SIZE * len(own):
            continue
        usual = _lengths(frames.points[[index for index in own if frames.sizes[index] == (height, width)]])
        others = [index for index in others if _is_resized(_lengths(frames.points[[index]]) / usual, frames.sizes[index], (height, width))]
        if not others:
            continue
        are, their = ("is", "its") if len(others) == 1 else ("are", "their")
        named = [f"{image_name(frames.images[index])} of {frames.sizes[index][1]}x{frames.sizes[index][0]}" for index in others[:NAMED]]
        all_named = ", ".join([*named, "…"] if len(others) > NAMED else named)
        yield LabelFinding(
            kind="size",
            sentence=f"{len(others)} of the {len(own)} images of '{group}' {are} not {width}x{height} as the rest, but {their} labels lie "
            f"as far apart: {all_named}; look whether they fit: one that was resized after it was labelled is to be put back as it was",
        )


def _is_resized(times: NDArray[np.float64], size: Size, usual: Size) -> bool:
    """Whether an image has the others' sides in proportion, and its labels do not lie so many `times` farther apart; (pairs,)."""
    if abs(size[1] * usual[0] / (size[0] * usual[1]) - 1) > IN_PROPORTION or np.isnan(times).all():
        return False  # cut, or nobody can tell
    grown = math.log(float(np.nanmedian(times)))
    return abs(grown) < abs(grown - math.log(size[0] / usual[0]))


def _lengths(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(pairs,): from each point of an animal to each other, the median over frames and animals; NaN where unknown, never 0."""
    apart = [
        np.linalg.norm(points[:, :, one] - points[:, :, other], axis=-1) for one, other in itertools.combinations(range(points.shape[2]), 2)
    ]
    known = [each[~np.isnan(each)] for each in apart]
    return np.array([max(1e-6, float(np.median(each))) if len(each) else np.nan for each in known])


def _odd_distances(frames: LabelledFrames) -> Iterator[LabelFinding]:
    """A distance between two points of one animal that is far outside those of all other frames of that size (median and MAD)."""
    sizes = np.array(frames.own_sizes)
    for size in dict.fromkeys(frames.own_sizes):
        chosen = np.flatnonzero((sizes == size).all(axis=1))
        for one, other in itertools.combinations(range(len(frames.point_names)), 2):
            length = np.linalg.norm(frames.points[chosen, :, one] - frames.points[chosen, :, other], axis=-1)
            names = f"'{frames.point_names[one]}' and '{frames.point_names[other]}'"
            for place, animal, median in _far_outside(length):
                frame = int(chosen[place])
                pair = OddPair(
                    names=names,
                    than=f"in half of all frames less than {median:.0f} px",
                    look="look whether one of them is misplaced",
                    length_px=float(length[place, animal]),
                )
                image = frames.images[frame]
                said = f"{image_name(image)}: {names} are {pair.length_px:.0f} px apart, {pair.than}; {pair.look}"
                yield LabelFinding(kind="distance", sentence=said, frame=frame, image=image, of_pair=pair)


def _far_outside(length: NDArray[np.float64]) -> list[tuple[int, int, float]]:
    """Places in (n, A) of what is far above all others, each with the median."""
    known = length[~np.isnan(length)]
    if len(known) < LEAST_FRAMES:
        return []
    median = float(np.median(known))
    spread = 1.4826 * float(np.median(np.abs(known - median)))  # of a normal distribution: its standard deviation
    return [
        (frame, animal, median) for frame, animal in np.argwhere((length > LONG * median) & (length > median + SPREADS * spread)).tolist()
    ]


def _mirrored(frames: LabelledFrames) -> Iterator[LabelFinding]:
    """Frames in which a left and a right point lie the other way round about the rest of the animal than in nearly all others.

    The side is the sign of the cross product of (left → right) and (middle of the pair → point without a side that is farthest from it).
    """
    order = order_of(frames.point_names, sides_of(frames.point_names, said=frames.pairs).pairs)
    single = [point for point, partner in enumerate(order) if point == partner]
    for left, right in ((point, partner) for point, partner in enumerate(order) if point < partner):
        side = _side(frames.points, left, right, single=single)
        signs = np.sign(side[~np.isnan(side)])
        if len(signs) < LEAST_FRAMES:
            continue
        usual = float(np.sign(signs.sum()))
        share = float(np.mean(signs == usual))
        if share < ONE_HANDED:
            continue
        pair = OddPair(
            names=f"'{frames.point_names[left]}' and '{frames.point_names[right]}'",
            than=f"than in {_share_below_all(share)} of the frames",
            look="look whether they are swapped",
        )
        for frame in np.flatnonzero((np.sign(side) == -usual).any(axis=1)).tolist():
            image = frames.images[frame]
            said = f"{image_name(image)}: {pair.names} lie the other way round {pair.than}; {pair.look}"
            yield LabelFinding(kind="mirrored", sentence=said, frame=frame, image=image, of_pair=pair)


def _share_below_all(share: float) -> str:
    """A share in percent that is never rounded to all, since some are otherwise."""
    return f"{share:.0%}" if share < 0.995 else f"{min(share, 0.999):.1%}"


def _side(points: NDArray[np.float64], left: int, right: int, *, single: list[int]) -> NDArray[np.float64]:
    """(n, A): positive where the rest of the animal lies on one side of the line left → right, negative on the other."""
    across = points[:, :, right] - points[:, :, left]
    middle = (points[:, :, right] + points[:, :, left]) / 2
    along = _farthest(points, middle, single=single) - middle
    crossed: NDArray[np.float64] = across[..., 0] * along[..., 1] - across[..., 1] * along[..., 0]
    return crossed


def _farthest(points: NDArray[np.float64], middle: NDArray[Any], *, single: list[int]) -> NDArray[np.float64]:
    """(n, A, 2): the point without a side that is on average farthest from the pair; it tells front from back most surely."""
    if not single:
        return np.full_like(middle, np.nan)
    known = [(~np.isnan(points[:, :, point]).any(axis=-1)).sum() for point in single]
    distance = [np.nansum(np.linalg.norm(points[:, :, point] - middle, axis=-1)) for point in single]
    best = single[int(np.argmax(np.array(distance) / np.maximum(known, 1)))]
    return points[:, :, best]


def image_name(image: ImageRef) -> str:
    """An image as a sentence names it: a file with its folder, or a frame of a video."""
    return f"{image.path.parent.name}/{image.path.name}" if image.frame is None else str(image)
