"""Error against the number of labelled frames: nested random subsets of the training frames, the same held-out frames throughout."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.errors import TrainingError
from trainer.experiments.power_law import FEWEST_SIZES, PowerLaw, bootstrap, fit_power_law
from trainer.experiments.run import Run
from trainer.experiments.run_plan import FramesOfRun, PlannedRun, seeded
from trainer.experiments.spread import SpreadOfRuns, spread
from trainer.scoring.curve_sizes import halves_of
from trainer.scoring.loss_curves import still_falling
from trainer.training.fit_settings import FitSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningCurve:
    """Error against frames of one head.

    Attributes:
        head: its name.
        sizes: (s,) frames learnt from, ascending.
        held_out, train: of each size, over repeats.
        law: None where there are too few sizes for one.
        draws: laws of resampled repeats; empty where there is one repeat.
        falling: share by which the runs with the most frames still lowered their error when they ended.
    """

    head: str
    sizes: tuple[int, ...]
    held_out: tuple[SpreadOfRuns, ...]
    train: tuple[SpreadOfRuns, ...]
    law: PowerLaw | None
    draws: tuple[PowerLaw, ...]
    falling: float

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        law = {"a": self.law.a, "b": self.law.b, "c": self.law.c} if self.law else None
        return {
            "head": self.head,
            "sizes": list(self.sizes),
            "held_out_px": [found.as_json() for found in self.held_out],
            "train_px": [found.as_json() for found in self.train],
            "law": law,
        }


def sizes_of(count: int, *, sizes: Sequence[int], fractions: Sequence[float]) -> list[int]:
    """The numbers of frames to learn from, ascending; by default, all of them and halves down to a handful.

    Raises:
        TrainingError: a number or fraction out of bounds.
    """
    if bad := [size for size in sizes if not 1 <= size <= count]:
        raise TrainingError(f"--sizes asks for {bad[0]} frames; there are 1 to {count} to learn from")
    if wrong := [fraction for fraction in fractions if not 0 < fraction <= 1]:
        raise TrainingError(f"--fractions asks for {wrong[0]:g}; expected more than 0 and at most 1")
    asked = [*sizes, *(max(1, round(fraction * count)) for fraction in fractions)]
    return sorted(set(asked)) if asked else halves_of(count)


def plan_curve(parts: FramesOfRun, heads: Sequence[str], settings: FitSettings, *, sizes: Sequence[int], repeats: int) -> list[PlannedRun]:
    """Every size of every repeat and head, the smallest first; a repeat draws its own order of frames and its own seed.

    Raises:
        TrainingError: nothing is held out, which leaves no error to draw.
    """
    if not len(parts.held_out):
        raise TrainingError("no frame is held out, so there is no error to draw against the number of frames; label more frames")
    planned = []
    for repeat in range(repeats):
        order = np.random.default_rng((settings.seed, repeat)).permutation(parts.train)
        for size in sizes:
            some = replace(
                parts, train=np.sort(order[:size]), description=f"{size} of {len(parts.train)} training frames; {parts.description}"
            )
            for head in heads:
                its = replace(seeded(settings, repeat), head=head)
                place: dict[str, str | int | float] = {"head": head, "size": size, "repeat": repeat}
                planned.append(PlannedRun(name=f"{head}-frames{size}-seed{its.seed}", place=place, parts=some, settings=its))
    return planned


def summarise(runs: Sequence[Run]) -> list[LearningCurve]:
    """A curve for each head, of those runs that are finished."""
    heads = dict.fromkeys(str(run.place["head"]) for run in runs)
    return [_curve(head, [run for run in runs if run.place["head"] == head]) for head in heads]


def _curve(head: str, runs: Sequence[Run]) -> LearningCurve:
    sizes = sorted({int(run.place["size"]) for run in runs})
    of_size = [[run for run in runs if run.place["size"] == size] for size in sizes]
    repeats = [
        _points([run for run in runs if run.place["repeat"] == repeat]) for repeat in sorted({int(run.place["repeat"]) for run in runs})
    ]
    frames, errors = (np.concatenate([repeat[part] for repeat in repeats]) for part in (0, 1))
    enough = len(set(frames.tolist())) >= FEWEST_SIZES
    return LearningCurve(
        head=head,
        sizes=tuple(sizes),
        held_out=tuple(spread([error_of(run) for run in its]) for its in of_size),
        train=tuple(spread([run.train.mean_px or math.nan for run in its]) for its in of_size),
        law=fit_power_law(frames, errors) if enough else None,
        falling=float(np.mean([_falling(run) for run in of_size[-1]])),
        draws=tuple(bootstrap([repeat for repeat in repeats if len(set(repeat[0].tolist())) >= FEWEST_SIZES])) if enough else (),
    )


def error_of(run: Run) -> float:
    """Held-out error; not a number where no held-out point is labelled."""
    return run.held_out.mean_px if run.held_out is not None and run.held_out.mean_px is not None else math.nan


def _falling(run: Run) -> float:
    return still_falling([epoch.held_out_px for epoch in run.epochs]) or 0.0


def _points(runs: Sequence[Run]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    known = [(float(run.place["size"]), error_of(run)) for run in runs if error_of(run) > 0]
    both = np.array(known, np.float64).reshape(-1, 2)
    return both[:, 0], both[:, 1]
