"""Something done again and again on a thread of its own while a test goes on."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def meanwhile(step: Callable[[], None], *, every_s: float) -> Iterator[None]:
    """Until the block ends; the last step is over by then."""
    enough = threading.Event()

    def repeat() -> None:
        while not enough.wait(every_s):
            step()

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join()
