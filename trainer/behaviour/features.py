"""Poses to numbers that do not depend on where in the arena the animals are: one step per frame, all of it inside the graph.

A step takes poses and seconds and the state of the step before, and gives features and the next state. Every state begins as zeros.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

MEMORIES_S = (0.15, 0.5, 2.0)  # of the running means: a turn, an action, a phase of behaviour
PAIR_MEMORIES_S = (0.5, 2.0)
FRESH_S = 0.5  # how fast a point that is not seen loses its weight
_SURE = 1e6  # px; a coordinate that is not within is none, and NaN is within nothing
_SMALL = 1e-6
_FASTEST = 20.0  # body lengths a second; what is faster was another point that was taken for this one
_FARTHEST = 8.0  # body lengths between two points; farther is as far as where one was never seen
_SHORTEST_S = 1e-4
_NOTHING = 1e-9  # weight of a mean over no time
DEFINITION = 2  # of the features; a training that began with another one is not gone on with


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyPlan:
    """What the features need to know of the animals.

    Attributes:
        animals: how many.
        points: K of each.
        front: where the body's axis ends.
        back: where it begins.
        scale_px: length of the axis, the unit of all distances.
        confidence: below it a point is not there.
        roles: whether the animals' order means something, as resident and intruder. Otherwise the features are the same in any order,
            so that animals that were taken for each other change nothing, and a class learnt of one is learnt of all.
    """

    animals: int
    points: int
    front: int
    back: int
    scale_px: float
    confidence: float
    roles: bool = False


class PoseFeatures(nn.Module):
    """Egocentric features of one or more animals, and of every ordered pair of them.

    Of each animal: its points in its own frame (origin in the middle of its points, x along the body's axis), how fresh each is, its
    speed, its speed ahead and to the side, how fast it turns, running means of these four, the speed of each point, how far its points
    lie apart, and the share of them that is seen. Of each pair: where the other one is and heads, how far it is, how near the front
    comes to its points, how fast the two approach, running means, the distance from each point to each, and the least of them. Unless
    the animals have roles, mean and largest over animals, and over pairs, are given instead of one after the other.
    """

    memories_s: Tensor
    pair_memories_s: Tensor

    def __init__(self, plan: BodyPlan) -> None:
        super().__init__()
        self.plan = plan
        self.per_px = 1 / plan.scale_px
        self.spans = [
            (one, other) for one in range(plan.points) for other in range(one, plan.points)
        ]  # the rest are those of the other order
        self.pairs = [(one, other) for one in range(plan.animals) for other in range(plan.animals) if one != other]
        memories = torch.tensor(MEMORIES_S).reshape(-1, 1)
        self.register_buffer("memories_s", memories, persistent=False)
        self.register_buffer("pair_memories_s", torch.tensor(PAIR_MEMORIES_S).reshape(-1, 1), persistent=False)

    @property
    def count(self) -> int:
        """How many features there are."""
        own = 4 * self.plan.points + 3 + 4 * (1 + len(MEMORIES_S))
        pair = 8 + 3 * len(PAIR_MEMORIES_S) + len(self.spans)
        if self.plan.roles or self.plan.animals == 1:
            return own * self.plan.animals + pair * len(self.pairs)
        return 2 * (own + pair)

    @property
    def state_shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every state, without the first axis of 1."""
        plan = self.plan
        return {
            "points": (plan.animals, plan.points, 4),  # x, y, whether ever seen, seconds since
            "heading": (plan.animals, 3),  # cosine, sine, whether known
            "motion": (plan.animals, len(MEMORIES_S), 4 + 1),  # sums and their weight, see `_running_means`
        } | ({"pairs": (len(self.pairs), len(PAIR_MEMORIES_S), 3 + 1)} if self.pairs else {})

    def forward(self, poses: Tensor, seconds: Tensor, states: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """One frame of n videos at once.

        Args:
            poses: float32 (n, animals, K, 3), x and y in px; NaN, or a confidence that is too low, where a point is not there.
            seconds: float32 (n, 1) since the frame before.
            states: as `state_shapes`, each (n, ...).

        Returns:
            float32 (n, count), and the next states.
        """
        points, heading, motion, *of_pairs = states
        seen, xy, filled = self._fill(poses, seconds, points)
        known = filled[..., 2]
        weight = known / known.sum(dim=-1, keepdim=True).clamp(min=1.0)
        middle = (xy * weight[..., None]).sum(dim=-2)
        axis, turn, next_heading = self._heading(xy, known, heading, seconds)
        own = _in_frame((xy - middle[:, :, None]) * self.per_px, axis[:, :, None]) * known[..., None]
        velocity, moved = self._velocity(xy, points, seen, seconds)
        ahead = _in_frame(velocity, axis)
        speed = (velocity.square().sum(dim=-1, keepdim=True) + _SMALL).sqrt()
        moves = torch.cat([_small(speed), _small(ahead), turn], dim=-1)
        next_motion, means = _running_means(motion, moves, moved, seconds, self.memories_s)
        fresh = known * torch.exp(-filled[..., 3] / FRESH_S)
        there = (known.sum(dim=-1, keepdim=True) > 0).to(xy.dtype)
        spread = (own.square().sum(dim=-1) * weight).sum(dim=-1, keepdim=True)
        speeds = self._speeds(xy, points, seen, seconds)
        alone = torch.cat(
            [own.flatten(2), fresh, moves, means.flatten(2), there, speeds, torch.log1p(spread), seen.mean(dim=-1, keepdim=True)], dim=2
        )
        if not self.pairs:
            return alone.flatten(1), [filled, next_heading, next_motion]
        pair, of_both, both = self._pairs(xy, known, middle, axis, velocity)
        next_pairs, means = _running_means(of_pairs[0], of_both, both, seconds, self.pair_memories_s)
        together = torch.cat([pair, means.flatten(2)], dim=2)
        return torch.cat([self._of_all(alone), self._of_all(together)], dim=1), [filled, next_heading, next_motion, next_pairs]

    def _of_all(self, each: Tensor) -> Tensor:
        """Features of all animals or pairs (n, count, f) as one row."""
        return each.flatten(1) if self.plan.roles else torch.cat([each.mean(dim=1), each.amax(dim=1)], dim=1)

    def _fill(self, poses: Tensor, seconds: Tensor, points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Which points are seen, all points in px with missing ones where they were last seen, and the next state."""
        x_y, confidence = poses[..., :2], poses[..., 2]
        # comparisons with NaN are false
        inside = (x_y[..., 0].abs() < _SURE) & (x_y[..., 1].abs() < _SURE) & (confidence >= self.plan.confidence)
        seen = inside.to(points.dtype)
        # kept in pixels, as they came: a runtime that multiplies by 1 / scale instead would be off in the last digit, which a speed
        # over one frame makes thirty times as large
        xy = torch.where(inside[..., None], x_y, points[..., :2])
        known = torch.maximum(seen, points[..., 2])
        age = torch.where(inside, torch.zeros_like(seen), points[..., 3] + seconds[:, :, None]).clamp(max=10.0)
        return seen, xy, torch.cat([xy, known[..., None], age[..., None]], dim=-1)

    def _heading(self, xy: Tensor, known: Tensor, before: Tensor, seconds: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The body's axis as a unit vector (n, animals, 2), the turn since the frame before per second (n, animals, 1), the next state."""
        along = (xy[:, :, self.plan.front] - xy[:, :, self.plan.back]) * self.per_px
        length = (along.square().sum(dim=-1, keepdim=True) + _SMALL).sqrt()
        found = (known[:, :, self.plan.front] * known[:, :, self.plan.back])[..., None] * (length > 0.05).to(xy.dtype)
        default = torch.stack([torch.ones_like(before[..., 0]), torch.zeros_like(before[..., 0])], dim=-1)
        last = torch.where(before[..., 2:] > 0, before[..., :2], default)
        axis = torch.where(found > 0, along / length, last)
        sine = last[..., :1] * axis[..., 1:] - last[..., 1:] * axis[..., :1]
        turn = sine * before[..., 2:] * found / seconds.clamp(min=_SHORTEST_S)[:, :, None] * (seconds[:, :, None] > 0)
        now = torch.maximum(found, before[..., 2:])
        return axis, _small(turn), torch.cat([axis * now, now], dim=-1)

    def _velocity(self, xy: Tensor, points: Tensor, seen: Tensor, seconds: Tensor) -> tuple[Tensor, Tensor]:
        """Mean over the points seen in this frame and the one before, body lengths per second: (n, animals, 2); and whether any was."""
        both = seen * points[..., 2] * (points[..., 3] <= 0).to(seen.dtype)
        count = both.sum(dim=-1, keepdim=True)
        moved = ((xy - points[..., :2]) * both[..., None]).sum(dim=-2) * self.per_px / count.clamp(min=1.0)
        speed = moved / seconds.clamp(min=_SHORTEST_S)[:, :, None] * (seconds[:, :, None] > 0)
        return speed.clamp(-_FASTEST, _FASTEST), (count > 0).to(seen.dtype)

    def _speeds(self, xy: Tensor, points: Tensor, seen: Tensor, seconds: Tensor) -> Tensor:
        """ln(1 + body lengths per second) of each point that is seen in this frame and the one before, else 0: (n, animals, K)."""
        both = seen * points[..., 2] * (points[..., 3] <= 0).to(seen.dtype) * (seconds[:, :, None] > 0)
        moved = (((xy - points[..., :2]) * self.per_px).square().sum(dim=-1) + _SMALL).sqrt()
        return torch.log1p((moved / seconds.clamp(min=_SHORTEST_S)[:, :, None]).clamp(max=_FASTEST)) * both

    def _pairs(self, xy: Tensor, known: Tensor, middle: Tensor, axis: Tensor, velocity: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Figures of each ordered pair (n, pairs, 8 + spans), the three of them that have running means, whether both were ever seen."""
        features, means, there = [], [], []
        for one, other in self.pairs:
            away = (middle[:, other] - middle[:, one]) * self.per_px
            far = (away.square().sum(dim=-1, keepdim=True) + _SMALL).sqrt()
            approach = ((velocity[:, one] - velocity[:, other]) * away / far).sum(dim=-1, keepdim=True)
            reach = (xy[:, other] - xy[:, one, self.plan.front][:, None]) * self.per_px
            gaps = (reach.square().sum(dim=-1) + _SMALL).sqrt() + 50.0 * (1 - known[:, other])
            near = gaps.amin(dim=-1, keepdim=True).clamp(max=50.0)
            both = (known[:, one].sum(dim=-1, keepdim=True) > 0).to(xy.dtype) * (known[:, other].sum(dim=-1, keepdim=True) > 0).to(xy.dtype)
            slow = torch.cat([torch.log1p(far), torch.log1p(near), _small(approach)], dim=-1) * both
            spans = self._spans(xy, known, one, other)
            least = spans.amin(dim=-1, keepdim=True)
            where = [_in_frame(away, axis[:, one]) * both, _in_frame(axis[:, other], axis[:, one])]
            features.append(torch.cat([*where, slow, spans, least], dim=-1))
            means.append(slow)
            there.append(both)
        return torch.stack(features, dim=1), torch.stack(means, dim=1), torch.stack(there, dim=1)

    def _spans(self, xy: Tensor, known: Tensor, one: int, other: int) -> Tensor:
        """Distances from the points of one animal to those of the other, body lengths pressed together: (n, spans)."""
        begin, end = [span[0] for span in self.spans], [span[1] for span in self.spans]
        apart = ((xy[:, other, end] - xy[:, one, begin]) * self.per_px).square().sum(dim=-1)
        there = known[:, other, end] * known[:, one, begin]
        return torch.log1p(((apart + _SMALL).sqrt() * there + _FARTHEST * (1 - there)).clamp(max=_FARTHEST))


def _in_frame(vectors: Tensor, axis: Tensor) -> Tensor:
    """Vectors (..., 2) as ahead and aside of a unit vector."""
    ahead = (vectors * axis).sum(dim=-1)
    aside = vectors[..., 1] * axis[..., 0] - vectors[..., 0] * axis[..., 1]
    return torch.stack([ahead, aside], dim=-1)


def _small(value: Tensor) -> Tensor:
    """Large values pressed together, the sign kept: sign(x) ln(1 + |x|)."""
    return torch.sign(value) * torch.log1p(value.abs())


def _running_means(before: Tensor, value: Tensor, known: Tensor, seconds: Tensor, memories_s: Tensor) -> tuple[Tensor, Tensor]:
    """Means over the time in which the value was known, with several memories: right from the first such frame on.

    Sum and weight each move by 1 − exp(−dt / τ) towards the value and towards 1; the mean is their ratio, as the first moment in Adam
    (Kingma and Ba 2015) is corrected for having begun at zero.

    Args:
        before: (n, count, memories, f + 1), sums and their weight last.
        value: (n, count, f).
        known: (n, count, 1), 1 where the value is to be counted, else 0.
        seconds: (n, 1).
        memories_s: (memories, 1).

    Returns:
        The next sums with their weight, and the means (n, count, memories, f): 0 where the value was never known.
    """
    share = (1 - torch.exp(-seconds[:, :, None, None] / memories_s)) * known[:, :, None]
    counted = torch.cat([value, torch.ones_like(known)], dim=-1)[:, :, None]
    following = before + share * (counted - before)
    return following, following[..., :-1] / following[..., -1:].clamp(min=_NOTHING)
