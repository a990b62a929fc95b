"""Labelled frames → a trained network. The one training loop: any device, any head, resumed where it was left."""

import errno
import logging
import shutil
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint, RichProgressBar
from numpy.typing import NDArray
from torch import nn

from trainer.augment import AugmentSettings
from trainer.data import (
    Colour,
    EpochOrder,
    FrameStore,
    HeldOutFrames,
    TrainingFrames,
    channels_of,
    colour_of,
    held_out_loader,
    training_loader,
)
from trainer.errors import TrainingError
from trainer.history import History, history_from_plain, write_history
from trainer.labels.fingerprint import labels_sha256
from trainer.labels.labelled_frames import LabelledFrames
from trainer.learning import ABOUT, CLIP, HELD_OUT, Learner, Schedule, Stopped
from trainer.losses import LossSettings
from trainer.networks.blocks import FrameShape, plan_crop
from trainer.networks.build import NETWORKS, NetworkPlan, build, plan_from_plain, plan_to_plain

logger = logging.getLogger(__name__)

CHECKPOINTS = "checkpoints"
_REFUSALS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES)
HISTORY_FILE = "history.json"
EPOCHS = 40  # where neither epochs nor minutes are asked for: about 4 minutes on two cores
BETTER_PX = 0.02  # a smaller gain is chance, with twenty frames held out
SAMPLES = 200  # frames that an error is measured on at most


