"""The library a subscriber imports: typed messages from one or several trackers. Needs pyzmq and the standard library, nothing else."""

import math
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import zmq

from tracker.errors import StreamError
from tracker.messages import (
    TOPICS,
    AliveMessage,
    Animal3DMessage,
    AnimalMessage,
    EventMessage,
    ImageMessage,
    Message,
    OpenEvent,
    Pose3DMessage,
    PoseMessage,
    Problem,
    RigCameraMessage,
    RigMessage,
    SetupMessage,
    StatusMessage,
    decode,
    topic,
)
from tracker.stream.image_address import image_addresses
from tracker.stream.keys import use_keys
from tracker.stream.newest_pictures import NewestPictures
from tracker.stream.open_events import OpenEvents

__all__ = [
    "AliveMessage",
    "Animal3DMessage",
    "AnimalMessage",
    "Client",
    "EventMessage",
    "ImageMessage",
    "Message",
    "OpenEvent",
    "Pose3DMessage",
    "PoseMessage",
    "Problem",
    "RigCameraMessage",
    "RigMessage",
    "SetupMessage",
    "StatusMessage",
    "StreamError",
]

_OPTIONS = {
    zmq.LINGER: 0,
    # A pulled cable is noticed after four seconds by TCP itself. Not by ZeroMQ's heartbeats: with libzmq 4.3 a reader that pauses at its
    # high-water mark misses them, is connected anew, and its next read ends the whole process ("Assertion failed: _input_stopped").
    zmq.TCP_KEEPALIVE: 1,
    zmq.TCP_KEEPALIVE_IDLE: 1,  # s
    zmq.TCP_KEEPALIVE_INTVL: 1,  # s
    zmq.TCP_KEEPALIVE_CNT: 3,
    zmq.CONNECT_TIMEOUT: 3_000,
    zmq.RECONNECT_IVL: 50,  # ms, and no longer with time: a tracker that starts is heard almost from its first frame
    zmq.RECONNECT_IVL_MAX: 0,
}
_LONGEST_POLL_MS = 3_600_000


@dataclass(slots=True)
class _CameraHeard:
    """The last that came from one camera."""

    session: str
    frame: int | None = None
    accounted: int = 0  # frames before it that the tracker itself said have no pose


