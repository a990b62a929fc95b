"""The network from images: preparation, lagged frames, a body, a recurrent unit if wanted, calibrated probabilities. One step a frame."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from trainer.behaviour.recurrent_step import recurrent_step
from trainer.errors import TrainingError
from trainer.networks.backbone import Backbone

_GREY = 0.5  # of 0..1: what a frame that was never seen shows
_FLAT = 0.02  # of 0..1, added to the deviation: an even image has no contrast to bring out
_ROUNDING = 1e-4  # of 0..1, a fortieth of a grey level: else an even image's rounding errors would be brought out as its contrast
_WIDTHS = (16, 32, 48, 64)
_GROUPS = 8
_DENSE = 512
_DENSE_ALONE = (512, 256, 128)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePlan:
    """What builds the network again.

    Attributes:
        height: of what comes in, px.
        width: the same.
        channels: 1 or 3.
        inside: height and width that it is resized to, None for as it is.
        contrast: every image is brought to one mean and deviation.
        lags: frames back that are seen beside the current one.
        network: of the body.
        memory: numbers that the recurrent unit carries, 0 for none.
        dropout: share of the features left out in training.
        classes: how many answers.
        exclusive: soft-max over the classes and "none", or a logistic function of each.
        mirrors: axes of the image, -1 and -2, that are reversed in each view of it whose features are averaged once learnt.
    """

    height: int
    width: int
    channels: int
    inside: tuple[int, int] | None
    contrast: bool
    lags: tuple[int, ...]
    network: str
    memory: int
    dropout: float
    classes: int
    exclusive: bool
    mirrors: tuple[tuple[int, ...], ...] = ((),)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width that the body sees."""
        return self.inside or (self.height, self.width)


