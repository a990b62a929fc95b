"""Methods that choose by the pictures alone: k-means, uniform, random, motion. The one that asks an engine is `uncertainty`."""

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.selection.candidates import Candidates
from trainer.selection.preference import Preference, Reason
from trainer.selection.thumbnail import Grey

METHODS = ("k-means", "uniform", "random", "motion", "uncertainty")
ROUNDS = 30  # of moving the centres
STILL = 0.1  # grey levels; centres that move by less have come to rest
ATTEMPTS = 2  # from other first centres; the better one is kept
SPREAD = 0.5  # of the time that falls to each frame, so that one bout does not take all


def by_k_means(candidates: Candidates, open_: NDArray[np.int64], *, count: int, seed: int) -> Preference:
    """One bin for each cluster, the frame nearest its centre first; the same seed gives the same frames.

    Args:
        candidates: of one video.
        open_: int64 indices of those that may be chosen.
        count: how many clusters.
        seed: of the first centres.
    """
    clusters = min(count, len(open_))
    if clusters == 0:
        return Preference(bins=[], reason=lambda _: Reason(why="k-means", detail=""))
    cluster, away = look_alikes(candidates.thumbnails[open_], clusters, seed=seed)
    members = [np.flatnonzero(cluster == label) for label in range(clusters)]
    members = sorted((each for each in members if each.size), key=lambda each: int(each[0]))
    sizes = {int(open_[place]): len(each) for each in members for place in each}
    return Preference(
        bins=[open_[each[np.argsort(away[each], kind="stable")]].tolist() for each in members],
        reason=lambda index: Reason(why="k-means", detail=f"stands for {sizes[index]} frame{'' if sizes[index] == 1 else 's'}"),
    )


def look_alikes(thumbnails: Grey, clusters: int, *, seed: int) -> tuple[NDArray[np.int32], Grey]:
    """Clusters of k-means over pictures: which one each is of, int32 (n), and how far it is from the middle of it, float32 (n)."""
    pixels = np.ascontiguousarray(thumbnails)
    cv2.setRNGSeed(seed)
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, ROUNDS, STILL)
    start = np.empty((0, 0), np.int32)
    _, labels, centres = cv2.kmeans(pixels, clusters, start, stop, ATTEMPTS, cv2.KMEANS_PP_CENTERS)
    cluster = np.asarray(labels.ravel(), np.int32)
    return cluster, np.asarray(np.linalg.norm(pixels - centres[cluster], axis=1), np.float32)


def by_time(candidates: Candidates, open_: NDArray[np.int64], *, count: int) -> Preference:
    """One bin for each of `count` equal spans of time, the frame nearest its middle first.

    Args:
        candidates: of one video.
        open_: int64 indices of those that may be chosen.
        count: how many spans.
    """
    seconds = candidates.seconds[open_] - candidates.seconds[0]
    width = max(candidates.duration_s / count, np.finfo(np.float64).tiny)
    span = np.minimum((seconds / width).astype(np.int64), count - 1)
    from_middle = np.abs(seconds - (span + 0.5) * width)
    order = np.lexsort((from_middle, span))
    bins = [open_[order[span[order] == each]].tolist() for each in np.unique(span)]
    return Preference(bins=bins, reason=lambda _: Reason(why="uniform", detail=f"one in {width:.1f} s"))


def at_random(open_: NDArray[np.int64], *, seed: int) -> Preference:
    """All of `open_` (int64 indices of candidates) in an order that the seed decides."""
    order = np.random.default_rng(seed).permutation(open_)
    return Preference(bins=[order.tolist()], reason=lambda _: Reason(why="random", detail=f"seed {seed}"))


def by_motion(candidates: Candidates, open_: NDArray[np.int64], *, count: int) -> Preference:
    """The largest mean absolute frame difference first, spread out in time.

    Args:
        candidates: of one video.
        open_: int64 indices of those that may be chosen.
        count: how many are wanted, which says how far they are spread.
    """
    motion = candidates.motion
    moving = open_[motion[open_] > 0]
    order = moving[np.argsort(-motion[moving], kind="stable")]
    return Preference(
        bins=[order.tolist()],
        reason=lambda index: Reason(why="motion", detail=f"change {motion[index]:.2f} grey levels"),
        spread_s=SPREAD * candidates.duration_s / count,
    )
