"""Addresses that sockets are bound to: which are private to this machine, and binding with a refusal that a person understands."""

import errno
import ipaddress
import socket
import stat
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

import zmq

from tracker.errors import StreamError
from tracker.runtime_folder import make_runtime_folder
from tracker.stream.path_claim import claim

_GROUP_ACCESS = 0o660
_HIGHEST_PORT = 65_535
_LONGEST_PATH = 107  # what a Unix socket's address holds


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


def bind(server: zmq.Socket[bytes], address: str, *, held: ExitStack) -> None:
    """Bind one address. The socket of an ipc path is readable and writable by its owner and its group, and by nobody else.

    Args:
        server: the socket.
        address: of `publisher.bind` and its like.
        held: to be closed after the socket is: it keeps other processes from an ipc path, also while its socket is gone, and removes
            the socket's file, which libzmq leaves there.

    Raises:
        StreamError: taken, malformed, its folder cannot be written, or something that is not a socket lies there.
    """
    path = _socket_path(address)
    port = address.rpartition(":")[2]
    if address.startswith("tcp://") and port.isdigit() and int(port) > _HIGHEST_PORT:  # libzmq would take its lower 16 bits
        raise StreamError(f"{address}: there is no port {port}; expected one of 1..{_HIGHEST_PORT}")
    if path is not None:
        _check_free(path, address)
        make_runtime_folder(path)
        claim(path, address=address, held=held)
    try:
        server.bind(address)
        if path is not None:
            path.chmod(_GROUP_ACCESS)
            held.callback(_remove_own, path, _identity(path))
    except zmq.ZMQError as problem:
        remedy = {
            errno.EADDRINUSE: "is already in use by another process; stop it or choose another address",
            errno.EACCES: "cannot be bound: permission denied; choose a folder or port this user may use",
            errno.ENOENT: "cannot be bound: its folder does not exist; create the folder or choose another",
            errno.ENAMETOOLONG: f"cannot be bound: its path is longer than {_LONGEST_PATH} characters; choose a shorter one",
            errno.EADDRNOTAVAIL: "cannot be bound: this machine has no such interface; choose one of its own addresses",
            errno.ENODEV: "cannot be bound: this machine has no such interface; choose one of its own addresses",
        }.get(problem.errno or 0, f"cannot be bound ({problem.strerror}); expected ipc://PATH or tcp://HOST:PORT")
        raise StreamError(f"{address} {remedy}") from None
    except OSError as problem:
        raise StreamError(f"{address}: group access cannot be set ({problem.strerror}); choose a folder of this user's own") from None


def _remove_own(path: Path, bound: tuple[int, int, int]) -> None:
    """Remove a socket's file, unless another lies there since."""
    with suppress(OSError):
        if _identity(path) == bound:
            path.unlink()


def _identity(path: Path) -> tuple[int, int, int]:
    found = path.lstat()
    return found.st_dev, found.st_ino, found.st_ctime_ns  # the time too: the number of a file that was removed is soon given to another


def _socket_path(address: str) -> Path | None:
    """The file of an ipc address; None for tcp, for the abstract names of Linux and for a path left to the system."""
    path = address.removeprefix("ipc://")
    return Path(path) if address.startswith("ipc://") and path not in ("", "*") and not path.startswith("@") else None


def _check_free(path: Path, address: str) -> None:
    """Refuse what ZeroMQ would silently replace: a file of somebody's, or the socket of a process that lives."""
    try:
        mode = path.lstat().st_mode
    except OSError:  # nothing there, or a folder that binding will name
        return
    if not stat.S_ISSOCK(mode):
        raise StreamError(f"{address}: {path} exists and is not a socket; nothing was touched: choose another path, or remove it")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)  # a process that does not accept must not hold this one up
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return  # left behind by a process that was killed
        except OSError as problem:
            if problem.errno == errno.EACCES:
                raise StreamError(f"{address} belongs to another user; stop that user's tracker or choose another path") from None
    raise StreamError(f"{address} is already in use by another process; stop it or choose another address")
