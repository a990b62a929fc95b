"""Where sessions are written: whether they can be, found out before one begins, and its folder."""

import contextlib
import errno
import itertools
import os
import pwd
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from tracker.config import RecordingConfig
from tracker.errors import RecordingError
from tracker.whole_files import nearest, remedy

_MOUNTS = Path("/proc/self/mountinfo")
_MEASURED_EVERY_NS = 1_000_000_000


def check_place(settings: RecordingConfig) -> str:
    """Try the folder of the sessions, or the nearest one above it that is there; nothing stays behind.

    Returns:
        What was found, in one sentence.

    Raises:
        RecordingError: it cannot be written, or its disk has too little space.
    """
    folder = Path(settings.folder)
    existing = nearest(folder)
    try:
        with contextlib.suppress(FileNotFoundError):
            folder.stat()  # a name that is too long, a disk that does not answer
        with tempfile.TemporaryDirectory(prefix=".rigtrack-check-", dir=existing):
            free_gb = shutil.disk_usage(existing).free / 1e9
    except OSError as problem:
        raise RecordingError(
            f"recording.folder is {folder}, where no session can be written: {problem.strerror}; {what_to_do(problem, folder)}"
        ) from problem
    if free_gb < settings.minimum_free_gb:
        raise RecordingError(too_little(folder, free_gb, settings.minimum_free_gb))
    return f"sessions go to {folder}, {free_gb:.1f} GB are free"


def free_folder(folder: Path) -> Path:
    """The folder, or where something of that name is there the first of NAME-2, NAME-3 … that is not."""
    numbered = (folder.with_name(f"{folder.name}-{number}") for number in itertools.count(2))
    return next(path for path in itertools.chain([folder], numbered) if not os.path.lexists(path))


def make_folder(folder: Path, *, minimum_free_gb: float) -> None:
    """Make a session's folder.

    Raises:
        RecordingError: it exists, cannot be made, or its disk has too little space.
    """
    try:
        folder.mkdir(parents=True)
        free_gb = shutil.disk_usage(folder).free / 1e9
    except FileExistsError as problem:
        if not os.path.lexists(folder):  # a folder above it is what is in the way
            raise RecordingError(f"{folder}: cannot be made: {what_to_do(problem, folder.parent)}") from problem
        raise RecordingError(f"{folder}: exists; a session begins in a folder of its own, so choose another name") from None
    except OSError as problem:
        raise RecordingError(f"{folder}: cannot be made: {problem.strerror}; {what_to_do(problem, folder.parent)}") from problem
    if free_gb < minimum_free_gb:
        folder.rmdir()
        raise RecordingError(too_little(folder, free_gb, minimum_free_gb))


def what_to_do(problem: OSError, folder: Path, environment: Mapping[str, str] = os.environ, *, mounts: Path = _MOUNTS) -> str:
    """About a place where no session can be written, also where the service's limits or another owner are the cause.

    Args:
        problem: why not.
        folder: of the sessions; it may be missing.
        environment: of this process; systemd names a service's own folder in it.
        mounts: the kernel's file of what is mounted where, as this process sees it.
    """
    existing = nearest(folder)
    if problem.errno in (errno.ENOENT, errno.EEXIST) and existing.is_symlink() and not existing.exists():
        target = existing.readlink()
        return f"{existing} is a link to {target}, which is not there (is its disk mounted?): mount it, or choose another folder"
    own = environment.get("STATE_DIRECTORY", "").partition(":")[0]
    if problem.errno == errno.EROFS and own and not _is_read_only_for_all(existing, mounts):
        there = "let its unit name the folder in ReadWritePaths= (systemd/README.md, Recording)"
        missing = "" if existing == folder else f"{folder} is not there (is its disk mounted?), and "
        return f"{missing}the service may write below {own} alone: record there, or {there}"
    if problem.errno in (errno.EACCES, errno.EPERM):
        return f"{existing} belongs to {_owner(existing)} and the tracker runs as {_user(os.geteuid())}: {remedy(problem)}"
    return remedy(problem)


def _is_read_only_for_all(path: Path, mounts: Path) -> bool:
    """Whether its file system is mounted read-only, and not only shown so to this process."""
    try:
        device, text = path.stat().st_dev, mounts.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    for line in text.splitlines():
        mount, _, file_system = line.partition(" - ")
        if mount.split()[2] == f"{os.major(device)}:{os.minor(device)}":
            return "ro" in file_system.split()[-1].split(",")
    return False


def _owner(path: Path) -> str:
    try:
        return _user(path.stat().st_uid)
    except OSError:  # a link into a closed folder
        return _user(path.lstat().st_uid)


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"


class FreeSpace:
    """What is left on the disk of a session, measured once a second."""

    def __init__(self, folder: Path, *, minimum_free_gb: float, clock: Callable[[], int]) -> None:
        """Measure for the first time a second from now.

        Args:
            folder: of the session.
            minimum_free_gb: with less, it has to end.
            clock: monotonic ns.
        """
        self._folder, self._minimum_gb, self._clock = folder, minimum_free_gb, clock
        self._measured_ns = clock()

    @property
    def is_due(self) -> bool:
        """Whether a second has passed."""
        return self._clock() - self._measured_ns >= _MEASURED_EVERY_NS

    def shortage(self) -> str | None:
        """Why there is too little, None where there is enough."""
        self._measured_ns = self._clock()
        free_gb = shutil.disk_usage(self._folder).free / 1e9
        return too_little(self._folder, free_gb, self._minimum_gb) if free_gb < self._minimum_gb else None


def too_little(folder: Path, free_gb: float, minimum_free_gb: float) -> str:
    """Why a disk has no room for a session, and what to do."""
    return (
        f"{folder}: {free_gb:.1f} GB are free, recording.minimum_free_gb is {minimum_free_gb:g}; "
        "free space, or record to another disk (recording.folder)"
    )
