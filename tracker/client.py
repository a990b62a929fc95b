"""The library a subscriber imports: typed messages from one or several trackers. Needs pyzmq and the standard library, nothing else."""

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import zmq

from tracker.errors import StreamError
from tracker.keys import use_keys
from tracker.messages import TOPICS, Message, PoseMessage, decode, topic

_OPTIONS = {
    zmq.LINGER: 0,
    zmq.HEARTBEAT_IVL: 1_000,  # ms: a tracker that froze, or a cable that was pulled, is noticed ...
    zmq.HEARTBEAT_TIMEOUT: 3_000,  # ... this long after, where TCP alone would wait for hours
    zmq.HEARTBEAT_TTL: 3_000,
    zmq.CONNECT_TIMEOUT: 3_000,
    zmq.RECONNECT_IVL: 50,  # ms, and no longer with time: a tracker that starts is heard almost from its first frame
    zmq.RECONNECT_IVL_MAX: 0,
}


@dataclass(slots=True)
class _Heard:
    """The last that came from one camera."""

    session: str
    frame: int | None = None
    lost: int = 0


class Client:
    """A subscription. Use it in a `with`; iterating waits for messages for ever. For one thread at a time.

    Lost connections come back by themselves. What this client missed is counted, never silent:

    Attributes:
        gaps: by camera, frames that were published but never reached this client (it was too slow, or away). Frames
            that the camera itself lost are in each pose's `lost` and not in here. Needs the kind "pose".
        restarts: by camera, how often the tracker was seen to start anew.
    """

    def __init__(
        self,
        addresses: str | Sequence[str],
        *,
        kinds: Sequence[str] = ("pose", "event", "status"),
        camera: str | None = None,
        keys: Path | None = None,
        high_water_mark: int = 1_000,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """Connect; nobody has to be there yet.

        Args:
            addresses: "tcp://127.0.0.1:5571", "ipc:///run/rigtrack/top", or several of them.
            kinds: which of "pose", "event", "status", "image".
            camera: one camera only; None takes all.
            keys: folder with this client's CURVE keys (client.key and server.pub), for a stream from another machine.
            high_water_mark: messages kept for a reader that is slow; beyond it some are lost, and counted.
            clock: monotonic time in ns.

        Raises:
            StreamError: an unknown kind, a malformed address, or keys that cannot be read.
        """
        self.addresses = (addresses,) if isinstance(addresses, str) else tuple(addresses)
        self.gaps: Counter[str] = Counter()
        self.restarts: Counter[str] = Counter()
        self._clock = clock
        self._heard: dict[str, _Heard] = {}
        self._wanted = None if camera is None else {topic(kind, camera) for kind in kinds}
        prefixes = _prefixes(kinds, camera)
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        try:
            for option, value in _OPTIONS.items():
                self._socket.setsockopt(option, value)
            self._socket.setsockopt(zmq.RCVHWM, high_water_mark)
            for prefix in prefixes:
                self._socket.setsockopt(zmq.SUBSCRIBE, prefix)
            if keys is not None:
                use_keys(self._socket, keys)
            for address in self.addresses:
                _connect(self._socket, address)
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
        while self._socket.poll(self._remaining_ms(deadline_ns)):
            parts = self._socket.recv_multipart()
            if self._wanted is None or parts[0] in self._wanted:  # a subscription is a prefix: "pose.top" also brings "pose.top2"
                message = decode(parts)
                self._note(message)
                return message
        return None

    def close(self) -> None:
        """Disconnect. May be called twice."""
        self._socket.close()
        self._context.term()

    def _remaining_ms(self, deadline_ns: int | None) -> int | None:
        return None if deadline_ns is None else max(0, math.ceil((deadline_ns - self._clock()) / 1e6))

    def _note(self, message: Message) -> None:
        """Count what is missing between this message and the last of its camera."""
        heard = self._heard.get(message.camera)
        if heard is None or heard.session != message.session:
            if heard is not None:
                self.restarts[message.camera] += 1
            heard = self._heard[message.camera] = _Heard(message.session)
        if isinstance(message, PoseMessage):
            if heard.frame is not None:
                skipped = message.frame - heard.frame - 1
                missed = skipped - (message.lost - heard.lost)
                if missed > 0:  # below zero: the camera was opened again and counts from its start
                    self.gaps[message.camera] += missed
            heard.frame, heard.lost = message.frame, message.lost


def _prefixes(kinds: Sequence[str], camera: str | None) -> list[bytes]:
    if isinstance(kinds, str) or not kinds:
        raise StreamError(f"kinds is {kinds!r}; expected a list of some of {', '.join(TOPICS)}")
    for kind in kinds:
        if kind not in TOPICS:
            raise StreamError(f"kind '{kind}' is not in the stream; expected some of {', '.join(TOPICS)}")
    return [topic(kind, camera or "") for kind in kinds]


def _connect(socket: zmq.Socket[bytes], address: str) -> None:
    try:
        socket.connect(address)
    except zmq.ZMQError as problem:
        raise StreamError(
            f"{address}: cannot connect ({zmq.strerror(problem.errno or 0)}); expected an address as in publisher.bind, tcp://HOST:PORT or ipc://PATH"
        ) from None
