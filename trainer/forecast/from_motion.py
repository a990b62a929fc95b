"""Forecasters that know motion alone: logistic regression on the last values, and two layers of LSTM."""

import torch
from torch import Tensor, nn

from trainer.forecast.forecaster import Forecaster, States


class MotionForecaster(Forecaster):
    """What both share: motion enters as its logarithm, normalised. Steps are (n, steps, 1): motion of the pair that each frame completes.

    Attributes:
        floor: added to motion before the logarithm.
        mean, deviation: of the logarithm in the training part.
    """

    floor: Tensor
    mean: Tensor
    deviation: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("floor", torch.tensor(1e-5))
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("deviation", torch.ones(()))

    def normalise_by(self, motion: Tensor) -> None:
        """Set floor, mean and deviation from the motion of the training part."""
        self.floor.copy_(torch.clamp(motion.median() / 10, min=1e-6))
        logarithm = torch.log(motion + self.floor)
        self.mean.copy_(logarithm.mean())
        self.deviation.copy_(torch.clamp(logarithm.std(), min=1e-3))

    def normalised(self, motion: Tensor) -> Tensor:
        """Of any shape."""
        return (torch.log(motion + self.floor) - self.mean) / self.deviation


class MotionLogit(MotionForecaster):
    """Logistic regression on the last values of motion, which it carries as its state.

    Args:
        past: how many.
    """

    def __init__(self, past: int) -> None:
        super().__init__()
        self.past = past
        self.answer = nn.Linear(past, 1)

    @property
    def state_shapes(self) -> dict[str, tuple[int, ...]]:
        """The last values, normalised, the oldest first."""
        return {"recent": (self.past - 1,)}

    def chunk(self, steps: Tensor, states: States) -> tuple[Tensor, list[Tensor]]:
        """See `Forecaster`."""
        values = torch.cat([states[0], self.normalised(steps[:, :, 0])], dim=1)
        count = steps.shape[1]
        logits = self.answer(values) if count == 1 else self.answer(values.unfold(1, self.past, 1))[:, :, 0]
        return logits, [values[:, count:]]


class MotionLSTM(MotionForecaster):
    """Two layers of LSTM; their answer and the newest value decide together.

    Args:
        hidden: numbers that each layer carries.
        dropout: of what the layers answer, in training.
    """

    LAYERS = 2

    def __init__(self, hidden: int, dropout: float) -> None:
        super().__init__()
        self.hidden = hidden
        self.lstm = nn.LSTM(1, hidden, self.LAYERS, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.answer = nn.Linear(hidden + 1, 1)
        with torch.no_grad():  # it begins as the trivial forecast: the quieter, the likelier
            self.answer.weight.mul_(0.1)
            self.answer.weight[0, -1] = -1.0

    @property
    def state_shapes(self) -> dict[str, tuple[int, ...]]:
        """Of both layers, one below the other."""
        return {"hidden": (self.LAYERS, self.hidden), "cell": (self.LAYERS, self.hidden)}

    def chunk(self, steps: Tensor, states: States) -> tuple[Tensor, list[Tensor]]:
        """See `Forecaster`."""
        values = self.normalised(steps)
        before = (states[0].transpose(0, 1).contiguous(), states[1].transpose(0, 1).contiguous())
        found, (hidden, cell) = self.lstm(values, before)
        logits = self.answer(torch.cat([self.dropout(found), values], dim=2))[:, :, 0]
        return logits, [hidden.transpose(0, 1), cell.transpose(0, 1)]
