"""How far a video with its overlay is drawn: a bar with the time left in a terminal, a line now and then elsewhere."""

import time
from collections.abc import Callable

from rich.console import Console
from rich.progress import Progress, TaskID

_LINE_EVERY_S = 10.0


class DrawingProgress:
    """A context manager around the drawing."""

    def __init__(self, console: Console, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Show nothing yet.

        Args:
            console: where.
            clock: seconds.
        """
        self._console, self._clock = console, clock
        self._bar = Progress(console=console, transient=True) if console.is_terminal else None
        self._task: TaskID | None = None
        self._said_s = clock()

    def __enter__(self) -> "DrawingProgress":
        if self._bar is not None:
            self._bar.start()
            self._task = self._bar.add_task("drawing", total=None)
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def reached(self, done: int, total: int) -> None:
        """So many frames are drawn."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, total=total)
        elif self._clock() - self._said_s >= _LINE_EVERY_S:
            self._said_s = self._clock()
            self._console.print(f"drawn: {done} of {total} frames", highlight=False)
