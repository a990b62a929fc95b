"""Poses of several cameras with known truth for tests of joining: which number and which moment each of them really is of."""

import random
from dataclasses import dataclass, field

import numpy as np

from tracker.triangulation.joiner import Joiner
from tracker.triangulation.moment import Moment, Sighting

PERIOD_NS = 10_000_000
POINTS = np.zeros((1, 3))


@dataclass
class Film:
    """One camera under a common trigger that began at 0.

    Attributes:
        first: its number at the trigger's first pulse.
        jitter_ns: its stamps are off by at most this.
        delay_ns: from stamp to publication.
    """

    camera: int
    first: int = 0
    phase_ns: int = 0
    jitter_ns: int = 0
    delay_ns: int = 3_000_000
    every: int = 1
    session: str = "one"
    begin_ns: int = 1_000_000_000
    truth: dict[tuple[str, int, int], int] = field(default_factory=dict)

    def pose(self, pulse: int, chance: random.Random | None = None) -> Sighting:
        jitter_ns = 0 if chance is None else chance.randint(-self.jitter_ns, self.jitter_ns)
        time_ns = self.begin_ns + pulse * PERIOD_NS + self.phase_ns + jitter_ns
        number = self.first + pulse // self.every
        self.truth[self.session, number, time_ns] = pulse
        return Sighting(
            camera=self.camera,
            session=self.session,
            number=number,
            time_ns=time_ns,
            received_ns=time_ns + self.delay_ns // 2,
            sent_ns=time_ns + self.delay_ns,
            points=POINTS,
        )


def by_arrival(poses: list[Sighting]) -> list[Sighting]:
    return sorted(poses, key=lambda pose: (pose.sent_ns, pose.camera))


def feed(joiner: Joiner, poses: list[Sighting], *, deadlines: bool = True) -> list[Moment]:
    """Give poses in this order, with the time standing at the newest publication; deadlines are judged before each, and at the end."""
    moments: list[Moment] = []
    now_ns = 0
    for pose in poses:
        now_ns = max(now_ns, pose.sent_ns)
        if deadlines:
            moments += joiner.due(now_ns - 1)
        moments += joiner.take(pose)
    return moments + joiner.due(now_ns + 10**12)


def pulses(moment: Moment, films: list[Film]) -> set[int]:
    """The pulses that its poses are really of: one, if it is right."""
    return {films[each.camera].truth[each.session, each.number, each.time_ns] for each in moment.seen}
