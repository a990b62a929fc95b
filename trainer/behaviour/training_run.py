"""A training that is kept whole after every epoch, and goes on where it was left."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import torch
from torch import nn

from tracker.whole_files import write_whole
from trainer.behaviour.kept_training import BEST, LAST, read_training, refuse_differing, training_as_bytes
from trainer.errors import TrainingError

CLIP = 1.0  # longest gradient
BETTER = 1e-3  # of the loss; patience counts from the last epoch that gained so much, in one step or in several
Stopped = Literal["epochs", "minutes", "no improvement"]
_WORDS = {
    "sha256": "the poses, images or labels",
    "parts": "how the videos are divided",
    "body": "the body's axis or the confidence",
    "region": "the region of the frame",
    "features": "the definition of the features",
    "exchanged": "the classes that change places in mirrored examples",
    "start_from": "the layers it begins with",
}
_EARLIER: dict[str, Any] = {
    "loss": "cross_entropy",
    "network": "gru",
    "crop_area": 1.0,
    "negatives": "mixed",
    "oversample_classes": False,
    "average_mirrors": False,
}  # what runs were made with that do not say so


@dataclass(frozen=True, slots=True, kw_only=True)
class Validated:
    """How the network of an epoch does on the validation videos.

    Attributes:
        loss: weighted as it is learnt from.
        accuracy: share of the judged answers that are right, unweighted; None where it was not asked.
    """

    loss: float
    accuracy: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BehaviourEpoch:
    """One pass over the training videos: mean losses, weighted as they are learnt from.

    Attributes:
        train: of the training frames, with dropout and augmentation.
        validation: of the validation videos, whole, each as one run.
        seconds: since the training began.
        accuracy: on the validation videos; None of runs of earlier versions.
    """

    train: float
    validation: float
    seconds: float
    accuracy: float | None = None


class Schedule(Protocol):
    """What of a training's settings this needs."""

    @property
    def epochs(self) -> int: ...  # noqa: D102 as the settings say
    @property
    def minutes(self) -> float | None: ...  # noqa: D102
    @property
    def patience(self) -> int: ...  # noqa: D102
    @property
    def learning_rate(self) -> float: ...  # noqa: D102
    @property
    def weight_decay(self) -> float: ...  # noqa: D102
    @property
    def seed(self) -> int: ...  # noqa: D102


