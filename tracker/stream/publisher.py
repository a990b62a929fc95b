"""The stream's sender of poses, events and status: one XPUB socket, used by the loop's thread alone. Never waits for a subscriber."""

import secrets
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import zmq
from zmq.auth.thread import ThreadAuthenticator

from tracker.config import PublisherConfig
from tracker.event import Event
from tracker.frame import Frame, FrameCounts
from tracker.messages import (
    VERSION,
    AliveMessage,
    AnimalMessage,
    EventMessage,
    OpenEvent,
    Pose3DMessage,
    PoseMessage,
    SetupMessage,
    StatusMessage,
    encoder,
    topic,
)
from tracker.pose import Pose
from tracker.stream.address import bind, check_binds
from tracker.stream.keys import secure

UPSTREAM_BYTES = 1_024  # of one message to the publisher: a topic's prefix, or a step of the CURVE handshake
# Messages to the publisher that libzmq reads from one peer at a time; the rest waits in that peer's connection. With 2, one peer that
# sent 200 000 subscriptions never had more queued here than a call takes; with 8, they piled up faster than they were taken.
UPSTREAM_WAITING = 2
UPSTREAM_PER_CALL = 32  # messages to the publisher taken between two frames: about 0.2 ms when there are so many
NEWCOMERS_EVERY_NS = 50_000_000  # setup and status are repeated for newcomers no more often than this
LINGER_MS = 300  # at the end: how long the last messages may take to leave
_SUBSCRIBED = b"\x01"


class Received(Protocol):
    """A frame, or whatever else an event is decided on: something that was in memory at a time of the host's CLOCK_MONOTONIC."""

    @property
    def received_ns(self) -> int:
        """That time."""
        ...


def event_message(event: Event, *, camera: str, session: str, received_ns: int, published_ns: int) -> EventMessage:
    """One change of one event as it is published."""
    return EventMessage(
        v=VERSION,
        camera=camera,
        session=session,
        frame=event.frame,
        received_ns=received_ns,
        published_ns=published_ns,
        event=event.name,
        state=event.state,
        animal=event.animal,
        onset_frame=event.onset_frame,
        value=event.value,
        threshold=event.threshold,
        added_delay_ms=event.added_delay_ms,
        latency_ms=(published_ns - received_ns) / 1e6,
        reason=event.reason,
        horizon_ms=event.horizon_ms,
    )


