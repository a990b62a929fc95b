"""Everything that a training run depends on besides its data."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from trainer.networks.names import MAP_HEADS
from trainer.networks.usual_training import HELD_OUT_BATCH, KEY_POINTS, PRETRAINED_RATE
from trainer.training.augment import AugmentSettings
from trainer.training.losses import LossSettings
from trainer.training.oversampling import Oversampled

EPOCHS = KEY_POINTS.epochs  # where neither epochs nor minutes are asked for
SCRATCH, IMAGENET = "scratch", "imagenet"  # what a network may begin with besides a file
ADDED_LATER = {"pretrained_rate": PRETRAINED_RATE}  # what always held before there was a choice


@dataclass(frozen=True, slots=True, kw_only=True)
class FitSettings:
    """Everything a run depends on besides its data; kept in every checkpoint.

    Attributes:
        network: `compact`, `trackrat`, a name of `trainer.networks.names.BACKBONES`, or `timm:` and a model of timm.
        head: how coordinates are found: `heatmap`, `xy`, `dense_heatmap` or `several`.
        view: what the network sees: a `crop` about the animal, the `full` frame, or what is usual for the network.
        width: factor on the number of filters of compact and trackrat.
        depth: convolutions at each resolution of compact, or blocks of trackrat; None for what is usual.
        dropout: share of the features of these two that is left out before the last layer, in training.
        coarse_width: factor on the number of filters of the coarse stage of compact, which lays the crop.
        weights: what the network begins with: `scratch`, `imagenet` or the path of a file.
        trained: `all` layers, or the `head` alone.
        background: taken off every frame, in the graph too: `none`, the `median` of the frames learnt from, or the path of a picture.
        contrast: `local` makes it the same everywhere in the frame, in the graph too; `none`.
        seed: of initial weights, order and augmentation.
        epochs: how many; None: as many as fit into `minutes`, or EPOCHS.
        minutes: cap on wall time; the learning rate falls to zero by then.
        batch: pictures a step.
        batches: steps an epoch, at least; the frames are shown again until there are as many.
        held_out_batch: held-out frames that are answered at a time; changes nothing but memory and speed.
        oversample: what frames with a rare point, of a rare video or with a rare tag are shown more often for; `nothing` shows all alike.
        learning_rate: at its highest.
        pretrained_rate: share of it that holds for what `weights` brings: large steps would wipe out what other pictures have taught.
        weight_decay: of weights.
        optimiser: `adamw`, or `adam` whose decay is an L2 penalty.
        averaging: exponential mean of the weights, by step.
        patience: stop after so many epochs without a held-out error at least 0.02 px below the best so far, and take the
            best epoch's weights; 0 never stops. A run that is not stopped keeps its last weights, which no held-out
            frame has chosen.
        precision: of the arithmetic; `auto` is bf16 where the processor multiplies it, else 32.
        accelerator: `auto` takes a GPU where there is one.
        workers: threads that augment; 0 augments between steps.
        loss: what is minimised.
        augment: how far images are changed.
    """

    network: str = "compact"
    head: str = "heatmap"
    view: Literal["auto", "crop", "full"] = "auto"
    width: float = 1.0
    depth: int | None = None
    dropout: float = 0.0
    coarse_width: float = 1.0
    weights: str = SCRATCH
    trained: Literal["all", "head"] = "all"
    background: str = "none"
    contrast: Literal["none", "local"] = "none"
    seed: int = 0
    epochs: int | None = None
    minutes: float | None = None
    batch: int = KEY_POINTS.batch
    batches: int = 128
    held_out_batch: int = HELD_OUT_BATCH
    oversample: Oversampled = "nothing"
    learning_rate: float = KEY_POINTS.learning_rate
    pretrained_rate: float = PRETRAINED_RATE
    weight_decay: float = 0.05
    optimiser: Literal["adamw", "adam"] = "adamw"
    averaging: float = 0.998
    patience: int = 0
    precision: Literal["auto", "32", "bf16"] = "auto"
    accelerator: str = "auto"
    workers: int = 1
    loss: LossSettings = field(default_factory=LossSettings)
    augment: AugmentSettings = field(default_factory=AugmentSettings)

    def as_plain(self) -> dict[str, Any]:
        """What a run must agree with to be gone on with: trainings that were begun before there was a choice go on."""
        plain = asdict(self)
        return {name: value for name, value in plain.items() if name not in ADDED_LATER or value != ADDED_LATER[name]}

    @property
    def rate_sentence(self) -> str | None:
        """How fast the weights learn that another network has learnt; None where all begin at random."""
        if self.weights == SCRATCH:
            return None
        source = "ImageNet" if self.weights == IMAGENET else self.weights
        head_alone = f"all but the head's are held; what {source} brings of these learns"
        slowly = head_alone if self.trained == "head" else f"those taken over from {source} learn"
        return (
            f"weights: {slowly} at {self.pretrained_rate:g} of the learning rate, {self.pretrained_rate * self.learning_rate:.3g} at its "
            f"highest, fresh ones at {self.learning_rate:.3g} (change it with --pretrained-rate, --learning-rate)"
        )


# of FitSettings, as `trainer fit` names them; the length is given apart, augmentation and loss have options of their own
OPTIONS = {
    "network": "--network",
    "head": "--head",
    "view": "--view",
    "width": "--width",
    "depth": "--depth",
    "dropout": "--dropout",
    "coarse_width": "--coarse-width",
    "weights": "--weights",
    "trained": "--train",
    "background": "--background",
    "contrast": "--contrast",
    "seed": "--seed",
    "batch": "--batch",
    "batches": "--batches",
    "held_out_batch": "--held-out-batch",
    "oversample": "--oversample",
    "learning_rate": "--learning-rate",
    "pretrained_rate": "--pretrained-rate",
    "weight_decay": "--weight-decay",
    "optimiser": "--optimiser",
    "averaging": "--averaging",
    "patience": "--patience",
    "precision": "--precision",
    "accelerator": "--device",
    "workers": "--workers",
}


def fit_options(settings: FitSettings, *, augment_file: Path | None = None) -> tuple[str, ...]:
    """The settings that are not the usual ones, as options of `trainer fit`, without the length.

    Args:
        settings: as they were asked for, before the labels settle what was left open.
        augment_file: where more of the augmentation was read from than has an option of its own.
    """
    usual, given = asdict(FitSettings()), asdict(settings)
    chosen = [(option, given[name]) for name, option in OPTIONS.items() if given[name] != usual[name]]
    words = [word for option, value in chosen for word in (option, f"{value:.12g}" if isinstance(value, float) else str(value))]
    file = [] if augment_file is None else ["--augment", str(augment_file)]
    return (*words, *_loss_options(settings), *file, *_augmentation_options(settings.augment))


def _loss_options(settings: FitSettings) -> list[str]:
    """What was asked for of what the head learns with."""
    maps, loss, usual = settings.head in MAP_HEADS, settings.loss, LossSettings()
    asked, unasked = (loss.maps, usual.maps) if maps else (loss.coordinates, usual.coordinates)
    kind = ["--loss", asked] if asked != unasked else []
    return [*kind, *(["--target", loss.target] if maps and loss.target != usual.target else [])]


def _augmentation_options(asked: AugmentSettings) -> list[str]:
    """What was not left to the labels; these options stand before a file."""
    flip = [] if asked.flip is None else ["--flip" if asked.flip else "--no-flip"]
    rotation = [] if asked.rotation_deg is None else ["--rotation", f"{asked.rotation_deg:.12g}"]
    pairs = ["--pairs", *(f"{one}:{other}" for one, other in asked.pairs)] if asked.pairs else []
    views = [] if asked.two_views is None else ["--two-views" if asked.two_views else "--no-two-views"]
    return [*flip, *rotation, *pairs, *views]
