"""A node of /dev: which one a setting names, and why it cannot be opened."""

import errno
import grp
import os
import stat
from contextlib import suppress
from pathlib import Path

from tracker.errors import CameraError


def device_path(device: int | str) -> Path:
    """Path of a device given by its index or its path."""
    return Path(f"/dev/video{device}" if isinstance(device, int) else device)


def is_device(device: int | str) -> bool:
    """Whether a setting names a device. A node of /dev that is missing is a camera that is unplugged, not a file."""
    if isinstance(device, int):
        return True
    try:
        return stat.S_ISCHR(Path(device).stat().st_mode)
    except OSError:
        return Path(device).is_relative_to("/dev")


def open_node(path: Path) -> int:
    """Open a device for reading and writing, without ever waiting in it. Returns the file descriptor.

    Raises:
        CameraError: absent, not a device, not permitted or busy, in one sentence.
    """
    try:
        if not stat.S_ISCHR(path.stat().st_mode):
            raise CameraError(f"{path}: is not a video device; expected something like /dev/video0")
        return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as problem:
        raise CameraError(f"{path}: {_reason(path, problem)}") from None


def busy(path: Path) -> str:
    """Say that another program has the device, and which, where this user may know."""
    users = ", ".join(users_of(path))
    if users:
        return f"{path}: another program is using it: {users}; close that program"
    return f"{path}: another program is using it; close that program (`sudo fuser {path}` names it)"


def users_of(path: Path) -> list[str]:
    """Other processes that have a device open, such as `cheese (process 4242)`; those of other users are seen only as root."""
    try:
        device = path.stat().st_rdev
    except OSError:
        return []
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and int(process.name) != os.getpid() and _has_open(process, device):
            with suppress(OSError):
                found.append(f"{(process / 'comm').read_text().strip()} (process {process.name})")
    return found


def _has_open(process: Path, device: int) -> bool:
    try:
        handles = list((process / "fd").iterdir())
    except OSError:  # another user's, or it ended
        return False
    for handle in handles:
        with suppress(OSError):
            found = handle.stat()
            if stat.S_ISCHR(found.st_mode) and found.st_rdev == device:
                return True
    return False


def _reason(path: Path, problem: OSError) -> str:
    if problem.errno in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        attached = ", ".join(sorted(str(node) for node in Path("/dev").glob("video*"))) or "none"
        return f"no such device; attached are: {attached}"
    if problem.errno == errno.EACCES:
        return f"no permission to open it; add the user to the group '{_group(path)}' that owns it and log in again"
    if problem.errno == errno.EPERM:
        return (
            "the service or container that runs the tracker is not allowed to use this device, whatever the user's groups; "
            "write DeviceAllow=char-video4linux rw in the unit, and have the kernel's module videodev loaded before it starts"
        )
    if problem.errno == errno.EBUSY:
        return busy(path).removeprefix(f"{path}: ")
    return f"cannot be opened: {problem.strerror}"


def _group(path: Path) -> str:
    try:
        number = path.stat().st_gid
        return grp.getgrgid(number).gr_name
    except (OSError, KeyError):
        return "video"
