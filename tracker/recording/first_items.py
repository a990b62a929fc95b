"""What comes before a session's first file is opened: frames until their rate is known, and what the loop has made of them."""

from collections.abc import Callable

from tracker.frame import Frame
from tracker.messages import SetupMessage
from tracker.recording.describe import RATE_FRAMES
from tracker.recording.recent import Item

_RATE_WAIT_NS = 250_000_000


class FirstItems:
    """Held for the recorder's thread, and used by it alone.

    Attributes:
        setup: in use before the first frame.
    """

    def __init__(self, setup: SetupMessage | None, clock: Callable[[], int]) -> None:
        """Hold nothing yet.

        Args:
            setup: in use.
            clock: monotonic ns.
        """
        self.setup = setup
        self._clock = clock
        self._items: list[Item] = []

    def take(self, item: Item) -> None:
        """Hold it; what belongs to frames before the first has no place in the session."""
        if isinstance(item, SetupMessage) and not self._items:
            self.setup = item
        elif isinstance(item, Frame) or self._items:
            self._items.append(item)

    @property
    def frames(self) -> list[Frame]:
        """The frames among them."""
        return [item for item in self._items if isinstance(item, Frame)]

    @property
    def is_rate_known(self) -> bool:
        """Whether there are frames enough, or none may come so soon."""
        frames = self.frames
        return len(frames) >= RATE_FRAMES or (bool(frames) and self._clock() - frames[0].received_ns > _RATE_WAIT_NS)

    def release(self) -> list[Item]:
        """All that was held, the oldest first; nothing is held then."""
        items, self._items = self._items, []
        return items
