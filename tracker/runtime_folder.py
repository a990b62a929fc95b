"""Where this user's sockets lie unless the configuration says otherwise."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from tracker.errors import ConfigError


def runtime_folder(environment: Mapping[str, str]) -> Path:
    """The service's own runtime folder, else one of the user's session, else /tmp/rigtrack-UID."""
    if given := environment.get("RUNTIME_DIRECTORY"):  # systemd lists several with colons between them
        return Path(given.split(":")[0])
    session = environment.get("XDG_RUNTIME_DIR")
    if session and os.access(session, os.W_OK | os.X_OK):  # after `su` it may still name another user's
        return Path(session) / "rigtrack"
    return Path(f"/tmp/rigtrack-{os.getuid()}")  # made for this user alone, and refused where it is not


def make_runtime_folder(socket: Path) -> None:
    """Make the folder of a socket that lies in this user's own runtime folder; folders that a person chose are left alone.

    Raises:
        ConfigError: the folder belongs to somebody else, or cannot be made.
    """
    folder = socket.parent
    if folder != runtime_folder(os.environ):
        return
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as problem:
        raise ConfigError(f"{folder}: cannot be made for the sockets ({problem.strerror}); choose another in publisher.bind") from None
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise ConfigError(
            f"{folder}: belongs to user {found.st_uid}; expected a folder of user {os.getuid()}: remove it, or choose another"
        )
