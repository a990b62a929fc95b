"""What a person is told while a network learns: a bar on a terminal, one line an epoch elsewhere, and how to go on after a stop."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from trainer.training.batch_error import batch_error_px
from trainer.training.history import History
from trainer.training.learner import ABOUT, Learner
from trainer.training.lightning_library import pl
from trainer.training.losses import Batch

EVERY_S = 30.0
EVERY_BATCHES = 16  # from one error in the bar to the next, each of which takes about a third of a batch's time


class Bar(pl.callbacks.RichProgressBar):
    """Lightning's bar, which knows no number of epochs when time is what ends a run and would show -2, and the error of late batches."""

    _batch_px: float | None = None

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Measure the error now and then, and move on."""
        if batch_idx % EVERY_BATCHES == 0 and isinstance(pl_module, Learner):
            self._batch_px = batch_error_px(pl_module, Batch(*batch))
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)

    def get_metrics(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> dict[str, int | str | float | dict[str, float]]:
        """What stands behind the bar."""
        own: dict[str, int | str | float | dict[str, float]] = {} if self._batch_px is None else {"batch_px": round(self._batch_px, 2)}
        return {**super().get_metrics(trainer, pl_module), **own}

    def _get_train_description(self, current_epoch: int) -> str:
        return f"epoch {current_epoch + 1}" + (f" of {self.trainer.max_epochs}" if (self.trainer.max_epochs or -1) > 0 else "")


class Lines(pl.callbacks.Callback):
    """For a log or a pipe, where no bar can be drawn over: within a long epoch, a line every half minute.

    Args:
        console: where.
        clock: seconds; only differences count.
        every_s: from one line to the next, those that end an epoch counted.
    """

    def __init__(self, console: Console, *, clock: Callable[[], float] = time.monotonic, every_s: float = EVERY_S) -> None:
        self._console, self._clock, self._every_s = console, clock, every_s
        self._last = clock()

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Say how far the epoch is, if nothing was said for long."""
        if self._clock() - self._last < self._every_s or not isinstance(pl_module, Learner):
            return
        self._last = self._clock()
        epochs = pl_module.history.epochs
        error = batch_error_px(pl_module, Batch(*batch))
        here = "" if error is None else f", {error:.2f} px on pictures of this batch"
        known = f", held out {epochs[-1].held_out_px:.2f} px after the last epoch" if epochs and epochs[-1].held_out_px is not None else ""
        of = f" of {trainer.max_epochs}" if (trainer.max_epochs or -1) > 0 else ""
        self._console.print(
            f"epoch {trainer.current_epoch + 1}{of}, batch {batch_idx + 1} of {trainer.num_training_batches}: "
            f"loss {float(outputs['loss']):.4g}{here}{known}, {pl_module.elapsed_s():.0f} s",
            soft_wrap=True,
            highlight=False,
        )

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The end of an epoch is said by `epoch_lines`."""
        self._last = self._clock()


class KeepEpochs(pl.callbacks.Checkpoint):
    """Keeps every epoch in one file, and tells the learner's `on_epoch` of it once it is kept and not before.

    Lightning's own checkpoint of the last epoch leaves out those that were no better than the best.
    """

    def __init__(self, checkpoint: Path) -> None:
        self._checkpoint = checkpoint

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Keep the epoch, then tell of it."""
        trainer.save_checkpoint(self._checkpoint, weights_only=False)
        if isinstance(pl_module, Learner) and pl_module.on_epoch is not None:
            pl_module.on_epoch(pl_module.history)


def epoch_lines(console: Console, *, epochs: int | None) -> Callable[[History], None]:
    """What prints the last epoch of a history as a line, for a log or a pipe, where a bar cannot be drawn over.

    Args:
        console: where.
        epochs: of the run, None where only time limits it.
    """

    def tell(history: History) -> None:
        last = history.epochs[-1]
        of = f" of {epochs}" if epochs else ""
        held_out = f", held out {last.held_out_px:.2f} px" if last.held_out_px is not None else ""
        console.print(f"epoch {last.epoch + 1}{of}: loss {last.loss:.4g}{held_out}, {last.seconds:.0f} s", soft_wrap=True, highlight=False)

    return tell


def resuming(checkpoint: Path, *, steps: int | None) -> str:
    """What is said of a run that was found, finished or not; `steps` is how many it has in all, None where time limits it."""
    content = torch.load(checkpoint, weights_only=True, map_location="cpu")
    done, spent = int(content["global_step"]), float(content[ABOUT]["elapsed_s"]) / 60
    if content[ABOUT]["stopped"] is not None:
        return f"trained already: {done} steps in {spent:.1f} min; nothing is trained again"
    return f"resuming from step {done}{_of(steps)}, after {spent:.1f} min of training"


def stopped(learner: Learner, checkpoint: Path, *, steps: int | None) -> str:
    """What is said of a run that was stopped by hand."""
    kept = int(torch.load(checkpoint, weights_only=True, map_location="cpu")["global_step"]) if checkpoint.is_file() else 0
    then = f"its checkpoint is of step {kept}; run the same command to go on" if kept else "no epoch was finished, so none of it is kept"
    return f"stopped at step {learner.global_step}{_of(steps)}; {then}"


def _of(steps: int | None) -> str:
    return f" of {steps}" if steps is not None else ""
