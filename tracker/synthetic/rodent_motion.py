"""Where every part of the synthetic rodent is at a given frame number. Pure; smooth in time; exact in pixels."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tracker.synthetic.rodent_script import CYCLE_FRAMES, HEAD, TORSO, Kind, Move, Posture, cycle_moves, position_on_walk

SPINE_JOINTS = 13
TAIL_JOINTS = 16
HIPS = 0.28  # fraction of the spine that stays in place when the animal rears
TAIL = 0.5  # length, in arena radii
TAIL_LIMIT = 0.95  # the tail slides along the wall and not through it
BEND_FRAMES = 5  # the spine bends by what the body turns in this time

Points = NDArray[np.float64]  # (n, 2) x, y


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """The animal in pixels at one instant.

    Attributes:
        spine: float64 (SPINE_JOINTS, 2), tail base to neck.
        sides: float64 (SPINE_JOINTS, 2), unit vectors across the spine, to the animal's left (it is seen from below).
        tail: float64 (TAIL_JOINTS, 2), base to tip.
        head: float64 (2, 2), unit vectors along the head and to its left.
        nape: float64 (2,), where the head begins; behind the chest when the animal is upright.
        head_length: nape to snout, foreshortened.
        scale: pixels per arena radius.
        rear: 0 on all fours, 1 upright.
        steps: float64 (4, 2), paws: right fore, left fore, right hind, left hind.
    """

    spine: Points
    sides: Points
    tail: Points
    head: Points
    nape: Points
    head_length: float
    scale: float
    rear: float
    steps: Points

    @property
    def snout(self) -> Points:
        """Tip of the nose, (2,)."""
        return np.asarray(self.nape + self.head_length * self.head[0], np.float64)

    def ear(self, side: float) -> Points:
        """Centre of an ear, (2,); side is +1 for the left one, -1 for the right one: from below, left and right are mirrored."""
        width = 0.37 * HEAD * self.scale * (1.0 - 0.12 * self.rear)
        return np.asarray(self.nape + 0.32 * self.head_length * self.head[0] + side * width * self.head[1], np.float64)


class RodentMotion:
    """A seeded rodent's life, evaluated at any frame number."""

    def __init__(self, seed: int, *, width: int, height: int) -> None:
        self.scale = 0.485 * min(width, height)  # pixels per arena radius
        self.centre = np.array([(width - 1) / 2.0, (height - 1) / 2.0])
        self._seed = seed
        self._phases = np.random.default_rng([seed, 77]).uniform(0.0, 2.0 * math.pi, 8).tolist()
        self._moves = lru_cache(maxsize=8)(lambda cycle: cycle_moves(seed, cycle))

    def posture(self, number: float) -> Posture:
        """Body centre, heading and rearing at a (fractional) frame number; arena radii and radians."""
        move, frame = self._move(number)
        return _between(move, _smooth(min(1.0, (frame - move.begin) / move.frames)))

    def kind(self, number: float) -> Kind:
        """What the animal does at a (fractional) frame number."""
        return self._move(number)[0].kind

    def body(self, number: float) -> Body:
        """Every part of the animal at a (fractional) frame number, in pixels."""
        posture = self.posture(number)
        turned = self._turned(number)
        speed = self._speed(number)
        bend = 0.42 * math.tanh(2.0 * turned)
        yaw = 0.9 * bend + self._gaze(number) * posture.gaze
        spine, sides = _spine(posture, bend)
        heading = posture.heading + bend + yaw
        head = np.array([[math.cos(heading), math.sin(heading)], [-math.sin(heading), math.cos(heading)]])
        tail = self._tail(number, spine[0], direction=posture.heading - bend + math.pi, swing=turned)
        return Body(
            spine=self.to_px(spine),
            sides=sides,
            tail=self.to_px(tail),
            head=head,
            nape=self.to_px(spine[-1] - 0.35 * HEAD * posture.rear * head[0]),
            head_length=HEAD * self.scale * (1.0 - 0.42 * posture.rear),
            scale=self.scale,
            rear=posture.rear,
            steps=self.to_px(_paws(spine, sides, rear=posture.rear, stride=min(1.0, 90.0 * speed), phase=0.42 * number)),
        )

    def to_px(self, points: Points) -> Points:
        """Arena radii to pixels."""
        return np.asarray(self.centre + self.scale * points, np.float64)

    def _move(self, number: float) -> tuple[Move, float]:
        """The move under way, and the frame of its cycle."""
        cycle, frame = divmod(number, CYCLE_FRAMES)
        moves = self._moves(int(cycle))
        return next((m for m in moves if frame < m.begin + m.frames), moves[-1]), frame

    def _turned(self, number: float) -> float:
        before, after = self.posture(max(0, number - BEND_FRAMES)), self.posture(number + BEND_FRAMES)
        return math.remainder(after.heading - before.heading, 2.0 * math.pi)

    def _speed(self, number: float) -> float:
        before, after = self.posture(max(0, number - 1)), self.posture(number + 1)
        return math.hypot(after.x - before.x, after.y - before.y) / 2.0

    def _gaze(self, number: float) -> float:
        first, second, third = self._phases[:3]
        return 0.26 * math.sin(0.041 * number + first) + 0.14 * math.sin(0.097 * number + second) + 0.03 * math.sin(0.5 * number + third)

    def _tail(self, number: float, root: Points, *, direction: float, swing: float) -> Points:
        """A chain whose joints turn more towards the tip: slow waves and a lag behind the body's turn."""
        along = np.linspace(0.0, 1.0, TAIL_JOINTS)
        first, second = self._phases[4:6]
        wave = 0.55 * np.sin(0.031 * number - 2.2 * along + first) + 0.25 * np.sin(0.083 * number - 3.4 * along + second)
        angles = direction + along * (1.5 * wave - 1.8 * swing)
        steps = np.stack([np.cos(angles), np.sin(angles)], axis=1) * (TAIL / (TAIL_JOINTS - 1))
        joints = root + np.cumsum(steps, axis=0) - steps[0]
        distance = np.hypot(joints[:, 0], joints[:, 1])
        limited = np.minimum(1.0, TAIL_LIMIT / np.maximum(distance, 1e-9))
        return np.asarray(joints * limited[:, None], np.float64)


