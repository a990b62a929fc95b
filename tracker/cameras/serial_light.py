"""The serial port of the synthetic light: a pseudo-terminal that any program may open as it would an adapter's port."""

import os
import select
import threading
import time
import tty
from collections.abc import Callable
from pathlib import Path

from tracker.errors import CameraError
from tracker.synthetic.light import Light

_ON, _OFF = b"1", b"0"
_BYTES = 64
_CLOSE_S = 1.0


class SerialLight:
    """Switches a light by the bytes that come to a port: 1 on, 0 off, anything else nothing.

    Raises:
        CameraError: the link to the port cannot be made.
    """

    def __init__(self, light: Light, link: Path, *, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._light, self._link, self._clock = light, link, clock
        self._end, self._port = os.openpty()  # the port stays open here, so that the last program to close it ends nothing
        tty.setraw(self._port)
        self._closing, self._close = os.pipe()
        self._once = threading.Lock()  # two threads may close a camera
        try:
            self._make_link()
        except CameraError:
            self._close_all()
            raise
        self._thread = threading.Thread(target=self._run, name="light", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take the port away. May be called twice."""
        if not self._once.acquire(blocking=False):
            return
        os.write(self._close, b"x")
        self._thread.join(_CLOSE_S)
        if self._link.is_symlink() and str(self._link.readlink()) == self._name:
            self._link.unlink()
        self._close_all()

    def _make_link(self) -> None:
        self._name = os.ttyname(self._port)
        try:
            if self._link.is_symlink():
                self._link.unlink()  # of a camera that was killed
            self._link.symlink_to(self._name)
        except OSError as problem:
            raise CameraError(
                f"camera.light.port: {self._link} cannot be made a link to the light's port ({problem.strerror}); give a path that is free"
            ) from None

    def _run(self) -> None:
        while self._closing not in select.select([self._end, self._closing], [], [])[0]:
            told = os.read(self._end, _BYTES)
            now_ns = self._clock()
            for index in range(len(told)):
                byte = told[index : index + 1]
                if byte in (_ON, _OFF):
                    self._light.switch(lit=byte == _ON, told_ns=now_ns)

    def _close_all(self) -> None:
        for number in (self._end, self._port, self._closing, self._close):
            os.close(number)
