"""What a training begins with: a network that was planned from labels and settings, its weights, and its schedule."""

import numpy as np
import torch

from tracker.bundle_description import View
from trainer.errors import TrainingError
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.network_input import channels_of, whole_view
from trainer.networks.blocks import FrameShape, Layers
from trainer.networks.build import NetworkPlan, build
from trainer.networks.frozen import freeze_all_but_head
from trainer.networks.planning import plan_network
from trainer.training.datasets import (
    FrameStore,
)
from trainer.training.fit_settings import EPOCHS, SCRATCH, FitSettings
from trainer.training.learner import Learner, Schedule
from trainer.training.oversampling import times_shown
from trainer.training.weights import Pretrained, load_pretrained


def untrained(train: LabelledFrames, settings: FitSettings) -> Learner:
    """A network as `fit` begins with it.

    Raises:
        TrainingError: as `fit`.
    """
    refuse_unfit(train, settings)
    view = whole_view(train)
    return new_learner(plan_of(FrameStore(train, view), settings, view), train, settings, about={})[0]


def refuse_unfit(train: LabelledFrames, settings: FitSettings) -> None:
    """Refuse labels and settings that no training can be made of.

    Raises:
        TrainingError: the first of them, in one sentence.
    """
    if not len(train) or bool(np.isnan(train.points).all()):
        raise TrainingError("there is no labelled frame to learn from; label some frames first")
    if train.animals > 1 and settings.head != "several":
        raise TrainingError(
            f"the labels hold up to {train.animals} animals in a frame; the head '{settings.head}' finds one: use --head several, "
            "which finds them all, or keep the labels of one animal"
        )
    if settings.trained == "head" and settings.weights == SCRATCH:
        raise TrainingError("only the head is to learn, before which all layers would stay random: give --weights imagenet or a file")
    for name in ("epochs", "minutes", "batch", "batches", "held_out_batch", "learning_rate"):
        value = getattr(settings, name)
        if value is not None and not value > 0:
            raise TrainingError(f"{name} is {value}; expected more than 0")
    if not 0 < settings.pretrained_rate <= 1:
        raise TrainingError(f"pretrained_rate is {settings.pretrained_rate:g}; expected a share of the learning rate, above 0, at most 1")


def plan_of(train: FrameStore, settings: FitSettings, view: View) -> NetworkPlan:
    """The plan of the network that these settings ask for and these frames size."""
    frame = FrameShape(height=train.size[0], width=train.size[1], channels=channels_of(view.colour))
    layers = Layers(width=settings.width, depth=settings.depth, dropout=settings.dropout, coarse_width=settings.coarse_width)
    return plan_network(train.all_points(), frame, network=settings.network, head=settings.head, view=settings.view, layers=layers)


def new_learner(
    plan: NetworkPlan, train: LabelledFrames, settings: FitSettings, *, about: dict[str, object]
) -> tuple[Learner, Pretrained | None]:
    """A network of a plan with its first weights, and what of them another network has learnt; None for random ones.

    Raises:
        TrainingError: the weights cannot be had, or do not fit.
    """
    torch.manual_seed(settings.seed)
    epochs = epochs_of(settings)
    batches = _batches(int(times_shown(train, settings.oversample).sum()), settings)
    schedule = Schedule(
        steps=epochs * batches if epochs else None,
        seconds=settings.minutes * 60 if settings.minutes else None,
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        optimiser=settings.optimiser,
        averaging=settings.averaging,
        pretrained_rate=settings.pretrained_rate,
    )
    network = build(plan)
    pretrained = load_pretrained(network, plan, settings.weights)
    if settings.trained == "head":
        freeze_all_but_head(network)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks this form
    taken = pretrained.taken if pretrained else ()
    return Learner(network, plan=plan, loss=settings.loss, schedule=schedule, about=about, pretrained=frozenset(taken)), pretrained


def epochs_of(settings: FitSettings) -> int | None:
    """How many epochs a run has; None where time ends it."""
    return settings.epochs or (None if settings.minutes else EPOCHS)


def _batches(shown: int, settings: FitSettings) -> int:
    """Steps of an epoch in which a pass shows so many pictures."""
    pictures = -(-settings.batches * settings.batch // shown) * shown
    return -(-pictures // settings.batch)
