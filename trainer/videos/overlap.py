"""Decoding ahead and encoding behind on threads of their own, in order and never far apart. What they call leaves Python's lock."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")
DEPTH = 8  # items between two threads; a frame of a large video takes 6 MB


def read_ahead(items: Iterator[Item], *, depth: int = DEPTH) -> Iterator[Item]:
    """The same items in the same order, made on another thread while the caller works on the last; what it raises is raised here."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="read-ahead") as worker:

        def one() -> tuple[Item] | None:
            for item in items:
                return (item,)
            return None

        coming = deque(worker.submit(one) for _ in range(depth))
        try:
            while (made := coming.popleft().result()) is not None:
                coming.append(worker.submit(one))
                yield made[0]
        finally:
            for rest in coming:
                rest.cancel()


@contextmanager
def written_behind(write: Callable[[Item], None], *, depth: int = DEPTH) -> Iterator[Callable[[Item], None]]:
    """Gives a function that leaves an item to another thread, which writes them in order; all are written when the block ends.

    What writing raises is raised by a later call, or at the end of the block; nothing is written after it.
    """
    broken = threading.Event()  # set while an item is being written, and for good when that fails
    waiting: deque[Future[None]] = deque()

    def one(item: Item) -> None:
        if not broken.is_set():
            broken.set()
            write(item)
            broken.clear()

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="write-behind") as worker:

        def later(item: Item) -> None:
            waiting.append(worker.submit(one, item))
            if len(waiting) > depth:
                waiting.popleft().result()

        try:
            yield later
            while waiting:
                waiting.popleft().result()
        finally:
            for rest in waiting:
                rest.cancel()
