"""The last seconds of frames with their poses and events, kept in memory for a session that begins with an event."""

from collections import deque
from typing import TypeAlias

from tracker.frame import Frame
from tracker.messages import EventMessage, PoseMessage, SetupMessage

Item: TypeAlias = Frame | PoseMessage | EventMessage | SetupMessage


class Recent:
    """Bounded by time and by the bytes of its images; the oldest go first. Not safe between threads: its owner locks.

    Attributes:
        frames: held.
        image_bytes: of their images.
        setup: in use before the first item held.
    """

    def __init__(self, *, before_ns: int, limit_bytes: int) -> None:
        """Hold nothing yet.

        Args:
            before_ns: frames older than this before the newest are let go, unless they are held for an onset.
            limit_bytes: of images, whatever is held for.
        """
        self._before_ns, self._limit_bytes = before_ns, limit_bytes
        self._items: deque[Item] = deque()
        self._hold_from_ns: int | None = None
        self.frames = self.image_bytes = 0
        self.setup: SetupMessage | None = None

    def put(self, item: Item) -> None:
        """Take the newest item, and let go of what is too old."""
        self._items.append(item)
        if isinstance(item, Frame):
            self.frames += 1
            self.image_bytes += item.image.nbytes
            oldest_ns = item.received_ns - self._before_ns
            self._trim(oldest_ns if self._hold_from_ns is None else min(oldest_ns, self._hold_from_ns))

    def hold(self, onset_ns: int) -> None:
        """Let go of nothing that is less than `before_ns` older than this until it is taken, as far as the bytes allow."""
        if self._hold_from_ns is None:
            self._hold_from_ns = onset_ns - self._before_ns

    def release(self) -> None:
        """No session begins with what was held."""
        self._hold_from_ns = None

    def take(self) -> list[Item]:
        """Everything held, the oldest first; nothing is held afterwards."""
        taken = list(self._items)
        self.clear()
        return taken

    def clear(self) -> None:
        """Hold nothing."""
        for item in self._items:
            if isinstance(item, SetupMessage):
                self.setup = item
        self._items.clear()
        self.frames = self.image_bytes = 0
        self._hold_from_ns = None

    def _trim(self, oldest_ns: int) -> None:
        while self._items and (self._items[0].received_ns < oldest_ns or self.image_bytes > self._limit_bytes):
            gone = self._items.popleft()
            if isinstance(gone, Frame):
                self.frames -= 1
                self.image_bytes -= gone.image.nbytes
            elif isinstance(gone, SetupMessage):
                self.setup = gone
