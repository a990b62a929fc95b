"""What the synthetic rodent does and when: a seeded, endless list of moves, in units of the arena's radius.

Pure. The arena is the unit circle, y points down as in an image, and time is counted in frames of a 100 per second recording.
"""

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

CYCLE_FRAMES = 650  # each cycle holds one or two pokes: 4 to 9 in any 30 s at 100 frames per second
TORSO = 0.42  # tail base to neck
HEAD = 0.21  # neck to snout
REACH = TORSO / 2 + HEAD  # body centre to snout when the animal is stretched straight
PORT_ANGLE = math.radians(-32.0)
PORT_RADIUS = 0.085
PORT = (0.93 * math.cos(PORT_ANGLE), 0.93 * math.sin(PORT_ANGLE))
ROAM = 0.5  # the body centre stays within this radius, so that the snout cannot reach the wall
STEP = 0.22  # a place no further than this is reached by stepping, whichever way the animal faces
CLEAR_OF_PORT = 3.0 * PORT_RADIUS  # away from the port, the snout comes no nearer to it, whichever way it points


Kind = Literal["turn", "walk", "step", "hold", "rear", "poke", "near_miss"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Posture:
    """The animal at one instant: body centre, heading in radians, and how far it rears and looks about (0..1)."""

    x: float
    y: float
    heading: float
    rear: float = 0.0
    gaze: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A change from one posture to the next, at rest at both ends. `frames` counts from the beginning of the cycle."""

    kind: Kind
    begin: float
    frames: float
    start: Posture
    end: Posture


def cycle_moves(seed: int, cycle: int) -> tuple[Move, ...]:
    """The moves of one cycle, without a gap from its first frame to its last; it ends where the next one begins."""
    rng = np.random.default_rng([seed, cycle, 1])
    plan = _Plan(_home(seed, cycle))
    what = rng.choice(["explore", "miss", "poke_twice"], p=[0.5, 0.25, 0.25])
    if what == "explore":
        _explore(plan, rng)
    elif what == "miss":
        _visit_port(plan, rng, miss=True)
        plan.hold(rng.uniform(15.0, 40.0))
    _visit_port(plan, rng, miss=False)
    if what == "poke_twice":
        plan.hold(rng.uniform(20.0, 40.0))
        _visit_port(plan, rng, miss=False)
    home = _home(seed, cycle + 1)
    plan.walk(home)
    plan.turn(home.heading)
    return plan.timed(home)


def position_on_walk(move: Move, done: float) -> tuple[float, float, float]:
    """Point and direction of travel on a walk's path, a cubic Bezier curve that leaves and arrives along the headings."""
    start, end = move.start, move.end
    handle = 0.4 * math.hypot(end.x - start.x, end.y - start.y)
    ax, ay = start.x + handle * math.cos(start.heading), start.y + handle * math.sin(start.heading)
    bx, by = end.x - handle * math.cos(end.heading), end.y - handle * math.sin(end.heading)
    left = 1.0 - done
    w0, w1, w2, w3 = left**3, 3.0 * left * left * done, 3.0 * left * done * done, done**3
    d0, d1, d2 = left * left, 2.0 * left * done, done * done
    dx = d0 * (ax - start.x) + d1 * (bx - ax) + d2 * (end.x - bx)
    dy = d0 * (ay - start.y) + d1 * (by - ay) + d2 * (end.y - by)
    x = w0 * start.x + w1 * ax + w2 * bx + w3 * end.x
    y = w0 * start.y + w1 * ay + w2 * by + w3 * end.y
    return x, y, math.atan2(dy, dx)


class _Plan:
    """A list of moves under construction. Pokes and near misses keep their length; the rest is stretched to fill the cycle."""

    def __init__(self, start: Posture) -> None:
        self.posture = start
        self._moves: list[Move] = []

    def add(self, kind: Kind, end: Posture, *, frames: float) -> None:
        self._moves.append(Move(kind=kind, begin=0.0, frames=frames, start=self.posture, end=end))
        self.posture = end

    def turn(self, heading: float) -> None:
        by = math.remainder(heading - self.posture.heading, 2.0 * math.pi)
        if abs(by) > 1e-6:
            self.add("turn", replace(self.posture, heading=self.posture.heading + by), frames=14.0 + 15.0 * abs(by))

    def walk(self, end: Posture) -> None:
        """Turn towards the place, then walk there in a bow; a place nearby is stepped to without turning."""
        dx, dy = end.x - self.posture.x, end.y - self.posture.y
        if math.hypot(dx, dy) < STEP:
            self.add("step", replace(end, heading=self.posture.heading), frames=25.0 + 100.0 * math.hypot(dx, dy))
            return
        direction = math.atan2(dy, dx)
        self.turn(direction)
        bow = max(-0.6, min(0.6, math.remainder(end.heading - direction, 2.0 * math.pi)))
        arrived = replace(end, heading=direction + bow, rear=0.0, gaze=1.0)
        self.add("walk", arrived, frames=30.0 + 75.0 * math.hypot(dx, dy))

    def hold(self, frames: float) -> None:
        self.add("hold", self.posture, frames=frames)

    def timed(self, home: Posture) -> tuple[Move, ...]:
        """Fill exactly one cycle and land on `home`, against the last digit of rounding."""
        fixed = sum(move.frames for move in self._moves if move.kind in ("poke", "near_miss"))
        elastic = sum(move.frames for move in self._moves) - fixed
        stretch = (CYCLE_FRAMES - fixed) / elastic
        timed: list[Move] = []
        begin = 0.0
        for move in self._moves:
            frames = move.frames * (1.0 if move.kind in ("poke", "near_miss") else stretch)
            timed.append(replace(move, begin=begin, frames=frames))
            begin += frames
        timed[-1] = replace(timed[-1], end=replace(timed[-1].end, x=home.x, y=home.y, rear=0.0, gaze=1.0))
        return tuple(timed)


def _home(seed: int, cycle: int) -> Posture:
    return _somewhere(np.random.default_rng([seed, cycle, 0]), within=0.4)


def _somewhere(rng: np.random.Generator, *, within: float) -> Posture:
    """A place from which the snout reaches neither the wall nor the port."""
    while True:
        radius, angle = within * math.sqrt(rng.random()), rng.uniform(-math.pi, math.pi)
        x, y = radius * math.cos(angle), radius * math.sin(angle)
        if math.dist((x, y), PORT) > REACH + CLEAR_OF_PORT:
            return Posture(x=x, y=y, heading=rng.uniform(-math.pi, math.pi))


def _explore(plan: _Plan, rng: np.random.Generator) -> None:
    """Walk to another place, and there rear or look about."""
    plan.walk(_somewhere(rng, within=ROAM))
    if rng.random() < 0.75:
        down = plan.posture
        plan.add("rear", replace(down, rear=1.0), frames=35.0)
        plan.hold(rng.uniform(40.0, 90.0))
        plan.add("rear", down, frames=30.0)
    else:
        plan.hold(rng.uniform(25.0, 80.0))


def _visit_port(plan: _Plan, rng: np.random.Generator, *, miss: bool) -> None:
    """Stand before the port, dart in, stay, and back out; a near miss stops short of it or beside it."""
    heading = PORT_ANGLE + rng.uniform(-0.3, 0.3)
    ahead, aside = rng.uniform(-0.25, 0.1) * PORT_RADIUS, rng.uniform(-0.25, 0.25) * PORT_RADIUS
    if miss:
        ahead, aside = (-2.1 * PORT_RADIUS, aside) if rng.random() < 0.5 else (-0.4 * PORT_RADIUS, 1.9 * PORT_RADIUS)
    reached = _facing_port(heading, ahead=ahead, aside=aside)
    before = replace(_facing_port(heading, ahead=ahead - 3.2 * PORT_RADIUS, aside=aside), gaze=0.25)
    plan.walk(before)
    plan.turn(heading)
    kind: Kind = "near_miss" if miss else "poke"
    plan.add(kind, replace(reached, heading=plan.posture.heading), frames=26.0)
    plan.add(kind, plan.posture, frames=rng.uniform(20.0, 35.0) if miss else rng.uniform(25.0, 120.0))
    plan.add(kind, replace(before, heading=plan.posture.heading), frames=30.0)


def _facing_port(heading: float, *, ahead: float, aside: float) -> Posture:
    """The posture whose stretched snout is `ahead` beyond the port's centre and `aside` to its right."""
    x, y = math.cos(heading), math.sin(heading)
    return Posture(x=PORT[0] + (ahead - REACH) * x - aside * y, y=PORT[1] + (ahead - REACH) * y + aside * x, heading=heading, gaze=0.0)
