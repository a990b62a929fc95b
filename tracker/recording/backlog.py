"""Says in the log when frames wait for the encoder for long, and when it has caught up."""

import logging
from collections.abc import Callable
from pathlib import Path

logger = logging.getLogger(__name__)

_LONG_NS = 1_000_000_000  # as long as a power cut may cost where the encoder keeps up
_SHORT_NS = 250_000_000  # well below, so that it is not said again and again


class Backlog:
    """Used by the recorder's thread alone."""

    def __init__(self, folder: Path, clock: Callable[[], int]) -> None:
        """Nothing waits yet.

        Args:
            folder: of the session.
            clock: monotonic ns.
        """
        self._folder, self._clock = folder, clock
        self._began_ns = clock()  # frames from before are old, however fast the encoder is
        self._since_ns: int | None = None

    def look(self, *, received_ns: int, waiting: int) -> None:
        """Log what has changed.

        Args:
            received_ns: of the frame that is encoded next, the oldest that waits.
            waiting: frames, this one among them.
        """
        now = self._clock()
        if received_ns < self._began_ns:
            return
        if self._since_ns is None and now - received_ns > _LONG_NS:
            self._since_ns = now
            logger.warning(
                "the encoder is behind by %.1f s: until it has caught up, frames that wait for it are written raw (waiting-*.raw); "
                "choose a faster preset, a lower frame rate or a smaller picture: folder=%s waiting=%d",
                (now - received_ns) / 1e9,
                self._folder,
                waiting,
            )
        elif self._since_ns is not None and now - received_ns < _SHORT_NS:
            logger.warning("the encoder has caught up: folder=%s after_s=%.1f", self._folder, (now - self._since_ns) / 1e9)
            self._since_ns = None
