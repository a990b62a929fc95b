"""One sitting of a training by Lightning: its callbacks, its precision, the cores it may use, and how Ctrl-C ends it."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import cv2
import torch
from rich.console import Console

from trainer.networks.build import NetworkPlan
from trainer.training.checkpoint import LAST
from trainer.training.ctrl_c import CtrlC
from trainer.training.datasets import (
    EpochOrder,
    FrameStore,
    TrainingFrames,
    held_out_loader,
)
from trainer.training.fit_settings import FitSettings
from trainer.training.held_out_loss import HeldOutLoss
from trainer.training.lack_of_memory import kept_epochs_said, lack_refused
from trainer.training.learner import CLIP, HELD_OUT, Learner
from trainer.training.learning_examples import KeepExamples
from trainer.training.lightning_library import pl
from trainer.training.memory import memory_refused
from trainer.training.new_learner import epochs_of
from trainer.training.oversampling import times_shown
from trainer.training.processes import lost_process_refused, processes_here
from trainer.training.progress import Bar, KeepEpochs, Lines, stopped
from trainer.training.training_loader import TrainingLoader
from trainer.training.whole_checkpoints import WholeCheckpoints

BETTER_PX = 0.02  # a smaller gain is chance, with twenty frames held out


def progress_shown(console: Console) -> pl.Callback | None:
    """What shows how far an epoch is: a bar on a terminal, lines elsewhere."""
    if console.quiet:
        return None
    return Bar(refresh_rate=4, console_kwargs={"stderr": True}) if console.is_terminal else Lines(console)


def run_by_lightning(
    learner: Learner,
    stores: tuple[FrameStore, FrameStore],
    settings: FitSettings,
    checkpoints: Path,
    *,
    resume: Path | None,
    shown: pl.Callback | None,
) -> None:
    """Train until the run is over, and keep its last checkpoint.

    Args:
        learner: in the state that the run begins with.
        stores: frames to learn from, and to validate on after every epoch.
        settings: of the training.
        checkpoints: folder of the run's checkpoints.
        resume: the checkpoint to go on from; None to begin.
        shown: what shows how far an epoch is.

    Raises:
        TrainingError: a loss that is not a number, or a batch that the memory does not hold.
        KeyboardInterrupt: stopped by hand; its text says at which step, and how to go on.
    """
    (train, held_out), group = stores, processes_here()
    with lack_refused("the images", "give fewer or smaller ones"):
        train.read_all()  # a step is not to wait for a disk
    frames = training_frames(train, learner.plan, settings)
    times = times_shown(train.frames, settings.oversample)
    order = EpochOrder(len(train), pictures=settings.batches * settings.batch, seed=settings.seed, times=times)
    loader = TrainingLoader(frames, order, batch=settings.batch, workers=settings.workers, group=group)
    validation = held_out_loader(held_out, batch=settings.held_out_batch) if len(held_out) else None
    ctrl_c = CtrlC()
    with _talk_kept_down(), _cores_left_for(settings.workers):
        lightning = pl.Trainer(
            accelerator=settings.accelerator,
            devices=group.per_node,
            num_nodes=group.nodes,
            strategy="ddp" if group.count > 1 else "auto",
            use_distributed_sampler=False,  # a batch is shared by the loader, and every process validates on all frames
            precision=_precision(settings),
            max_epochs=epochs_of(settings) or -1,
            gradient_clip_val=CLIP,
            callbacks=[
                ctrl_c,
                KeepExamples(held_out if len(held_out) else train),
                HeldOutLoss(held_out, plan=learner.plan, seed=settings.seed, batch=settings.held_out_batch),
                *_callbacks(settings, checkpoints, validated=validation is not None, shown=shown),
            ],
            logger=False,
            enable_progress_bar=isinstance(shown, Bar),
            enable_model_summary=False,
            num_sanity_val_steps=0,
            plugins=[WholeCheckpoints()],
        )
        kept = checkpoints / LAST
        with _stop_by_hand(learner, kept, ctrl_c), lost_process_refused(group), kept_epochs_said(checkpoints, LAST):
            memory_refused(
                lambda: lightning.fit(learner, loader, validation, ckpt_path=resume, weights_only=True),
                learner, (frames, held_out), settings, reduced=_precision(settings) == "bf16-mixed",
            )  # fmt: skip
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
