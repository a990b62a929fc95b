"""Which two points the body's axis goes through, and how long it is: asked for, or found from how the animals move."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trainer.behaviour.features import BodyPlan
from trainer.behaviour.video_table import PoseVideos
from trainer.errors import TrainingError

_FRAMES = 20_000  # of each video, at most
_LEAST = 0.01  # of a pair that says nothing of where its animal goes, so that the longest is chosen where none does
_STEP_S = 0.2  # over which a movement is measured


def body_plan(videos: PoseVideos, *, front: str | None, back: str | None, confidence: float, roles: bool = False) -> BodyPlan:
    """Choose the axis and measure it on the videos that are learnt from.

    Args:
        videos: divided.
        front: name of the point in front; None to find it.
        back: name of the one behind; None to find it.
        confidence: below it a point is not there.
        roles: whether the animals' order means something.

    Raises:
        TrainingError: no such point, one point alone, or two that are never seen together.
    """
    names = videos.point_names
    for name in (front, back):
        if name is not None and name not in names:
            raise TrainingError(f"there is no point '{name}'; the poses have {', '.join(names)}")
    if front is not None and front == back:
        raise TrainingError(f"the body's axis cannot go from '{front}' to '{front}'; name two points")
    train = videos.of("train")
    xy = np.concatenate([_sure(video.poses, confidence)[:_FRAMES] for video in train])
    if len(names) == 1:
        return BodyPlan(animals=xy.shape[1], points=1, front=0, back=0, scale_px=_reach(xy), confidence=confidence, roles=roles)
    fps = float(np.median([video.fps for video in train]))
    ends = _ends(xy, names, front, back, fps=fps)
    length = np.linalg.norm(xy[:, :, ends[0]] - xy[:, :, ends[1]], axis=-1)
    if not np.isfinite(length).any():
        raise TrainingError(
            f"the points '{names[ends[0]]}' and '{names[ends[1]]}' are never seen together; name others with --front and --back"
        )
    scale = float(np.nanmedian(length))
    return BodyPlan(
        animals=xy.shape[1], points=len(names), front=ends[0], back=ends[1], scale_px=max(scale, 1e-3), confidence=confidence, roles=roles
    )


def _ends(xy: NDArray[np.float32], names: Sequence[str], front: str | None, back: str | None, *, fps: float) -> tuple[int, int]:
    """Front and back: what was named, else the pair along which the animals move most surely and that is seen most often.

    A pair is worth the share of frames in which both are seen, times the mean of how far a movement goes along it, times the root of
    its length, for a short axis is a noisy one.
    """
    fixed = names.index(front) if front else None, names.index(back) if back else None
    worth: dict[tuple[int, int], float] = {}
    for one in range(len(names)):
        for other in range(one + 1, len(names)):
            length = np.linalg.norm(xy[:, :, one] - xy[:, :, other], axis=-1)
            seen = np.isfinite(length)
            if not seen.any():
                continue
            along = _ahead(xy, one, other, length, fps=fps)
            pair = (one, other) if along >= 0 else (other, one)
            worth[pair] = float(seen.mean()) * (abs(along) + _LEAST) * float(np.nanmedian(length)) ** 0.5
    allowed = [pair for pair in worth if all(end is None or end in pair for end in fixed)]
    if not allowed:
        raise TrainingError(f"no two of the points {', '.join(names)} are ever seen together; lower --least-confidence")
    best = max(allowed, key=worth.__getitem__)
    if fixed[0] is not None:
        return fixed[0], next(end for end in best if end != fixed[0])
    if fixed[1] is not None:
        return next(end for end in best if end != fixed[1]), fixed[1]
    return best


def _ahead(xy: NDArray[np.float32], one: int, other: int, length: NDArray[np.float32], *, fps: float) -> float:
    """Movement along the axis to `one` from `other`, over all movement: 1 for animals that only go ahead, 0 for any direction."""
    step = max(1, round(_STEP_S * fps))
    with np.errstate(invalid="ignore", divide="ignore"):
        axis = (xy[:-step, :, one] - xy[:-step, :, other]) / length[:-step, :, None]
        moved = (xy[step:, :, one] + xy[step:, :, other] - xy[:-step, :, one] - xy[:-step, :, other]) / 2
        along, far = (axis * moved).sum(axis=-1), np.linalg.norm(moved, axis=-1)
    known = np.isfinite(along)
    total = float(far[known].sum())
    return float(along[known].sum()) / total if total > 0 else 0.0


def _sure(poses: NDArray[np.float32], confidence: float) -> NDArray[np.float32]:
    with np.errstate(invalid="ignore"):
        return np.where(poses[..., 2:] >= confidence, poses[..., :2], np.nan)


def _reach(xy: NDArray[np.float32]) -> float:
    """Of an animal with one point there is no length: a tenth of where it goes."""
    spread = np.nanmax(xy, axis=(0, 1, 2)) - np.nanmin(xy, axis=(0, 1, 2))
    return max(float(spread.max()) / 10, 1.0)
