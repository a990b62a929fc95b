"""Train what is planned and not yet finished. A run that was interrupted goes on; one that is finished is only read."""

import datetime
import fcntl
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from torch import nn

from tracker.whole_files import remedy
from trainer.errors import DivergedError, TrainingError
from trainer.experiments.progress import RunMeter, words
from trainer.experiments.run import PREDICTIONS_FILE, RUNS, Predictions, Run, RunScore, identity_of, kept, read_run, score_of, write_run
from trainer.experiments.run_plan import PlannedRun
from trainer.labels.fingerprint import labels_sha256
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.network_input import images_in_words
from trainer.networks.usual_training import HELD_OUT_BATCH
from trainer.reports.machine import machine
from trainer.scoring.assignment import in_order_of_labels
from trainer.scoring.metrics import point_errors
from trainer.training.checkpoint import CHECKPOINTS
from trainer.training.datasets import FrameStore
from trainer.training.fit import FitResult, fit
from trainer.training.history import History
from trainer.training.predict import SAMPLES, predict_animals
from trainer.training.processes import processes_here

LOCK = "lock"  # in the folder of a run, held by the process that trains it


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """The frames of an experiment, their name and their fingerprint."""

    frames: LabelledFrames
    name: str
    sha256: str


def labels_of(frames: LabelledFrames, data: Path) -> Labels:
    """Frames that were read from `data`."""
    return Labels(frames=frames, name=data.name or str(data), sha256=labels_sha256(frames))


def execute_all(labels: Labels, planned: Sequence[PlannedRun], out: Path, *, console: Console, keep_checkpoints: bool = False) -> list[Run]:
    """Make all runs of an experiment, showing progress; several processes may share the work on one folder.

    Returns:
        The runs in the order they were planned.

    Raises:
        TrainingError: a run cannot be made, or the folder holds runs of something else.
    """
    for run in planned:  # a folder of other labels is met before hours of training, not after
        stored(labels, run, out / RUNS / run.name)
    runs = []
    with RunMeter(console, len(planned)) as meter:
        for run in planned:
            meter.begin(run.name, run.settings)
            fresh = read_run(out / RUNS / run.name) is None
            made = execute(labels, run, out / RUNS / run.name, on_epoch=meter.epoch, keep_checkpoints=keep_checkpoints, say=_say(console))
            meter.end(sentence(made, fresh=fresh), trained=fresh)
            runs.append(made)
    return runs


def execute(
    labels: Labels,
    planned: PlannedRun,
    folder: Path,
    *,
    on_epoch: Callable[[History], None] | None = None,
    keep_checkpoints: bool = False,
    say: Callable[[str], None] = lambda _sentence: None,
) -> Run:
    """One run: read if it is finished, else trained, or trained on from where it was left.

    Raises:
        TrainingError: it cannot be trained, or the folder holds another run.
        DivergedError: its loss or its predictions contain NaN or infinity.
    """
    _refuse_group()
    with alone(folder, say):
        if (finished := stored(labels, planned, folder)) is not None:
            return finished
        train, held_out = (labels.frames.subset(index) for index in (planned.parts.train, planned.parts.held_out))
        result = fit(train, held_out, planned.settings, folder, on_epoch=on_epoch, anew=True)
        predictions, scores = _measured(labels, planned, result)
        run = _run(labels, planned, result, scores)
        write_run(folder, run, predictions)
        if not keep_checkpoints:
            shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
        return run


def stored(labels: Labels, planned: PlannedRun, folder: Path) -> Run | None:
    """The finished run in a folder, if it is the one that is planned.

    Raises:
        TrainingError: it is another one.
    """
    found = read_run(folder)
    if found is None or not is_other(labels, planned, folder):
        return found
    other = "labels" if found.labels_sha256 != labels.sha256 else "settings or frames"
    raise TrainingError(f"{folder}: holds a finished run of other {other}; choose another --out, or delete the folder to run it again")


def is_other(labels: Labels, planned: PlannedRun, folder: Path) -> bool:
    """Whether a folder holds a finished run that is not the one planned.

    Raises:
        TrainingError: it is damaged.
    """
    found = read_run(folder)
    return found is not None and found.identity != _identity(labels, planned)


