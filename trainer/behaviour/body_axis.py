"""Which two points the body's axis goes through, and how long it is: asked for, or found from how the animals move."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.behaviour.features import BodyPlan
from trainer.behaviour.video_table import PoseVideos
from trainer.errors import TrainingError
from trainer.labels.mirror import sides_of

Points = NDArray[np.float32]  # (frames, animals, K, 2) in px, NaN where a point is not there
_FRAMES = 20_000  # of each video, at most
_LEAST = 0.01  # of a pair that says nothing of where its animal goes, so that the longest is chosen where none does
_STEP_S = 0.2  # over which a movement is measured
_ROUNDING_PX = 0.01  # of sums of coordinates in float32
_SURELY = 0.1  # of all movement goes along the axis, or which end is in front is a guess
_NEARLY = 0.9  # of the worth of the best pair: one that would do as well
_OTHER_WAY = np.cos(np.deg2rad(20))


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyAxis:
    """The axis that the features are built on.

    Attributes:
        plan: of the features.
        sentence: which points were chosen, and how long the axis is.
        warnings: what speaks against the choice, a sentence each; none of points that were asked for.
    """

    plan: BodyPlan
    sentence: str
    warnings: tuple[str, ...]

    @property
    def sentences(self) -> tuple[str, ...]:
        """All that is said of it."""
        return (self.sentence, *self.warnings)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    """Two points that an axis can go through.

    Attributes:
        front, back: of the K points; in front is the one that the animals move towards.
        ahead: movement along the axis, over all movement: 1 for animals that only go ahead, 0 for any direction.
        worth: the share of frames in which both are seen, times `ahead`, times the root of the length, for a short axis is a noisy one.
    """

    front: int
    back: int
    ahead: float
    worth: float


def find_body_axis(videos: PoseVideos, *, front: str | None, back: str | None, confidence: float, roles: bool = False) -> BodyAxis:
    """Choose the axis and measure it on the videos that are learnt from.

    Points that their names place on one side of the body are chosen only where too few others are seen together.

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
    fps = float(np.median([video.fps for video in train]))
    step = max(1, round(_STEP_S * fps))
    xy = np.concatenate([_apart(_sure(video.poses, confidence)[:_FRAMES], step) for video in train])

    def plan(ends: tuple[int, int], scale_px: float) -> BodyPlan:
        return BodyPlan(
            animals=xy.shape[1], points=len(names), front=ends[0], back=ends[1], scale_px=scale_px, confidence=confidence, roles=roles
        )

    if len(names) == 1:
        reach = _reach(xy)
        said = f"with one point there is no axis of the body: distances are in units of {reach:.1f} px, a tenth of where the animals go"
        return BodyAxis(plan=plan((0, 0), reach), sentence=said, warnings=())
    pairs = _pairs(xy, step=step)
    ends = _ends(pairs, names, front, back)
    length = np.linalg.norm(xy[:, :, ends[0]] - xy[:, :, ends[1]], axis=-1)
    if not np.isfinite(length).any():
        raise TrainingError(
            f"the points '{names[ends[0]]}' and '{names[ends[1]]}' are never seen together; name others with --front and --back"
        )
    scale = max(float(np.nanmedian(length)), 1e-3)
    said = f"the body's axis goes from {names[ends[1]]} to {names[ends[0]]}, {scale:.1f} px long (--back, --front)"
    asked = front is not None and back is not None
    return BodyAxis(plan=plan(ends, scale), sentence=said, warnings=() if asked else tuple(_warnings(xy, pairs, ends, names)))


def _pairs(xy: Points, *, step: int) -> list[_Pair]:
    """Every pair of points that are ever seen together, the best first."""
    found = []
    for one in range(xy.shape[2]):
        for other in range(one + 1, xy.shape[2]):
            length = np.linalg.norm(xy[:, :, one] - xy[:, :, other], axis=-1)
            seen = np.isfinite(length)
            if not seen.any():
                continue
            along = _ahead(xy, one, other, length, step=step)
            front, back = (one, other) if along >= 0 else (other, one)
            worth = float(seen.mean()) * (abs(along) + _LEAST) * float(np.nanmedian(length)) ** 0.5
            found.append(_Pair(front=front, back=back, ahead=abs(along), worth=worth))
    return sorted(found, key=lambda pair: -pair.worth)


