"""`tracker triangulate`: subscribe to the cameras' trackers, join, publish, until a signal."""

import gc
import logging
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tracker.camera_rig import read_rig
from tracker.client import Client
from tracker.errors import StreamError
from tracker.loop_inbox import Stop
from tracker.messages import Message
from tracker.service.heartbeat import Heartbeat
from tracker.service.log import written_beside
from tracker.service.notify import Notifier
from tracker.service.stop_signals import stopped_by_signals
from tracker.service.watchdog import Watchdog
from tracker.stream.control import Answer, Command, Control, Request
from tracker.stream.publisher import Publisher
from tracker.triangulation.cameras import RigCameras
from tracker.triangulation.moment import Moment
from tracker.triangulation.settings import RigConfig, addresses_of, control_of, publisher_of
from tracker.triangulation.status import RigStatus
from tracker.triangulation.tracking import RigTracking

logger = logging.getLogger(__name__)

_IDLE_S = 0.02  # without a message: how often overdue events and the status are checked
_PUT_OFF_NS = 20_000_000  # at most: what is not urgent, while a moment waits for the pose of another camera
_AT_ONCE = 32  # messages taken before the rest of the loop has its turn: some 30 ms where much waits, and the heartbeat goes on
_REMEMBERED = 1_000  # sentences on what was not of the stream, each of which is told once


def triangulate(config: RigConfig) -> None:
    """Run until SIGTERM or SIGINT. However it ends, every event that is on is ended first.

    Raises:
        RigtrackError: rig.yaml cannot be used, or an address cannot be bound or connected.
    """
    rig = read_rig(Path(config.rig))
    addresses = addresses_of(config, tuple(camera.name for camera in rig.cameras))
    if rig.quality.verdict == "rejected":
        logger.warning("%s is rejected: %s; places may be wrong", config.rig, "; ".join(rig.quality.reasons))
    notifier = Notifier.from_environment()
    stop = Stop()
    with ExitStack() as stack:
        stack.enter_context(written_beside())
        stack.enter_context(stopped_by_signals(stop.set))
        publisher = stack.enter_context(Publisher(publisher_of(config), camera=config.name))
        tracking = RigTracking(config, rig, publisher)
        keys = None if config.keys is None else Path(config.keys)
        client = stack.enter_context(Client(addresses, kinds=("pose", "status"), keys=keys))
        cameras = RigCameras(config, rig)
        parts = RigParts(
            client=client,
            cameras=cameras,
            tracking=tracking,
            publisher=publisher,
            status=RigStatus(cameras, tracking, publisher, notifier=notifier),
            heartbeat=Heartbeat(config.publisher.alive_ms),
            watchdog=Watchdog.from_environment(notifier),
        )
        stack.enter_context(Control(control_of(config), _commands(parts.status, stop)))
        logger.info("started: rig=%s session=%s streams=%s", config.name, publisher.session, " ".join(addresses))
        notifier.ready()
        gc.freeze()  # what starting made stays; the collector then looks only at what moments make
        follow(parts, stop)
    logger.info("stopped: rig=%s session=%s", config.name, publisher.session)


def _commands(status: RigStatus, stop: Stop) -> dict[str, Command]:
    """What a rig is told, on the control socket's thread: as of a tracker, but for what only a camera or a network has."""

    def tell(_: Request) -> Answer:
        return {"status": msgspec.to_builtins(status.last)}

    def end(_: Request) -> Answer:
        stop.set()
        return {}

    return {"status": tell, "stop": end}


@dataclass(frozen=True, slots=True, kw_only=True)
class RigParts:
    """What the loop connects."""

    client: Client
    cameras: RigCameras
    tracking: RigTracking
    publisher: Publisher
    status: RigStatus
    heartbeat: Heartbeat
    watchdog: Watchdog


def follow(parts: RigParts, stop: Stop, *, clock: Callable[[], int] = time.monotonic_ns) -> None:
    """The loop: what has arrived, then the moments whose deadline has passed, then everything that is not urgent."""
    loop = RigLoop(parts, clock=clock)
    ended_well = False
    try:
        while not stop.is_set():
            loop.take_arrived()
            loop.keep_up()
        ended_well = True
    finally:
        parts.tracking.end("stopping" if ended_well else "error")
        parts.status.stopping()


class RigLoop:
    """One turn after the other, on one thread."""

    def __init__(self, parts: RigParts, *, clock: Callable[[], int]) -> None:
        self._parts, self._clock = parts, clock
        self._refused: set[str] = set()
        self._next_status_ns = 0

    def take_arrived(self) -> None:
        """Take everything that has arrived, then close what was due before it was taken."""
        cameras = self._parts.cameras
        due_ns, now_ns = cameras.due_ns, self._clock()
        wait_s = _IDLE_S if due_ns is None else min(_IDLE_S, max(0.0, (due_ns - now_ns) / 1e9))
        message = self._receive(wait_s)
        before_ns = self._clock()  # whatever had arrived by then is taken before deadlines are judged
        for _ in range(_AT_ONCE):
            if message is None:
                self._publish(cameras.due(before_ns))
                return
            self._publish(cameras.take(message, now_ns=self._clock()), arrived_ns=self._parts.client.arrived_ns)
            message = self._receive(0)

    def keep_up(self) -> None:
        """Heartbeat and newcomers; then silent cameras, overdue events and the status, if no moment waits for a pose."""
        now_ns, parts = self._clock(), self._parts
        parts.publisher.serve()
        interval_ms = parts.heartbeat.due(now_ns)
        if interval_ms is not None:
            last = parts.tracking.last
            parts.publisher.alive(
                frame=parts.tracking.moments - 1,
                received_ns=last.received_ns if last else 0,
                interval_ms=interval_ms,
                open_events=parts.tracking.open_events,
            )
        if now_ns < self._next_status_ns + (0 if parts.cameras.due_ns is None else _PUT_OFF_NS):
            return  # the pose that came meanwhile would wait for the status
        self._next_status_ns = now_ns + int(_IDLE_S * 1e9)
        parts.watchdog.fed()
        alive = parts.client.alive
        if len(alive) < 2:  # one camera alone sees no place
            parts.tracking.end("camera_lost")
        parts.tracking.use(parts.cameras.names)
        parts.tracking.wait(now_ns)
        parts.status.update(alive, now_ns)

    def _publish(self, moments: list[Moment], *, arrived_ns: int | None = None) -> None:
        tracking, cameras = self._parts.tracking, self._parts.cameras
        for moment in moments:
            tracking.use(cameras.names)
            tracking.follow(moment, joined_by=cameras.joined_by, late=cameras.late(), arrived_ns=arrived_ns)

    def _receive(self, timeout_s: float) -> Message | None:
        """The next message; what is not of the stream is told once and left out."""
        for _ in range(_AT_ONCE):
            try:
                return self._parts.client.receive(timeout_s)
            except StreamError as problem:
                timeout_s = 0
                if str(problem) not in self._refused and len(self._refused) < _REMEMBERED:
                    self._refused.add(str(problem))
                    logger.warning("%s", problem)
        return None
