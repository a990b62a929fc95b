"""Evaluations made by hand: frames of noise, labels anywhere, and predictions a known distance away."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.labels.images import ImageRef
from trainer.labels.labelled_frames import LabelledFrames
from trainer.scoring.baseline import score_baselines
from trainer.scoring.evaluation import Evaluation
from trainer.scoring.metrics import point_errors

NAMES = ("snout", "tail <base>")  # a name that must be escaped
SIZE = (48, 64)


def noise_frames(folder: Path, count: int, *, seed: int = 0, names: tuple[str, ...] = NAMES) -> LabelledFrames:
    """Images of noise with labels anywhere in them."""
    generator = np.random.default_rng(seed)
    images = []
    for number in range(count):
        path = folder / f"{seed}-{number}.png"
        cv2.imwrite(str(path), generator.integers(0, 255, SIZE, dtype=np.uint8))
        images.append(ImageRef(path=path, frame=None))
    points = generator.uniform([0, 0], [SIZE[1] - 1, SIZE[0] - 1], (count, 1, len(names), 2))
    return LabelledFrames(
        images=tuple(images),
        points=points,
        hidden=np.zeros((count, 1, len(names)), bool),
        tags=(frozenset(),) * count,
        point_names=names,
        skeleton=(),
        group=("a",) * count,
        order=np.arange(count),
        size=SIZE,
    )


def scored_with(labels: LabelledFrames, error_px: NDArray[np.float64], confidence: NDArray[np.float64] | float = 1.0) -> Evaluation:
    """An evaluation whose predictions are `error_px` (n, K) to the right of the labels; NaN labels stay without a prediction's error."""
    located = np.nan_to_num(labels.points, nan=5.0)
    located[..., 0] += error_px[:, None]
    sure = np.broadcast_to(np.asarray(confidence, np.float64), error_px.shape)[:, None, :, None]
    predicted = np.concatenate([located, sure], axis=3)
    return Evaluation(
        frames=labels,
        predicted=predicted,
        errors=point_errors(predicted, labels.points),
        baseline=score_baselines(labels.points, train=labels.points, size=SIZE),
        latency_ms=np.full(len(labels), 0.5),
        runtime="openvino 1",
        device="CPU",
        precision="fp32",
    )


def scored(folder: Path, *, frames: int, error_px: float, seed: int = 0, missing: bool = False) -> Evaluation:
    """Predictions about `error_px` away, the first frame's labels missing on demand."""
    labels = noise_frames(folder, frames, seed=seed)
    if missing:
        labels.points[0] = np.nan
    length = error_px * np.random.default_rng(seed + 1000).uniform(0.9, 1.1, (frames, len(NAMES)))
    return scored_with(labels, length)
