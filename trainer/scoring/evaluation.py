"""How well one bundle finds the points of one set of frames: errors, baseline, latency, and the same for programs."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.labels.images import ImageRef
from trainer.labels.labelled_frames import LabelledFrames
from trainer.scoring.assignment import AnimalCounts
from trainer.scoring.baseline import Baseline
from trainer.scoring.metrics import WITHIN_PX, PointErrors, Spread

WORST = 12  # a contact sheet of four by three


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


def image_name(image: ImageRef) -> str:
    """How an image is named to people and programs: its path, and after # its frame number in a video."""
    return str(image.path) if image.frame is None else f"{image.path}#{image.frame}"


def _spread(spread: Spread) -> dict[str, float | None]:
    return {"mean_px": _finite(spread.mean_px), "median_px": _finite(spread.median_px), "p95_px": _finite(spread.p95_px)}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
