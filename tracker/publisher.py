"""The stream's only sender: one XPUB socket, used by the loop's thread alone. Never waits for a subscriber."""

import secrets
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import zmq
from zmq.auth.thread import ThreadAuthenticator

from tracker.address import bind, check_binds
from tracker.config import PublisherConfig
from tracker.event import Event
from tracker.frame import Frame
from tracker.keys import secure
from tracker.messages import VERSION, AnimalMessage, EventMessage, PoseMessage, StatusMessage, topic
from tracker.pose import Pose

_SUBSCRIBED = b"\x01"
_FAREWELL_MS = 300  # at the end: how long the last messages may take to leave


class Publisher:
    """Offers poses, events, status and pictures at the configured addresses."""

    def __init__(self, settings: PublisherConfig, *, camera: str, clock: Callable[[], int] = time.monotonic_ns) -> None:
        """Bind every address.

        Raises:
            StreamError: an address is taken, malformed, or reachable from outside without keys.
        """
        self.camera = camera
        self.session = secrets.token_hex(8)
        self.published = 0
        self._clock = clock
        self._topics = {kind: topic(kind, camera) for kind in ("pose", "event", "status", "image")}
        self._encoder = msgspec.json.Encoder()
        self._subscriptions: set[bytes] = set()
        self._last_status: bytes | None = None
        check_binds(settings.bind, settings.curve_keys)
        self._context = zmq.Context()
        self._authenticator: ThreadAuthenticator | None = None
        self._socket = self._context.socket(zmq.XPUB)
        self._socket.setsockopt(zmq.LINGER, _FAREWELL_MS)
        self._socket.setsockopt(zmq.SNDHWM, settings.high_water_mark)
        self._socket.setsockopt(zmq.XPUB_VERBOSE, 1)  # every new subscriber is seen, so that each gets the last status
        try:
            if settings.curve_keys:
                self._authenticator = secure(self._socket, Path(settings.curve_keys))
            for address in settings.bind:
                bind(self._socket, address)
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

    @property
    def image_wanted(self) -> bool:
        """Whether somebody is subscribed to pictures."""
        return any(self._topics["image"].startswith(prefix) for prefix in self._subscriptions)

    def pose(
        self,
        frame: Frame,
        pose: Pose,
        *,
        names: tuple[str, ...],
        taken_ns: int,
        inferred_ns: int,
        lost: int,
        motion: float | None,
    ) -> None:
        """Publish one frame's pose."""
        now = self._clock()
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
            published_ns=now,
            exposed_ns=frame.exposed_ns,
            taken_ns=taken_ns,
            inferred_ns=inferred_ns,
            lost=lost,
            animals=animals,
            scores={},
            motion=motion,
        )
        self._send("pose", self._encoder.encode(message))
        self.published += 1

    def event(self, frame: Frame, event: Event) -> None:
        """Publish one change of one event."""
        now = self._clock()
        message = EventMessage(
            v=VERSION,
            camera=self.camera,
            session=self.session,
            frame=event.frame,
            received_ns=frame.received_ns,
            published_ns=now,
            event=event.name,
            state=event.state,
            animal=event.animal,
            onset_frame=event.onset_frame,
            value=event.value,
            threshold=event.threshold,
            added_delay_ms=event.added_delay_ms,
            latency_ms=(now - frame.received_ns) / 1e6,
        )
        self._send("event", self._encoder.encode(message))

    def status(self, message: StatusMessage) -> None:
        """Publish the status, and keep it for whoever subscribes later."""
        self._last_status = self._encoder.encode(message)
        self._send("status", self._last_status)

    def image(self, frame: Frame, jpeg: bytes) -> None:
        """Publish one picture."""
        height, width = frame.image.shape[:2]
        header = {
            "v": VERSION,
            "camera": self.camera,
            "session": self.session,
            "frame": frame.number,
            "received_ns": frame.received_ns,
            "published_ns": self._clock(),
            "width": width,
            "height": height,
        }
        self._socket.send_multipart([self._topics["image"], self._encoder.encode(header), jpeg])

    def greet(self) -> None:
        """Take note of who came and went; a newcomer gets the last status at once."""
        newcomer = False
        while self._socket.poll(0):
            change = self._socket.recv()
            prefix = change[1:]
            if change[:1] == _SUBSCRIBED:
                self._subscriptions.add(prefix)
                newcomer = newcomer or self._topics["status"].startswith(prefix)
            else:
                self._subscriptions.discard(prefix)
        if newcomer and self._last_status is not None:
            self._send("status", self._last_status)

    def _send(self, kind: str, payload: bytes) -> None:
        self._socket.send_multipart([self._topics[kind], payload])
