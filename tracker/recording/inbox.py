"""What waits for the recorder's thread: frames up to a limit, and what the loop made of them, in the sequence in which they were given."""

from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue

from tracker.frame import Frame
from tracker.messages import SetupMessage
from tracker.recording.pending import Given, Pending
from tracker.recording.recent import Item


class Inbox:
    """Frames are given by the capture thread, the rest by the loop; only the recorder's thread takes. Nobody who gives ever waits.

    Attributes:
        dropped: frames that found it full.
        dropped_ns: when one did last; None while none has.
        last_ns: receipt of the last frame given; -1 before the first.
        heard_ns: all that was given before this time has been taken, however far behind the taking is.
        pending: of what was given, all that is in no synced file.
    """

    def __init__(self, *, queue_frames: int, clock: Callable[[], int]) -> None:
        """Hold nothing yet.

        Args:
            queue_frames: that may wait.
            clock: monotonic ns.
        """
        self.dropped = self.heard_ns = 0
        self.dropped_ns: int | None = None
        self.last_ns = -1
        self.pending = Pending()
        self._limit, self._clock = queue_frames, clock
        self._items: SimpleQueue[Given] = SimpleQueue()
        self._given = self._taken = 0  # frames: the first counted by the capture thread alone, the second by the recorder's

    @property
    def waiting(self) -> int:
        """Frames that were given and not encoded yet."""
        return self._given - self._taken

    @property
    def is_empty(self) -> bool:
        """Whether all that was given has been taken."""
        return self._items.empty()

    def offer(self, frame: Frame) -> None:
        """Take in a frame, or drop and count it where it is full."""
        if self.waiting >= self._limit:
            self.dropped += 1
            self.dropped_ns = self._clock()
        else:
            self._put_frame(frame)

    def begin_with(self, items: list[Item], setup: SetupMessage | None) -> None:
        """Take in what came before it began, at once, before anything else, and beside the frames that may wait.

        Args:
            items: the oldest first.
            setup: in use before them, None for the one given at the start.
        """
        if setup is not None:
            self.put(setup)
        for item in items:
            if isinstance(item, Frame):
                self._limit += 1
                self._put_frame(item)
            else:
                self.put(item)

    def put(self, item: Item) -> None:
        """Take in what the loop has made."""
        self._hold(Given(item=item))

    def take(self, within_s: float) -> Item | None:
        """What was given next; None where nothing comes within this time. A frame goes on waiting until `frame_done`."""
        now = self._clock()
        try:
            given = self._items.get(timeout=within_s)
        except Empty:
            self.heard_ns = max(self.heard_ns, now)
            return None
        given.is_taken, item = True, given.item
        if isinstance(item, Frame):
            self.heard_ns = max(self.heard_ns, item.received_ns)
        return item

    def frame_done(self) -> int:
        """Count the frame that was taken first as waiting no longer; returns how many had been dropped before it was given."""
        self._taken += 1
        return self.pending.frame_taken().dropped

    def rest(self) -> Iterator[Item]:
        """Take all that waits at this moment."""
        for _ in range(self._items.qsize()):
            yield self._items.get_nowait().item

    def _put_frame(self, frame: Frame) -> None:
        given = Given(item=frame, ordinal=self._given, dropped=self.dropped)
        self._given += 1
        self.last_ns = frame.received_ns
        self._hold(given)

    def _hold(self, given: Given) -> None:
        self.pending.add(given)
        self._items.put(given)
