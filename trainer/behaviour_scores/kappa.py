"""How far two people, or a person and a program, agree beyond chance: Cohen's kappa by frame and by bout."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tracker.behaviour.score import bouts_of_labels, pair_bouts
from trainer.behaviour_scores.scored_video import ScoredVideo

_NONE = "none"


def kappa(table: NDArray[np.int64]) -> float:
    """Cohen's kappa (Cohen 1960) of a square table of counts: (observed − chance) / (1 − chance); NaN where one side never varies."""
    total = table.sum()
    if not total:
        return float("nan")
    observed = np.trace(table) / total
    chance = float((table.sum(axis=0) * table.sum(axis=1)).sum()) / float(total) ** 2
    return float((observed - chance) / (1 - chance)) if chance < 1 else float("nan")


def kappa_by_frame(videos: Sequence[ScoredVideo], place: int) -> float:
    """Of one class, yes against no, over the frames that were judged."""
    table = np.zeros((2, 2), np.int64)
    for video in videos:
        judged = video.judged[:, place]
        np.add.at(table, (video.true[judged, place].astype(int), video.said[judged, place].astype(int)), 1)
    return kappa(table)


def confusion(videos: Sequence[ScoredVideo]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Frames by what was true (rows) and what was found (columns), the last of each being "none".

    Only of classes that exclude each other: of several that are on, the first counts.
    """
    names = (*videos[0].class_names, _NONE)
    table = np.zeros((len(names), len(names)), np.int64)
    for video in videos:
        judged = video.judged.all(axis=1)
        np.add.at(table, (_class_of(video.true[judged]), _class_of(video.said[judged])), 1)
    return table, names


def kappa_by_bout(videos: Sequence[ScoredVideo]) -> float:
    """Of all classes: each bout of either side is one case, with its class on one side and that of its pair on the other.

    Pairs are formed within a class first, as bouts are scored, and then over classes among those left; a bout without a pair stands
    against "none".
    """
    count = len(videos[0].class_names)
    table = np.zeros((count + 1, count + 1), np.int64)
    for video in videos:
        _add_bouts(table, video)
    return kappa(table)


def _add_bouts(table: NDArray[np.int64], video: ScoredVideo) -> None:
    none = len(video.class_names)
    places = np.arange(len(video.truth), dtype=np.int64)
    left: list[list[tuple[int, int, int]]] = [[], []]
    for place in range(none):
        judged = video.judged[:, place]
        sides = [bouts_of_labels(labels[:, place] & judged, places) for labels in (video.true, video.said)]
        pairs = pair_bouts(sides[1], sides[0])
        table[place, place] += len(pairs)
        for side, bouts, paired in ((0, sides[0], pairs[:, 1]), (1, sides[1], pairs[:, 0])):
            left[side] += [(int(first), int(end), place) for first, end in np.delete(bouts, paired, axis=0)]
    truth, found = (np.array(sorted(each), np.int64).reshape(-1, 3) for each in left)
    pairs = pair_bouts(found[:, :2], truth[:, :2])
    for i, j in pairs:
        table[truth[j, 2], found[i, 2]] += 1
    for j in np.setdiff1d(np.arange(len(truth)), pairs[:, 1]):
        table[truth[j, 2], none] += 1
    for i in np.setdiff1d(np.arange(len(found)), pairs[:, 0]):
        table[none, found[i, 2]] += 1


def _class_of(on: NDArray[np.bool_]) -> NDArray[np.intp]:
    """The first class that is on in each frame, or the number of classes for none."""
    return np.asarray(np.where(on.any(axis=1), on.argmax(axis=1), on.shape[1]))
