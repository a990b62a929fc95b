"""Choose by k-means: frames that look unlike each other, one from the middle of every cluster of thumbnails."""

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.selection.candidates import Candidates
from trainer.selection.preference import Preference, Reason

ROUNDS = 30  # of moving the centres
STILL = 0.1  # grey levels; centres that move by less have come to rest
ATTEMPTS = 2  # from other first centres; the better one is kept


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
    pixels = np.ascontiguousarray(candidates.thumbnails[open_])
    cv2.setRNGSeed(seed)
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, ROUNDS, STILL)
    start = np.empty((0, 0), np.int32)
    _, labels, centres = cv2.kmeans(pixels, clusters, start, stop, ATTEMPTS, cv2.KMEANS_PP_CENTERS)
    cluster = labels.ravel()
    away = np.linalg.norm(pixels - centres[cluster], axis=1)
    members = [np.flatnonzero(cluster == label) for label in range(clusters)]
    members = sorted((each for each in members if each.size), key=lambda each: int(each[0]))
    sizes = {int(open_[place]): len(each) for each in members for place in each}
    return Preference(
        bins=[open_[each[np.argsort(away[each], kind="stable")]].tolist() for each in members],
        reason=lambda index: Reason(why="k-means", detail=f"stands for {sizes[index]} frames"),
    )
