"""Pictures for people, made beside the loop: the newest frame only, and only while somebody looks."""

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable

import cv2

from tracker.config import ViewerConfig
from tracker.frame import Frame, Image

logger = logging.getLogger(__name__)


class ImageStream:
    """Turns some of the loop's frames into JPEG on a thread of its own. `offer` and `take` belong to the loop and never wait.

    Attributes:
        wanted: set by the loop while somebody is subscribed to pictures.
    """

    def __init__(self, settings: ViewerConfig, *, clock: Callable[[], int] = time.monotonic_ns) -> None:
        """Start the thread."""
        self.wanted = False
        self._clock = clock
        self._interval_ns = int(1e9 / settings.rate_hz)
        self._quality = settings.jpeg_quality
        self._due_ns = 0
        self._failed = False
        self._offered: queue.SimpleQueue[Frame | None] = queue.SimpleQueue()  # its put takes no lock that a reader could hold
        self._made: deque[tuple[Frame, bytes]] = deque(maxlen=1)
        self._thread = threading.Thread(target=self._encode_all, name="image-stream", daemon=True)
        self._thread.start()

    def offer(self, frame: Frame) -> None:
        """Leave a frame to be shown, if a picture is wanted and due. The image is not copied: nobody writes into it."""
        if not self.wanted or self._failed:
            return
        now = self._clock()
        if now >= self._due_ns:
            # from the due time, not from now: a camera whose rate is no multiple of this one still averages rate_hz
            self._due_ns = max(self._due_ns + self._interval_ns, now)
            self._offered.put(frame)

    def take(self) -> tuple[Frame, bytes] | None:
        """The newest finished picture with its frame, once."""
        try:
            return self._made.pop()
        except IndexError:
            return None

    def close(self) -> None:
        """End the thread. May be called twice."""
        self._offered.put(None)
        self._thread.join()

    def _encode_all(self) -> None:
        while (frame := self._newest()) is not None:
            try:
                self._made.append((frame, encode_jpeg(frame.image, quality=self._quality)))
            except cv2.error as problem:
                self._failed = True
                reason = " ".join(str(problem).split())
                logger.warning("pictures stopped, tracking goes on: frame=%d shape=%s reason=%s", frame.number, frame.image.shape, reason)
                return

    def _newest(self) -> Frame | None:
        """Wait for a frame and skip to the newest; None ends."""
        frame = self._offered.get()
        while frame is not None:
            try:
                frame = self._offered.get_nowait()
            except queue.Empty:
                break
        return frame


def encode_jpeg(image: Image, *, quality: int) -> bytes:
    """Encode uint8 (h, w) grey or (h, w, 3) RGB as JPEG of quality 1..100.

    Raises:
        cv2.error: not such an image.
    """
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR) if image.ndim == 3 else image
    done, jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise cv2.error(f"no JPEG of an image of shape {image.shape}")
    return jpeg.tobytes()
