"""How a behaviour network is trained."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from trainer.behaviour.network import PoseNetwork
from trainer.behaviour_scores.threshold_curves import Rule
from trainer.errors import TrainingError
from trainer.labels.mirror import Pairs
from trainer.networks.usual_training import POSES
from trainer.training.training_device import Device, training_device

Loss = Literal["cross_entropy", "mse"]
LONGEST_DELAY_MS = 10_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BehaviourSettings:
    """One training.

    Attributes:
        epochs: each sees every training frame once.
        minutes: longest time of learning; None for no limit.
        device: that it learns on, see `training_device`.
        patience: epochs without a smaller validation loss before it stops.
        network: what remembers.
        hidden: numbers that the recurrent unit carries, or of every layer of convolutions.
        members: networks that answer together, in one graph. Of several, each is validated by another share of the videos that are
            not held out, and learns from the rest.
        window: frames of a clip.
        batch: clips of a step.
        held_out_batch: frames of a video that are answered at a time where nothing is learnt from them, in validation above all; None for
            the whole video. Changes nothing but memory and speed.
        learning_rate: at its highest.
        weight_decay: of AdamW.
        dropout: share of the features, and of what the unit answers, left out in training.
        noise: standard deviation of what is added to the normalised features in training.
        mirror: learn from mirrored poses too, left points and classes taking the place of right ones.
        pairs: key points, and classes, that change places in a mirrored pose, where their names do not say so.
        threshold: the rule by which thresholds are chosen.
        loss: what is made smallest.
        delay_ms: how much later than a frame it is answered.
        start_from: bundle whose layers the network begins with, where they are alike; None for none.
        seed: of weights, order and noise.
    """

    epochs: int = POSES.epochs
    minutes: float | None = None
    device: Device = "auto"
    patience: int = 12
    network: PoseNetwork = "gru"
    hidden: int = 64
    members: int = 1
    window: int = 225
    batch: int = POSES.batch
    held_out_batch: int | None = None
    learning_rate: float = POSES.learning_rate
    weight_decay: float = 1e-2
    dropout: float = 0.15
    noise: float = 0.05
    mirror: bool = True
    pairs: Pairs = ()
    threshold: Rule = "f1"
    loss: Loss = "cross_entropy"
    delay_ms: float = 0.0
    start_from: str | None = None
    seed: int = 0

    def check(self) -> None:
        """Refuse what cannot be trained with.

        Raises:
            TrainingError: a number that is not more than 0.
        """
        training_device(self.device)
        for name in ("epochs", "minutes", "patience", "hidden", "members", "window", "batch", "held_out_batch", "learning_rate"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise TrainingError(f"{name} is {value}; expected more than 0")
        if not 0 <= self.dropout < 1:
            raise TrainingError(f"--dropout is {self.dropout:g}; expected 0 or more, less than 1")
        if not 0 <= self.delay_ms <= LONGEST_DELAY_MS:
            raise TrainingError(f"--delay is {self.delay_ms:g}; expected 0 to {LONGEST_DELAY_MS:g} ms")

    def as_plain(self) -> dict[str, Any]:
        """What a run must agree with to be gone on with; length, and what changes memory and speed alone, are no part of it."""
        plain = asdict(self)
        del plain["minutes"], plain["device"], plain["held_out_batch"]
        if not self.delay_ms:  # trainings that were begun before there was one go on
            del plain["delay_ms"]
        del plain["pairs"]
        return plain | ({"pairs": [list(pair) for pair in self.pairs]} if self.pairs else {})
