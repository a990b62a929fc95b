"""A light that is switched while the camera looks at it. Pure: whoever switches it says when."""

import threading
from collections import deque

import numpy as np

from tracker.config_cameras import SyntheticLight
from tracker.frame import Image

DARK, BRIGHT = 20, 235  # grey levels
_KEPT = 1000  # switchings: more than fall into the time from a frame's exposure to its drawing


class Light:
    """A rectangle that is dark or bright, and knows since when. May be switched by one thread and seen by another."""

    def __init__(self, settings: SyntheticLight) -> None:
        self._delay_ns = round(settings.delay_ms * 1e6)
        self._place = slice(settings.top, settings.top + settings.height), slice(settings.left, settings.left + settings.width)
        self._switched: deque[tuple[int, bool]] = deque([(-(2**63), False)], _KEPT)
        self._lock = threading.Lock()

    def switch(self, *, lit: bool, told_ns: int) -> None:
        """Go on or off, the configured delay after the moment it was told. Moments never go back."""
        with self._lock:
            self._switched.append((told_ns + self._delay_ns, lit))

    def share(self, begin_ns: int, end_ns: int) -> float:
        """For how much of a time the light is on, 0..1; for no time at all, whether it is on then."""
        with self._lock:
            switched = tuple(self._switched)
        lit_ns, until_ns = 0, end_ns
        for at_ns, lit in reversed(switched):
            if at_ns <= begin_ns:
                return float(lit) if end_ns <= begin_ns else (lit_ns + lit * (until_ns - begin_ns)) / (end_ns - begin_ns)
            lit_ns += lit * max(0, until_ns - at_ns)
            until_ns = min(until_ns, at_ns)
        return 0.0

    def draw(self, image: Image, *, begin_ns: int, end_ns: int) -> None:
        """Draw the light into an image that was exposed for such a time."""
        level = DARK + (BRIGHT - DARK) * self.share(begin_ns, end_ns)
        image[self._place] = np.uint8(round(level))