class TrainingRun:
    """The state of a training: what a checkpoint holds.

    Args:
        network: parameters that need no gradient are held.
        settings: how long and how fast.
        out: folder of the checkpoints.
        about: what a run must agree with to be gone on with, plain values.

    Attributes:
        history: of all epochs.
        stopped: by what; None while it goes on.
    """

    def __init__(self, network: nn.Module, settings: Schedule, out: Path, *, about: dict[str, Any]) -> None:
        self.network, self.settings, self.out, self.about = network, settings, out, about
        learns = [parameter for parameter in network.parameters() if parameter.requires_grad]
        self.optimiser = torch.optim.AdamW(learns, lr=settings.learning_rate, weight_decay=settings.weight_decay)
        self.history: list[BehaviourEpoch] = []
        self.stopped: Stopped | None = None
        self._smallest, self._since, self._last_gain = math.inf, 0, math.inf

    def resume(self, *, anew: bool, say: Callable[[str], None]) -> None:
        """Take up what the folder holds.

        Raises:
            TrainingError: a run of other labels or settings, which `anew` would put away.
        """
        last = self.out / LAST
        if not last.exists():
            return
        if anew:
            for name in (LAST, BEST):
                (self.out / name).unlink(missing_ok=True)
            return
        kept = read_training(last)
        there, here = _EARLIER | kept["about"], _EARLIER | self.about
        differ = [name for name in self.about | kept["about"] if there.get(name) != here.get(name)]
        refuse_differing(self.out, [_WORDS.get(name, name.replace("_", " ")) for name in differ])
        self.network.load_state_dict(kept["network"])
        self.optimiser.load_state_dict(kept["optimiser"])
        of_epoch = [field.name for field in fields(BehaviourEpoch)]  # earlier versions kept more, or no accuracy
        self.history = [BehaviourEpoch(**{name: epoch[name] for name in of_epoch if name in epoch}) for epoch in kept["history"]]
        self.stopped = None if kept["stopped"] == "minutes" else kept["stopped"]
        self._smallest, self._since = kept["smallest"], kept["since"]
        self._last_gain = kept.get("last_gain", self._smallest)  # checkpoints of earlier versions have none
        say(f"going on after epoch {len(self.history)}")

    def learn(self, epoch: Callable[[int], list[float]], validation: Callable[[], Validated], *, say: Callable[[str], None]) -> None:
        """Epoch after epoch, each kept whole before the next begins.

        Args:
            epoch: given its number, counted from 0, the losses of its steps, each taken with `step`.
            validation: of the network as it is then.
            say: told a sentence of every epoch.

        Raises:
            TrainingError: a loss that is not a number.
        """
        before = self.history[-1].seconds if self.history else 0.0
        begun = time.monotonic()
        while self.stopped is None:
            loss = self._epoch(epoch)
            self._keep(loss, validation(), seconds=before + time.monotonic() - begun)
            last = self.history[-1]
            right = "" if last.accuracy is None else f", {last.accuracy:.1%} right"
            say(
                f"epoch {len(self.history)} of {self.settings.epochs}: loss {last.train:.4f}, validation {last.validation:.4f}{right}"
                f"{' (best)' if last.validation == self._smallest else ''}"
            )

    def step(self, loss: torch.Tensor) -> float:
        """Learn from one batch's loss."""
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), CLIP)
        self.optimiser.step()
        return float(loss.detach())

    def take_best(self) -> None:
        """Put the weights of the best epoch into the network."""
        self.network.load_state_dict(read_training(self.out / BEST)["network"])
        self.network.eval()

    def _epoch(self, epoch: Callable[[int], list[float]]) -> float:
        number = len(self.history)
        torch.manual_seed(self.settings.seed * 100_003 + number)  # of dropout and noise: a run that goes on draws what it would have drawn
        for group in self.optimiser.param_groups:
            group["lr"] = self.settings.learning_rate * _rate(number, self.settings.epochs)
        losses = epoch(number)
        if not np.isfinite(losses).all():
            raise TrainingError(f"the loss is not a number in epoch {number + 1}; lower --learning-rate, and check the data")
        return float(np.mean(losses))

    def _keep(self, loss: float, validated: Validated, *, seconds: float) -> None:
        validation = validated.loss
        self.history.append(BehaviourEpoch(train=loss, validation=validation, seconds=seconds, accuracy=validated.accuracy))
        better = validation < self._smallest
        self._smallest = min(self._smallest, validation)
        gained = validation < self._last_gain - BETTER
        self._since = 0 if gained else self._since + 1
        self._last_gain = validation if gained else self._last_gain
        if len(self.history) >= self.settings.epochs:
            self.stopped = "epochs"
        elif self._since >= self.settings.patience:
            self.stopped = "no improvement"
        elif self.settings.minutes is not None and seconds > 60 * self.settings.minutes:
            self.stopped = "minutes"
        if better:
            write_whole(self.out / BEST, self._content())
        write_whole(self.out / LAST, self._content())

    def _content(self) -> bytes:
        return training_as_bytes(
            self.network,
            self.optimiser,
            about=self.about,
            history=self.history,
            stopped=self.stopped,
            more={"smallest": self._smallest, "since": self._since, "last_gain": self._last_gain},
        )


def taken_epoch(losses: Sequence[float], *, better: float = 0.0) -> int:
    """Place of the epoch whose weights are kept, by the validation losses of all: the last that was smaller, by more than `better`."""
    smallest, taken = math.inf, 0
    for place, loss in enumerate(losses):
        if loss < smallest - better:
            taken = place
        smallest = min(smallest, loss)
    return taken


def _rate(epoch: int, epochs: int) -> float:
    """Two epochs of rise, then half a cosine down to a hundredth."""
    rise = min(1.0, (epoch + 1) / 3)
    return rise * (0.01 + 0.99 * (1 + math.cos(math.pi * epoch / max(1, epochs))) / 2)
