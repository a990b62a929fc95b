"""What was given to the recorder and is in no synced file yet, in the sequence in which it was given."""

from collections import deque
from dataclasses import dataclass, replace

import numpy as np

from tracker.frame import Frame, Image
from tracker.messages import PoseMessage
from tracker.recording.recent import Item

_ENCODED_BYTES = 64_000_000  # of images kept until the video is synced: 2 s of 640x480 in grey at 100 per second
_NO_IMAGE: Image = np.empty((0, 0), np.uint8)


@dataclass(slots=True, eq=False, kw_only=True)
class Given:
    """One thing that was given, and how far it has come.

    Attributes:
        item: what it is; a frame that no cut can take from the video any more has an empty image.
        ordinal: of a frame, its place in the session; -1 otherwise.
        dropped: of a frame, those before it that found the queue full.
        is_taken: by the recorder's thread.
        is_durable: it is in synced files.
        is_spilled: the spill has written it, or left it out.
    """

    item: Item
    ordinal: int = -1
    dropped: int = 0
    is_taken: bool = False
    is_durable: bool = False
    is_spilled: bool = False

    @property
    def image_bytes(self) -> int:
        """Of an image that a cut would take."""
        return self.item.image.nbytes if isinstance(self.item, Frame) else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Synced:
    """What no cut can take from a session any more.

    Attributes:
        frames: in synced video.
        rows: in the synced table.
        rows_until_ns: receipt of the last of these rows' frames; -1 before the first.
    """

    frames: int
    rows: int
    rows_until_ns: int


class Pending:
    """`add` is for any thread, `look` for the spill's, the rest for the recorder's. Nobody waits for anybody."""

    def __init__(self) -> None:
        """Hold nothing yet."""
        self._all: deque[Given] = deque()
        self._to_encode: deque[Given] = deque()
        self._encoded: deque[Given] = deque()  # whose images are not in synced video
        self._encoded_bytes = 0

    def add(self, given: Given) -> None:
        """Hold what was given; frames in the sequence of their ordinals, and before the recorder's thread can take them."""
        if given.ordinal >= 0:
            self._to_encode.append(given)
        self._all.append(given)

    def frame_taken(self) -> Given:
        """The frame that was given first waits for the encoder no longer."""
        given = self._to_encode.popleft()
        self._encoded.append(given)
        self._encoded_bytes += given.image_bytes
        while self._encoded_bytes > _ENCODED_BYTES:
            self._drop_image()
        return given

    def look(self) -> tuple[Given, ...]:
        """All that is pending; empty where it changed at that very moment."""
        try:
            return tuple(self._all)
        except RuntimeError:
            return ()

    def oldest_to_encode(self) -> Given | None:
        """The frame that has waited longest for the encoder, None where none waits."""
        try:
            return self._to_encode[0]
        except IndexError:
            return None

    def synced(self, until: Synced) -> None:
        """Let go of what is safe; to be called right after a sync, before anything more is taken."""
        while self._encoded and self._encoded[0].ordinal < until.frames:
            self._drop_image()
        while self._all and _is_safe(self._all[0], until):
            self._all.popleft().is_durable = True

    def _drop_image(self) -> None:
        given = self._encoded.popleft()
        self._encoded_bytes -= given.image_bytes
        if isinstance(given.item, Frame):
            given.item = replace(given.item, image=_NO_IMAGE)


def _is_safe(given: Given, until: Synced) -> bool:
    if given.ordinal >= 0:
        return given.ordinal < until.rows
    return given.is_taken and (not isinstance(given.item, PoseMessage) or given.item.received_ns <= until.rows_until_ns)
