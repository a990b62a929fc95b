"""Read and hash large files beside a loop that must not wait.

A thread that hashes 100 MB at one go uses up its share of the processors. The system then takes the processor from it at any moment,
also while it holds the interpreter, and the loop waits until that thread's turn comes again. A thread that rests as long as it works
always has some of its share left.
"""

import hashlib
import itertools
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO

PIECE = 1 << 20  # bytes at once: less than a millisecond of work
_LONGEST_REST_S = 0.02  # a piece that took longer waited for a disk or for the processor itself
_NEVER = threading.Event()  # waiting for it takes any time, unlike time.sleep, also one below 0 of a clock that was set back


def read_and_hash(
    file: BinaryIO,
    pieces: Iterable[memoryview],
    *,
    clock: Callable[[], int] = time.monotonic_ns,
    rest: Callable[[float], None] | None = None,
) -> tuple[int, str]:
    """Fill buffers one after the other until they or the file end, resting after each for as long as it took, 20 ms at most.

    Args:
        file: open for reading bytes.
        pieces: where to; the same one again if the bytes themselves are not needed.
        clock: monotonic, in ns.
        rest: waits so many seconds, not at all below 0; None: sleeps.

    Returns:
        How many bytes were read, and their SHA-256 in hexadecimal.
    """
    digest, count = hashlib.sha256(), 0
    for piece in pieces:
        begun = clock()
        read: int = file.readinto(piece)  # type: ignore[attr-defined]
        if not read:
            break
        digest.update(piece[:read])
        count += read
        (rest or _NEVER.wait)(min((clock() - begun) / 1e9, _LONGEST_REST_S))
    return count, digest.hexdigest()


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal. One small buffer: a whole network in memory holds the interpreter while it is given back."""
    with path.open("rb", buffering=0) as file:
        return read_and_hash(file, itertools.repeat(memoryview(bytearray(PIECE))))[1]
