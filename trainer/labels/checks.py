"""What is odd about a set of labels before anything is trained on it: too few, lopsided, or points that can hardly be right."""

import itertools
import math
from collections import Counter
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from trainer.labels.at_origin import at_origin, without_origin
from trainer.labels.images import Size
from trainer.labels.label_finding import LabelFinding, image_name
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.mirror import Pairs
from trainer.labels.odd_distances import odd_distances
from trainer.labels.odd_sides import odd_sides

FEW_FRAMES = 50  # DeepLabCut's authors ask for 100 to 200; below 50 an error measured on a fifth of them means little
RARE_POINT = 0.25  # a point labelled in fewer frames than this share of the most labelled one is learnt worse than it
LOPSIDED = 10  # a video or tag with so many times the frames of another decides the result alone
OTHER_SIZE = 0.25  # images of a video that are not as large as the rest, where they are so few
IN_PROPORTION = 0.02  # by which the ratio of an image's sides may differ from that of the others
NAMED = 3  # images in a sentence about several
LEAST_FRAMES = 10  # no statistics on fewer


def check_labels(frames: LabelledFrames, *, pairs: Pairs | None = None) -> list[LabelFinding]:
    """All that is odd, the whole set first, then frame by frame.

    Args:
        frames: all labels.
        pairs: left and right, as they were asked for.

    Raises:
        LabelError: a pair names an unknown point.
    """
    placed = without_origin(frames)
    found = [
        *_too_few(frames),
        *at_origin(frames),
        *_rare_points(placed),
        *_lopsided(frames),
        *_odd_sizes(placed),
        *odd_distances(placed),
        *odd_sides(placed, said=pairs),
    ]
    return sorted(found, key=lambda one: one.frame is not None)


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
