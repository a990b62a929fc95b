"""One finished run of an experiment on disk: run.json says everything in words and figures, predictions.npz what was found where.

run.json is written last: a folder without it holds a run that was never finished. Reports are made from these two files alone.
"""

import hashlib
import io
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from zipfile import BadZipFile

import msgspec
import numpy as np
from numpy.typing import NDArray

from trainer.errors import TrainingError
from trainer.scoring.metrics import PointErrors
from trainer.training.history import Epoch
from trainer.whole_files import replace_files

RUNS = "runs"  # folder in an experiment, with a folder for each run
RUN_FILE = "run.json"
PREDICTIONS_FILE = "predictions.npz"
_DAMAGED = (OSError, ValueError, KeyError, EOFError, BadZipFile)


class RunScore(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Euclidean distances from the labels, every labelled point once, in source pixels; None where nothing is labelled."""

    mean_px: float | None
    median_px: float | None
    p95_px: float | None
    rms_px: float | None
    frames: int
    points: int
    per_point: dict[str, float | None]  # means


class RunEpoch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an experiment keeps of an epoch; seconds count from the beginning of the run."""

    epoch: int
    loss: float
    held_out_px: float | None
    learning_rate: float
    seconds: float


class Run(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole of run.json.

    Attributes:
        identity: of labels, settings and frames: two runs that share it are the same run.
        place: where the run stands in its experiment: {"fold": "block 1 of 5", "repeat": 0}.
        data: name of the labels.
        settings: all of FitSettings.
        split: how the frames were divided, in words.
        learnt_from: number of training frames, which can be more than `train` scores.
        train, held_out, test: scored by one network in one mode and one reduction; None where there are no such frames.
        epochs: held-out error and loss of each.
        stopped: by what.
        predictions: file beside this one.
        images: how large the labelled ones are, in words; empty in runs of earlier versions.
    """

    schema: Literal[1]
    identity: str
    name: str
    created: str
    place: dict[str, str | int | float]
    data: str
    labels_sha256: str
    settings: dict[str, Any]
    seed: int
    split: str
    point_names: tuple[str, ...]
    learnt_from: int
    train: RunScore
    held_out: RunScore | None
    test: RunScore | None
    epochs: tuple[RunEpoch, ...]
    seconds: float
    seconds_per_epoch: float
    stopped: str
    parameters: int
    machine: dict[str, str]
    predictions: str
    images: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictions:
    """What a network found on one part of the frames.

    Attributes:
        index: int64 (n,), into the labels.
        predicted: float32 (n, A, K, 3), x and y in source pixels and confidence, each animal in the row of its label; NaN
            where the animal is not labelled.
        error_px: float64 (n, A, K), NaN where a point is not labelled.
    """

    index: NDArray[np.int64]
    predicted: NDArray[np.float32]
    error_px: NDArray[np.float64]


def score_of(errors: PointErrors, point_names: tuple[str, ...], *, frames: int) -> RunScore:
    """The figures of one part; the errors have a row for each animal of each frame."""
    spread = errors.spread
    return RunScore(
        mean_px=_finite(spread.mean_px),
        median_px=_finite(spread.median_px),
        p95_px=_finite(spread.p95_px),
        rms_px=_finite(errors.rms_distance_px),
        frames=frames,
        points=int(errors.distance_px.size) - errors.missing,
        per_point={name: _finite(point.mean_px) for name, point in zip(point_names, errors.per_point, strict=True)},
    )


def kept(epoch: Epoch) -> RunEpoch:
    """What is kept of an epoch of a history."""
    return RunEpoch(
        epoch=epoch.epoch, loss=epoch.loss, held_out_px=epoch.held_out_px, learning_rate=epoch.learning_rate, seconds=epoch.seconds
    )


def write_run(folder: Path, run: Run, predictions: Mapping[str, Predictions]) -> None:
    """Write both files; run.json comes last, so that its presence means finished.

    Raises:
        TrainingError: the disk takes no more.
    """
    arrays = {f"{part}_{name}": getattr(found, name) for part, found in predictions.items() for name in ("index", "predicted", "error_px")}
    packed = io.BytesIO()
    np.savez_compressed(packed, **arrays)
    replace_files(folder, {PREDICTIONS_FILE: packed.getvalue()}, what="the predictions")
    replace_files(folder, {RUN_FILE: msgspec.json.format(msgspec.json.encode(run), indent=1)}, what="the run")


def read_run(folder: Path) -> Run | None:
    """The finished run in a folder; None where there is none.

    Raises:
        TrainingError: run.json is damaged.
    """
    path = folder / RUN_FILE
    try:
        return run_from_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise TrainingError(f"{path}: cannot be read ({problem}); delete its folder, and the run is made again") from problem


def run_from_json(text: bytes | str) -> Run:
    """A run as `write_run` stores it.

    Raises:
        msgspec.DecodeError: it is not a run.
    """
    return msgspec.json.decode(text, type=Run)


def read_predictions(folder: Path, part: Literal["train", "held_out", "test"]) -> Predictions:
    """What the run in a folder found on one part of its frames.

    Raises:
        TrainingError: the file is missing or damaged.
    """
    path = folder / PREDICTIONS_FILE
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as stored:  # of a damaged file numpy forgets to close it
            return Predictions(index=stored[f"{part}_index"], predicted=stored[f"{part}_predicted"], error_px=stored[f"{part}_error_px"])
    except _DAMAGED as problem:
        raise TrainingError(f"{path}: cannot be read ({problem}); delete its folder, and the run is made again") from problem


def identity_of(labels_sha256: str, settings: Mapping[str, Any], parts: Mapping[str, NDArray[np.int64]]) -> str:
    """SHA-256 of what a run depends on; where it is computed does not count."""
    lasting = {name: value for name, value in settings.items() if name not in ("workers", "accelerator")}
    digests = {name: hashlib.sha256(index.astype("<i8").tobytes()).hexdigest() for name, index in sorted(parts.items())}
    whole = json.dumps([labels_sha256, lasting, digests], sort_keys=True, default=str)
    return hashlib.sha256(whole.encode()).hexdigest()


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
