"""What a network sees of the key points, from the labels alone: which lie together, and how coarsely each is seen."""

import numpy as np
from numpy.typing import NDArray

from tracker.bundle_description import View
from trainer.labels.labelled_frames import LabelledFrames
from trainer.networks.blocks import GRID, FrameShape
from trainer.networks.build import NetworkPlan
from trainer.networks.groups import Part, find_groups
from trainer.training.datasets import FrameStore

_WHOLE = View(crop=None, fit="letterbox", colour="grey")  # where points lie does not depend on colour


def point_groups(frames: LabelledFrames) -> tuple[Part, ...]:
    """The groups that key points of a set lie in, whatever network is trained; one where frames are too small to crop from."""
    height, width = frames.size
    count = len(frames.point_names)
    if min(height, width) < 2 * GRID:
        return (tuple(range(count)),)
    points = FrameStore(frames, _WHOLE).all_points().reshape(-1, count, 2)
    return find_groups(points, FrameShape(height=height, width=width, channels=1))


def seen_px(plan: NetworkPlan, frames: LabelledFrames) -> tuple[float, ...]:
    """Source pixels that one pixel of the network's picture stands for, by key point.

    The factor by which the point's crop is reduced, times that by which images are fitted to the common frame: the median over
    the images that the point is labelled in.

    Args:
        plan: of the network.
        frames: learnt from.
    """
    store = FrameStore(frames, _WHOLE)
    fitted = np.array([store.scale(index).max() for index in range(len(frames))], np.float64)
    labelled = np.isfinite(frames.points[..., 0]).sum(axis=1) > 0  # (n, K)
    reduced = np.full(plan.points, float(plan.crop.shrink))
    for group in plan.groups:
        reduced[list(group.points)] = group.crop.shrink
    return tuple(float(factor * _usual(fitted, labelled[:, point])) for point, factor in enumerate(reduced))


def _usual(fitted: NDArray[np.float64], labelled: NDArray[np.bool_]) -> float:
    """The median of `fitted` (n,) over images with a label, or over all where there is none."""
    return float(np.median(fitted[labelled] if labelled.any() else fitted))
