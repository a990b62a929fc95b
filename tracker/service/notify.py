"""Tell the service manager how the tracker is, by the sd_notify protocol (man 3 sd_notify). Nothing happens outside a service."""

import os
import socket
import time
from collections.abc import Mapping


class Notifier:
    """Sends datagrams to the manager's socket. Never waits and never raises: a lost notification must not cost a frame."""

    def __init__(self, address: str | None) -> None:
        """Open the socket named by `address` ("@" in front: the abstract name space), or stay silent without one."""
        self._socket: socket.socket | None = None
        if address:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.setblocking(False)
            self._address = "\0" + address[1:] if address.startswith("@") else address

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Notifier":
        """The manager that started this process, if one did."""
        return cls(environment.get("NOTIFY_SOCKET"))

    def ready(self) -> None:
        """Start-up, or a reload, is done."""
        self._send("READY=1")

    def reloading(self) -> None:
        """A reload began; `ready` ends it."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """The tracker is on its way out."""
        self._send("STOPPING=1")

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self._send("STATUS=" + " ".join(text.split()))

    def watchdog(self) -> None:
        """A sign of life."""
        self._send("WATCHDOG=1")

    def watchdog_interval(self, seconds: float) -> None:
        """Have the manager wait this long for a sign of life from here on."""
        self._send(f"WATCHDOG_USEC={int(seconds * 1e6)}")

    def extend_timeout(self, seconds: float) -> None:
        """Ask for more time to start."""
        self._send(f"EXTEND_TIMEOUT_USEC={int(seconds * 1e6)}")

    def close(self) -> None:
        """Close the socket. May be called twice."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, text: str) -> None:
        if self._socket is None:
            return
        try:
            self._socket.sendto(text.encode(), self._address)
        except OSError:
            return  # the manager is gone or its socket full; the next notification tells the same
