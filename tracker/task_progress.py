"""How far a long task is: a bar with the time left in a terminal, a plain line now and then elsewhere."""

import sys
import time
from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

LINE_EVERY_S = 10.0
_BAR_EVERY_S = 0.1  # moving the bar costs 20 us; some tasks tell of every video packet


class TaskProgress:
    """A context manager around the task."""

    def __init__(self, console: Console, task: str, *, unit: str = "frames", clock: Callable[[], float] = time.monotonic) -> None:
        """Show nothing yet.

        Args:
            console: where.
            task: what is done, as a participle: "drawing".
            unit: what is counted.
            clock: seconds.
        """
        self._console, self._task, self._unit, self._clock = console, task, unit, clock
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[count]}"), TimeRemainingColumn())
        along = (
            sys.stdout.isatty()
        )  # then lines on it go above the bar; into a file or a pipe they go as they are, not to the bar's console
        self._bar = Progress(*columns, console=console, transient=True, redirect_stdout=along) if console.is_terminal else None
        self._begun_s = self._shown_s = clock()

    def __enter__(self) -> "TaskProgress":
        if self._bar is not None:
            self._bar.start()
            self._bar.add_task(self._task, total=None, count="")
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def reached(self, done: float, total: float | None, *, task: str | None = None) -> None:
        """So much is done, of how much; None where nobody knows. `task` where it goes by other words from here on."""
        now, self._task = self._clock(), task or self._task
        if now - self._shown_s < (LINE_EVERY_S if self._bar is None else _BAR_EVERY_S):
            return
        self._shown_s = now
        count = f"{done:.0f}" + ("" if total is None else f" of {total:.0f}") + f" {self._unit}"
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[-1], description=self._task, completed=done, total=total, count=count)
            return
        left = "" if total is None or not 0 < done < total else f", {minutes((now - self._begun_s) * (total - done) / done)} left"
        self._say(f"{self._task}: {count}{left}")

    def stage(self, task: str) -> None:
        """Another part of the task begins, of which nobody knows how long it takes: said at once."""
        self._task, self._begun_s, self._shown_s = task, self._clock(), self._clock()
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[-1], description=task, completed=0, total=None, count="")
            return
        self._say(task)

    def _say(self, line: str) -> None:
        self._console.print(line, soft_wrap=True, markup=False, highlight=False)


def minutes(seconds: float) -> str:
    """A length of time as 4:05 or 1:04:05."""
    whole, rest = divmod(round(seconds), 60)
    hours, whole = divmod(whole, 60)
    return f"{hours}:{whole:02d}:{rest:02d}" if hours else f"{whole}:{rest:02d}"