class Publisher:
    """Offers poses, events, heartbeat, setup and status at the configured addresses."""

    def __init__(self, settings: PublisherConfig, *, camera: str, clock: Callable[[], int] = time.monotonic_ns) -> None:
        """Bind every address.

        Raises:
            StreamError: an address is taken, malformed, or reachable from outside without keys.
        """
        self.camera = camera
        self.session = secrets.token_hex(8)
        self.published = 0
        self._clock = clock
        self._topics = {kind: topic(kind, camera) for kind in ("pose", "pose3d", "event", "alive", "setup", "status")}
        self._encode = encoder()
        self._kept: dict[str, bytes] = {}  # the last setup and status, for newcomers
        self._newcomers: set[str] = set()  # kinds that somebody newly subscribed to
        self._repeated_ns: dict[str, int] = {}  # when that was last done for newcomers
        check_binds(settings.bind, settings.curve_keys)
        self._held = ExitStack()
        self._context = zmq.Context()
        self._authenticator: ThreadAuthenticator | None = None
        self._socket = self._context.socket(zmq.XPUB)
        self._socket.setsockopt(zmq.LINGER, LINGER_MS)
        self._socket.setsockopt(zmq.SNDHWM, settings.high_water_mark)
        self._socket.setsockopt(zmq.RCVHWM, UPSTREAM_WAITING)
        self._socket.setsockopt(zmq.MAXMSGSIZE, UPSTREAM_BYTES)
        self._socket.setsockopt(zmq.XPUB_VERBOSE, 1)  # every new subscriber is seen, so that each gets the last status
        try:
            if settings.curve_keys:
                self._authenticator = secure(self._socket, Path(settings.curve_keys))
            for address in settings.bind:
                bind(self._socket, address, held=self._held)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Publisher":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Unbind. May be called twice."""
        if self._authenticator is not None:
            self._authenticator.stop()
            self._authenticator = None
        self._socket.close()
        self._context.term()
        self._held.close()

    def pose(
        self,
        frame: Frame,
        pose: Pose,
        *,
        names: tuple[str, ...],
        taken_ns: int,
        inferred_ns: int,
        counts: FrameCounts,
        setup: int,
        ended: list[tuple[str, int, str]],
        motion: float | None,
        brightness: dict[str, float],
        motion_full: float | None = None,
    ) -> PoseMessage:
        """Publish one frame's pose, and return what was published.

        Args:
            frame: the frame.
            pose: what the engine found in it.
            names: of the key points, in the order of the pose.
            taken_ns: when the loop took the frame up, host CLOCK_MONOTONIC.
            inferred_ns: when the engine had answered.
            counts: of frames before this one that got no pose.
            setup: number of the setup in use.
            ended: (event, animal, reason) of every event that ended since the pose before, not by a frame.
            motion: as configured, 0..1, None on the first frame.
            brightness: 0..1, by region.
            motion_full: of all pixels, likewise.
        """
        mm = pose.mm.tolist() if pose.mm is not None else None
        animals = [
            AnimalMessage(id=i, points=dict(zip(names, points, strict=True)), mm=dict(zip(names, mm[i], strict=True)) if mm else {})
            for i, points in enumerate(pose.points.tolist())
        ]
        message = PoseMessage(
            v=VERSION,
            camera=self.camera,
            session=self.session,
            frame=frame.number,
            received_ns=frame.received_ns,
            published_ns=self._clock(),
            exposed_ns=frame.exposed_ns,
            taken_ns=taken_ns,
            inferred_ns=inferred_ns,
            lost=counts.lost,
            skipped=counts.skipped,
            corrupt=counts.corrupt,
            setup=setup,
            ended=ended,
            animals=animals,
            scores=dict(pose.scores),
            motion=motion,
            motion_full=motion_full,
            warming=list(pose.warming),
            no_region=list(pose.no_region),
            without_network=list(pose.without_network),
            brightness=brightness,
        )
        self._send("pose", self._encode(message))
        self.published += 1
        return message

    def pose3d(self, message: Pose3DMessage) -> None:
        """Publish one moment of a rig."""
        self._send("pose3d", self._encode(message))
        self.published += 1

    def event(self, frame: Received, event: Event) -> EventMessage:
        """Publish one change of one event, and return what was published. `frame` is the last that was taken up."""
        now = self._clock()
        message = event_message(event, camera=self.camera, session=self.session, received_ns=frame.received_ns, published_ns=now)
        self._send("event", self._encode(message))
        return message

    def alive(self, *, frame: int, received_ns: int, interval_ms: float, open_events: list[OpenEvent]) -> None:
        """Publish the heartbeat.

        Args:
            frame: number of the last frame that was taken up, -1 before the first.
            received_ns: of that frame, 0 before the first.
            interval_ms: when the next one is due, at the latest.
            open_events: every event that is on.
        """
        message = AliveMessage(
            v=VERSION,
            camera=self.camera,
            session=self.session,
            frame=frame,
            received_ns=received_ns,
            published_ns=self._clock(),
            interval_ms=interval_ms,
            open=open_events,
        )
        self._send("alive", self._encode(message))

    def setup(self, message: SetupMessage) -> None:
        """Publish what runs from now on, and keep it for whoever subscribes later."""
        self._keep("setup", message)

    def status(self, message: StatusMessage) -> None:
        """Publish the status, and keep it for whoever subscribes later."""
        self._keep("status", message)

    def serve(self) -> None:
        """Give newcomers the last setup and status. Work and memory are bounded, whatever subscribers send.

        Takes at most `UPSTREAM_PER_CALL` messages; what is left waits for the next call. Everything that is not a subscription
        to something kept here is of no effect.
        """
        for _ in range(UPSTREAM_PER_CALL):
            try:
                change = self._socket.recv(zmq.DONTWAIT)
            except zmq.Again:
                break
            if change[:1] == _SUBSCRIBED:
                self._newcomers.update(kind for kind in self._kept if self._topics[kind].startswith(change[1:]))
        for kind in ("setup", "status"):
            if kind in self._newcomers:
                self._repeat(kind)

    def _repeat(self, kind: str) -> None:
        """Send again what newcomers asked for, unless that was done a moment ago: then a later call does it."""
        now = self._clock()
        if now - self._repeated_ns.get(kind, now - NEWCOMERS_EVERY_NS) >= NEWCOMERS_EVERY_NS:
            self._send(kind, self._kept[kind])
            self._newcomers.discard(kind)
            self._repeated_ns[kind] = now

    def _keep(self, kind: str, message: SetupMessage | StatusMessage) -> None:
        self._kept[kind] = self._encode(message)
        self._newcomers.discard(kind)
        self._send(kind, self._kept[kind])

    def _send(self, kind: str, payload: bytes) -> None:
        self._socket.send(self._topics[kind], zmq.SNDMORE)  # `send_multipart` costs the loop 2 us more
        self._socket.send(payload)
