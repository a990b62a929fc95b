"""How far a pass over many frames is."""

import time
from collections.abc import Callable, Iterable, Iterator

from rich.console import Console
from rich.progress import track

SAID_EVERY_S = 30.0


def counted(count: int, console: Console | None, *, doing: str = "scoring", done: str = "scored") -> Iterable[int]:
    """0 to `count` - 1, with a bar on a terminal and a line every half minute elsewhere; nothing without a console."""
    if console is None:
        return range(count)
    return track(range(count), description=doing, console=console) if console.is_terminal else said(count, console, done=done)


def said(count: int, console: Console, *, done: str = "scored", clock: Callable[[], int] = time.monotonic_ns) -> Iterator[int]:
    """The same with lines; the clock counts nanoseconds."""
    last = clock()
    for index in range(count):
        if clock() - last >= SAID_EVERY_S * 1e9:
            last = clock()
            console.print(f"{done} {index} of {count} frames", highlight=False)
        yield index
