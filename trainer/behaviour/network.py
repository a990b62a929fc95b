"""The network from poses: features, their normalisation, what remembers, calibrated probabilities. One step per frame."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from trainer.behaviour.causal_convolutions import CausalConvolutions
from trainer.behaviour.features import BodyPlan, PoseFeatures
from trainer.behaviour.recurrent_step import recurrent_step

PoseNetwork = Literal["gru", "tcn"]
Memory = Sequence[Tensor] | None  # of what remembers, between two parts of a clip
FARTHEST = 4.0  # standard deviations; what is farther says no more


@dataclass(frozen=True, slots=True, kw_only=True)
class BehaviourPlan:
    """What builds the network again.

    Attributes:
        body: of the features.
        classes: how many answers.
        exclusive: soft-max over the classes and "none", or a logistic function of each.
        hidden: numbers that the recurrent unit carries, or of every layer of convolutions.
        network: what remembers: a gated recurrent unit, or causal convolutions whose past is carried.
    """

    body: BodyPlan
    classes: int
    exclusive: bool
    hidden: int
    network: PoseNetwork = "gru"


class PoseBehaviour(nn.Module):
    """Poses, seconds and states in; class probabilities and the next states out.

    With exclusive classes there is one more inside, "none of them", which is not given out: the probabilities add up to 1 or less.
    """

    mean: Tensor
    deviation: Tensor
    temperature: Tensor

    def __init__(self, plan: BehaviourPlan) -> None:
        super().__init__()
        self.plan = plan
        self.features = PoseFeatures(plan.body)
        if plan.network == "gru":
            self.gru = nn.GRU(self.features.count, plan.hidden, batch_first=True)
        else:
            self.convolutions = CausalConvolutions(self.features.count, plan.hidden)
        self.answer = nn.Linear(plan.hidden, self.answers)
        self.register_buffer("mean", torch.zeros(self.features.count))
        self.register_buffer("deviation", torch.ones(self.features.count))
        self.register_buffer("temperature", torch.ones(1))

    @property
    def answers(self) -> int:
        """How many logits there are."""
        return self.plan.classes + int(self.plan.exclusive)

    @property
    def state_shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every state, without the first axis of 1."""
        if self.plan.network == "gru":
            return self.features.state_shapes | {"memory": (self.plan.hidden,)}
        return self.features.state_shapes | self.convolutions.state_shapes

    def zero_states(self, count: int = 1) -> list[Tensor]:
        """As every run begins."""
        return [torch.zeros(count, *shape) for shape in self.state_shapes.values()]

    def forward(self, poses: Tensor, seconds: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        """One frame: float32 (n, C) probabilities, and the next states.

        Args:
            poses: float32 (n, animals, K, 3).
            seconds: float32 (n, 1) since the frame before, 0 for the first.
            states: as `state_shapes`.
        """
        own = len(self.features.state_shapes)
        features, following = self.features(poses, seconds, states[:own])
        seen = self.normalised(features)
        if self.plan.network == "gru":
            hidden = recurrent_step(self.gru, seen, states[own])
            return (self.probabilities(self.answer(hidden)), *following, hidden)
        hidden, *pasts = self.convolutions.step(seen, states[own:])
        return (self.probabilities(self.answer(hidden)), *following, *pasts)

    def normalised(self, features: Tensor) -> Tensor:
        """By mean and deviation of the training frames."""
        return ((features - self.mean) / self.deviation).clamp(-FARTHEST, FARTHEST)

    def hidden(self, features: Tensor) -> Tensor:
        """What remembers, over whole clips that begin with nothing seen: normalised (n, frames, count) to (n, frames, hidden)."""
        return self.carried(features, None)[0]

    def carried(self, features: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """The same of clips that go on where others ended, and the memory to carry on; None for clips that begin."""
        if self.plan.network == "gru":
            found, last = self.gru(features, None if memory is None else memory[0])
            return found, [last]
        return self.convolutions.carried(features, memory)

    def logits(self, features: Tensor) -> Tensor:
        """Of whole clips: normalised (n, frames, count) to (n, frames, answers)."""
        answers: Tensor = self.answer(self.hidden(features))
        return answers

    def probabilities(self, logits: Tensor) -> Tensor:
        """Calibrated, of the classes alone."""
        scaled = logits / self.temperature
        if not self.plan.exclusive:
            return torch.sigmoid(scaled)
        return torch.softmax(scaled, dim=-1)[..., : self.plan.classes]


@torch.no_grad()
def features_of(network: PoseBehaviour, poses: Sequence[Tensor], seconds: Sequence[Tensor]) -> list[Tensor]:
    """Raw features of whole videos, by the very step that the rig runs; all videos go through it side by side.

    Args:
        network: whose features.
        poses: of each video, (frames, animals, K, 3).
        seconds: of each, (frames,).

    Returns:
        float32 (frames, count) of each.
    """
    length = max(len(each) for each in poses)
    states = [torch.zeros(len(poses), *shape) for shape in network.features.state_shapes.values()]
    together = torch.nn.utils.rnn.pad_sequence(list(poses), padding_value=float("nan"))
    times = torch.nn.utils.rnn.pad_sequence(list(seconds))
    found = torch.empty(length, len(poses), network.features.count)
    for frame in range(length):
        found[frame], states = network.features(together[frame], times[frame][:, None], states)
    return [found[: len(each), place].clone() for place, each in enumerate(poses)]
