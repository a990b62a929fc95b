"""Show a clock on this machine's screen, and find it in the camera's pictures: how late at most is a published pose?"""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from statistics import median
from typing import Any

import cv2
import numpy as np
from rich.console import Console

from tracker.client import Client
from tracker.errors import LatencyError, RigtrackError
from tracker.frame import Image
from tracker.latency.clock_window import ClockWindow, WindowClosedError
from tracker.latency.dot_reader import DotReader, DotReading
from tracker.latency.listener import SILENT_S, times_of
from tracker.latency.report import BY_HAND
from tracker.latency.screen_readings import REFUSED, Published, reading_of, screen_report
from tracker.latency.settings import ScreenSettings
from tracker.messages import ImageMessage, Message, PoseMessage
from tracker.task_progress import TaskProgress
from tracker.viewer.window import display_held

KINDS = ("pose", "image", "status")
_AIMED = 5  # pictures in a row that must be read before it begins
_POSES, _IMAGES = 2000, 50  # kept until the other comes
_AT_ONCE_S = 0.02

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Kept:
    """A picture of the camera, still encoded: decoding while measuring would take processor time from the tracker."""

    frame: int
    jpeg: bytes
    published: Published


class ScreenMeasurement:
    """One window and one camera that sees it.

    Attributes:
        camera: its name, "" until it was heard.
        kept: pictures whose pose was heard, in the order of their frames.
        received_ns: of the frames so far.
    """

    def __init__(
        self, client: Client, window: ClockWindow, settings: ScreenSettings, *, clock: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._client, self._window, self._settings, self._clock = client, window, settings, clock
        self._poses: dict[int, Published] = {}
        self._images: dict[int, bytes] = {}
        self._session = ""
        self._heard_ns = clock()
        self.camera = ""
        self.kept: list[_Kept] = []
        self.received_ns: deque[int] = deque(maxlen=_POSES)

    def aim(self) -> Iterator[str]:
        """Until the camera sees the dots well. Gives what it sees in each picture, in words.

        Raises:
            LatencyError: it does not see them in the time given, or nothing is heard.
            WindowClosedError: by hand.
        """
        reader, good, seen = DotReader(), 0, "no picture has come"
        end_ns = self._clock() + round(self._settings.aim_s * 1e9)
        while good < _AIMED:
            kept = self._next(end_ns)
            if kept is None:
                raise LatencyError(
                    f"the camera did not see the dots within {self._settings.aim_s:g} s ({seen}); put the screen where the camera "
                    "sees the whole window, in focus and not too bright, or give more time with --aim-s"
                )
            dots = _decode(reader, kept.jpeg)
            good = good + 1 if dots.number is not None else 0
            seen = _words(dots)
            self.kept.clear()
            yield seen

    def collect(self) -> Iterator[int]:
        """Take pictures. Gives how many there are so far.

        Raises:
            LatencyError: the tracker has fallen silent or begun anew.
            WindowClosedError: by hand.
        """
        while len(self.kept) < self._settings.pictures:
            if self._next(None) is not None:
                yield len(self.kept)

    def _next(self, end_ns: int | None) -> _Kept | None:
        """Show the clock until a picture and its pose have come, or the time is over."""
        while end_ns is None or self._clock() < end_ns:
            self._window.serve()
            left_s = (self._window.due_ns - self._clock()) / 1e9
            kept = self._take(self._client.receive(min(max(left_s, 0.0), _AT_ONCE_S)))
            if kept is not None:
                return kept
            if self._clock() - self._heard_ns > SILENT_S * 1e9:
                raise LatencyError(
                    f"no frame has come from the tracker for {SILENT_S:g} s; is it running, on this machine, with its camera?"
                )
        return None

    def _take(self, message: Message | None) -> _Kept | None:
        if not isinstance(message, PoseMessage | ImageMessage) or (self.camera and message.camera != self.camera):
            return None
        if self._session not in ("", message.session):
            raise LatencyError("the tracker has begun anew; measure again")
        self.camera, self._session = message.camera, message.session
        if isinstance(message, PoseMessage):
            self._heard_ns = self._clock()
            self.received_ns.append(message.received_ns)
            self._poses[message.frame] = Published(times=times_of(message), published_ns=message.published_ns)
            _forget_oldest(self._poses, _POSES)
        else:
            self._images[message.frame] = message.jpeg
            _forget_oldest(self._images, _IMAGES)
        if message.frame not in self._poses or message.frame not in self._images:
            return None
        self.kept.append(_Kept(message.frame, self._images.pop(message.frame), self._poses[message.frame]))
        return self.kept[-1]


def run_screen(client: Client, settings: ScreenSettings) -> dict[str, Any]:
    """Measure.

    Returns:
        The report; its `stopped` says why it ended too early.

    Raises:
        RigtrackError: no window can be opened, or the camera does not see it.
        KeyboardInterrupt: stopped by hand before the camera saw it.
    """
    with display_held() as display, ClockWindow(display, rate_hz=settings.screen_hz, seed=settings.seed) as window:
        measurement = ScreenMeasurement(client, window, settings)
        stopped = _measure(measurement, settings)
    reader = DotReader()
    readings = []
    with TaskProgress(Console(stderr=True), "reading", unit="pictures") as progress:
        for kept in measurement.kept:
            readings.append(reading_of(kept.frame, _decode(reader, kept.jpeg), kept.published, window.shown_ns))
            progress.reached(len(readings), len(measurement.kept))
    return screen_report(
        readings,
        facts={"mode": "screen", **asdict(settings), "camera": measurement.camera},
        frame_interval_ms=median(after - before for before, after in pairwise(measurement.received_ns)) / 1e6,
        exposure_ms=settings.exposure_ms,
        shown_ns=window.shown_ns,
        stopped=stopped,
    )


def _measure(measurement: ScreenMeasurement, settings: ScreenSettings) -> str | None:
    """Returns why it stopped too early."""
    begun_s = time.monotonic()
    try:
        with TaskProgress(Console(stderr=True), "looking for the dots", unit="s") as progress:
            for seen in measurement.aim():
                progress.reached(time.monotonic() - begun_s, settings.aim_s, task=seen)
    except WindowClosedError:
        raise KeyboardInterrupt from None  # nothing was measured yet: as Ctrl-C
    logger.info("the camera sees the dots: pictures=%d", settings.pictures)
    with TaskProgress(Console(stderr=True), "measuring", unit="pictures") as progress:
        try:
            for done in measurement.collect():
                progress.reached(done, settings.pictures)
        except (KeyboardInterrupt, WindowClosedError):
            return BY_HAND
        except RigtrackError as problem:
            if not measurement.kept:
                raise
            return str(problem)
    return None


def _decode(reader: DotReader, jpeg: bytes) -> DotReading:
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
    if image is None:
        return DotReading(refused="markers", markers=0)
    picture: Image = np.asarray(image, np.uint8)
    return reader.read(picture)


def _words(dots: DotReading) -> str:
    if dots.refused is None:
        return "the dots are seen"
    if dots.refused == "markers":
        return f"{dots.markers} of 4 corner markers seen" if dots.markers < 4 else "corner markers seen, but not in one plane"
    return f"corner markers seen, {REFUSED[dots.refused]}"


def _forget_oldest(kept: dict[int, Any], most: int) -> None:
    if len(kept) > most:
        del kept[next(iter(kept))]
