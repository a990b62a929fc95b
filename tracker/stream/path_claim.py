"""One process for one ipc path: a locked file beside the socket, since the socket itself can be removed while its process lives."""

import fcntl
import os
from contextlib import ExitStack, suppress
from pathlib import Path

from tracker.errors import StreamError

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_GROUP_ACCESS = 0o660


def claim(path: Path, *, address: str, held: ExitStack) -> None:
    """Hold a path until `held` is closed or this process ends, however it ends.

    The file is hidden, `.NAME.lock`, so that `rm FOLDER/*` leaves it. Where a folder takes no file, or its file system no locks,
    nothing is held; binding says what is wrong with such a folder.

    Raises:
        StreamError: another process holds it, or its lock is another user's.
    """
    lock = path.with_name(f".{path.name}.lock")
    while True:
        try:
            descriptor = os.open(lock, _FLAGS, _GROUP_ACCESS)
        except OSError:
            if os.path.lexists(lock):
                raise StreamError(
                    f"{address}: its lock {lock} belongs to another user; stop that user's tracker, remove the file if there is none, "
                    "or choose another path"
                ) from None
            return
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise StreamError(f"{address} is already in use by another process; stop it or choose another address") from None
        except OSError:
            os.close(descriptor)
            return
        if _is_at(lock, descriptor):
            held.callback(_release, lock, descriptor)
            return
        os.close(descriptor)  # its holder has just removed it


def _is_at(lock: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(lock.lstat(), os.fstat(descriptor))
    except OSError:
        return False


def _release(lock: Path, descriptor: int) -> None:
    with suppress(OSError):
        if _is_at(lock, descriptor):
            lock.unlink()
    os.close(descriptor)
