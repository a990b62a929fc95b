"""Progress with the time left: bars in a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from tracker.analysis.job import Job
from tracker.analysis.worker_messages import Finished
from tracker.task_progress import LINE_EVERY_S, minutes

_ALL = "all videos"


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text("" if task.description == _ALL else f"{task.speed or 0:.0f} frames/s")


class ShownProgress:
    """Shows how it goes. A context manager; a `ProgressListener`."""

    def __init__(
        self, console: Console, *, finished: Callable[[Job, Finished], None], videos: int = 1, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Show nothing yet.

        Args:
            console: where.
            finished: told of every video that is done or failed.
            videos: how many there are.
            clock: seconds.
        """
        self._console, self._finished, self._clock = console, finished, clock
        self._bars: Progress | None = None
        if console.is_terminal:
            columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:.0f}"), _Rate(), TimeRemainingColumn())
            # lines on a stdout that is a terminal too go above the bars; into a file or a pipe they go as they are
            self._bars = Progress(*columns, console=console, transient=True, redirect_stdout=sys.stdout.isatty())
        self._all = self._bars.add_task(_ALL, total=videos) if self._bars is not None and videos > 1 else None
        self._tasks: dict[Job, TaskID] = {}
        self._begun: dict[Job, tuple[float, int]] = {}  # when the first frames of this call were heard of, and how many there were
        self._said_s: dict[Job, float] = {}

    def __enter__(self) -> "ShownProgress":
        if self._bars is not None:
            self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        if self._bars is not None:
            self._bars.stop()

    def say(self, sentence: str) -> None:
        """A sentence for people."""
        self._console.print(sentence, markup=False, highlight=False, soft_wrap=True)

    def reached(self, job: Job, frames: int, expected: int | None) -> None:
        """A video is so far."""
        if self._bars is not None:
            if job not in self._tasks:
                self._tasks[job] = self._bars.add_task(job.video.name, total=None)
            total = None if expected is None else max(expected, frames)
            self._bars.update(self._tasks[job], completed=frames, total=total)
            return
        now = self._clock()
        begun_s, begun = self._begun.setdefault(job, (now, frames))
        if now - self._said_s.setdefault(job, begun_s) >= LINE_EVERY_S:
            self._said_s[job] = now
            rate = (frames - begun) / (now - begun_s)
            left = f", {minutes((expected - frames) / rate)} left" if expected is not None and expected > frames and rate > 0 else ""
            of = f" of {expected}" if expected is not None else ""
            self.say(f"{job.video.name}: {frames}{of} frames, {rate:.0f} frames/s{left}")

    def finished(self, job: Job, outcome: Finished) -> None:
        """A video is done, or failed."""
        if self._bars is not None and job in self._tasks:
            self._bars.remove_task(self._tasks.pop(job))
        if self._bars is not None and self._all is not None:
            self._bars.advance(self._all)
        self._finished(job, outcome)
