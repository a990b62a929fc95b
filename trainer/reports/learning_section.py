"""How a network of behaviour or of a forecast was learnt: verdict, loss by epoch, training beside held-out figures, settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tracker.pages.document import picture, table, text
from trainer.reports.plot_style import png
from trainer.reports.run_tables import seconds_of, settings_table, time_and_machine
from trainer.reports.training_plots import loss_curves
from trainer.reports.verdict_section import verdict_box
from trainer.scoring.next_step import ShortVerdict

DEVICE = "cpu"  # on which networks of behaviour are trained


@dataclass(frozen=True, slots=True, kw_only=True)
class Learning:
    """A finished training, as its report shows it.

    Attributes:
        name: of the network.
        history: "epochs": [{"epoch", "train_loss", "val_loss", "seconds"}] and "batches", as `loss_curves` takes them.
        kept: place of the epoch whose weights were taken.
        stopped: by what the training ended.
        settings: that were in force, the seed among them.
        head: of the table of training beside held-out figures.
        rows: of it.
        learnt: the training figures for programs.
        verdict: with the next steps.
        rule: by which it was found, in words.
    """

    name: str
    history: Mapping[str, Any]
    kept: int
    stopped: str
    settings: Mapping[str, Any]
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    learnt: Mapping[str, Any]
    verdict: ShortVerdict
    rule: str

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        epochs = self.history["epochs"]
        return {
            "verdict": self.verdict.as_json(),
            "settings": dict(self.settings),
            "stopped_by": self.stopped,
            "epochs": epochs,
            "taken_epoch": epochs[self.kept]["epoch"] if epochs else None,
            "seconds": sum(seconds_of(self.history)),
            "learnt": dict(self.learnt),
        }


def history_of(epochs: Sequence[tuple[float, float, float]], *, accuracy: Sequence[float | None] = ()) -> dict[str, Any]:
    """What `loss_curves` takes.

    Args:
        epochs: the loss on training and on validation frames, and the seconds since the training began.
        accuracy: on validation frames, of every epoch; empty where it is not known.
    """
    right = list(accuracy) or [None] * len(epochs)
    before = [0.0, *(seconds for *_, seconds in epochs)]
    rows = [
        {
            "epoch": number,
            "train_loss": train,
            "val_loss": validation,
            "val_error_px": None,
            "val_accuracy": right[number - 1],
            "seconds": seconds - before[number - 1],
        }
        for number, (train, validation, seconds) in enumerate(epochs, 1)
    ]
    return {"epochs": rows, "batches": []}


def verdict_part(learning: Learning) -> str:
    """What matters most and what to do next."""
    return verdict_box(learning.verdict)


def learning_parts(learning: Learning) -> list[str]:
    """Training beside held-out figures, losses, the rule of the verdict, time, machine and settings."""
    seed = f", seed {learning.settings['seed']}" if "seed" in learning.settings else ""
    drawn = loss_curves(learning.history, title=f"{learning.name}{seed}", other="validation", kept=learning.kept)
    parts = ["<h2>Training</h2>", table(learning.head, learning.rows, kind="figures")]
    if learning.history["epochs"]:
        parts.append(
            picture(png(drawn), "Loss, accuracy where it is known, and time of each epoch, with the epoch whose weights were taken")
        )
    return [
        *parts,
        f'<p class="note">{text(learning.rule)}</p>',
        time_and_machine(learning.history, DEVICE),
        settings_table({**learning.settings, "stopped by": learning.stopped}),
    ]
