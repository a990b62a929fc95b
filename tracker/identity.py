"""Which animal is which from frame to frame. Pure: time comes from the frame, and the same frames give the same rows.

There are as many identities as the network has rows, numbered from 0; the row of a pose *is* the identity, so rules and
recordings need no more. Each is

    VACANT ──an animal that no identity explains, seen for confirm_ms──► HELD ──matched within the gate──► HELD
      ▲                                                                   │
      └──────────────────── not seen for forget_ms ───────────────────────┘

A held identity looks for its animal where it was last seen, moved on at its mean velocity, no farther than the animal can
have gone. A vacant one takes what is left. Among several, those pairs are taken whose distances are least in all.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped]

from tracker.config import IdentityConfig
from tracker.pose import KeyPoints

_NEVER = 1e9  # px: a pair outside its gate, taken last and then undone


@dataclass(slots=True)
class _Track:
    """One identity, or an animal that is not yet one."""

    points: KeyPoints  # (K, 3), of the frame it was last seen in
    velocity: NDArray[np.float64]  # px/ns
    seen_ns: int
    since_ns: int


class Identity:
    """Gives every animal of a frame the row of its identity.

    Args:
        settings: gates and times.
        animals: rows of every pose.
    """

    def __init__(self, settings: IdentityConfig, *, animals: int) -> None:
        self._settings, self._animals = settings, animals
        self._slack_px, self._px_per_ns = settings.slack_px, settings.max_speed_px_s / 1e9
        self._forget_ns, self._confirm_ns, self._memory_ns = (
            round(ms * 1e6) for ms in (settings.forget_ms, settings.confirm_ms, settings.velocity_ms)
        )
        self.reset()

    def reset(self) -> None:
        """Forget every animal."""
        self._held: list[_Track | None] = [None] * self._animals
        self._waiting: list[_Track] = []  # seen, but not for long enough
        self._now_ns = 0

    def update(self, points: KeyPoints, time_ns: int) -> KeyPoints:
        """Take one frame.

        Args:
            points: float32 (animals, K, 3) of one frame, in any order; a row without a sure point is not an animal.
            time_ns: when it was exposed; a step backwards makes the tracker forget, since nothing is known about the gap.

        Returns:
            float32 (animals, K, 3), a new array: row i is identity i, all NaN where that animal was not found.
        """
        if time_ns < self._now_ns:
            self.reset()
        self._now_ns = time_ns
        self._forget()
        animals = [row for row in points if (row[:, 2] >= self._settings.confidence).any()]
        rows = np.full_like(points, np.nan)
        animals = self._keep(animals, rows)
        self._wait(animals)
        self._promote(rows)
        return rows

    def _forget(self) -> None:
        oldest = self._now_ns - self._forget_ns
        self._held = [track if track is not None and track.seen_ns >= oldest else None for track in self._held]

    def _keep(self, animals: list[KeyPoints], rows: KeyPoints) -> list[KeyPoints]:
        """Give held identities their animals; returns those that are left."""
        held = [(slot, track) for slot, track in enumerate(self._held) if track is not None]
        pairs = self._paired([track for _, track in held], animals)
        for index, animal in pairs:
            slot, track = held[index]
            self._see(track, animals[animal])
            rows[slot] = animals[animal]
        taken = {animal for _, animal in pairs}
        return [points for index, points in enumerate(animals) if index not in taken]

    def _wait(self, animals: list[KeyPoints]) -> None:
        """Follow animals that are no identity's; one that is missed in a frame has to begin anew."""
        pairs = dict(self._paired(self._waiting, animals))
        went_on = [(track, animals[pairs[index]]) for index, track in enumerate(self._waiting) if index in pairs]
        for track, points in went_on:
            self._see(track, points)
        fresh = [points for index, points in enumerate(animals) if index not in pairs.values()]
        begun = [_Track(points, np.zeros(2), self._now_ns, self._now_ns) for points in fresh]
        self._waiting = [track for track, _ in went_on] + begun

    def _promote(self, rows: KeyPoints) -> None:
        """Vacant identities, lowest first, take the animals that have been seen for long enough, longest first."""
        ready = [track for track in self._waiting if self._now_ns - track.since_ns >= self._confirm_ns]
        vacant = [slot for slot, track in enumerate(self._held) if track is None]
        for slot, track in zip(vacant, sorted(ready, key=lambda track: track.since_ns), strict=False):
            self._held[slot] = track
            self._waiting = [other for other in self._waiting if other is not track]
            rows[slot] = track.points

    def _see(self, track: _Track, points: KeyPoints) -> None:
        """Take over a new place. Velocity is averaged over time, not frames: an exponential mean of memory velocity_ms."""
        elapsed_ns = self._now_ns - track.seen_ns
        both = self._sure(track.points) & self._sure(points)
        if elapsed_ns > 0 and both.any():
            step = (points[both, :2].astype(np.float64) - track.points[both, :2]).mean(axis=0) / elapsed_ns
            share = 1.0 if self._memory_ns == 0 else 1.0 - math.exp(-elapsed_ns / self._memory_ns)
            track.velocity = track.velocity + share * (step - track.velocity)
        track.points, track.seen_ns = points, self._now_ns

    def _paired(self, tracks: list[_Track], animals: list[KeyPoints]) -> list[tuple[int, int]]:
        """(track, animal) of those that belong together."""
        if not tracks or not animals:
            return []
        cost = np.array([[self._distance(track, points) for points in animals] for track in tracks])
        found = zip(*linear_sum_assignment(cost), strict=True)
        return [(int(track), int(animal)) for track, animal in found if cost[track, animal] < _NEVER]

    def _distance(self, track: _Track, points: KeyPoints) -> float:
        """Mean distance from where the points should be by now, or `_NEVER` beyond the gate.

        Velocity is trusted for velocity_ms: an animal that was lost from sight has by then turned or stopped.
        """
        elapsed_ns = self._now_ns - track.seen_ns
        moved = track.velocity * min(elapsed_ns, self._memory_ns)
        then, now = self._sure(track.points), self._sure(points)
        both = then & now
        if both.any():
            off = points[both, :2].astype(np.float64) - track.points[both, :2]
        else:  # no point in common: compare the middles of what is seen
            off = (points[now, :2].astype(np.float64).mean(axis=0) - track.points[then, :2].mean(axis=0))[None]
        distance = float(np.hypot(*(off - moved).T).mean())
        return distance if distance <= self._slack_px + self._px_per_ns * elapsed_ns else _NEVER

    def _sure(self, points: KeyPoints) -> NDArray[np.bool_]:
        return np.asarray(points[:, 2] >= self._settings.confidence, np.bool_)