def _between(move: Move, done: float) -> Posture:
    start, end = move.start, move.end
    if move.kind == "walk":
        x, y, heading = position_on_walk(move, done)
    else:
        x, y = start.x + done * (end.x - start.x), start.y + done * (end.y - start.y)
        heading = start.heading + done * (end.heading - start.heading)
    rear, gaze = start.rear + done * (end.rear - start.rear), start.gaze + done * (end.gaze - start.gaze)
    return Posture(x=x, y=y, heading=heading, rear=rear, gaze=gaze)


def _smooth(t: float) -> float:
    """Fraction of the way after a fraction of the time, at minimum jerk (Flash and Hogan 1985): at rest at both ends."""
    return t * t * t * (10.0 + t * (6.0 * t - 15.0))


def _spine(posture: Posture, bend: float) -> tuple[Points, Points]:
    """An arc through the body centre, shortened about the hips when the animal rears; and the unit vectors across it."""
    along = np.linspace(-1.0, 1.0, SPINE_JOINTS)
    angles = posture.heading + bend * along
    steps = np.stack([np.cos(angles), np.sin(angles)], axis=1) * (TORSO / (SPINE_JOINTS - 1))
    middles = (steps[1:] + steps[:-1]) / 2.0
    joints = np.concatenate([np.zeros((1, 2)), np.cumsum(middles, axis=0)])
    joints += np.array([posture.x, posture.y]) - joints[SPINE_JOINTS // 2]
    hips = joints[round(HIPS * (SPINE_JOINTS - 1))]
    joints = hips + (joints - hips) * (1.0 - 0.5 * posture.rear)
    return joints, np.stack([-np.sin(angles), np.cos(angles)], axis=1)


def _paws(spine: Points, sides: Points, *, rear: float, stride: float, phase: float) -> Points:
    """Four paws under the body, each pair in step with the diagonal one; rearing lifts the fore paws in to the chest."""
    along = (spine[-1] - spine[0]) / max(1e-9, float(np.hypot(*(spine[-1] - spine[0]))))
    swing = 0.035 * stride * math.sin(phase)
    fore, hind = spine[SPINE_JOINTS - 3], spine[3]
    apart = 0.066 * (1.0 - 0.55 * rear)
    return np.stack(
        [
            fore - apart * sides[-3] + (0.02 + swing) * along,
            fore + apart * sides[-3] + (0.02 - swing) * along,
            hind - 0.088 * sides[3] + (0.01 - swing) * along,
            hind + 0.088 * sides[3] + (0.01 + swing) * along,
        ]
    )