class Client:
    """A subscription. Use it in a `with`; iterating waits for messages for ever. For one thread at a time.

    Lost connections come back by themselves. What this client missed is counted, never silent:

    Attributes:
        gaps: by camera, frames that were published but never reached this client (it was too slow, or away). Frames
            that got no pose are in each pose's `lost`, `skipped` and `corrupt`, not in here. Needs the kind "pose", or "pose3d" for
            the moments of a rig.
        restarts: by camera, how often the tracker was seen to start anew.
        arrived_ns: when the last message that was read was taken from its connection, before it was decoded, by the clock; 0 before
            the first.

    Every event that was delivered as "on" is ended: by the tracker, or by this client with the reason "silent" (nothing
    came for `silent_after_s`), "restarted" (a new session) or "unheard" (the tracker no longer holds it for on, so its
    end was lost on the way). After such an end only the tracker's next onset is an "on".
    """

    def __init__(
        self,
        addresses: str | Sequence[str],
        *,
        kinds: Sequence[str] = ("pose", "pose3d", "event", "setup", "status"),
        camera: str | None = None,
        keys: Path | None = None,
        pictures: Sequence[str] | None = None,
        silent_after_s: float | None = None,
        high_water_mark: int = 1_000,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """Connect; nobody has to be there yet.

        Args:
            addresses: "tcp://127.0.0.1:5571", "ipc:///run/rigtrack/top", or several of them.
            kinds: which of "pose", "pose3d", "event", "alive", "setup", "status", "image".
            camera: one camera only; None takes all.
            keys: folder with this client's CURVE keys (client.key and server.pub), for a stream from another machine.
            pictures: where pictures are, if the trackers have a viewer.bind; None: beside each of `addresses`.
            silent_after_s: a stream of which nothing is heard for so long is silent, and its open events end. None: the
                longer of 0.5 s and 5 intervals of the tracker's heartbeat.
            high_water_mark: messages kept for a reader that is slow; beyond it some are lost, and counted.
            clock: monotonic time in ns.

        Raises:
            StreamError: an unknown kind, a malformed address, keys that cannot be read, or a silence that is not a duration.
        """
        self.addresses = (addresses,) if isinstance(addresses, str) else tuple(addresses)
        self.gaps: Counter[str] = Counter()
        self.restarts: Counter[str] = Counter()
        self.arrived_ns = 0
        self._clock = clock
        self._heard: dict[str, _CameraHeard] = {}
        self._kinds = _checked(kinds)
        self._wanted = None if camera is None else {topic(kind, camera) for kind in TOPICS}
        self._events = OpenEvents(silent_after_ns=_nanoseconds(silent_after_s))
        self._due: deque[Message] = deque()  # to be delivered before anything else
        self._backlog: deque[list[bytes]] = deque()  # read from the socket, not decoded yet
        self._backlog_most = high_water_mark
        self._pictures: NewestPictures | None = None
        self._picture_next = False
        self._keys = keys
        self._prefixes = [topic(kind, camera or "") for kind in self._kinds | {"alive"} if kind != "image"]
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        self._poller = zmq.Poller()
        try:
            self._socket.setsockopt(zmq.RCVHWM, high_water_mark)
            self._connect(self._socket, self.addresses, self._prefixes)
            self._poller.register(self._socket, zmq.POLLIN)
            if "image" in self._kinds:
                found = image_addresses(self.addresses) if pictures is None else tuple(pictures)
                prefix = topic("image", camera or "")
                self._pictures = NewestPictures(
                    self._context, lambda socket: self._connect(socket, found, [prefix]), wanted=self._is_wanted
                )
                self._poller.register(self._pictures.ready, zmq.POLLIN)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __iter__(self) -> Iterator[Message]:
        return self

    def __next__(self) -> Message:
        message = self.receive(None)
        if message is None:
            raise StopIteration
        return message

    @property
    def open_events(self) -> dict[str, tuple[OpenEvent, ...]]:
        """By camera, every event that is on as far as the tracker said, also those whose onset this client never heard.

        A client that comes late learns here that an event is on. It is given no "on" for it: when that began is unknown to
        it, and a stimulus that starts at no onset is worse than one that is left out. Empty for a stream that is silent.
        """
        return self._events.open

    @property
    def alive(self) -> frozenset[str]:
        """Cameras whose tracker was heard lately, be it by its heartbeat alone."""
        return frozenset(self._heard) - self.silent

    @property
    def silent(self) -> frozenset[str]:
        """Cameras that were heard once and of which nothing has come for too long."""
        return frozenset(self._events.silent(self._clock()))

    def receive(self, timeout_s: float | None) -> Message | None:
        """Wait for the next message.

        Args:
            timeout_s: how long; 0 takes only what is there already, None waits for ever.

        Returns:
            The message, or None when none came in time.

        Raises:
            StreamError: something arrived that is not of rigtrack's stream, or of another version; reading may go on.
        """
        deadline_ns = None if timeout_s is None else self._clock() + int(timeout_s * 1e9)
        late = False
        while not self._due:
            self._end_silent()
            if self._due or late:
                break
            parts = self._next(deadline_ns)
            if parts is not None:
                self._take(parts)
            else:
                late = deadline_ns is not None and self._clock() >= deadline_ns
        return self._due.popleft() if self._due else None

    def close(self) -> None:
        """Disconnect. May be called twice."""
        if self._pictures is not None:
            self._pictures.close()
        self._socket.close()
        self._context.term()

    def _take(self, parts: list[bytes]) -> None:
        """Decode a message that is wanted and make it due, after the ends that it brings about."""
        if not self._is_wanted(parts[0]):
            return
        message = decode(parts)
        if isinstance(message, ImageMessage):
            heard = self._heard.get(message.camera)
            if heard is None or heard.session == message.session:  # the last picture of a tracker may come after the next one's word
                self._due.append(message)
            return
        self._note(message)
        self._due.extend(self._events.take(message, self._clock()))
        if not isinstance(message, AliveMessage) or "alive" in self._kinds:
            self._due.append(message)

    def _next(self, deadline_ns: int | None) -> list[bytes] | None:
        """The next message; None when none came in time and the clock must be read again."""
        if self._backlog:
            return self._backlog.popleft()
        due_ns = self._events.due_ns()
        until_ns = min((each for each in (deadline_ns, due_ns) if each is not None), default=None)
        ready = dict(self._poller.poll(None if until_ns is None else self._remaining_ms(until_ns)))
        picture = self._pictures is not None and self._pictures.ready in ready
        if picture and (self._picture_next or self._socket not in ready):
            self._picture_next = False
            return self._pictures.take() if self._pictures is not None else None
        self._picture_next = picture  # by turns: a stream that never pauses leaves room for pictures
        if self._socket not in ready:
            return None
        self.arrived_ns = self._clock()
        return _received(self._socket)

    def _remaining_ms(self, until_ns: int) -> int:
        return min(_LONGEST_POLL_MS, max(0, math.ceil((until_ns - self._clock()) / 1e6)))

    def _is_wanted(self, name: bytes) -> bool:
        return self._wanted is None or name in self._wanted  # a subscription is a prefix: "pose.top" also brings "pose.top2"

    def _end_silent(self) -> None:
        """End what is on in a stream that is silent; but a reader that was away first reads what has come meanwhile."""
        now = self._clock()
        due_ns = self._events.due_ns()
        if due_ns is None or now < due_ns:
            return
        while len(self._backlog) < self._backlog_most and self._socket.poll(0):
            self._backlog.append(_received(self._socket))
        for name in {parts[0].partition(b".")[2] for parts in self._backlog}:
            self._events.heard(name.decode("utf-8", "replace"), now)
        self._due.extend(self._events.end_silent(now))

    def _connect(self, socket: zmq.Socket[bytes], addresses: Sequence[str], prefixes: Sequence[bytes]) -> None:
        for option, value in _OPTIONS.items():
            socket.setsockopt(option, value)
        for prefix in prefixes:
            socket.setsockopt(zmq.SUBSCRIBE, prefix)
        if self._keys is not None:
            use_keys(socket, self._keys)
        for address in addresses:
            _connect(socket, address)

    def _note(self, message: Message) -> None:
        """Count what is missing between this message and the last of its camera."""
        heard = self._heard.get(message.camera)
        if heard is None or heard.session != message.session:
            if heard is not None:
                self.restarts[message.camera] += 1
            heard = self._heard[message.camera] = _CameraHeard(message.session)
        if isinstance(message, PoseMessage | Pose3DMessage):
            accounted = message.lost + message.skipped + message.corrupt if isinstance(message, PoseMessage) else 0
            if heard.frame is not None:
                missed = message.frame - heard.frame - 1 - (accounted - heard.accounted)
                if missed > 0:  # below zero: the camera was opened again and counts from its start
                    self.gaps[message.camera] += missed
            heard.frame, heard.accounted = message.frame, accounted


def _received(socket: zmq.Socket[bytes]) -> list[bytes]:
    """The parts of the next message, at half the cost of `recv_multipart`, which asks the socket after each whether another follows."""
    frame = socket.recv(copy=False)
    parts = [frame.bytes]
    while frame.more:
        frame = socket.recv(copy=False)
        parts.append(frame.bytes)
    return parts


def _checked(kinds: Sequence[str]) -> frozenset[str]:
    if isinstance(kinds, str) or not kinds:
        raise StreamError(f"kinds is {kinds!r}; expected a list of some of {', '.join(TOPICS)}")
    for kind in kinds:
        if kind not in TOPICS:
            raise StreamError(f"kind '{kind}' is not in the stream; expected some of {', '.join(TOPICS)}")
    return frozenset(kinds)


def _nanoseconds(silent_after_s: float | None) -> int | None:
    if silent_after_s is None:
        return None
    if not 0 < silent_after_s < math.inf:
        raise StreamError(f"silent_after_s is {silent_after_s}; expected a time in seconds above 0, or None")
    return int(silent_after_s * 1e9)


def _connect(socket: zmq.Socket[bytes], address: str) -> None:
    try:
        socket.connect(address)
    except zmq.ZMQError as problem:
        raise StreamError(
            f"{address}: cannot connect ({zmq.strerror(problem.errno or 0)}); expected an address as in publisher.bind, tcp://HOST:PORT or ipc://PATH"
        ) from None
