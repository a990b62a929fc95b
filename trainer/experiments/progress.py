"""Which run of how many, how far it is, and how long the rest will take, on stderr."""

import time
from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from trainer.training.fit_settings import EPOCHS, FitSettings
from trainer.training.history import History

EVERY_S = 60.0  # from one line to the next where there is no terminal


class RunMeter:
    """A bar over all runs, moved by epochs, and one line for every run that ends; without a terminal a line a minute as well.

    Args:
        console: where it is shown.
        runs: how many there are in all.
        clock: seconds; only differences count.
    """

    def __init__(self, console: Console, runs: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._console, self._runs, self._clock = console, runs, clock
        self._bar = Progress(TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[state]}"), console=console)
        self._task = self._bar.add_task("", total=runs, state="")
        self._done, self._trained, self._spent_s = 0, 0, 0.0
        self._name, self._settings, self._began = "", FitSettings(), clock()
        self._told = clock()

    def __enter__(self) -> "RunMeter":
        self._bar.start()
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        self._bar.stop()

    def begin(self, name: str, settings: FitSettings) -> None:
        """A run begins."""
        self._name, self._settings, self._began = name, settings, self._clock()
        self._show(0.0, "")

    def epoch(self, history: History) -> None:
        """An epoch of it is over."""
        last = history.epochs[-1]
        error = "" if last.held_out_px is None else f", {last.held_out_px:.2f} px"
        share = share_done(history, self._settings)
        self._show(share, f"epoch {len(history.epochs)}{error}")
        if not self._console.is_terminal and self._clock() - self._told >= EVERY_S:  # a bar is drawn on a terminal only
            self._told = self._clock()
            left = f"; {words(self._left_s(share))} left"
            self._say(f"run {min(self._done + 1, self._runs)} of {self._runs}, {self._name}: epoch {len(history.epochs)}{error}{left}")

    def others(self, finished: int) -> None:
        """So many runs are finished in all, other workers' among them."""
        self._done = max(self._done, finished)

    def note(self, state: str) -> None:
        """Something else than training goes on."""
        self._bar.update(self._task, completed=self._done, description=f"{self._done} of {self._runs} runs finished", state=state)

    def end(self, sentence: str, *, trained: bool) -> None:
        """The run is over: trained here, or found finished."""
        self._done += 1
        if trained:
            self._trained += 1
            self._spent_s += self._clock() - self._began
        left = f"; {words(self._left_s(0.0))} left" if self._done < self._runs and self._trained else ""
        self._told = self._clock()
        self._say(f"run {self._done} of {self._runs}, {self._name}: {sentence}{left}")
        self._bar.update(self._task, completed=self._done)

    def _say(self, sentence: str) -> None:
        self._console.print(sentence, soft_wrap=True, markup=False, highlight=False)

    def _show(self, share: float, state: str) -> None:
        left = self._left_s(share)
        shown = [state, f"{words(left)} left" if left is not None else ""]
        self._bar.update(
            self._task,
            completed=self._done + share,
            description=f"run {min(self._done + 1, self._runs)} of {self._runs}: {self._name}",
            state=", ".join(part for part in shown if part),
        )

    def _left_s(self, share: float) -> float | None:
        """Expected seconds until the last run ends; None while nothing is known."""
        here_s = self._clock() - self._began if share else 0.0
        amount = self._trained + share
        if amount <= 0:
            return None
        return (self._spent_s + here_s) / amount * (self._runs - self._done - share)


def share_done(history: History, settings: FitSettings) -> float:
    """How much of a run is over, 0..1."""
    by_time = history.epochs[-1].seconds / (settings.minutes * 60) if settings.minutes else 0.0
    epochs = settings.epochs or (None if settings.minutes else EPOCHS)
    by_epochs = len(history.epochs) / epochs if epochs else 0.0
    return min(1.0, max(by_time, by_epochs))


def words(seconds: float | None) -> str:
    """A length of time as people say it."""
    if seconds is None:
        return "an unknown time"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
