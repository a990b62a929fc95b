"""Puts what waits for the encoder on the disk raw, so that a cut takes no more of it than of what was encoded. A thread of its own."""

import errno
import logging
import os
import shutil
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from tracker.recording.pending import Given, Pending
from tracker.recording.waiting_records import as_record, remove_waiting, waiting_name
from tracker.whole_files import remedy, sync_folder

logger = logging.getLogger(__name__)

THREAD = "recorder's spill"
_LOOK_S = 0.1
_AGAIN_S = 0.25  # after a sync
_BEHIND_NS = 400_000_000  # a frame that waits longer for the encoder is written
_CAUGHT_UP_NS = 200_000_000
_ROWS_LATE_NS = 750_000_000  # rows are written every half second, unless they wait for their poses
_ROUND_NS = 1_000_000_000  # what takes longer than this to write and sync is too much at once
_ROUND_BYTES = 64_000_000  # of images in the first round; later ones as the disk takes it
_SMALLEST_ROUND_BYTES = 16_000_000  # any disk takes these; a longer sync has other reasons
_FILE_BYTES = 64_000_000  # removed file by file, as what they hold comes into the session's other files
_FILE_NS = 10_000_000_000
_KEPT_FREE_BYTES = 64_000_000  # beyond minimum_free_gb: for the video
_END_S = 5.0
_PARTS = 512  # at once; the system takes 1024
_ONLY_NOW = "what waits for the encoder would be lost by a power cut or a kill; recording goes on"


class Spill:
    """Writes what is pending while the encoder or the poses are behind. Nobody waits for it, and it drops nothing that is recorded.

    Frames that the disk does not take in time are left out, the oldest first, which the encoder takes next.
    """

    def __init__(self, folder: Path, pending: Pending, *, minimum_free_gb: float, clock: Callable[[], int]) -> None:
        """Do nothing until `begin`; the thread has the priority of who calls this.

        Args:
            folder: of the session.
            pending: what a cut would take.
            minimum_free_gb: with less, and a little more, it stops.
            clock: monotonic ns.
        """
        self._folder, self._pending, self._clock = folder, pending, clock
        self._keep_free = int(minimum_free_gb * 1e9) + _KEPT_FREE_BYTES
        self._begun_ns: int | None = None
        self._files: list[_File] = []
        self._count, self._round_bytes = 0, _ROUND_BYTES
        self._is_behind = self._has_left_out = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=THREAD, daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether it writes what is pending, or would."""
        return self._thread.is_alive()

    def begin(self) -> None:
        """The session's folder describes itself: write from here on. What came before has waited since now."""
        self._begun_ns = self._clock()

    def end(self) -> None:
        """Write nothing more; the files stay."""
        self._ended.set()
        self._thread.join(_END_S)

    def _run(self) -> None:
        try:
            wait_s = _LOOK_S
            while not self._ended.wait(wait_s):
                wait_s = _AGAIN_S if self._begun_ns is not None and self._look(self._begun_ns) else _LOOK_S
        except OSError as problem:
            self._close()
            with suppress(OSError):
                remove_waiting(self._folder)  # the video needs the space
            logger.warning("%s: %s; %s; %s", self._folder, problem.strerror or problem, remedy(problem), _ONLY_NOW)
        finally:
            self._close()

    def _look(self, begun_ns: int) -> bool:
        """Write what is to be written; returns whether anything was."""
        self._remove_safe()
        pending, now = self._pending.look(), self._clock()
        oldest = self._pending.oldest_to_encode()
        waited_ns = now - max(oldest.item.received_ns, begun_ns) if oldest is not None else 0
        self._is_behind = waited_ns > (_CAUGHT_UP_NS if self._is_behind else _BEHIND_NS)
        rows_late = bool(pending) and now - max(pending[0].item.received_ns, begun_ns) > _ROWS_LATE_NS
        if not self._is_behind and not rows_late:
            return False
        chosen = [given for given in pending if not given.is_spilled and (self._is_behind or not given.image_bytes)]
        if chosen:
            self._write(chosen)
        return bool(chosen)

    def _write(self, chosen: Sequence[Given]) -> None:
        began_ns = self._clock()
        images = _newest(chosen, self._round_bytes)
        size = sum(given.image_bytes for given in images)
        if shutil.disk_usage(self._folder).free - size < self._keep_free:
            raise OSError(errno.ENOSPC, "little space is left")
        left_out = sum(given.image_bytes > 0 for given in chosen) - len(images)
        if left_out > 0 and not self._has_left_out:
            self._has_left_out = True
            logger.warning("the disk is too slow: some of %s: folder=%s frames=%d", _ONLY_NOW, self._folder, left_out)
        file = self._file(began_ns)
        file.write(chosen, images)
        file.sync()
        took_ns = self._clock() - began_ns
        if took_ns > _ROUND_NS:
            self._round_bytes = max(_SMALLEST_ROUND_BYTES, self._round_bytes // 2, size * _ROUND_NS // took_ns)
        elif left_out > 0 and took_ns < _ROUND_NS // 2:
            self._round_bytes *= 2

    def _file(self, now_ns: int) -> "_File":
        if self._files and not self._files[-1].is_over(now_ns):
            return self._files[-1]
        self._close()
        self._count += 1
        self._files.append(_File(self._folder / waiting_name(self._count), now_ns))
        sync_folder(self._folder)
        return self._files[-1]

    def _remove_safe(self) -> None:
        """A file that holds nothing any more that a cut would take is removed, the one being written too."""
        for file in [each for each in self._files if each.is_safe()]:
            file.close()
            file.path.unlink(missing_ok=True)
            self._files.remove(file)

    def _close(self) -> None:
        for file in self._files:
            file.close()


class _File:
    """One file of records."""

    def __init__(self, path: Path, now_ns: int) -> None:
        self.path = path
        self._began_ns, self._bytes = now_ns, 0
        self._unsafe: list[Given] = []
        self._file = path.open("xb", buffering=0)

    def write(self, chosen: Sequence[Given], images: set[Given]) -> None:
        """Write all of it by one call: each that gives the interpreter away waits for it again."""
        parts: list[bytes | memoryview] = []
        for given in chosen:
            begin, image = as_record(given, with_image=given in images)
            parts += [begin] if image is None else [begin, image.data.cast("B")]
            given.is_spilled = True
        self._unsafe += chosen
        while parts:
            written = os.writev(self._file.fileno(), parts[:_PARTS])
            self._bytes += written
            while parts and written >= len(parts[0]):
                written -= len(parts.pop(0))
            if written:
                parts[0] = memoryview(parts[0])[written:]

    def sync(self) -> None:
        os.fdatasync(self._file.fileno())

    def is_over(self, now_ns: int) -> bool:
        return self._bytes > _FILE_BYTES or now_ns - self._began_ns > _FILE_NS

    def is_safe(self) -> bool:
        self._unsafe = [given for given in self._unsafe if not given.is_durable]
        return not self._unsafe

    def close(self) -> None:
        self._file.close()


def _newest(chosen: Sequence[Given], limit_bytes: int) -> set[Given]:
    """The frames whose images the disk takes in time: the newest, since the encoder takes the oldest next; one at least."""
    images: set[Given] = set()
    size = 0
    for given in reversed(chosen):
        if given.image_bytes:
            size += given.image_bytes
            if size > limit_bytes and images:
                break
            images.add(given)
    return images
