"""Several sets of labels → one. An image counts once, whatever its file is called: the set that comes last has the final say."""

import logging
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from trainer.errors import LabelError
from trainer.labels.image_keys import image_keys
from trainer.labels.images import frame_of
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.mirror import Pairs
from trainer.labels.misnamed import how_names_differ

logger = logging.getLogger(__name__)


def join_labels(sets: Sequence[LabelledFrames], *, sources: Sequence[str]) -> LabelledFrames:
    """Put sets of labels together; key points get the first set's order.

    Args:
        sets: at least one.
        sources: what each is called in error messages.

    Raises:
        LabelError: two sets disagree on key-point names, on the animals' names or on which points change places in a mirrored image; an
            image cannot be read.
    """
    if len(sets) == 1:
        return sets[0]
    first = sets[0]
    for other, source in zip(sets[1:], sources[1:], strict=True):
        _refuse_others(first, other, sources=(sources[0], source))
    pairs = _pairs_of_all(sets, sources)
    animals = max(one.animals for one in sets)
    alike = [_with_animals(in_order(one, first.point_names), animals) for one in sets]
    keys = [image_keys(one) for one in alike]
    kept = [one.subset(_not_repeated(keys, number)) for number, one in enumerate(alike)]
    replaced = sum(len(one) for one in alike) - sum(len(one) for one in kept)
    if replaced:
        logger.warning("images labelled in more than one set: the last label is taken: images=%d", replaced)
    return replace(_one_after_the_other(_with_groups_apart(kept)), pairs=pairs)


def in_order(frames: LabelledFrames, point_names: tuple[str, ...]) -> LabelledFrames:
    """The frames with their key points in the order of `point_names`, which are the same names."""
    places = [frames.point_names.index(name) for name in point_names]
    return replace(frames, points=frames.points[:, :, places], hidden=frames.hidden[:, :, places], point_names=point_names)


def _refuse_others(first: LabelledFrames, other: LabelledFrames, *, sources: tuple[str, str]) -> None:
    if sorted(first.point_names) != sorted(other.point_names):
        raise LabelError(
            f"{sources[1]}: labels the points {', '.join(other.point_names)}; {sources[0]} labels {', '.join(first.point_names)}: "
            f"give sets with the same names, or rename the points of one ({how_names_differ(other.point_names, first.point_names)})"
        )
    if first.animal_names != other.animal_names:
        raise LabelError(
            f"{sources[1]}: names its animals {', '.join(other.animal_names) or 'not at all'}; {sources[0]} names them "
            f"{', '.join(first.animal_names) or 'not at all'}: give sets that agree"
        )


def _pairs_of_all(sets: Sequence[LabelledFrames], sources: Sequence[str]) -> Pairs:
    """Points that change places in a mirrored image, of whichever set says so."""
    partners: dict[str, tuple[str, str]] = {}  # of a point: its partner, and which set says so
    pairs: dict[frozenset[str], tuple[str, str]] = {}
    for one_set, source in zip(sets, sources, strict=True):
        for pair in one_set.pairs:
            for name, partner in (pair, pair[::-1]):
                known, said_by = partners.setdefault(name, (partner, source))
                if known != partner:
                    raise LabelError(
                        f"{source}: pairs '{name}' with '{partner}', {said_by} with '{known}', as left and right: give sets that agree"
                    )
            pairs.setdefault(frozenset(pair), pair)
    return tuple(pairs.values())


def _with_animals(frames: LabelledFrames, animals: int) -> LabelledFrames:
    missing = [(0, 0), (0, animals - frames.animals)]
    points = np.pad(frames.points, [*missing, (0, 0), (0, 0)], constant_values=np.nan)
    return replace(frames, points=points, hidden=np.pad(frames.hidden, [*missing, (0, 0)]))


def _not_repeated(keys: Sequence[Sequence[str]], number: int) -> NDArray[np.int64]:
    """Indices of the frames of set `number` that no later set labels too."""
    later = {key for one in keys[number + 1 :] for key in one}
    return np.array([index for index, key in enumerate(keys[number]) if key not in later], np.int64)


def _with_groups_apart(sets: Sequence[LabelledFrames]) -> list[LabelledFrames]:
    """Two videos of one name get two names: the same place in a group cannot hold two different images."""
    taken: set[tuple[str, int]] = set()
    apart = []
    for one in sets:
        names = {name: name for name in one.group}
        for name in names:
            places = one.order[np.array(one.group) == name].tolist()
            count = 1
            while any((names[name], place) in taken for place in places):
                count += 1
                names[name] = f"{name} ({count})"
        apart.append(replace(one, group=tuple(names[name] for name in one.group)))
        taken |= set(zip(apart[-1].group, one.order.tolist(), strict=True))
    return apart


def _one_after_the_other(sets: Sequence[LabelledFrames]) -> LabelledFrames:
    first = sets[0]
    lines = dict.fromkeys(pair for one in sets for pair in one.skeleton)
    sizes = tuple(size for one in sets for size in one.own_sizes)
    return replace(
        first,
        images=tuple(image for one in sets for image in one.images),
        points=np.concatenate([one.points for one in sets]),
        hidden=np.concatenate([one.hidden for one in sets]),
        tags=tuple(tags for one in sets for tags in one.tags),
        skeleton=tuple(lines),
        group=tuple(group for one in sets for group in one.group),
        order=np.concatenate([one.order for one in sets]),
        size=frame_of(sizes),
        sizes=sizes if len(set(sizes)) > 1 else (),
    )
