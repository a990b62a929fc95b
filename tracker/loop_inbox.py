"""What other threads leave for the loop: a change of setup, or the request to stop. Only the loop makes it take effect."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Literal

from tracker.setup import Setup

Cause = Literal["start", "reload", "swap"]
Shape = tuple[int, ...]


@dataclass(eq=False, slots=True, kw_only=True)
class Change:
    """Another setup for the loop.

    Attributes:
        cause: why.
        make: makes the setup for images of one shape; called by the loop at its first frame where `setup` is None.
        setup: made already, where the images' shape was known.
        outcome: done when the loop uses this and nothing older any more; failed with a RigtrackError where it does not fit
            the images, and the loop goes on with what it had.
    """

    cause: Cause
    make: Callable[[Shape], Setup]
    setup: Setup | None
    outcome: "Future[None]" = field(default_factory=Future)


class Stop:
    """A flag that is set once. It takes no lock, so that a signal handler may set it while another is setting it."""

    def __init__(self) -> None:
        self._set = False

    def set(self) -> None:
        """From here on `is_set` is true."""
        self._set = True

    def is_set(self) -> bool:
        """Whether it was set."""
        return self._set


class LoopInbox:
    """Written by other threads, read by the loop between two frames. Nothing in it can make the loop wait.

    Attributes:
        stop: ends the loop at its next look, at most one frame or one idle interval later.
        source_shape: of the camera's images; written by the loop at the first frame.
    """

    def __init__(self) -> None:
        self.stop = Stop()
        self.source_shape: Shape | None = None
        self._changes: deque[Change | Exception] = deque()

    def put(self, change: Change) -> None:
        """Have the loop take up a change; its `outcome` tells when it has."""
        self._changes.append(change)

    def fail(self, problem: Exception) -> None:
        """End the loop with this error: what it was waiting for cannot be had."""
        self._changes.append(problem)

    def take(self) -> Change | None:
        """The oldest change not yet taken.

        Raises:
            Exception: what `fail` was given.
        """
        if not self._changes:
            return None
        found = self._changes.popleft()
        if isinstance(found, Exception):
            raise found
        return found
