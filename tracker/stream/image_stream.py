"""Pictures for people, made and sent beside the loop: the newest frame only, and only while a viewer is connected."""

import logging
import queue
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import cv2
import msgspec
import zmq
from zmq.auth.thread import ThreadAuthenticator
from zmq.utils.monitor import recv_monitor_message

from tracker.config import PublisherConfig, ViewerConfig
from tracker.errors import StreamError
from tracker.frame import Frame, Image
from tracker.messages import VERSION, topic
from tracker.stream.address import bind, check_binds
from tracker.stream.image_address import image_addresses
from tracker.stream.keys import secure

logger = logging.getLogger(__name__)

_WAITING = 1  # pictures kept for a viewer that is slow: it gets the newest next
_UPSTREAM_BYTES = 1_024  # of one message from a viewer: a topic's prefix, or a step of the CURVE handshake
_UPSTREAM_WAITING = 2
_STOP_S = 0.1  # how soon the thread notices that it shall end, or that a viewer has come


class ImageStream:
    """Turns some of the loop's frames into JPEG and publishes them, on a thread and a socket of its own. `offer` never waits.

    Whether a picture is wanted is taken from the connections, which nobody else can end, and not from subscriptions: libzmq
    passes on an end of subscription also from a peer that never had one.
    """

    def __init__(
        self,
        settings: ViewerConfig,
        publisher: PublisherConfig,
        *,
        camera: str,
        session: str,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """Bind the addresses of pictures and start the thread.

        Raises:
            StreamError: an address is taken, malformed, or reachable from outside without keys; or keys are damaged.
        """
        self._clock = clock
        self._interval_ns = int(1e9 / settings.rate_hz)
        self._quality = settings.jpeg_quality
        self._stamp = {"v": VERSION, "camera": camera, "session": session}
        self._topic = topic("image", camera)
        self._due_ns = 0
        self._wanted = False  # written by the thread, read by the loop
        self._stop = threading.Event()
        self._offered: queue.SimpleQueue[Frame | None] = queue.SimpleQueue()  # its put takes no lock that a reader could hold
        addresses = settings.bind if settings.bind is not None else image_addresses(publisher.bind)
        check_binds(addresses, publisher.curve_keys)
        self._authenticator: ThreadAuthenticator | None = None
        self._held = ExitStack()
        self._context = zmq.Context()
        self._socket = _open_socket(self._context)
        self._connections = self._socket.get_monitor_socket(_Viewers.EVENTS)
        self._thread = threading.Thread(target=self._run, name="image-stream", daemon=True)
        try:
            if publisher.curve_keys:
                self._authenticator = secure(self._socket, Path(publisher.curve_keys))
            for address in addresses:
                _bind_pictures(self._socket, address, held=self._held)
        except BaseException:
            self._release()
            raise
        self._thread.start()

    @property
    def wanted(self) -> bool:
        """Whether a viewer is connected."""
        return self._wanted

    def offer(self, frame: Frame) -> None:
        """Leave a frame to be shown, if a picture is wanted and due. The image is not copied: nobody writes into it."""
        if not self._wanted:
            return
        now = self._clock()
        if now >= self._due_ns:
            # from the due time, not from now: a camera whose rate is not a multiple of this one still averages rate_hz
            self._due_ns = max(self._due_ns + self._interval_ns, now)
            self._offered.put(frame)

    def close(self) -> None:
        """End the thread and unbind. May be called twice."""
        if self._stop.is_set():
            return
        self._stop.set()
        self._offered.put(None)
        self._thread.join()
        self._release()

    def _release(self) -> None:
        if self._authenticator is not None:
            self._authenticator.stop()
            self._authenticator = None
        self._socket.disable_monitor()
        self._connections.close()
        self._socket.close()
        self._context.term()
        self._held.close()

    def _run(self) -> None:
        viewers = _Viewers(self._connections)
        while not self._stop.is_set():
            self._wanted = viewers.any(wait_ms=0 if self._wanted else int(_STOP_S * 1_000))
            frame = self._newest() if self._wanted else None
            if frame is None:
                self._socket.getsockopt(zmq.EVENTS)  # libzmq takes up subscriptions only when the socket is used
                continue
            try:
                jpeg = encode_jpeg(frame.image, quality=self._quality)
            except cv2.error as problem:
                self._wanted = False
                reason = " ".join(str(problem).split())
                logger.warning("pictures stopped, tracking goes on: frame=%d shape=%s reason=%s", frame.number, frame.image.shape, reason)
                return
            self._send(frame, jpeg)

    def _newest(self) -> Frame | None:
        """Wait a moment for a frame and skip to the newest."""
        frame = None
        try:
            frame = self._offered.get(timeout=_STOP_S)
            while frame is not None:
                frame = self._offered.get_nowait()
        except queue.Empty:
            pass
        return frame

    def _send(self, frame: Frame, jpeg: bytes) -> None:
        height, width = frame.image.shape[:2]
        moments = {"frame": frame.number, "received_ns": frame.received_ns, "published_ns": self._clock()}
        header = msgspec.json.encode(self._stamp | moments | {"width": width, "height": height})
        self._socket.send_multipart([self._topic, header, jpeg])


class _Viewers:
    """Who is connected, as libzmq reports it for one socket."""

    EVENTS = zmq.EVENT_ACCEPTED | zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED

    def __init__(self, reports: zmq.Socket[bytes]) -> None:
        self._reports = reports
        self._connections: set[int] = set()  # file descriptors
        self._let_in = False  # one of them, at least, speaks ZeroMQ and has a key where one is needed: libzmq does not say which

    def any(self, *, wait_ms: int) -> bool:
        """Take up what was reported, waiting so long for a first report, and say whether somebody is there."""
        while self._reports.poll(wait_ms):
            report = recv_monitor_message(self._reports)
            if report["event"] == zmq.EVENT_ACCEPTED:
                self._connections.add(report["value"])
            elif report["event"] == zmq.EVENT_DISCONNECTED:
                self._connections.discard(report["value"])
                self._let_in = self._let_in and bool(self._connections)
            else:
                self._let_in = True
            wait_ms = 0
        return self._let_in


def _open_socket(context: zmq.Context[zmq.Socket[bytes]]) -> zmq.Socket[bytes]:
    opened = context.socket(zmq.PUB)
    opened.setsockopt(zmq.LINGER, 0)
    opened.setsockopt(zmq.SNDHWM, _WAITING)
    opened.setsockopt(zmq.RCVHWM, _UPSTREAM_WAITING)
    opened.setsockopt(zmq.MAXMSGSIZE, _UPSTREAM_BYTES)
    return opened


def _bind_pictures(opened: zmq.Socket[bytes], address: str, *, held: ExitStack) -> None:
    try:
        bind(opened, address, held=held)
    except StreamError as problem:
        raise StreamError(f"the address of the pictures, which viewer.bind can set: {problem}") from None


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
