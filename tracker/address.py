"""Addresses that sockets are bound to: which are private to this machine, and binding with a refusal that a person understands."""

import errno
import ipaddress
import socket
from collections.abc import Sequence
from pathlib import Path

import zmq

from tracker.errors import StreamError
from tracker.runtime_folder import make_runtime_folder


def check_binds(addresses: Sequence[str], keys: str | None) -> None:
    """Refuse an address that other machines can reach while there are no keys.

    Raises:
        StreamError: which address, and what to do.
    """
    for address in addresses:
        if keys is None and not is_private(address):
            raise StreamError(
                f"{address} can be reached from other machines but no keys are configured; make some with `tracker keys FOLDER` and "
                f"name it in publisher.curve_keys, or bind ipc:// or tcp://127.0.0.1"
            )


def is_private(address: str) -> bool:
    """Whether an address can only be reached from this machine."""
    if address.startswith(("ipc://", "inproc://")):
        return True
    host = address.removeprefix("tcp://").rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in ("localhost", "lo")


def bind(server: zmq.Socket[bytes], address: str) -> None:
    """Bind one address.

    Raises:
        StreamError: taken, malformed, or its folder cannot be written.
    """
    if address.startswith("ipc://") and _answers(address.removeprefix("ipc://")):
        raise StreamError(f"{address} is already in use by another process; stop it or choose another address")
    if address.startswith("ipc://"):
        make_runtime_folder(Path(address.removeprefix("ipc://")))
    try:
        server.bind(address)
    except zmq.ZMQError as problem:
        remedy = {
            errno.EADDRINUSE: "is already in use by another process; stop it or choose another address",
            errno.EACCES: "cannot be bound: permission denied; choose a folder or port this user may use",
            errno.ENOENT: "cannot be bound: its folder does not exist; create the folder or choose another",
            errno.EADDRNOTAVAIL: "cannot be bound: this machine has no such interface; choose one of its own addresses",
            errno.ENODEV: "cannot be bound: this machine has no such interface; choose one of its own addresses",
        }.get(problem.errno or 0, f"cannot be bound ({problem.strerror}); expected ipc://PATH or tcp://HOST:PORT")
        raise StreamError(f"{address} {remedy}") from None


def _answers(path: str) -> bool:
    """Whether a live process listens there: ZeroMQ would silently take an ipc path away from it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except OSError:
            return False
    return True
