"""Labelled frames → a trained network. The one training loop: any device, any head, resumed where it was left."""

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from torch import nn

from tracker.bundle import View
from trainer.errors import TrainingError
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.network_input import channels_of, whole_view
from trainer.networks.blocks import FrameShape, Layers
from trainer.networks.build import NetworkPlan, build
from trainer.networks.frozen import freeze_all_but_head
from trainer.networks.groups import groups_sentence
from trainer.networks.layer_table import NETWORK_FILE, table_of, write_table
from trainer.networks.planning import plan_network
from trainer.scoring.assignment import in_order_of_labels
from trainer.training.augmentation_choice import settled
from trainer.training.checkpoint import CHECKPOINTS, LAST, about_run, load_network, resumable
from trainer.training.ctrl_c import CtrlC
from trainer.training.datasets import (
    EpochOrder,
    FrameStore,
    HeldOutFrames,
    TrainingFrames,
    held_out_loader,
)
from trainer.training.fit_settings import EPOCHS, FitSettings
from trainer.training.held_out_loss import HeldOutLoss
from trainer.training.history import History, history_from_plain, write_history
from trainer.training.learner import ABOUT, CLIP, HELD_OUT, Learner, Schedule, Stopped
from trainer.training.learning_examples import KeepExamples
from trainer.training.lightning_library import pl
from trainer.training.memory import memory_refused
from trainer.training.pretraining_advice import transfer_advice
from trainer.training.processes import Processes, processes_here
from trainer.training.progress import Bar, KeepEpochs, Lines, epoch_lines, resuming, stopped
from trainer.training.training_loader import TrainingLoader
from trainer.training.weights import SCRATCH, Pretrained, load_pretrained
from trainer.training.whole_checkpoints import WholeCheckpoints
from trainer.whole_files import disk_refusals

logger = logging.getLogger(__name__)

HISTORY_FILE = "history.json"
BETTER_PX = 0.02  # a smaller gain is chance, with twenty frames held out
SAMPLES = 200  # frames that an error is measured on at most


@dataclass(frozen=True, slots=True, kw_only=True)
class FitResult:
    """A trained network and how it came about.

    Attributes:
        network: averaged weights, in evaluation mode, on the CPU.
        plan: what builds it again.
        view: how an image becomes its input.
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
    _refuse(train, settings)
    settings = settled(settings, train)[0]
    view = whole_view(train)
    stores = FrameStore(train, view), FrameStore(held_out, view, size=train.size)
    plan = _plan(stores[0], settings, view)
    learner, pretrained = _learner(plan, train, settings, about=about_run(plan, train, held_out, settings=settings, colour=view.colour))
    checkpoints = out / CHECKPOINTS
    group = processes_here()
    console = Console(stderr=True, quiet=not (progress and group.first))
    told = on_epoch or (None if console.is_terminal or console.quiet else epoch_lines(console, epochs=_epochs(settings)))
    learner.on_epoch = told
    last = resumable(checkpoints, learner.about, tidy=group.first, anew=anew)
    with disk_refusals(out):
        if group.first:
            _introduce(learner, pretrained, out, frames=len(train), console=console)
            if learner.plan.groups:
                console.print(groups_sentence(learner.plan.groups, train.point_names), soft_wrap=True, highlight=False)
        if last is not None:
            console.print(resuming(last, steps=learner.steps), soft_wrap=True, highlight=False)
        if last is None or torch.load(last, weights_only=True, map_location="cpu")[ABOUT]["stopped"] is None:
            _run(learner, stores, settings, checkpoints, resume=last, group=group, shown=_progress(console))
            console.print("measuring the error of the finished network", highlight=False)
        return _result(out, stores, plan=plan, view=view)


def _progress(console: Console) -> pl.Callback | None:
    """What shows how far an epoch is: a bar on a terminal, lines elsewhere."""
    if console.quiet:
        return None
    return Bar(refresh_rate=4, console_kwargs={"stderr": True}) if console.is_terminal else Lines(console)


def untrained(train: LabelledFrames, settings: FitSettings) -> Learner:
    """A network as `fit` begins with it.

    Raises:
        TrainingError: as `fit`.
    """
    _refuse(train, settings)
    view = whole_view(train)
    return _learner(_plan(FrameStore(train, view), settings, view), train, settings, about={})[0]


@torch.no_grad()
def predict_animals(network: nn.Module, store: FrameStore, indices: NDArray[np.int64]) -> NDArray[np.float32]:
    """Poses (n, animals, K, 3) of some frames in source pixels, by torch in full precision."""
    frames = HeldOutFrames(store)
    poses = [network(frames[int(index)][0][None])[0].numpy() for index in indices]
    return store.to_source(np.stack(poses).astype(np.float32), indices)


def _refuse(train: LabelledFrames, settings: FitSettings) -> None:
    if not len(train) or bool(np.isnan(train.points).all()):
        raise TrainingError("there is no labelled frame to learn from; label some frames first")
    if train.animals > 1 and settings.head != "several":
        raise TrainingError(
            f"the labels hold up to {train.animals} animals in a frame; the head '{settings.head}' finds one: use --head several, "
            "which finds them all, or keep the labels of one animal"
        )
    if settings.trained == "head" and settings.weights == SCRATCH:
        raise TrainingError("only the head is to learn, before which all layers would stay random: give --weights imagenet or a file")
    for name in ("epochs", "minutes", "batch", "batches", "learning_rate"):
        value = getattr(settings, name)
        if value is not None and not value > 0:
            raise TrainingError(f"{name} is {value}; expected more than 0")


def _plan(train: FrameStore, settings: FitSettings, view: View) -> NetworkPlan:
    frame = FrameShape(height=train.size[0], width=train.size[1], channels=channels_of(view.colour))
    layers = Layers(width=settings.width, depth=settings.depth, dropout=settings.dropout)
    return plan_network(train.all_points(), frame, network=settings.network, head=settings.head, view=settings.view, layers=layers)


def _learner(
    plan: NetworkPlan, train: LabelledFrames, settings: FitSettings, *, about: dict[str, object]
) -> tuple[Learner, Pretrained | None]:
    torch.manual_seed(settings.seed)
    epochs = _epochs(settings)
    batches = _batches(len(train), settings)
    schedule = Schedule(
        steps=epochs * batches if epochs else None,
        seconds=settings.minutes * 60 if settings.minutes else None,
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        optimiser=settings.optimiser,
        averaging=settings.averaging,
    )
    network = build(plan)
    pretrained = load_pretrained(network, plan, settings.weights)
    if settings.trained == "head":
        freeze_all_but_head(network)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks this form
    taken = pretrained.taken if pretrained else ()
    return Learner(network, plan=plan, loss=settings.loss, schedule=schedule, about=about, pretrained=frozenset(taken)), pretrained


def _introduce(learner: Learner, pretrained: Pretrained | None, out: Path, *, frames: int, console: Console) -> None:
    """Keep the network's table with the run, and say how large it is and whether its weights suit it."""
    table = table_of(learner.network, learner.plan)
    write_table(out / NETWORK_FILE, table, learner.plan, pretrained=asdict(pretrained) if pretrained else None)
    console.print(table.sentence, soft_wrap=True, highlight=False)
    size = table.trainable + table.untrainable
    advice = transfer_advice(learner.plan, frames=frames, weights=pretrained.source if pretrained else SCRATCH, parameters=size)
    if advice:
        logger.warning(advice)


