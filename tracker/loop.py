"""The loop: camera → engine → calibration → behaviour → publisher, every frame once. Everything else hangs off it and may lose frames."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from tracker.capture import Capture
from tracker.frame import Frame
from tracker.health import Health
from tracker.image_stream import ImageStream
from tracker.motion import Motion
from tracker.pose import Pose
from tracker.publisher import Publisher
from tracker.setup import Setup

IDLE_S = 0.05  # without a frame: how often subscribers are greeted and commands carried out


class Exchange:
    """Where other threads leave what the loop takes up between two frames. No lock: one writer, one reader, one reference."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self._next: Setup | None = None
        self._complaint: str | None = None

    def put(self, setup: Setup) -> None:
        """Have the loop use `setup` from its next frame on."""
        self._next = setup

    def take(self) -> Setup | None:
        """What was put since the last call, once."""
        setup = self._next
        if setup is not None:
            self._next = None
        return setup

    def complain(self, sentence: str) -> None:
        """Have the loop publish an error while it goes on."""
        self._complaint = sentence

    def complaint(self) -> str | None:
        """The last complaint since the last call, once."""
        complaint, self._complaint = self._complaint, None
        return complaint


class Missing:
    """Counts the frame numbers that never reached the loop, whatever the reason: lost, skipped or damaged."""

    def __init__(self) -> None:
        self.count = 0
        self._last: int | None = None

    def before(self, number: int) -> int:
        """The count up to frame `number`. A camera that was opened again and counts from its start tells of no gap."""
        if self._last is not None and number > self._last:
            self.count += number - self._last - 1
        self._last = number
        return self.count


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the loop connects. `first_setup` is called with the first frame, whose size the rest must fit."""

    capture: Capture
    first_setup: Callable[[Frame], Setup]
    publisher: Publisher
    images: ImageStream
    health: Health
    exchange: Exchange


def track(parts: Parts, *, clock: Callable[[], int] = time.monotonic_ns) -> None:
    """Track until told to stop, or until the camera's file ends.

    Raises:
        RigtrackError: bundle, calibration or rules do not fit the first frame, or the engine failed.
    """
    capture, publisher, images, health = parts.capture, parts.publisher, parts.images, parts.health
    motion, missing = Motion(), Missing()
    setup: Setup | None = None
    while not parts.exchange.stop.is_set():
        captured = capture.next(IDLE_S)
        taken_ns = clock()
        if captured is not None:
            frame = captured.frame
            fresh = parts.exchange.take()
            if fresh is not None or setup is None:
                if setup is not None:
                    for event in setup.behaviour.end(frame.number):
                        publisher.event(frame, event)
                setup = fresh or parts.first_setup(frame)
                health.using(setup)
                taken_ns = clock()
            _follow(frame, setup, motion, missing.before(frame.number), parts, taken_ns=taken_ns, clock=clock)
        elif capture.ended:
            return
        else:
            health.idle()
        publisher.greet()
        images.wanted = publisher.image_wanted
        picture = images.take()
        if picture is not None:
            publisher.image(*picture)
        complaint = parts.exchange.complaint()
        if complaint is not None:
            health.error(complaint)


def _follow(frame: Frame, setup: Setup, motion: Motion, lost: int, parts: Parts, *, taken_ns: int, clock: Callable[[], int]) -> None:
    """Take one frame all the way through."""
    time_ns = frame.received_ns if frame.exposed_ns is None else frame.exposed_ns
    points = setup.inference.points(frame.image)
    inferred_ns = clock()
    if setup.identity is not None:
        points = setup.identity.update(points, time_ns)
    pose = Pose(points=points, mm=setup.locate.to_mm(points) if setup.locate else None)
    moved = motion.update(frame.image)
    events = setup.behaviour.update(frame_number=frame.number, time_ns=time_ns, pose=pose, motion=moved)
    decided_ns = clock()
    parts.publisher.pose(
        frame, pose, names=setup.inference.point_names, taken_ns=taken_ns, inferred_ns=inferred_ns, lost=lost, motion=moved
    )
    for event in events:
        parts.publisher.event(frame, event)
    published_ns = clock()
    parts.images.offer(frame)
    parts.health.frame(frame, taken_ns=taken_ns, inferred_ns=inferred_ns, decided_ns=decided_ns, published_ns=published_ns)
