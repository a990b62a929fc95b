"""Cross-validation: train on all folds but one, score on that one, for every fold and every seed; mean and spread."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.experiments.folds import Fold
from trainer.experiments.run import RUNS, Run, read_predictions
from trainer.experiments.run_plan import PlannedRun, seeded, without_test
from trainer.experiments.spread import SpreadOfRuns, spread
from trainer.training.fit_settings import FitSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossValidation:
    """What the runs of a cross-validation come to, in source pixels.

    Attributes:
        folds: the names of the folds, in order.
        held_out: mean over folds and repeats of the held-out error; its spread is over folds, each the mean of its repeats.
        train: the same of the training error.
        repeats: mean and spread over repeats, each the mean of its folds.
        per_fold: held-out error of each fold; the spread is over repeats.
        per_point: of each key point, over folds.
        median_px, p95_px: over all labelled points of all folds, each frame scored by the networks that never saw it.
        error_px: float64 (n · A, K), those errors, a row for each animal of each frame; the mean over repeats.
        index: int64 (n,), the frames among the labels.
    """

    folds: tuple[str, ...]
    held_out: SpreadOfRuns
    train: SpreadOfRuns
    repeats: SpreadOfRuns
    per_fold: tuple[SpreadOfRuns, ...]
    per_point: dict[str, SpreadOfRuns]
    median_px: float
    p95_px: float
    error_px: NDArray[np.float64]
    index: NDArray[np.int64]

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "held_out_px": self.held_out.as_json(),
            "train_px": self.train.as_json(),
            "over_repeats_px": self.repeats.as_json(),
            "median_px": self.median_px,
            "p95_px": self.p95_px,
            "per_fold_px": {name: found.as_json() for name, found in zip(self.folds, self.per_fold, strict=True)},
            "per_point_px": {name: found.as_json() for name, found in self.per_point.items()},
        }


def plan_crossval(folds: Sequence[Fold], settings: FitSettings, *, repeats: int) -> list[PlannedRun]:
    """Every fold with every seed; all folds of one seed before the next, so that a part of the work is already an answer."""
    return [
        PlannedRun(
            name=f"{fold.name}-seed{settings.seed + repeat}",
            place={"fold": fold.name, "repeat": repeat},
            parts=without_test(fold.split),
            settings=seeded(settings, repeat),
        )
        for repeat in range(repeats)
        for fold in folds
    ]


def summarise(runs: Sequence[Run], out: Path) -> CrossValidation:
    """Figures over all runs.

    Raises:
        TrainingError: a run's predictions cannot be read.
    """
    folds = tuple(dict.fromkeys(str(run.place["fold"]) for run in runs))
    repeats = tuple(dict.fromkeys(run.place["repeat"] for run in runs))
    by_fold = [[_held_out(run) for run in runs if run.place["fold"] == fold] for fold in folds]
    by_repeat = [float(np.nanmean([_held_out(run) for run in runs if run.place["repeat"] == repeat])) for repeat in repeats]
    train = [float(np.mean([run.train.mean_px or math.nan for run in runs if run.place["fold"] == fold])) for fold in folds]
    index, error = _pooled(runs, out)
    known = error[~np.isnan(error)]
    return CrossValidation(
        folds=folds,
        held_out=spread([float(np.mean(errors)) for errors in by_fold]),
        train=spread(train),
        repeats=spread(by_repeat),
        per_fold=tuple(spread(errors) for errors in by_fold),
        per_point={name: spread(_of_point(runs, folds, name)) for name in runs[0].point_names},
        median_px=float(np.median(known)),
        p95_px=float(np.percentile(known, 95)),
        error_px=error,
        index=index,
    )


def _of_point(runs: Sequence[Run], folds: Sequence[str], name: str) -> list[float]:
    found = []
    for fold in folds:
        values = [run.held_out.per_point[name] for run in runs if run.place["fold"] == fold and run.held_out is not None]
        known = [value for value in values if value is not None]
        found.append(float(np.mean(known)) if known else math.nan)
    return found


def _pooled(runs: Sequence[Run], out: Path) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Frames in the order of the labels, and their errors (n · A, K), averaged over repeats."""
    stored = [read_predictions(out / RUNS / run.name, "held_out") for run in runs if run.held_out is not None]
    index = np.concatenate([found.index for found in stored])
    error = np.concatenate([found.error_px for found in stored])
    frames, place, times = np.unique(index, return_inverse=True, return_counts=True)
    total = np.zeros((len(frames), *error.shape[1:]))
    np.add.at(total, place, error)
    return frames, (total / times[:, None, None]).reshape(-1, error.shape[2])


def _held_out(run: Run) -> float:
    return run.held_out.mean_px if run.held_out is not None and run.held_out.mean_px is not None else math.nan
