"""Which frame of a recording is shown when. Bound to time, so that a slow drawing drops pictures and never falls behind. No clock."""

import numpy as np
from numpy.typing import NDArray

SPEEDS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
_LONGEST_GAP_S = 1.0  # a camera that was away for an hour is not waited for


class Playback:
    """A place in a recording, and how it moves.

    Attributes:
        playing: whether it moves.
        speed: recorded seconds that pass in one.
    """

    def __init__(self, seconds: NDArray[np.float64]) -> None:
        """Begin at the first frame, at rest.

        Args:
            seconds: (frames), when each was taken; one frame at least.
        """
        self.playing = False
        self.speed = 1.0
        steps = np.diff(seconds, prepend=seconds[:1])
        usual = float(np.median(steps[1:])) if len(steps) > 1 else 0.0
        self._at_s: NDArray[np.float64] = np.cumsum(np.clip(steps, 0.0, max(_LONGEST_GAP_S, 3 * usual)))
        self._place = 0  # when it was set last
        self._set_ns = 0

    @property
    def last(self) -> int:
        """The last frame."""
        return len(self._at_s) - 1

    def place(self, now_ns: int) -> int:
        """The frame to show now; at the last one it comes to rest."""
        if not self.playing:
            return self._place
        at_s = self._at_s[self._place] + self.speed * (now_ns - self._set_ns) / 1e9
        place = max(self._place, int(np.searchsorted(self._at_s, at_s, "right")) - 1)
        if place >= self.last:
            self.playing, self._place = False, self.last
        return place

    def go(self, place: int, now_ns: int) -> None:
        """Go to a frame, or the nearest that there is, and on from there."""
        self._place, self._set_ns = min(max(place, 0), self.last), now_ns

    def go_by_s(self, seconds: float, now_ns: int) -> None:
        """Go so many recorded seconds on or back, by one frame at least."""
        here = self.place(now_ns)
        if seconds > 0:
            there = max(here + 1, int(np.searchsorted(self._at_s, self._at_s[here] + seconds, "right")) - 1)
        else:
            there = min(here - 1, int(np.searchsorted(self._at_s, self._at_s[here] + seconds, "left")))
        self.go(there, now_ns)

    def step(self, frames: int, now_ns: int) -> None:
        """Go so many frames on or back, and rest there."""
        self.go(self.place(now_ns) + frames, now_ns)
        self.playing = False

    def toggle(self, now_ns: int) -> None:
        """Play, or rest; from the last frame it begins at the first."""
        here = self.place(now_ns)
        self.go(0 if not self.playing and here == self.last else here, now_ns)
        self.playing = not self.playing and self.last > 0

    def change_speed(self, steps: int, now_ns: int) -> None:
        """Faster or slower by so many of `SPEEDS`."""
        self.go(self.place(now_ns), now_ns)
        self.speed = SPEEDS[min(max(SPEEDS.index(self.speed) + steps, 0), len(SPEEDS) - 1)]