def _ends(pairs: Sequence[_Pair], names: Sequence[str], front: str | None, back: str | None) -> tuple[int, int]:
    """Front and back: what was named, else the pair that is worth most, off the midline only where no other is left."""
    fixed = names.index(front) if front else None, names.index(back) if back else None
    allowed = [pair for pair in pairs if all(end is None or end in (pair.front, pair.back) for end in fixed)]
    if not allowed:
        raise TrainingError(f"no two of the points {', '.join(names)} are ever seen together; lower --least-confidence")
    sided = _sided(names) - {front, back}
    best = next((pair for pair in allowed if not {names[pair.front], names[pair.back]} & sided), allowed[0])
    both = (best.front, best.back)
    if fixed[0] is not None:
        return fixed[0], next(end for end in both if end != fixed[0])
    if fixed[1] is not None:
        return next(end for end in both if end != fixed[1]), fixed[1]
    return both


def _warnings(xy: Points, pairs: Sequence[_Pair], ends: tuple[int, int], names: Sequence[str]) -> list[str]:
    """What makes an axis that was found unsure."""
    said = []
    sided = [names[end] for end in ends if names[end] in _sided(names)]
    if sided:
        said.append(f"{' and '.join(sided)} {'is' if len(sided) == 1 else 'are'} beside the body's midline, no better points were seen")
    chosen = next((pair for pair in pairs if {pair.front, pair.back} == set(ends)), None)
    if chosen is not None and chosen.ahead < _SURELY:
        said.append(f"only {chosen.ahead:.0%} of the animals' movement goes along this axis, so that which end is in front is a guess")
    if chosen is not None:
        rivals = [
            pair for pair in pairs if pair.worth >= _NEARLY * chosen.worth and not {names[pair.front], names[pair.back]} & _sided(names)
        ]
        other = next((pair for pair in rivals if _differ(xy, pair, ends)), None)
        if other is not None:
            said.append(f"an axis from {names[other.back]} to {names[other.front]}, which lies otherwise, would fit their movement as well")
    return [f"the body's axis is not sure: {sentence}; name the points with --front and --back" for sentence in said]


def _differ(xy: Points, pair: _Pair, ends: tuple[int, int]) -> bool:
    """Whether a pair gives another direction than the axis, in more than half of the frames that tell."""
    one, other = (xy[:, :, front] - xy[:, :, back] for front, back in ((pair.front, pair.back), ends))
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = (one * other).sum(axis=-1) / np.linalg.norm(one, axis=-1) / np.linalg.norm(other, axis=-1)
    known = cosine[np.isfinite(cosine)]
    return bool(len(known)) and float(np.median(known)) < _OTHER_WAY


def _sided(names: Sequence[str]) -> set[str]:
    """Points whose names speak of left or right."""
    sides = sides_of(names)
    return {name for pair in sides.pairs for name in pair} | set(sides.unpaired)


def _ahead(xy: Points, one: int, other: int, length: NDArray[np.float32], *, step: int) -> float:
    """Movement along the axis to `one` from `other`, over all movement."""
    with np.errstate(invalid="ignore", divide="ignore"):
        axis = (xy[:-step, :, one] - xy[:-step, :, other]) / length[:-step, :, None]
        moved = (xy[step:, :, one] + xy[step:, :, other] - xy[:-step, :, one] - xy[:-step, :, other]) / 2
        along, far = (axis * moved).sum(axis=-1), np.linalg.norm(moved, axis=-1)
    known = np.isfinite(along) & (far > _ROUNDING_PX)
    total = float(far[known].sum())
    return float(along[known].sum()) / total if total > 0 else 0.0


def _sure(poses: NDArray[np.float32], confidence: float) -> Points:
    with np.errstate(invalid="ignore"):
        return np.where(poses[..., 2:] >= confidence, poses[..., :2], np.float32(np.nan))


def _apart(xy: Points, frames: int) -> Points:
    """With so many frames of nothing at the end, so that no movement goes from one video to the next."""
    return np.concatenate([xy, np.full((frames, *xy.shape[1:]), np.nan, np.float32)])


def _reach(xy: Points) -> float:
    """Of an animal with one point there is no length: a tenth of where it goes."""
    spread = np.nanmax(xy, axis=(0, 1, 2)) - np.nanmin(xy, axis=(0, 1, 2))
    return max(float(spread.max()) / 10, 1.0)
