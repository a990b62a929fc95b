"""Score a bundle on labelled frames through the very engine code that the rig runs. Never imports torch."""

import logging
import math
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from tracker.bundle import Bundle
from tracker.config import EngineConfig
from tracker.engines.engine import Engine
from tracker.engines.inference import Inference
from tracker.engines.open_engine import open_engine
from tracker.frame import Image
from trainer.errors import TrainingError
from trainer.labels.images import ImageRef
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.misnamed import how_names_differ
from trainer.scoring.assignment import SPOT, AnimalCounts, answers_of_labels, present, without_missed
from trainer.scoring.baseline import Baseline, score_baselines, score_baselines_of_sizes
from trainer.scoring.evaluation_progress import counted
from trainer.scoring.metrics import WITHIN_PX, PointErrors, Spread, point_errors

logger = logging.getLogger(__name__)

BUDGET_MS = 1000.0  # nobody waits for an answer here
WORST = 12  # a contact sheet of four by three
Clock = Callable[[], int]
# answers (A', K, 3) and labels (A, K, 2) of one frame → the answers (A, K, 3) that belong to the labels
Match = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineChoice:
    """What a bundle is run on."""

    runtime: Literal["openvino", "tensorrt"]
    precision: Literal["fp32", "bf16", "fp16", "int8"]
    threads: int  # CPU only
    gpu: int  # device number, GPU only

    def settings(self, bundle: Bundle) -> EngineConfig:
        """The same as `tracker.yaml` would say it."""
        return EngineConfig(
            bundle=str(bundle.folder),
            runtime=self.runtime,
            precision=self.precision,
            threads=self.threads,
            gpu=self.gpu,
            budget_ms=BUDGET_MS,
            keep_warm_ms=None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """How well one bundle finds the points of one set of frames, and on what it ran.

    Attributes:
        frames: what was scored, key points in the bundle's order.
        predicted: float64 (n, A, K, 3), x and y in source pixels, confidence 0..1; animals in the labels' order.
        errors: prediction against label.
        baseline: error of two naive baselines.
        latency_ms: (n,), from the image in memory to points in source pixels.
        runtime: the engine's name and version.
        device: what it ran on.
        precision: "fp32", "bf16", "fp16" or "int8".
        animals: how many were found; None where labels and bundle know one. Points of those missed have no error.
    """

    frames: LabelledFrames
    predicted: NDArray[np.float64]
    errors: PointErrors
    baseline: Baseline
    latency_ms: NDArray[np.float64]
    runtime: str
    device: str
    precision: str
    animals: AnimalCounts | None = None

    def worst(self, count: int = WORST) -> list[tuple[int, int, int]]:
        """(frame, animal, point) of the largest errors, worst first, at most one for each frame."""
        distance = np.nan_to_num(self.errors.distance_px.reshape(len(self.frames), -1), nan=-1.0)
        place = distance.argmax(axis=1)
        largest = distance.max(axis=1)
        order = np.argsort(-largest, kind="stable")[:count]
        points = len(self.frames.point_names)
        return [(int(frame), *divmod(int(place[frame]), points)) for frame in order if largest[frame] >= 0]

    def of_frames(self, chosen: NDArray[np.int64]) -> "Evaluation":
        """The same for some of the frames, by index; the naive baselines are not measured anew, and animals are not counted."""
        return replace(
            self,
            frames=self.frames.subset(chosen),
            predicted=self.predicted[chosen],
            errors=self.errors.of_frames(chosen),
            latency_ms=self.latency_ms[chosen],
            animals=None,
        )

    def of_points(self, places: Sequence[int]) -> "Evaluation":
        """The same with some of the key points, by their places, in that order; the naive baselines are not measured anew."""
        frames, errors, chosen = self.frames, self.errors, list(places)
        return replace(
            self,
            frames=replace(
                frames,
                points=frames.points[:, :, chosen],
                hidden=frames.hidden[:, :, chosen],
                point_names=tuple(frames.point_names[place] for place in chosen),
            ),
            predicted=self.predicted[:, :, chosen],
            errors=PointErrors(
                offset_px=errors.offset_px[..., chosen, :],
                true_px=errors.true_px[..., chosen, :],
                distance_px=errors.distance_px[..., chosen],
            ),
        )

    def as_json(self, thresholds_px: Sequence[float] = WITHIN_PX) -> dict[str, Any]:
        """Everything that a program would read; a figure that does not exist is null."""
        errors = self.errors
        p50, p99 = np.percentile(self.latency_ms, [50, 99])
        return {
            **_spread(errors.spread),
            "per_point": {name: _spread(spread) for name, spread in zip(self.frames.point_names, errors.per_point, strict=True)},
            "within_px": {f"{limit:g}": _finite(errors.within(limit)) for limit in thresholds_px},
            "frames": len(self.frames),
            "points": errors.found,
            "missing": errors.missing,
            "baseline": {
                "mean_position_px": _finite(self.baseline.mean_position_px),
                "image_centre_px": _finite(self.baseline.image_centre_px),
                "fitted_on": self.baseline.fitted_on,
            },
            "rmse_px": _finite(errors.rmse_px),
            "rms_distance_px": _finite(errors.rms_distance_px),
            "log_mse": _finite(errors.log_mse),
            "r2": _finite(errors.r2),
            "latency_ms": {"p50": float(p50), "p99": float(p99)},
            "runtime": self.runtime,
            "device": self.device,
            "precision": self.precision,
            **({"animals": {**asdict(self.animals), "missed": self.animals.missed}} if self.animals else {}),
            "worst": [self._worst_entry(*place) for place in self.worst()],
        }

    def _worst_entry(self, frame: int, animal: int, point: int) -> dict[str, Any]:
        return {
            "image": image_name(self.frames.images[frame]),
            "animal": animal,
            "point": self.frames.point_names[point],
            "error_px": float(self.errors.distance_px[frame, animal, point]),
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
    with closing(open_chosen(bundle, engine, console=console)) as opened:
        return score(bundle, frames, engine=opened, train=train, console=console)


def open_chosen(bundle: Bundle, choice: EngineChoice, *, console: Console | None) -> Engine:
    """Open a bundle as the rig does, say on the console (or log) what takes long; the caller closes it.

    Raises:
        RigtrackError: the runtime is absent, has no device or gives wrong answers.
    """
    # an engine for the CPU is made in a blink; only a GPU's takes minutes and is worth words
    say = logger.info if console is None or choice.runtime == "openvino" else console.print
    return open_engine(bundle, choice.settings(bundle), say=say)


def score(
    bundle: Bundle,
    frames: LabelledFrames,
    *,
    engine: Engine,
    train: LabelledFrames | None = None,
    match: Match | None = None,
    console: Console | None = None,
    clock: Clock = time.monotonic_ns,
) -> Evaluation:
    """Score frames on an engine that is open.

    Args:
        bundle: what the engine was opened from.
        frames: labels; their key points may be in another order than the bundle's.
        engine: open; left open.
        train: as `evaluate`.
        match: says which answer belongs to which labelled animal, NaN for those without; None: the first to the first, or
            with several the nearest.
        console: where the progress bar is drawn, None for nowhere.
        clock: nanoseconds.

    Raises:
        TrainingError: labels and bundle name different points or numbers of animals, nothing is labelled, or an answer is
            not a number.
    """
    frames = match_points(bundle, frames)
    if np.isnan(frames.points).any(axis=-1).all():
        raise TrainingError(f"none of the {len(frames)} frames has a labelled point; there is nothing to score: give labelled frames")
    known = match_points(bundle, train) if train is not None else frames
    several = max(frames.animals, bundle.description.output.shape[1]) > 1
    nearest = partial(answers_of_labels, spot_px=SPOT * min(side for size in frames.own_sizes for side in size))
    match = match or (nearest if several else _in_order)
    predicted, latency, answered = _answers(bundle, frames, engine, match=match, console=console, clock=clock)
    truth, counts = without_missed(predicted, frames.points, answered) if several else (frames.points, None)
    fitted_on = "training labels" if train is not None else "the scored labels themselves, which flatters it"
    return Evaluation(
        frames=frames,
        predicted=predicted,
        errors=point_errors(np.nan_to_num(predicted) if several else predicted, truth),
        baseline=_baseline(frames, known, fitted_on=fitted_on),
        latency_ms=latency,
        runtime=engine.runtime,
        device=engine.device,
        precision=engine.precision,
        animals=counts,
    )


def _baseline(frames: LabelledFrames, known: LabelledFrames, *, fitted_on: str) -> Baseline:
    if not frames.sizes and not known.sizes:
        return score_baselines(frames.points, train=known.points, size=frames.size, fitted_on=fitted_on)
    sizes = {"sizes": frames.own_sizes, "train_sizes": known.own_sizes}
    return score_baselines_of_sizes(frames.points, train=known.points, fitted_on=fitted_on, **sizes)


class Finders:
    """One engine for images of several shapes: a set of labels may mix grey and colour files."""

    def __init__(self, bundle: Bundle, engine: Engine) -> None:
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
            f"score it on labels with the same point names ({how_names_differ(frames.point_names, wanted)})"
        )
    places = [frames.point_names.index(name) for name in wanted]
    return replace(frames, points=frames.points[:, :, places], hidden=frames.hidden[:, :, places], point_names=wanted)


def image_name(image: ImageRef) -> str:
    """How an image is named to people and programs: its path, and after # its frame number in a video."""
    return str(image.path) if image.frame is None else f"{image.path}#{image.frame}"


def _answers(
    bundle: Bundle, frames: LabelledFrames, engine: Engine, *, match: Match, console: Console | None, clock: Clock
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """The answers of labelled animals, (n, A, K, 3), how long each frame took, (n,) in ms, and how many animals were answered in all."""
    predicted = np.empty((*frames.points.shape[:3], 3))
    latency = np.empty(len(frames))
    answered = 0
    finders = Finders(bundle, engine)
    for index in counted(len(frames), console):
        image = frames.read(index)
        finder = finders.of(image)
        started = clock()
        answer = finder.points(image)
        latency[index] = (clock() - started) / 1e6
        answered += int(present(answer).sum())
        predicted[index] = match(np.asarray(answer, np.float64), frames.points[index])
    return predicted, latency, answered


def _in_order(answers: NDArray[np.float64], labelled: NDArray[np.float64]) -> NDArray[np.float64]:
    if len(answers) != len(labelled):
        raise TrainingError(f"the labels hold up to {len(labelled)} animals in a frame; the bundle finds {len(answers)}")
    return np.nan_to_num(answers)  # an absent point counts as one at the origin: as wrong as it can be


def _spread(spread: Spread) -> dict[str, float | None]:
    return {"mean_px": _finite(spread.mean_px), "median_px": _finite(spread.median_px), "p95_px": _finite(spread.p95_px)}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