def sentence(run: Run, *, fresh: bool) -> str:
    """What came of a run."""
    held_out = f"{_px(run.held_out)} held out, " if run.held_out else ""
    return f"{held_out}{_px(run.train)} training, {words(run.seconds)}" + ("" if fresh else " (finished earlier)")


def _measured(labels: Labels, planned: PlannedRun, result: FitResult) -> tuple[dict[str, Predictions], dict[str, RunScore]]:
    """Every part scored by one network in the same way."""
    predictions: dict[str, Predictions] = {}
    scores: dict[str, RunScore] = {}
    for part, index in planned.parts.arrays().items():
        seen = _sample(index) if part == "train" else index
        predictions[part], scores[part] = _scored(
            result.network, FrameStore(labels.frames.subset(seen), result.view, lighting=result.lighting), seen
        )
    return predictions, scores


def _run(labels: Labels, planned: PlannedRun, result: FitResult, scores: dict[str, RunScore]) -> Run:
    epochs = result.history.epochs
    return Run(
        schema=1,
        identity=_identity(labels, planned),
        name=planned.name,
        created=_now(),
        place=planned.place,
        data=labels.name,
        labels_sha256=labels.sha256,
        settings=json.loads(json.dumps(asdict(planned.settings))),  # as it reads back: no tuples
        seed=planned.settings.seed,
        split=planned.parts.description,
        point_names=labels.frames.point_names,
        learnt_from=len(planned.parts.train),
        train=scores["train"],
        held_out=scores.get("held_out"),
        test=scores.get("test"),
        epochs=tuple(kept(epoch) for epoch in epochs),
        seconds=result.seconds,
        seconds_per_epoch=epochs[-1].seconds / len(epochs),
        stopped=result.stopped,
        parameters=sum(parameter.numel() for parameter in result.network.parameters()),
        machine=machine(planned.settings.accelerator),
        predictions=PREDICTIONS_FILE,
        images=images_in_words(labels.frames),
    )


def _scored(network: nn.Module, store: FrameStore, index: NDArray[np.int64]) -> tuple[Predictions, RunScore]:
    frames = store.frames
    found = predict_animals(network, store, np.arange(len(store)))
    if not np.isfinite(found).all():
        raise DivergedError("the network's predictions contain NaN or infinity")
    ordered = in_order_of_labels(found, frames.points).astype(np.float32)
    missing = np.isnan(ordered).any(axis=-1, keepdims=True)
    shape = (-1, *frames.points.shape[2:])  # each animal of a frame is a row
    truth = np.where(missing, np.nan, frames.points).reshape(shape)
    errors = point_errors(np.where(missing, 0, ordered).reshape(-1, *ordered.shape[2:]), truth)
    stored_error = errors.distance_px.reshape(frames.points.shape[:3])
    return Predictions(index=index, predicted=ordered, error_px=stored_error), score_of(errors, frames.point_names, frames=len(frames))


def _sample(index: NDArray[np.int64]) -> NDArray[np.int64]:
    return index[np.unique(np.linspace(0, len(index) - 1, min(len(index), SAMPLES)).round().astype(np.int64))]


def _identity(labels: Labels, planned: PlannedRun) -> str:
    settings = replace(planned.settings, held_out_batch=HELD_OUT_BATCH)  # which changes nothing that is kept
    return identity_of(labels.sha256, settings.as_plain(), planned.parts.arrays())


def _refuse_group() -> None:
    """Experiments share out whole runs, not the batches of one; two processes of a group would wait for each other's lock for ever."""
    if processes_here().count > 1:
        raise TrainingError(
            "an experiment's run is trained by one process; without torchrun, start `trainer sweep` once for each GPU with its own "
            "CUDA_VISIBLE_DEVICES and one --study"
        )


@contextmanager
def alone(folder: Path, say: Callable[[str], None] = lambda _sentence: None) -> Iterator[None]:
    """One process at a time works in a run's folder; the lock falls with its process, however that ends.

    Raises:
        TrainingError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / LOCK).open("w")
    except OSError as problem:
        raise TrainingError(f"{folder}: cannot be written: {problem.strerror}; {remedy(problem)}") from problem
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"{folder.name} is being trained by another process; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")


def _say(console: Console) -> Callable[[str], None]:
    return lambda text: console.print(text, soft_wrap=True, markup=False, highlight=False)


def _px(score: RunScore) -> str:
    return "no labelled point" if score.mean_px is None else f"{score.mean_px:.2f} px"
