"""What a person is told while a network learns: a bar on a terminal, one line an epoch elsewhere, and how to go on after a stop."""

from collections.abc import Callable
from pathlib import Path

import torch
from rich.console import Console

from trainer.training.history import History
from trainer.training.learning import ABOUT, Learner
from trainer.training.lightning_library import pl


class Bar(pl.callbacks.RichProgressBar):
    """Lightning's bar, which knows no number of epochs when time is what ends a run and would show -2."""

    def _get_train_description(self, current_epoch: int) -> str:
        return f"epoch {current_epoch + 1}" + (f" of {self.trainer.max_epochs}" if (self.trainer.max_epochs or -1) > 0 else "")


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
