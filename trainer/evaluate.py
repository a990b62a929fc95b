"""Score a bundle on labelled frames through the very engine code that the rig runs. Never imports torch."""

import logging
import math
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from tracker.bundle import Bundle
from tracker.engines.engine import Engine
from tracker.engines.open_engine import open_engine
from tracker.frame import Image
from tracker.inference import Inference
from trainer.baseline import Baseline, score_baselines
from trainer.errors import TrainingError
from trainer.labels.images import ImageRef
from trainer.labels.labelled_frames import LabelledFrames
from trainer.metrics import WITHIN_PX, PointErrors, Spread, point_errors

logger = logging.getLogger(__name__)

WORST = 12  # a contact sheet of four by three
Clock = Callable[[], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineChoice:
    """What a bundle is run on."""

    runtime: Literal["openvino", "tensorrt"]
    precision: Literal["fp32", "bf16", "fp16", "int8"]
    threads: int  # CPU only
    gpu: int  # device number, GPU only


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """How well one bundle finds the points of one set of frames, and on what it ran.

    Attributes:
        frames: what was scored, key points in the bundle's order.
        predicted: float64 (n, K, 3), x and y in source pixels, confidence 0..1.
        errors: prediction against label.
        baseline: what two blind predictors would have cost.
        latency_ms: (n,), from the image in memory to points in source pixels.
        runtime: the engine's name and version.
        device: what it ran on.
        precision: "fp32", "bf16", "fp16" or "int8".
    """

    frames: LabelledFrames
    predicted: NDArray[np.float64]
    errors: PointErrors
    baseline: Baseline
    latency_ms: NDArray[np.float64]
    runtime: str
    device: str
    precision: str

    def worst(self, count: int = WORST) -> list[tuple[int, int]]:
        """(frame, point) of the largest errors, worst first, at most one for each frame."""
        distance = np.where(np.isnan(self.errors.distance_px), -1.0, self.errors.distance_px)
        point = distance.argmax(axis=1)
        largest = distance.max(axis=1)
        order = np.argsort(-largest, kind="stable")[:count]
        return [(int(frame), int(point[frame])) for frame in order if largest[frame] >= 0]

    def as_json(self) -> dict[str, Any]:
        """Everything that a program would read; a figure that does not exist is null."""
        errors = self.errors
        p50, p99 = np.percentile(self.latency_ms, [50, 99])
        return {
            **_spread(errors.spread),
            "per_point": {name: _spread(spread) for name, spread in zip(self.frames.point_names, errors.per_point, strict=True)},
            "within_px": {str(limit): _finite(errors.within(limit)) for limit in WITHIN_PX},
            "frames": len(self.frames),
            "points": int(errors.distance_px.size) - errors.missing,
            "missing": errors.missing,
            "baseline": {
                "mean_position_px": _finite(self.baseline.mean_position_px),
                "image_centre_px": _finite(self.baseline.image_centre_px),
            },
            "rmse_px": _finite(errors.rmse_px),
            "rms_distance_px": _finite(errors.rms_distance_px),
            "log_mse": _finite(errors.log_mse),
            "r2": _finite(errors.r2),
            "latency_ms": {"p50": float(p50), "p99": float(p99)},
            "runtime": self.runtime,
            "device": self.device,
            "precision": self.precision,
            "worst": [self._worst_entry(frame, point) for frame, point in self.worst()],
        }

    def _worst_entry(self, frame: int, point: int) -> dict[str, Any]:
        return {
            "image": image_name(self.frames.images[frame]),
            "point": self.frames.point_names[point],
            "error_px": float(self.errors.distance_px[frame, point]),
        }


def evaluate(
    bundle: Bundle,
    frames: LabelledFrames,
    *,
    engine: EngineChoice,
    train: LabelledFrames | None = None,
    console: Console | None = None,
) -> Evaluation:
    """Open the bundle as the rig does and score it.

    Args:
        bundle: what to score.
        frames: labels; their key points may be in another order than the bundle's.
        engine: runtime, precision and device.
        train: where the mean-position baseline is fitted; without it on `frames` themselves, which flatters the baseline.
        console: where the progress bar is drawn, None for nowhere.

    Raises:
        TrainingError: labels and bundle name different points, nothing is labelled, or an answer is not a number.
        RigtrackError: the engine cannot be opened or an image cannot be read.
    """
    ordered = match_points(bundle, frames)
    if np.isnan(ordered.points).any(axis=-1).all():
        raise TrainingError(f"none of the {len(ordered)} frames has a labelled point; there is nothing to score: give labelled frames")
    known = match_points(bundle, train) if train is not None else ordered
    with closing(open_chosen(bundle, engine, console=console)) as opened:
        return score(bundle, ordered, engine=opened, baseline_labels=known.points[:, 0], console=console)


def open_chosen(bundle: Bundle, choice: EngineChoice, *, console: Console | None) -> Engine:
    """Open a bundle as the rig does, say on the console (or log) what takes long; the caller closes it.

    Raises:
        RigtrackError: the runtime is absent, has no device or gives wrong answers.
    """
    # an engine for the CPU is made in a blink; only a GPU's takes minutes and is worth words
    say = logger.info if console is None or choice.runtime == "openvino" else console.print
    return open_engine(bundle, runtime=choice.runtime, precision=choice.precision, threads=choice.threads, gpu=choice.gpu, say=say)


def score(
    bundle: Bundle,
    frames: LabelledFrames,
    *,
    engine: Engine,
    baseline_labels: NDArray[np.float64],
    console: Console | None = None,
    clock: Clock = time.monotonic_ns,
) -> Evaluation:
    """Score frames whose points are in the bundle's order on an engine that is open.

    Args:
        bundle: what the engine was opened from.
        frames: labels.
        engine: open; left open.
        baseline_labels: (m, K, 2), where the mean-position baseline is fitted.
        console: where the progress bar is drawn, None for nowhere.
        clock: nanoseconds.

    Raises:
        TrainingError: the bundle finds several animals, or an answer is not a number.
    """
    predicted = np.empty((len(frames), len(frames.point_names), 3))
    latency = np.empty(len(frames))
    finders = Finders(bundle, engine)
    for index in _progress(len(frames), console):
        image = frames.read(index)
        finder = finders.of(image)
        started = clock()
        predicted[index] = finder.points(image)[0]
        latency[index] = (clock() - started) / 1e6
    return Evaluation(
        frames=frames,
        predicted=predicted,
        errors=point_errors(predicted, frames.points[:, 0]),
        baseline=score_baselines(frames.points[:, 0], train=baseline_labels, size=frames.size),
        latency_ms=latency,
        runtime=engine.runtime,
        device=engine.device,
        precision=engine.precision,
    )


class Finders:
    """One engine for images of several shapes: a set of labels may mix grey and colour files."""

    def __init__(self, bundle: Bundle, engine: Engine) -> None:
        """Refuse a bundle that finds several animals, since labels know one."""
        animals = bundle.description.output.shape[1]
        if bundle.description.task == "keypoints" and animals != 1:
            raise TrainingError(f"{bundle.folder}: finds {animals} animals; expected 1, as in the labels: train a bundle for one animal")
        self._bundle = bundle
        self._engine = engine
        self._by_shape: dict[tuple[int, ...], Inference] = {}

    def of(self, image: Image) -> Inference:
        """The finder for images of this one's shape."""
        if image.shape not in self._by_shape:
            self._by_shape[image.shape] = Inference(self._bundle, self._engine, source_shape=image.shape)
        return self._by_shape[image.shape]


def match_points(bundle: Bundle, frames: LabelledFrames) -> LabelledFrames:
    """The frames with their key points in the bundle's order.

    Raises:
        TrainingError: the two name different points.
    """
    wanted = bundle.description.point_names
    if set(wanted) != set(frames.point_names) or len(wanted) != len(frames.point_names):
        raise TrainingError(
            f"bundle {bundle.folder} finds {', '.join(wanted)}; the labels hold {', '.join(frames.point_names)}: "
            "score it on labels with the same point names"
        )
    places = [frames.point_names.index(name) for name in wanted]
    return replace(frames, points=frames.points[:, :, places], hidden=frames.hidden[:, :, places], point_names=wanted)


def image_name(image: ImageRef) -> str:
    """How an image is named to people and programs: its path, and after # its frame number in a video."""
    return str(image.path) if image.frame is None else f"{image.path}#{image.frame}"


def _progress(count: int, console: Console | None) -> Iterable[int]:
    return range(count) if console is None else track(range(count), description="scoring", console=console)


def _spread(spread: Spread) -> dict[str, float | None]:
    return {"mean_px": _finite(spread.mean_px), "median_px": _finite(spread.median_px), "p95_px": _finite(spread.p95_px)}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
