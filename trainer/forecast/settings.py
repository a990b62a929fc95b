"""How a forecaster is trained."""

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from trainer.errors import TrainingError
from trainer.forecast.scores import ThresholdRule
from trainer.networks.usual_training import FORECAST, FORECAST_HELD_OUT, LSTM_RATE
from trainer.training.training_device import Device, training_device

Kind = Literal["logit", "lstm", "convlstm-small", "convlstm-medium", "convlstm-large"]
KINDS: tuple[Kind, ...] = ("logit", "lstm", "convlstm-small", "convlstm-medium", "convlstm-large")
Pooling = Literal["max", "flatten"]
SMALLER = "give a smaller --frame-size, a smaller --hidden, or another --forecaster"
_RATES: dict[Kind, float] = {"logit": 0.0, "lstm": LSTM_RATE}  # of the others that of FORECAST


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastSettings:
    """One training.

    Attributes:
        kind: `logit` on the last values of motion; `lstm`, two layers on motion; `convlstm-...` on pixels.
        epochs: each sees every labelled training frame once (with flips, once in each).
        minutes: longest time of learning; None for no limit.
        device: that it learns on, see `training_device`.
        patience: epochs without a smaller validation loss before it stops.
        batch: sequences of a step.
        held_out_batch: steps that are answered at a time where nothing is learnt from them, in validation above all. Changes nothing but
            memory and speed.
        learning_rate: of Adam, with 0.9 and 0.999; None: 3e-3 for `lstm`, 1e-3 for the others.
        weight_decay: L2, added to the gradient.
        dropout: share of what the recurrent layers answer that is left out in training.
        hidden: numbers that each layer of `lstm` carries.
        slice_frames: consecutive frames that are the channels of one step of a network from pixels; 1 for frames one by one.
        flips: learn from the clips flipped from left to right, from top to bottom, and both, too; for scenes that are symmetric.
        class_weights: a frame counts by the share of the other label, so that both weigh the same.
        pooling: greatest of each map, or all of it.
        motion_beside: the network from pixels is told the newest motion beside what it finds itself.
        threshold: the rule by which the threshold is chosen.
        start_from: bundle whose layers the network begins with, where they are alike; None for none.
        seed: of weights and order.
    """

    kind: Kind = "lstm"
    epochs: int = FORECAST.epochs
    minutes: float | None = None
    device: Device = "auto"
    patience: int = 6
    batch: int = FORECAST.batch
    held_out_batch: int = FORECAST_HELD_OUT
    learning_rate: float | None = None
    weight_decay: float = 0.0
    dropout: float = 0.0
    hidden: int = 32
    slice_frames: int = 4
    flips: bool = True
    class_weights: bool = True
    pooling: Pooling = "max"
    motion_beside: bool = False
    threshold: ThresholdRule = "false_alarms"
    start_from: str | None = None
    seed: int = 0

    @property
    def from_pixels(self) -> bool:
        """Whether it looks at pictures."""
        return self.kind.startswith("convlstm")

    @property
    def rate(self) -> float:
        """The learning rate in use."""
        return _RATES.get(self.kind, FORECAST.learning_rate) if self.learning_rate is None else self.learning_rate

    def of(self, kind: Kind) -> "ForecastSettings":
        """The same for another network."""
        return replace(self, kind=kind)

    def check(self) -> None:
        """Refuse what cannot be trained with.

        Raises:
            TrainingError: a number out of bounds.
        """
        training_device(self.device)
        for name in ("epochs", "minutes", "patience", "hidden", "batch", "held_out_batch", "learning_rate", "slice_frames"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise TrainingError(f"{name} is {value}; expected more than 0")
        if self.start_from is not None and self.kind == "logit":
            raise TrainingError(
                "--from is for networks that learn step by step; logit ends at the same weights wherever it begins: leave --from out"
            )
        if not 0 <= self.dropout < 1 or not self.weight_decay >= 0:
            raise TrainingError(f"dropout is {self.dropout:g} and weight_decay {self.weight_decay:g}; expected 0 to 1, and at least 0")

    def as_plain(self) -> dict[str, Any]:
        """What a run must agree with to be gone on with; length, threshold, and what changes memory and speed alone are no part of it."""
        plain = asdict(self)
        del plain["minutes"], plain["device"], plain["threshold"], plain["held_out_batch"]
        return plain