@dataclass(frozen=True, slots=True, kw_only=True)
class FitSettings:
    """Everything a run depends on besides its data; kept in every checkpoint.

    Attributes:
        head: `heatmap`, `xy`, `trackrat` or `resnet18`.
        seed: of initial weights, order and augmentation.
        epochs: how many; None: as many as fit into `minutes`, or EPOCHS.
        minutes: cap on wall time; the learning rate falls to zero by then.
        batch: pictures a step.
        batches: steps an epoch, at least; the frames are shown again until there are as many.
        learning_rate: at its highest.
        weight_decay: of weights.
        optimiser: `adamw`, or `adam` whose decay is an L2 penalty.
        averaging: exponential mean of the weights, by step.
        patience: stop after so many epochs without a held-out error at least 0.02 px below the best so far, and take the
            best epoch's weights; 0 never stops. A run that is not stopped keeps its last weights, which no held-out
            frame has chosen.
        precision: of the arithmetic; `auto` is bf16 where the processor multiplies it, else 32.
        accelerator: `auto` takes a GPU where there is one.
        workers: processes that augment; 0 augments between steps.
        loss: what is minimised.
        augment: how far images are changed.
    """

    head: str = "heatmap"
    seed: int = 0
    epochs: int | None = None
    minutes: float | None = None
    batch: int = 16
    batches: int = 64
    learning_rate: float = 3e-3
    weight_decay: float = 0.05
    optimiser: Literal["adamw", "adam"] = "adamw"
    averaging: float = 0.998
    patience: int = 0
    precision: Literal["auto", "32", "bf16"] = "auto"
    accelerator: str = "auto"
    workers: int = 1
    loss: LossSettings = field(default_factory=LossSettings)
    augment: AugmentSettings = field(default_factory=AugmentSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class FitResult:
    """A trained network and how it came about.

    Attributes:
        network: averaged weights, in evaluation mode, on the CPU.
        plan: what builds it again.
        colour: what its frames are.
        history: of all sittings.
        train_px: mean error on (up to 200) training frames, unchanged, in evaluation mode (R4-24).
        held_out_px: mean error on the held-out frames, None where there are none.
        seconds: of learning, all sittings.
        stopped: by what.
        checkpoint: the file the weights are from.
    """

    network: nn.Module
    plan: NetworkPlan
    colour: Colour
    history: History
    train_px: float
    held_out_px: float | None
    seconds: float
    stopped: Stopped
    checkpoint: Path


def fit(train: LabelledFrames, held_out: LabelledFrames, settings: FitSettings, out: Path, *, progress: bool = False) -> FitResult:
    """Train a network, or go on with the run that was interrupted in `out`.

    Args:
        train: frames to learn from.
        held_out: frames to validate on after every epoch; may be empty.
        settings: everything else.
        out: folder for checkpoints and history.
        progress: show a bar on stderr.

    Raises:
        TrainingError: nothing to learn from, unknown head, frames too small, or a loss that is not a number.
    """
    _refuse(train, settings)
    colour = colour_of(train)
    plan = _plan(train, settings.head, colour)
    learner = _learner(plan, train, settings, about=_about(plan, train, held_out, settings=settings, colour=colour))
    checkpoints = out / CHECKPOINTS
    last = _resumable(checkpoints, learner.about)
    stores = FrameStore(train, colour), FrameStore(held_out, colour)
    with _disk_refusals(out):
        if last is None or torch.load(last, weights_only=True, map_location="cpu")[ABOUT]["stopped"] is None:
            _run(learner, stores, settings, checkpoints, resume=last, progress=progress)
        return _result(out, stores, plan=plan, colour=colour)


def load_network(checkpoint: Path) -> tuple[nn.Module, dict[str, Any]]:
    """A network from its checkpoint alone, in evaluation mode on the CPU, and all that the checkpoint says about it.

    Raises:
        TrainingError: it is not one of our checkpoints.
    """
    content = torch.load(checkpoint, weights_only=True, map_location="cpu")
    if ABOUT not in content:
        raise TrainingError(f"{checkpoint}: is no checkpoint of rigtrack; give one that `trainer fit` has written")
    about: dict[str, Any] = content[ABOUT]
    network = build(plan_from_plain(about["plan"]))
    prefix = "averaged."
    weights = {name.removeprefix(prefix): value for name, value in content["state_dict"].items() if name.startswith(prefix)}
    network.load_state_dict(weights)
    return network.eval(), about


@torch.no_grad()
def predict(network: nn.Module, store: FrameStore, indices: NDArray[np.int64]) -> NDArray[np.float32]:
    """Poses (n, K, 3) of some frames, by torch in full precision."""
    frames = HeldOutFrames(store)
    poses = [network(frames[int(index)][0][None])[0, 0].numpy() for index in indices]
    return np.stack(poses).astype(np.float32)


def _refuse(train: LabelledFrames, settings: FitSettings) -> None:
    if not len(train) or bool(np.isnan(train.points).all()):
        raise TrainingError("there is no labelled frame to learn from; label some frames first")
    if train.animals > 1:
        raise TrainingError(f"the labels hold up to {train.animals} animals in a frame; the head '{settings.head}' finds one")
    if settings.head not in NETWORKS:
        raise TrainingError(f"there is no head '{settings.head}'; expected one of {', '.join(NETWORKS)}")
    for name in ("epochs", "minutes", "batch", "batches", "learning_rate"):
        value = getattr(settings, name)
        if value is not None and not value > 0:
            raise TrainingError(f"{name} is {value}; expected more than 0")


def _plan(train: LabelledFrames, head: str, colour: Colour) -> NetworkPlan:
    height, width = train.size
    frame = FrameShape(height=height, width=width, channels=channels_of(colour))
    return NetworkPlan(
        head=head, points=len(train.point_names), frame=frame, crop=plan_crop(train.points.reshape(-1, *train.points.shape[2:]), frame)
    )


def _about(
    plan: NetworkPlan, train: LabelledFrames, held_out: LabelledFrames, *, settings: FitSettings, colour: Colour
) -> dict[str, object]:
    """What every checkpoint says: enough to build the network, and to know whether a run is the same run."""
    same = replace(settings, workers=0, accelerator="auto")  # neither changes what is learnt
    return {
        "plan": plan_to_plain(plan),
        "colour": colour,
        "point_names": list(train.point_names),
        "settings": asdict(same),
        "labels_sha256": [labels_sha256(part) if len(part) else "" for part in (train, held_out)],
    }


def _learner(plan: NetworkPlan, train: LabelledFrames, settings: FitSettings, *, about: dict[str, object]) -> Learner:
    torch.manual_seed(settings.seed)
    epochs = settings.epochs or (None if settings.minutes else EPOCHS)
    batches = _batches(len(train), settings)
    schedule = Schedule(
        steps=epochs * batches if epochs else None,
        seconds=settings.minutes * 60 if settings.minutes else None,
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        optimiser=settings.optimiser,
        averaging=settings.averaging,
    )
    network = build(plan).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks this form
    return Learner(network, plan=plan, loss=settings.loss, schedule=schedule, about=about)


def _batches(frames: int, settings: FitSettings) -> int:
    pictures = -(-settings.batches * settings.batch // frames) * frames
    return -(-pictures // settings.batch)


def _resumable(checkpoints: Path, about: dict[str, object]) -> Path | None:
    """The checkpoint to go on from; one of another run is put away, and the log says so."""
    for path in (checkpoints / "last.ckpt", checkpoints / "best.ckpt"):
        if not path.is_file():
            continue
        if not zipfile.is_zipfile(path):  # its table of contents stands at the end: a file cut short has none
            logger.warning("%s cannot be read: it was cut short; going on without it", path)
            continue
        found = torch.load(path, weights_only=True, map_location="cpu").get(ABOUT, {})
        if all(found.get(key) == value for key, value in about.items()):
            return path
        logger.warning("%s is of other labels or settings: starting anew", path)
        break
    shutil.rmtree(checkpoints, ignore_errors=True)
    return None


@contextmanager
def _disk_refusals(out: Path) -> Iterator[None]:
    """A disk that takes no more is the user's to mend, in one sentence; the run goes on from its last whole checkpoint."""
    try:
        yield
    except OSError as problem:
        if problem.errno not in _REFUSALS:
            raise
        raise TrainingError(f"{out}: cannot be written: {problem.strerror}; free space and run the same command again") from problem


def _run(
    learner: Learner,
    stores: tuple[FrameStore, FrameStore],
    settings: FitSettings,
    checkpoints: Path,
    *,
    resume: Path | None,
    progress: bool,
) -> None:
    train, held_out = stores
    train.read_all()  # before the worker is forked, which then shares them
    frames = TrainingFrames(train, crop=learner.plan.crop, settings=settings.augment, seed=settings.seed)
    order = EpochOrder(len(train), pictures=settings.batches * settings.batch, seed=settings.seed)
    loader = training_loader(frames, order, batch=settings.batch, workers=settings.workers)
    validation = held_out_loader(held_out) if len(held_out) else None
    with _talk_kept_down(), _cores_left_for(settings.workers):
        trainer = pl.Trainer(
            accelerator=settings.accelerator,
            devices=1,
            precision=_precision(settings),
            max_epochs=settings.epochs or (-1 if settings.minutes else EPOCHS),
            gradient_clip_val=CLIP,
            callbacks=_callbacks(settings, checkpoints, validated=validation is not None, progress=progress),
            logger=False,
            enable_progress_bar=progress,
            enable_model_summary=False,
            num_sanity_val_steps=0,
        )
        trainer.fit(learner, loader, validation, ckpt_path=resume, weights_only=True)
    early = trainer.should_stop and learner.stopped is None
    learner.stopped = learner.stopped or ("no improvement" if early else "epochs")
    trainer.save_checkpoint(checkpoints / "last.ckpt", weights_only=False)


class _Bar(RichProgressBar):
    """Lightning's bar, which knows no number of epochs when time is what ends a run and would show -2."""

    def _get_train_description(self, current_epoch: int) -> str:
        return f"epoch {current_epoch + 1}" + (f" of {self.trainer.max_epochs}" if (self.trainer.max_epochs or -1) > 0 else "")


def _callbacks(settings: FitSettings, checkpoints: Path, *, validated: bool, progress: bool) -> list[Callback]:
    callbacks: list[Callback] = [
        ModelCheckpoint(
            checkpoints,
            filename="best",
            monitor=HELD_OUT if validated else None,
            save_last=True,
            save_on_train_epoch_end=True,
            enable_version_counter=False,
        )
    ]
    if settings.patience and validated:
        callbacks.append(EarlyStopping(HELD_OUT, patience=settings.patience, min_delta=BETTER_PX, check_on_train_epoch_end=True))
    if progress:
        callbacks.append(_Bar(refresh_rate=4, console_kwargs={"stderr": True}))
    return callbacks


def _precision(settings: FitSettings) -> Literal["bf16-mixed", "32-true"]:
    if settings.precision != "auto":
        return "bf16-mixed" if settings.precision == "bf16" else "32-true"
    if settings.accelerator != "cpu" and torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "32-true"
    # without these instructions bf16 is emulated, many times slower than fp32
    processor = Path("/proc/cpuinfo")
    flags = processor.read_text(encoding="ascii", errors="replace") if processor.exists() else ""
    return "bf16-mixed" if "avx512_bf16" in flags or "amx_bf16" in flags else "32-true"


def _result(out: Path, stores: tuple[FrameStore, FrameStore], *, plan: NetworkPlan, colour: Colour) -> FitResult:
    last = out / CHECKPOINTS / "last.ckpt"
    stopped: Stopped = load_network(last)[1]["stopped"]
    chosen = last.with_name("best.ckpt") if stopped == "no improvement" else last
    network, about = load_network(chosen)
    history = history_from_plain(load_network(last)[1]["history"])
    write_history(history, out / HISTORY_FILE)
    errors = [_mean_error_px(network, store) for store in stores]
    return FitResult(
        network=network,
        plan=plan,
        colour=colour,
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
    off = predict(network, store, chosen)[..., :2] - store.frames.points[chosen, 0]
    return float(np.nanmean(np.linalg.norm(off, axis=2)))


@contextmanager
def _cores_left_for(workers: int) -> Iterator[None]:
    """One thread fewer for every worker: torch's threads wait for each other, so one that must share its core stops all.

    Measured on two cores beside another busy process: a step took 0.09 s with one thread, 0.2 to 3.5 s with two.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(max(1, before - workers))
    try:
        yield
    finally:
        torch.set_num_threads(before)


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
