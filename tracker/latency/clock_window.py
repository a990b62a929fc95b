"""The window that shows the clock: one number after the other, each with the moment at which it was handed to the display."""

import time
from collections.abc import Callable

import cv2
import numpy as np

from tracker.errors import LatencyError
from tracker.latency.dots import DotPicture
from tracker.viewer.x11 import Display

_TITLE = "rigtrack - latency"
_ANNOUNCED_NS = 3_000_000_000  # how long after the start the window is told that it is there
_ANNOUNCE_NS = 150_000_000
_ESCAPE = 27


class WindowClosedError(LatencyError):
    """The user has closed the window."""


class ClockWindow:
    """Use it in a `with`.

    Attributes:
        shown_ns: by number, host CLOCK_MONOTONIC just before it was drawn.
        due_ns: when the next is to be shown.
    """

    def __init__(self, display: Display, *, rate_hz: float, seed: int, clock: Callable[[], int] = time.monotonic_ns) -> None:
        """Open the window.

        Args:
            display: on which a window can be opened.
            rate_hz: of pictures, in the mean. Each stays for half to one and a half of that interval, at random: or a camera
                whose rate goes with the screen's would always meet the same moment.
            seed: of these times.
            clock: monotonic ns.
        """
        self._display, self._clock = display, clock
        self._interval_ns, self._rng = 1e9 / rate_hz, np.random.default_rng(seed)
        self._picture = DotPicture()
        self.shown_ns: list[int] = []
        cv2.namedWindow(_TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_FREERATIO | cv2.WINDOW_GUI_NORMAL)
        height, width = self._picture.draw(0).shape
        cv2.resizeWindow(_TITLE, width, height)
        self._opened_ns = self._told_ns = self.due_ns = clock()

    def __enter__(self) -> "ClockWindow":
        return self

    def __exit__(self, *_: object) -> None:
        cv2.destroyAllWindows()

    def serve(self) -> None:
        """Show the next number if it is due, and serve the window.

        Raises:
            WindowClosedError: by q, Esc or its own button.
        """
        now_ns = self._clock()
        if now_ns < self.due_ns:
            return
        self.due_ns = now_ns + round(self._interval_ns * self._rng.uniform(0.5, 1.5))
        image = self._picture.draw(len(self.shown_ns))
        self.shown_ns.append(self._clock())
        cv2.imshow(_TITLE, image)
        key = cv2.waitKey(1) & 0xFF  # which also draws
        if key in (ord("q"), _ESCAPE) or not _is_open():
            raise WindowClosedError("the window was closed")
        if now_ns - self._opened_ns < _ANNOUNCED_NS and now_ns - self._told_ns > _ANNOUNCE_NS:
            self._display.announce_mapped(_TITLE)
            self._told_ns = now_ns


def _is_open() -> bool:
    try:
        return cv2.getWindowProperty(_TITLE, cv2.WND_PROP_VISIBLE) >= 1
    except cv2.error:  # Qt's answer once its last window was closed by its own button
        return False
