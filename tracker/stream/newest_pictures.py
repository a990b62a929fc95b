"""A subscriber's pictures: the newest of each camera, however seldom it is asked for one. Needs pyzmq and the standard library only.

A thread of its own reads all that comes, because what nobody reads waits in buffers that no high-water mark bounds, and is old by then.
"""

import threading
from collections.abc import Callable

import zmq

WAITING = 2  # pictures that libzmq may keep for the thread
_READY = "inproc://newest-pictures"


class NewestPictures:
    """Pictures as they came, still encoded. `take` and `ready` belong to the subscriber's thread.

    Attributes:
        ready: a socket that is readable while there is a picture.
    """

    def __init__(
        self, context: zmq.Context[zmq.Socket[bytes]], connect: Callable[[zmq.Socket[bytes]], None], *, wanted: Callable[[bytes], bool]
    ) -> None:
        """Subscribe and start the thread.

        Args:
            context: of the subscriber.
            connect: sets up a SUB socket and connects it.
            wanted: whether a topic is one to keep.
        """
        self._wanted = wanted
        self._lock = threading.Lock()
        self._newest: dict[bytes, list[bytes]] = {}  # by topic
        self._socket = context.socket(zmq.SUB)
        self.ready = context.socket(zmq.PAIR)
        self._signal = context.socket(zmq.PAIR)
        self._thread = threading.Thread(target=self._read_all, name="newest-pictures", daemon=True)
        try:
            self._socket.setsockopt(zmq.RCVHWM, WAITING)
            connect(self._socket)
            self.ready.bind(_READY)
            self._signal.connect(_READY)
            self._thread.start()
        except BaseException:
            for each in (self._socket, self.ready, self._signal):
                each.close(linger=0)
            raise

    def take(self) -> list[bytes] | None:
        """The newest picture of the camera that has waited longest, once; None where there is none."""
        with self._lock:
            if not self._newest:
                return None
            parts = self._newest.pop(next(iter(self._newest)))
            if not self._newest:
                self.ready.recv()
            return parts

    def close(self) -> None:
        """End the thread. May be called twice."""
        if self.ready.closed:
            return
        self.ready.send(b"")
        self._thread.join()
        for each in (self._socket, self.ready, self._signal):
            each.close(linger=0)

    def _read_all(self) -> None:
        poller = zmq.Poller()
        poller.register(self._socket, zmq.POLLIN)
        poller.register(self._signal, zmq.POLLIN)
        while self._signal not in dict(poller.poll()):
            parts = self._socket.recv_multipart()
            if self._wanted(parts[0]):
                with self._lock:
                    if not self._newest:
                        self._signal.send(b"")
                    self._newest[parts[0]] = parts
