"""Score a bundle on labelled frames through the very engine code that the rig runs. Never imports torch."""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from tracker.bundle import Bundle
from tracker.engines.engine import Engine
from trainer.errors import TrainingError
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.misnamed import how_names_differ
from trainer.scoring.assignment import SPOT, answers_of_labels, present, without_missed
from trainer.scoring.baseline import Baseline, score_baselines, score_baselines_of_sizes
from trainer.scoring.counted import counted
from trainer.scoring.engine_choice import EngineChoice, open_chosen
from trainer.scoring.evaluation import Evaluation
from trainer.scoring.inference_by_shape import InferenceByShape
from trainer.scoring.metrics import point_errors

Clock = Callable[[], int]
# answers (A', K, 3) and labels (A, K, 2) of one frame → the answers (A, K, 3) that belong to the labels
Match = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]


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


def score(
    bundle: Bundle,
    frames: LabelledFrames,
    *,
    engine: Engine,
    train: LabelledFrames | None = None,
    fitted_on: str = "training labels",
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
        fitted_on: what `train` is, in words.
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
    fitted_on = fitted_on if train is not None else "the scored labels themselves, which flatters it"
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


def refuse_other_points(bundle: Bundle, frames: LabelledFrames, *, remedy: str) -> None:
    """Refuse labels of other points than the bundle finds; their order may be another.

    Raises:
        TrainingError: the two name different points; the sentence ends in the remedy, and in how the names differ.
    """
    wanted = bundle.description.point_names
    if set(wanted) != set(frames.point_names) or len(wanted) != len(frames.point_names):
        raise TrainingError(
            f"bundle {bundle.folder} finds {', '.join(wanted)}; the labels hold {', '.join(frames.point_names)}: "
            f"{remedy} ({how_names_differ(frames.point_names, wanted)})"
        )


def match_points(bundle: Bundle, frames: LabelledFrames) -> LabelledFrames:
    """The frames with their key points in the bundle's order.

    Raises:
        TrainingError: the two name different points.
    """
    wanted = bundle.description.point_names
    refuse_other_points(bundle, frames, remedy="score it on labels with the same point names")
    places = [frames.point_names.index(name) for name in wanted]
    return replace(frames, points=frames.points[:, :, places], hidden=frames.hidden[:, :, places], point_names=wanted)


def _answers(
    bundle: Bundle, frames: LabelledFrames, engine: Engine, *, match: Match, console: Console | None, clock: Clock
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """The answers of labelled animals, (n, A, K, 3), how long each frame took, (n,) in ms, and how many animals were answered in all."""
    predicted = np.empty((*frames.points.shape[:3], 3))
    latency = np.empty(len(frames))
    answered = 0
    finders = InferenceByShape(bundle, engine)
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