class ImageBehaviour(nn.Module):
    """An image, seconds and states in; class probabilities and the next states out.

    With exclusive classes there is one more inside, "none of them", which is not given out. No soft-max is applied before the loss.
    """

    temperature: Tensor

    def __init__(self, plan: ImagePlan) -> None:
        super().__init__()
        self.plan = plan
        self._reach = max(plan.lags, default=0)
        seen = plan.channels * (1 + len(plan.lags))
        if plan.network in _BODIES:
            self.body: nn.Module = _BODIES[plan.network](seen, plan)
            count = _features_of(self.body, (seen, *plan.size), plan)
        else:
            self.backbone = Backbone(plan.network, size=plan.size, vector=True)
            count = self.backbone.channels
        self.left_out = nn.Dropout(plan.dropout)
        if plan.memory:
            self.gru = nn.GRU(count, plan.memory, batch_first=True)
        self.answer = nn.Linear(plan.memory or count, self.answers)
        self.register_buffer("temperature", torch.ones(1))

    @property
    def answers(self) -> int:
        """How many logits there are."""
        return self.plan.classes + int(self.plan.exclusive)

    @property
    def reach(self) -> int:
        """Frames back that the image of a step depends on."""
        return self._reach

    @property
    def state_shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every state, without the first axis of 1."""
        shapes: dict[str, tuple[int, ...]] = {}
        if self._reach:
            shapes["before"] = (self._reach * self.plan.channels, *self.plan.size)
        if self.plan.memory:
            shapes["memory"] = (self.plan.memory,)
        return shapes

    def zero_states(self, count: int = 1) -> list[Tensor]:
        """As every run begins."""
        return [torch.zeros(count, *shape) for shape in self.state_shapes.values()]

    def forward(self, image: Tensor, seconds: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        """One frame: float32 (n, C) probabilities, and the next states.

        Args:
            image: uint8 (n, height, width, channels), red first.
            seconds: float32 (n, 1) since the frame before; taken, and of no effect.
            states: as `state_shapes`.
        """
        prepared = self.prepared(scaled(image))
        following: list[Tensor] = []
        stacked = prepared
        if self._reach:
            channels, before = self.plan.channels, states[0]
            stacked = torch.cat([prepared, *(before[:, (lag - 1) * channels : lag * channels] for lag in self.plan.lags)], 1)
            following.append(torch.cat([prepared, before], 1)[:, : self._reach * channels])
        found = self.features(stacked)
        if self.plan.memory:
            found = recurrent_step(self.gru, found, states[-1])
            following.append(found)
        return (self.probabilities(self.answer(found)) + 0 * seconds, *following)  # else the graph would have no such input

    def prepared(self, images: Tensor) -> Tensor:
        """Resized, and of zero mean: what lags remember, so that zeros there are an even grey.

        Args:
            images: (n, channels, height, width), 0..1.
        """
        if self.plan.inside is not None:
            images = nn.functional.interpolate(images, size=self.plan.inside, mode="bilinear", align_corners=False)
        if not self.plan.contrast:
            return images - _GREY
        centred = nn.functional.softshrink(images - images.mean((1, 2, 3), keepdim=True), _ROUNDING)
        return centred / ((centred * centred).mean((1, 2, 3), keepdim=True).sqrt() + _FLAT)

    def stacked(self, prepared: Tensor) -> Tensor:
        """Each frame of clips with the frames before it as channels.

        Args:
            prepared: (n, reach + frames, channels, h, w).

        Returns:
            (n, frames, channels * (1 + lags), h, w).
        """
        frames = prepared.shape[1] - self._reach
        parts = [prepared[:, self._reach - lag : self._reach - lag + frames] for lag in (0, *self.plan.lags)]
        return torch.cat(parts, 2)

    def features(self, stacked: Tensor) -> Tensor:
        """(n, channels, h, w) to (n, count): in training of the image as it is, else their mean over its mirrored views."""
        mirrors = ((),) if self.training else self.plan.mirrors
        seen = [self._of_view(stacked.flip(axes) if axes else stacked) for axes in mirrors]
        return torch.stack(seen).mean(0) if len(seen) > 1 else seen[0]

    def _of_view(self, stacked: Tensor) -> Tensor:
        found: Tensor = self.body(stacked) if hasattr(self, "body") else self.backbone(stacked)
        return found

    def logits(self, features: Tensor) -> Tensor:
        """Of whole clips, (n, frames, count) to (n, frames, answers), beginning with an empty memory."""
        shown = self.left_out(features)
        if self.plan.memory:
            shown = self.left_out(self.gru(shown)[0])
        answers: Tensor = self.answer(shown)
        return answers

    def probabilities(self, logits: Tensor) -> Tensor:
        """Calibrated, of the classes alone."""
        divided = logits / self.temperature
        if not self.plan.exclusive:
            return torch.sigmoid(divided)
        return torch.softmax(divided, dim=-1)[..., : self.plan.classes]


def scaled(images: Tensor) -> Tensor:
    """uint8 (n, height, width, channels) to float32 (n, channels, height, width), 0..1."""
    return images.permute(0, 3, 1, 2).float() / 255


class _WithinImage(nn.GroupNorm):
    """Group normalisation in sums and products: as the runtime's own layer, probabilities came to differ from torch's by 2e-5."""

    def forward(self, maps: Tensor) -> Tensor:
        """(n, channels, h, w) to the same."""
        grouped = maps.reshape(maps.shape[0], self.num_groups, -1)
        centred = grouped - grouped.mean(2, keepdim=True)
        deviation = ((centred * centred).mean(2, keepdim=True) + self.eps).sqrt()
        return (centred / deviation).reshape(maps.shape) * self.weight[None, :, None, None] + self.bias[None, :, None, None]


def _small(seen: int, plan: ImagePlan) -> nn.Module:
    """Four halvings, each a convolution that is normalised within the image, then the largest of every map."""
    layers: list[nn.Module] = []
    for width in _WIDTHS:
        layers += [
            nn.Conv2d(seen, width, 3, padding=1, bias=False),
            _WithinImage(_GROUPS, width),
            nn.ReLU(),
            nn.MaxPool2d(2, ceil_mode=True),
        ]
        seen = width
    return nn.Sequential(*layers, nn.AdaptiveMaxPool2d(1), nn.Flatten())


def _shallow(seen: int, plan: ImagePlan) -> nn.Module:
    """Two convolutions of 32, halved once, one dense layer of 512."""
    return nn.Sequential(*_pair(seen, 32, 3), *_dense(plan, ((32, 3),), 0.4))


def _deep(seen: int, plan: ImagePlan) -> nn.Module:
    """Three pairs of convolutions (32, 64, 64), each halved, one dense layer of 512."""
    layers = [*_pair(seen, 32, 3), *_pair(32, 64, 3), *_pair(64, 64, 2)]
    return nn.Sequential(*layers, *_dense(plan, ((32, 3), (64, 3), (64, 2)), 0.4))


def _dense_alone(seen: int, plan: ImagePlan) -> nn.Module:
    """Dense layers of 512, 256 and 128 on every pixel: where the others are too slow to train."""
    layers: list[nn.Module] = [nn.Flatten()]
    count = seen * plan.size[0] * plan.size[1]
    for width in _DENSE_ALONE:
        layers += [nn.Linear(count, width), nn.ReLU()]
        count = width
    return nn.Sequential(*layers)


def _pair(seen: int, width: int, kernel: int) -> list[nn.Module]:
    return [
        nn.Conv2d(seen, width, kernel),
        nn.ReLU(),
        nn.Conv2d(width, width, kernel),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout(0.25),
    ]


def _dense(plan: ImagePlan, pairs: Sequence[tuple[int, int]], dropout: float) -> list[nn.Module]:
    height, width = plan.size
    for _, kernel in pairs:
        height, width = (height - 2 * (kernel - 1)) // 2, (width - 2 * (kernel - 1)) // 2
    if height < 1 or width < 1:
        raise TrainingError(f"images of {plan.size[1]}x{plan.size[0]} are too small for the network '{plan.network}'; take --network small")
    return [nn.Flatten(), nn.Linear(pairs[-1][0] * height * width, _DENSE), nn.ReLU(), nn.Dropout(dropout)]


def _features_of(body: nn.Module, shape: tuple[int, ...], plan: ImagePlan) -> int:
    training = body.training
    with torch.no_grad():
        count = int(body.eval()(torch.zeros(1, *shape)).shape[1])
    body.train(training)
    return count


_BODIES = {"small": _small, "shallow": _shallow, "deep": _deep, "dense": _dense_alone}
