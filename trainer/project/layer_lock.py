"""Who may write one annotator's layer: one server at a time. The lock dies with its process, so none is ever stale."""

import fcntl
import os
from pathlib import Path

from trainer.errors import LabelError


class LayerLock:
    """One annotator's layer of one project, held until it is closed. A context manager.

    The lock file also keeps the port at which the layer was served the last time: a browser keeps edits that were not
    saved under the server's address, so the next server must be found at the same one.

    Attributes:
        last_port: where the last server was, None if there was none.
    """

    def __init__(self, folder: Path, annotator: str, *, inside: str = "labels", command: str = "trainer label") -> None:
        """Take the lock.

        Args:
            folder: the labelling project's.
            annotator: whose layer; the name has been checked.
            inside: which folder of it holds the layers; nothing for itself.
            command: what serves them, for the sentence of a refusal.

        Raises:
            LabelError: another server holds it, or the folder cannot be written.
        """
        path = self._path = folder / inside / f".{annotator}.lock"
        try:
            path.parent.mkdir(exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        except OSError as problem:
            raise LabelError(f"{path}: cannot be opened: {problem.strerror}; the folder must be writable") from problem
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as problem:
            os.close(self._file)
            raise LabelError(
                f"{folder}: the labels of '{annotator}' are open in another `{command}`; end that one, or give another --annotator"
            ) from problem
        text = os.pread(self._file, 16, 0).decode("ascii", "replace").strip()
        self.last_port = int(text) if text.isdecimal() and 0 < int(text) < 2**16 else None

    def refuse_lost(self) -> None:
        """Refuse to go on where the lock's file was deleted, moved or replaced: another server could take the lock anew.

        Raises:
            LabelError: it is not there any more.
        """
        try:
            there = os.path.samestat(self._path.stat(follow_symlinks=False), os.fstat(self._file))
        except OSError:
            there = False
        if not there:
            raise LabelError(
                f"{self._path.parent}: the folder, or the file {self._path.name} in it, was deleted or moved while it was in use; "
                "nothing was saved: put it back, or end this server and start it again"
            )

    def remember(self, port: int) -> None:
        """Keep the port for the next server."""
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{port}\n".encode(), 0)

    def close(self) -> None:
        """Let go of the layer."""
        os.close(self._file)
