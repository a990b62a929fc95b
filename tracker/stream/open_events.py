"""What one subscriber believes to be on, camera by camera, and when it must end that itself. Pure: given the time, never asks for it.

Standard library only.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

from tracker.messages import AliveMessage, EventMessage, ImageMessage, Message, OpenEvent

SILENT_AFTER_NS = 500_000_000  # the stream is silent after so long ...
SILENT_AFTER_INTERVALS = 5  # ... or after so many heartbeat intervals, whichever is longer
_FIRST_INTERVAL_MS = 100.0  # taken to be the heartbeat's until one has announced its own
Key = tuple[str, int]


@dataclass(slots=True)
class _HeardCamera:
    """The last that was heard of one camera."""

    session: str
    frame: int
    received_ns: int
    published_ns: int
    heard_ns: int  # on the subscriber's own clock
    interval_ms: float = _FIRST_INTERVAL_MS
    delivered: dict[Key, EventMessage] = field(default_factory=dict)  # onsets without their end
    announced: dict[Key, OpenEvent] = field(default_factory=dict)  # on, as the tracker says


class OpenEvents:
    """Ends every event that was delivered as on and whose own end cannot come any more, or did not."""

    def __init__(self, *, silent_after_ns: int | None) -> None:
        """Begin with nothing heard.

        Args:
            silent_after_ns: when a stream counts as silent; None: the longer of 500 ms and 5 heartbeat intervals.
        """
        self._silent_after_ns = silent_after_ns
        self._cameras: dict[str, _HeardCamera] = {}

    def take(self, message: Message, now_ns: int) -> list[EventMessage]:
        """Note a message as it is delivered.

        Returns:
            Ends that must be delivered before it.
        """
        if isinstance(message, ImageMessage):  # of another socket and another thread: says nothing of the loop
            return []
        camera = self._cameras.get(message.camera)
        ended: list[EventMessage] = []
        if camera is None or camera.session != message.session:
            if camera is not None:
                ended = list(self._end(camera, camera.delivered, "restarted", now_ns))
            camera = _HeardCamera(message.session, message.frame, message.received_ns, message.published_ns, now_ns)
            self._cameras[message.camera] = camera
        if isinstance(message, AliveMessage):
            camera.interval_ms = message.interval_ms
            camera.announced = {(each.event, each.animal): each for each in message.open}
            ended += self._end(camera, _unheard(camera), "unheard", now_ns)
        elif isinstance(message, EventMessage):
            ended += self._change(camera, message, now_ns)
        camera.heard_ns = now_ns
        camera.frame, camera.received_ns, camera.published_ns = message.frame, message.received_ns, message.published_ns
        return ended

    def heard(self, camera: str, now_ns: int) -> None:
        """Note that something of a camera has come, though it is not delivered yet."""
        if camera in self._cameras:
            self._cameras[camera].heard_ns = now_ns

    def silent(self, now_ns: int) -> list[str]:
        """Cameras of which nothing was heard for too long."""
        return [name for name, camera in self._cameras.items() if now_ns >= self._silent_ns(camera)]

    def end_silent(self, now_ns: int) -> list[EventMessage]:
        """The ends of every event that is on in a camera that is silent. After this, only a next onset is one."""
        ended: list[EventMessage] = []
        for name in self.silent(now_ns):
            camera = self._cameras[name]
            ended += self._end(camera, camera.delivered, "silent", now_ns)
            camera.announced.clear()
        return ended

    def due_ns(self) -> int | None:
        """When the first stream with an event on will be silent, if nothing comes; None while nothing is on."""
        return min((self._silent_ns(camera) for camera in self._cameras.values() if camera.delivered), default=None)

    @property
    def open(self) -> dict[str, tuple[OpenEvent, ...]]:
        """By camera, every event that is on as far as the tracker said, those without an onset here too."""
        return {name: tuple(camera.announced.values()) for name, camera in self._cameras.items() if camera.announced}

    def _silent_ns(self, camera: _HeardCamera) -> int:
        by_interval = max(SILENT_AFTER_NS, int(SILENT_AFTER_INTERVALS * camera.interval_ms * 1e6))
        return camera.heard_ns + (by_interval if self._silent_after_ns is None else self._silent_after_ns)

    def _change(self, camera: _HeardCamera, message: EventMessage, now_ns: int) -> Iterator[EventMessage]:
        key = message.event, message.animal
        if message.state == "off":
            camera.delivered.pop(key, None)
            camera.announced.pop(key, None)
            return
        before = camera.delivered.get(key)
        if before is not None and before.onset_frame != message.onset_frame:
            yield from self._end(camera, {key: before}, "unheard", now_ns)
        camera.delivered[key] = message
        camera.announced[key] = OpenEvent(event=message.event, animal=message.animal, onset_frame=message.onset_frame)

    def _end(
        self, camera: _HeardCamera, events: dict[Key, EventMessage], reason: Literal["silent", "restarted", "unheard"], now_ns: int
    ) -> Iterator[EventMessage]:
        for key, onset in list(events.items()):
            camera.delivered.pop(key, None)
            yield replace(
                onset,
                state="off",
                frame=camera.frame,
                received_ns=camera.received_ns,
                published_ns=camera.published_ns,
                added_delay_ms=0.0,
                latency_ms=(now_ns - camera.heard_ns) / 1e6,
                reason=reason,
            )


def _unheard(camera: _HeardCamera) -> dict[Key, EventMessage]:
    """Onsets that were delivered and that a heartbeat no longer knows."""
    return {
        key: onset
        for key, onset in camera.delivered.items()
        if key not in camera.announced or camera.announced[key].onset_frame != onset.onset_frame
    }
