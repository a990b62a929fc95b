"""Labelled frames → a trained network. The one training loop: any device, any head, resumed where it was left."""

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec
import torch
from rich.console import Console
from torch import nn

from tracker.bundle_description import View
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.network_input import whole_view
from trainer.networks.build import NetworkPlan
from trainer.networks.groups import groups_sentence
from trainer.networks.layer_table import NETWORK_FILE, table_of, write_table
from trainer.networks.lighting import EvenLighting
from trainer.training.augmentation_choice import settled
from trainer.training.checkpoint import CHECKPOINTS, LAST, about_run, load_network, resumable
from trainer.training.datasets import (
    FrameStore,
)
from trainer.training.fit_settings import SCRATCH, FitSettings
from trainer.training.history import History, history_from_plain, write_history
from trainer.training.learner import ABOUT, Learner, Stopped
from trainer.training.lighting_choice import lighting_of, write_background
from trainer.training.lightning_run import progress_shown, run_by_lightning
from trainer.training.memory import refuse_hopeless
from trainer.training.new_learner import epochs_of, new_learner, plan_of, refuse_unfit
from trainer.training.oversampling import oversampling_sentence
from trainer.training.predict import mean_error_px
from trainer.training.pretraining_advice import transfer_advice
from trainer.training.processes import processes_here
from trainer.training.progress import epoch_lines, resuming
from trainer.training.weights import Pretrained
from trainer.whole_files import disk_refusals

logger = logging.getLogger(__name__)

HISTORY_FILE = "history.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class FitResult:
    """A trained network and how it came about.

    Attributes:
        network: averaged weights, in evaluation mode, on the CPU.
        plan: what builds it again.
        view: how an image becomes its input.
        lighting: what evens that input before the network sees it, None for nothing.
        history: of all sittings.
        train_px: mean error on (up to 200) training frames, unchanged, in evaluation mode.
        held_out_px: mean error on the held-out frames, None where there are none.
        seconds: of learning, all sittings.
        stopped: by what.
        checkpoint: the file the weights are from.
    """

    network: nn.Module
    plan: NetworkPlan
    view: View
    lighting: EvenLighting | None
    history: History
    train_px: float
    held_out_px: float | None
    seconds: float
    stopped: Stopped
    checkpoint: Path


def fit(
    train: LabelledFrames,
    held_out: LabelledFrames,
    settings: FitSettings,
    out: Path,
    *,
    progress: bool = False,
    on_epoch: Callable[[History], None] | None = None,
    anew: bool = False,
) -> FitResult:
    """Train a network, or go on with the run that was interrupted in `out`.

    Args:
        train: frames to learn from.
        held_out: frames to validate on after every epoch; may be empty.
        settings: everything else.
        out: folder for checkpoints and history.
        progress: show a bar on stderr, or a line an epoch where that is not a terminal.
        on_epoch: told the history once each epoch is kept; whatever it raises ends the run and is passed on.
        anew: put away the run of other labels or settings that `out` may hold; otherwise it is refused.

    Raises:
        TrainingError: nothing to learn from, unknown head, frames too small, a loss that is not a number, a run of other
            labels or settings in `out`, or a disk that takes no more.
        KeyboardInterrupt: stopped by hand; its text says at which step, and how to go on.
    """
    refuse_unfit(train, settings)
    settings = settled(settings, train)[0]
    view = whole_view(train)
    lighting = lighting_of(train, settings, view)
    stores = FrameStore(train, view, lighting=lighting), FrameStore(held_out, view, size=train.size, lighting=lighting)
    plan = plan_of(stores[0], settings, view)
    about = about_run(plan, train, held_out, settings=settings, colour=view.colour)
    if lighting is not None:
        about["lighting"] = msgspec.to_builtins(lighting.described(None))  # a file of the same name may hold another picture
    learner, pretrained = new_learner(plan, train, settings, about=about)
    checkpoints = out / CHECKPOINTS
    group = processes_here()
    console = Console(stderr=True, quiet=not (progress and group.first))
    told = on_epoch or (None if console.is_terminal or console.quiet else epoch_lines(console, epochs=epochs_of(settings)))
    learner.on_epoch = told
    last = resumable(checkpoints, learner.about, tidy=group.first, anew=anew)
    with disk_refusals(out):
        if group.first:
            _introduce(learner, pretrained, out, frames=len(train), console=console)
            if lighting is not None:
                write_background(lighting, out)
            if said := oversampling_sentence(train, settings.oversample):
                console.print(said, soft_wrap=True, highlight=False, markup=False)
            if learner.plan.groups:
                console.print(groups_sentence(learner.plan.groups, train.point_names), soft_wrap=True, highlight=False)
        if last is not None:
            console.print(resuming(last, steps=learner.steps), soft_wrap=True, highlight=False)
        if last is None or torch.load(last, weights_only=True, map_location="cpu")[ABOUT]["stopped"] is None:
            refuse_hopeless(learner, settings)
            run_by_lightning(learner, stores, settings, checkpoints, resume=last, shown=progress_shown(console))
            console.print("measuring the error of the finished network", highlight=False)
        return _result(out, stores, plan=plan, view=view, lighting=lighting)


def _introduce(learner: Learner, pretrained: Pretrained | None, out: Path, *, frames: int, console: Console) -> None:
    """Keep the network's table with the run, and say how large it is and whether its weights suit it."""
    table = table_of(learner.network, learner.plan)
    write_table(out / NETWORK_FILE, table, learner.plan, pretrained=asdict(pretrained) if pretrained else None)
    console.print(table.sentence, soft_wrap=True, highlight=False)
    size = table.trainable + table.untrainable
    advice = transfer_advice(learner.plan, frames=frames, weights=pretrained.source if pretrained else SCRATCH, parameters=size)
    if advice:
        logger.warning(advice)


def _result(out: Path, stores: tuple[FrameStore, FrameStore], *, plan: NetworkPlan, view: View, lighting: EvenLighting | None) -> FitResult:
    last = out / CHECKPOINTS / LAST
    stopped: Stopped = load_network(last)[1]["stopped"]
    chosen = last.with_name("best.ckpt") if stopped == "no improvement" else last
    network, about = load_network(chosen)
    history = history_from_plain(load_network(last)[1]["history"])
    if processes_here().first:
        write_history(history, out / HISTORY_FILE)
    errors = [mean_error_px(network, store) for store in stores]
    return FitResult(
        network=network,
        plan=plan,
        view=view,
        lighting=lighting,
        history=history,
        train_px=errors[0],
        held_out_px=errors[1] if len(stores[1]) else None,
        seconds=about["elapsed_s"],
        stopped=stopped,
        checkpoint=chosen,
    )
