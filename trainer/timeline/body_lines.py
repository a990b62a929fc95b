"""Lines between key points whose file names no skeleton, so that dots can be seen as a body. Pure."""

import numpy as np
from numpy.typing import NDArray

_LOOKED_AT = 500  # frames, spread over the video


def body_lines(poses: NDArray[np.float32]) -> list[tuple[int, int]]:
    """Pairs of points: the tree with the least sum of median distances (minimum spanning tree, Prim 1957).

    Args:
        poses: float32 (frames, animals, points, 3), NaN where a point is not there.
    """
    step = max(1, len(poses) // _LOOKED_AT)
    xy = poses[::step, :, :, :2].reshape(-1, poses.shape[2], 2).astype(np.float64)
    distances = np.linalg.norm(xy[:, :, None] - xy[:, None], axis=-1)
    seen = np.isfinite(distances).any(axis=0)
    medians = np.full(seen.shape, np.inf)
    for one, other in np.argwhere(seen):
        medians[one, other] = np.nanmedian(distances[:, one, other])
    return _tree(medians)


def _tree(medians: NDArray[np.float64]) -> list[tuple[int, int]]:
    joined, lines = {0}, []
    while len(joined) < len(medians):
        left = [place for place in range(len(medians)) if place not in joined]
        length, one, other = min((float(medians[one, other]), one, other) for one in joined for other in left)
        if np.isfinite(length):
            lines.append((one, other))
        joined.add(other)
    return lines
