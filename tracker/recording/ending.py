"""Why and when a session ends, and how long what still waits may take then."""

from collections.abc import Callable

from tracker.frame import Frame

_NEVER_NS = 2**63 - 1
_FRAME_WAIT_NS = 250_000_000  # behind the end of a session's time: how long a frame that shows it is waited for
_TIME_OVER = "its time was over"


class Ending:
    """Told by whoever ends the session, and asked by the recorder's thread.

    Attributes:
        reason: for the description; None while the session goes on.
        is_hurried: the tracker is ending, and its loop gives nothing more.
    """

    def __init__(self, clock: Callable[[], int]) -> None:
        """Go on until told otherwise.

        Args:
            clock: monotonic ns.
        """
        self.reason: str | None = None
        self.is_hurried = False
        self._clock = clock
        self._end_ns = _NEVER_NS
        self._deadline_ns: int | None = None

    def set_duration(self, first_ns: int, duration_s: float | None) -> None:
        """End with the first frame that was received so long after this time; None: none does."""
        if duration_s is not None:
            self._end_ns = first_ns + int(duration_s * 1e9)

    def ask(self, reason: str, *, within_s: float) -> None:
        """End now, and give what waits so long."""
        self._deadline_ns = self._clock() + int(within_s * 1e9)
        self.reason = reason  # last: the recorder's thread reads this first

    def hurry(self, within_s: float) -> None:
        """Give what waits no longer than this."""
        self.is_hurried = True
        deadline_ns = self._clock() + int(within_s * 1e9)
        self._deadline_ns = deadline_ns if self._deadline_ns is None else min(self._deadline_ns, deadline_ns)

    def is_before(self, frame: Frame) -> bool:
        """Whether the session's time was over when this frame came; then it ends."""
        if frame.received_ns < self._end_ns:
            return False
        self.reason = _TIME_OVER
        return True

    def check_time(self) -> None:
        """End where the session's time is over and no frame has come to show it."""
        if self.reason is None and self._clock() > self._end_ns + _FRAME_WAIT_NS:
            self.reason = _TIME_OVER

    @property
    def is_over_time(self) -> bool:
        """Whether the end has been waited for as long as it may take."""
        return self._deadline_ns is not None and self._clock() > self._deadline_ns
