"""What happened while learning: every batch's loss and every epoch's summary, as plain values for checkpoints and JSON."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tracker.whole_files import write_whole
from trainer.errors import TrainingError


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """One epoch.

    Attributes:
        epoch: from 0.
        loss: mean over its batches, each weighted by its pictures, so that a short last batch does not count more.
        held_out_px: mean Euclidean error on the held-out frames with averaged weights, None where none are held out.
        learning_rate: at its end.
        seconds: since the run began, earlier sittings included.
        waited_s: of this epoch, by steps for their pictures.
        movement: of the answers on held-out frames, as a share of the labels' own; near 0 the network has collapsed.
        held_out_loss: of the averaged weights on unchanged held-out frames; None where none are held out, and in histories
            from before it was measured.
    """

    epoch: int
    loss: float
    held_out_px: float | None
    learning_rate: float
    seconds: float
    waited_s: float
    movement: float | None
    held_out_loss: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleAnswers:
    """What was answered for the same few frames after one epoch.

    Attributes:
        epoch: from 0.
        poses: (m, animals, K, 3) as lists: x, y in frame pixels, confidence.
    """

    epoch: int
    poses: list[list[list[list[float]]]]


@dataclass(slots=True)
class History:
    """Grows while learning; everything else about a run is in its settings."""

    batch_loss: list[float] = field(default_factory=list)
    epochs: list[Epoch] = field(default_factory=list)
    examples: list[ExampleAnswers] = field(default_factory=list)

    def to_plain(self) -> dict[str, object]:
        """Lists, dictionaries and numbers."""
        return asdict(self)


def history_from_plain(plain: dict[str, object]) -> History:
    """The history again, as `to_plain` gave it.

    Raises:
        TrainingError: it is not a history.
    """
    batches, epochs = plain.get("batch_loss"), plain.get("epochs")
    if not isinstance(batches, list) or not isinstance(epochs, list):
        raise TrainingError("the checkpoint's history cannot be read; delete its folder and train again")
    examples = plain.get("examples", [])
    return History(
        batch_loss=[float(loss) for loss in batches],
        epochs=[Epoch(**epoch) for epoch in epochs],
        examples=[ExampleAnswers(**each) for each in examples] if isinstance(examples, list) else [],
    )


def write_history(history: History, path: Path) -> None:
    """Write as JSON, whole or not at all."""
    write_whole(path, json.dumps(history.to_plain(), indent=1).encode())