def _epochs(settings: FitSettings) -> int | None:
    """How many epochs a run has; None where time ends it."""
    return settings.epochs or (None if settings.minutes else EPOCHS)


def _batches(frames: int, settings: FitSettings) -> int:
    pictures = -(-settings.batches * settings.batch // frames) * frames
    return -(-pictures // settings.batch)


def _run(
    learner: Learner,
    stores: tuple[FrameStore, FrameStore],
    settings: FitSettings,
    checkpoints: Path,
    *,
    resume: Path | None,
    group: Processes,
    shown: pl.Callback | None,
) -> None:
    train, held_out = stores
    train.read_all()  # a step is not to wait for a disk
    frames = training_frames(train, learner.plan, settings)
    order = EpochOrder(len(train), pictures=settings.batches * settings.batch, seed=settings.seed)
    loader = TrainingLoader(frames, order, batch=settings.batch, workers=settings.workers, group=group)
    validation = held_out_loader(held_out) if len(held_out) else None
    ctrl_c = CtrlC()
    with _talk_kept_down(), _cores_left_for(settings.workers):
        lightning = pl.Trainer(
            accelerator=settings.accelerator,
            devices=group.per_node,
            num_nodes=group.nodes,
            strategy="ddp" if group.count > 1 else "auto",
            use_distributed_sampler=False,  # a batch is shared by the loader, and every process validates on all frames
            precision=_precision(settings),
            max_epochs=_epochs(settings) or -1,
            gradient_clip_val=CLIP,
            callbacks=[
                ctrl_c,
                KeepExamples(held_out if len(held_out) else train),
                HeldOutLoss(held_out, plan=learner.plan, seed=settings.seed),
                *_callbacks(settings, checkpoints, validated=validation is not None, shown=shown),
            ],
            logger=False,
            enable_progress_bar=isinstance(shown, Bar),
            enable_model_summary=False,
            num_sanity_val_steps=0,
            plugins=[WholeCheckpoints()],
        )
        with (
            _stop_by_hand(learner, checkpoints / LAST, ctrl_c),
            memory_refused(learner, frames, settings, reduced=_precision(settings) == "bf16-mixed"),
        ):
            lightning.fit(learner, loader, validation, ckpt_path=resume, weights_only=True)
    early = lightning.should_stop and learner.stopped is None
    learner.stopped = learner.stopped or ("no improvement" if early else "epochs")
    lightning.save_checkpoint(checkpoints / LAST, weights_only=False)


def training_frames(store: FrameStore, plan: NetworkPlan, settings: FitSettings) -> TrainingFrames:
    """The pictures that a network of this plan learns from."""
    return TrainingFrames(store, crop=plan.crop, groups=plan.groups, settings=settings.augment, seed=settings.seed)


@contextmanager
def _stop_by_hand(learner: Learner, checkpoint: Path, ctrl_c: CtrlC) -> Iterator[None]:
    """Lightning makes an exit status of Ctrl-C and leaves the signal ignored; here it stays what it is, and says how to go on."""
    try:
        with ctrl_c.noted():
            yield
    except (SystemExit, KeyboardInterrupt) as ended:
        if isinstance(ended, SystemExit) and not isinstance(ended.__context__, KeyboardInterrupt):
            raise
        raise KeyboardInterrupt(stopped(learner, checkpoint, steps=learner.steps)) from None


def _callbacks(settings: FitSettings, checkpoints: Path, *, validated: bool, shown: pl.Callback | None) -> list[pl.Callback]:
    callbacks: list[pl.Callback] = [
        pl.callbacks.ModelCheckpoint(
            checkpoints,
            filename="best",
            monitor=HELD_OUT if validated else None,
            save_on_train_epoch_end=True,
            enable_version_counter=False,
        ),
        KeepEpochs(checkpoints / LAST),  # after the best, whose score it carries
    ]
    if settings.patience and validated:
        callbacks.append(
            pl.callbacks.EarlyStopping(HELD_OUT, patience=settings.patience, min_delta=BETTER_PX, check_on_train_epoch_end=True)
        )
    return [*callbacks, shown] if shown is not None else callbacks


def _precision(settings: FitSettings) -> Literal["bf16-mixed", "32-true"]:
    if settings.precision != "auto":
        return "bf16-mixed" if settings.precision == "bf16" else "32-true"
    if settings.accelerator != "cpu" and torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "32-true"
    # without these instructions bf16 is emulated, many times slower than fp32
    processor = Path("/proc/cpuinfo")
    flags = processor.read_text(encoding="ascii", errors="replace") if processor.exists() else ""
    return "bf16-mixed" if "avx512_bf16" in flags or "amx_bf16" in flags else "32-true"


def _result(out: Path, stores: tuple[FrameStore, FrameStore], *, plan: NetworkPlan, view: View) -> FitResult:
    last = out / CHECKPOINTS / LAST
    stopped: Stopped = load_network(last)[1]["stopped"]
    chosen = last.with_name("best.ckpt") if stopped == "no improvement" else last
    network, about = load_network(chosen)
    history = history_from_plain(load_network(last)[1]["history"])
    if processes_here().first:
        write_history(history, out / HISTORY_FILE)
    errors = [_mean_error_px(network, store) for store in stores]
    return FitResult(
        network=network,
        plan=plan,
        view=view,
        history=history,
        train_px=errors[0],
        held_out_px=errors[1] if len(stores[1]) else None,
        seconds=about["elapsed_s"],
        stopped=stopped,
        checkpoint=chosen,
    )


def _mean_error_px(network: nn.Module, store: FrameStore) -> float:
    if not len(store):
        return float("nan")
    chosen = np.unique(np.linspace(0, len(store) - 1, min(len(store), SAMPLES)).round().astype(np.int64))
    points = store.frames.points[chosen]
    off = in_order_of_labels(predict_animals(network, store, chosen), points)[..., :2] - points
    return float(np.nanmean(np.linalg.norm(off, axis=3)))


@contextmanager
def _cores_left_for(workers: int) -> Iterator[None]:
    """One thread fewer for every worker: torch's threads wait for each other, so one that must share its core stops all.

    Measured on two cores beside another busy process: a step took 0.09 s with one thread, 0.2 to 3.5 s with two.
    """
    before = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(max(1, before[0] - workers))
    cv2.setNumThreads(0)  # the pictures are made by threads of ours already
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        cv2.setNumThreads(before[1])


@contextmanager
def _talk_kept_down() -> Iterator[None]:
    """Lightning's advice and its list of devices are not for rigtrack's users."""
    talker = logging.getLogger("lightning.pytorch")
    level = talker.level
    talker.setLevel(logging.WARNING)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"lightning(\.|$)")
        try:
            yield
        finally:
            talker.setLevel(level)
