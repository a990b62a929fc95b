"""When the frames of a video file are to be shown: one computation for whatever reads the file."""


class FileTimes:
    """Times of one file's frames after its first, which increase; one without a usable time is timed by the rate.

    Attributes:
        last_ns: of the frame before; -1 before the first.
    """

    def __init__(self) -> None:
        self.last_ns = -1
        self._first_ms = self._last_ms = 0.0

    def of_next(self, at_ms: float, *, rate_hz: float) -> int:
        """Time of the next frame in ns.

        Args:
            at_ms: as the file says, from any beginning; one that is not after the frame before counts as none.
            rate_hz: of the file, 0 where it has none.
        """
        if self.last_ns < 0:
            self._first_ms, self.last_ns = at_ms, 0
            return 0
        after_ms = at_ms - self._first_ms
        if round(after_ms * 1e6) <= self.last_ns:
            after_ms = self._last_ms + (1000 / rate_hz if rate_hz else 0.0)
        self._last_ms, self.last_ns = after_ms, round(after_ms * 1e6)  # rounded once: sums of rounded periods would be off
        return self.last_ns
