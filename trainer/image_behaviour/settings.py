"""How a network that finds behaviour in images is built and trained."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from trainer.behaviour.settings import Loss
from trainer.behaviour_scores.threshold_curves import Rule
from trainer.errors import TrainingError
from trainer.labels.mirror import Pairs
from trainer.networks.names import BACKBONES, OF_IMAGES, TIMM, is_backbone
from trainer.networks.usual_training import IMAGES
from trainer.training.training_device import Device, training_device

Negatives = Literal["mixed", "near", "random"]
OWN = OF_IMAGES  # networks of our own; see networks.py


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSettings:
    """One training.

    Attributes:
        network: one of `OWN`, or a library's.
        weights: scratch, imagenet, or a file, for a library's.
        head_only: only the last layers learn; the library's stay bit for bit.
        inside: width and height that the cut image is resized to in the graph; None for as it is.
        lags: further frames that the network sees beside the current one, counted back.
        memory: numbers that a recurrent unit on top carries; 0 for none.
        contrast: every image is brought to one mean and deviation.
        epochs: each sees what `samples` chooses of the training frames.
        minutes: longest time of learning; None for no limit.
        device: that it learns on, see `training_device`.
        patience: epochs without a smaller validation loss before it stops.
        batch: frames of a step.
        held_out_batch: frames that are answered at a time where nothing is learnt from them, in validation above all; None for as many
            as `frames_together` says. Changes nothing but memory and speed.
        window: frames of a clip, with a memory.
        learning_rate: at its highest.
        weight_decay: of AdamW.
        dropout: share of the features left out in training.
        mirror: learn from images mirrored left to right too, left classes taking the place of right ones.
        upside_down: and from images mirrored top to bottom.
        pairs: classes that change places in a mirrored image, where their names do not say so.
        average_mirrors: the finished network answers with the mean over all of these views of an image, which takes 2 or 4 times as long.
        turns: and from images turned by multiples of 90 degrees.
        shift: at most, as a share of the image's side.
        crop_area: least share of the image that a random part of it has, which is shown in its place; 1 for the whole.
        brightness: at most, of gain (about 1) and offset (of white).
        negatives: which frames without a class an epoch shows: half of them near bouts (mixed), near bouts alone, or any (random).
        oversample_classes: an epoch shows images of a rare class several times, beside their weight in the loss.
        threshold: the rule by which thresholds are chosen.
        loss: what is made smallest.
        start_from: bundle whose layers the network begins with, where they are alike; None for none.
        seed: of weights, order and augmentation.
    """

    network: str = "small"
    weights: str = "scratch"
    head_only: bool = False
    inside: tuple[int, int] | None = None
    lags: tuple[int, ...] = ()
    memory: int = 0
    contrast: bool = False
    epochs: int = IMAGES.epochs
    minutes: float | None = None
    device: Device = "auto"
    patience: int = 12
    batch: int = IMAGES.batch
    held_out_batch: int | None = None
    window: int = 32
    learning_rate: float = IMAGES.learning_rate
    weight_decay: float = 1e-2
    dropout: float = 0.2
    mirror: bool = True
    upside_down: bool = False
    pairs: Pairs = ()
    average_mirrors: bool = False
    turns: bool = False
    shift: float = 0.05
    crop_area: float = 1.0
    brightness: float = 0.1
    negatives: Negatives = "mixed"
    oversample_classes: bool = False
    threshold: Rule = "f1"
    loss: Loss = "cross_entropy"
    start_from: str | None = None
    seed: int = 0

    def check(self, *, height: int, width: int, in_time: bool) -> None:
        """Refuse what cannot be trained with, or does not go together.

        Args:
            height: of what is cut, px.
            width: the same.
            in_time: whether frames follow one another.

        Raises:
            TrainingError: in one sentence.
        """
        training_device(self.device)
        for name in ("epochs", "minutes", "patience", "batch", "held_out_batch", "window", "learning_rate"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise TrainingError(f"{name} is {value}; expected more than 0")
        refuse_unknown_network(self.network)
        if self.network in OWN and (self.weights != "scratch" or self.head_only):
            raise TrainingError(f"--weights and --train head are for a library's networks, such as resnet18; '{self.network}' has none")
        if self.network not in OWN and (self.lags or self.contrast):
            raise TrainingError(f"--lags and --contrast whole are not for '{self.network}', which takes one image as its weights know it")
        if any(lag < 1 for lag in self.lags) or len(set(self.lags)) < len(self.lags):
            raise TrainingError(f"--lags is {' '.join(map(str, self.lags))}; expected different numbers of frames back, from 1")
        if (self.lags or self.memory) and not in_time:
            raise TrainingError("--lags and --memory need frames that follow one another; images in folders by class do not")
        if not 0 <= self.dropout < 1:
            raise TrainingError(f"--dropout is {self.dropout:g}; expected 0 or more, less than 1")
        if not 0 < self.crop_area <= 1:
            raise TrainingError(f"--crop-area is {self.crop_area:g}; expected a share of the image, more than 0, at most 1")
        if self.memory and self.negatives != "mixed":
            raise TrainingError(f"--negatives {self.negatives} is for networks without --memory, which shows every frame; leave one out")
        if self.memory and self.oversample_classes:
            raise TrainingError(
                "--oversample-classes shows single images more often, and --memory learns from clips; leave one of them out"
            )
        if self.average_mirrors and not (self.mirror or self.upside_down):
            raise TrainingError(
                "--average-mirrors has nothing to average with --no-mirror and without --upside-down; leave one of them out"
            )
        if self.turns and height != width:
            raise TrainingError(f"--turns needs square images; these are {width}x{height}: give a square --region or --size")

    @property
    def mirrors(self) -> tuple[tuple[int, ...], ...]:
        """Axes of the image that are reversed in each view of it that is averaged; of the first view none."""
        if not self.average_mirrors:
            return ((),)
        across, down = ((), (-1,)) if self.mirror else ((),), ((), (-2,)) if self.upside_down else ((),)
        return tuple((*one, *other) for one in down for other in across)

    def as_plain(self) -> dict[str, Any]:
        """What a run must agree with to be gone on with; length, and what changes memory and speed alone, are no part of it."""
        plain = asdict(self)
        del plain["minutes"], plain["device"], plain["held_out_batch"]
        if self.negatives == "mixed":  # earlier versions knew no other
            del plain["negatives"]
        if not self.oversample_classes:
            del plain["oversample_classes"]
        if not self.pairs:
            del plain["pairs"]
        return {name: list(value) if isinstance(value, tuple) else value for name, value in plain.items()}


def refuse_unknown_network(name: str) -> None:
    """Refuse a network that does not take images.

    Raises:
        TrainingError: with those that do.
    """
    if name not in OWN and not is_backbone(name):
        known = ", ".join((*OWN, *BACKBONES))
        raise TrainingError(f"there is no network '{name}' for behaviour in images; expected one of {known}, or {TIMM}MODEL")
