"""Figures of the rectangle experiments, computed from stored runs alone: one reduction for every part of every set."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studies.rectangles.peaks import THRESHOLD, count_centres, peaks_shown
from studies.rectangles.plan import PEAK_SETS, Wanted, wanted
from studies.rectangles.scale import DOMAINS, HOME, LABELLED_TWICE
from studies.rectangles.sets import BOTH_LABELLED, TEXTURED, domain
from studies.rectangles.stored import Part, Stored
from trainer.experiments.run import read_predictions
from trainer.experiments.spread import SpreadOfRuns, spread
from trainer.scoring.baseline import Baseline, score_baselines
from trainer.scoring.metrics import PointErrors, point_errors

PARTS: tuple[Part, ...] = ("train", "held_out", "test")
NEARLY = 1.1  # times the lowest held-out error of all epochs: from there on a network counts as converged


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadFigures:
    """One head on its own domain.

    Attributes:
        head: its name.
        errors: of each part.
        within: share of each part's images with the centre found near enough.
        baseline: what answers that never look at the image cost on the test part.
        converged: epoch, from 1, from which the held-out error is within a tenth of the lowest.
        epochs: that were run.
    """

    head: str
    errors: dict[Part, PointErrors]
    within: dict[Part, float]
    baseline: Baseline
    converged: int
    epochs: int


def head_figures(stored: Stored) -> list[HeadFigures]:
    """Both heads on the domain that they are compared on."""
    made = []
    for one in wanted(stored.scale, "heads"):
        its_set, run = stored.sets.get(one.data), stored.runs[one.name]
        points = its_set.labels.frames.points
        errors = {part: stored.errors_of_part(one, part) for part in PARTS}
        made.append(
            HeadFigures(
                head=one.head,
                errors=errors,
                within={part: each.within(stored.reach_px) for part, each in errors.items()},
                baseline=score_baselines(points[its_set.parts.test], train=points[its_set.parts.train], size=its_set.labels.frames.size),
                converged=converged_at([epoch.held_out_px for epoch in run.epochs]),
                epochs=len(run.epochs),
            )
        )
    return made


def converged_at(held_out_px: Sequence[float | None]) -> int:
    """The first epoch, from 1, after which the held-out error stays within a tenth of its lowest."""
    found = np.array([math.inf if error is None else error for error in held_out_px])
    above = np.flatnonzero(found > NEARLY * found.min())
    return int(above[-1]) + 2 if above.size and above[-1] + 1 < len(found) else (1 if not above.size else len(found))


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """Networks of one head, each trained on one domain and tested on all: (5, 5) arrays, rows trained, columns tested."""

    head: str
    mean_px: NDArray[np.float64]
    median_px: NDArray[np.float64]
    log_mse: NDArray[np.float64]

    @property
    def lowest_at_home(self) -> int:
        """How many of the networks have their lowest mean error on the domain they were trained on."""
        return int((self.mean_px.argmin(axis=1) == np.arange(len(self.mean_px))).sum())

    @property
    def best_on_own(self) -> int:
        """On how many domains the network trained there is better than those trained elsewhere."""
        return int((self.mean_px.argmin(axis=0) == np.arange(len(self.mean_px))).sum())


def crossings(stored: Stored) -> list[Crossing]:
    """The cross-domain tables of both heads."""
    made = []
    for head in stored.scale.heads:
        networks = [one for one in wanted(stored.scale, "domains") if one.head == head]
        each = [[stored.errors(one, domain(tested)) for tested in DOMAINS] for one in networks]
        made.append(
            Crossing(
                head=head,
                mean_px=np.array([[errors.spread.mean_px for errors in row] for row in each]),
                median_px=np.array([[errors.spread.median_px for errors in row] for row in each]),
                log_mse=np.array([[errors.log_mse for errors in row] for row in each]),
            )
        )
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeFigures:
    """One head that learnt from so many images; mean distances, px."""

    head: str
    images: int
    train_px: float
    held_out_px: float
    test_px: float
    test_median_px: float


def size_figures(stored: Stored) -> list[SizeFigures]:
    """The learning curve: by head, then by size."""
    networks = sorted(wanted(stored.scale, "curve"), key=lambda one: (stored.scale.heads.index(one.head), one.images))
    made = []
    for one in networks:
        errors = {part: stored.errors_of_part(one, part).spread for part in PARTS}
        px = {f"{part}_px": errors[part].mean_px for part in PARTS}
        made.append(SizeFigures(head=one.head, images=one.images, test_median_px=errors["test"].median_px, **px))
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class PeakFigures:
    """Networks of one training set with several seeds, tested on one domain; every figure has one value a seed.

    Attributes:
        trained: name of the set.
        tested: number of the domain.
        found: share of the centres present that were found.
        false: peaks that are of no rectangle, an image.
        shown: peaks an image.
        one: share of images with exactly one peak.
        most: largest number of peaks in an image.
    """

    trained: str
    tested: int
    found: tuple[float, ...]
    false: tuple[float, ...]
    shown: tuple[float, ...]
    one: tuple[float, ...]
    most: tuple[int, ...]


def peak_figures(stored: Stored, *, threshold: float = THRESHOLD) -> list[PeakFigures]:
    """Centres found of those present, for each training set and domain."""
    networks = wanted(stored.scale, "peaks")
    return [
        _peaks_on(stored, [one for one in networks if one.data == trained], tested, threshold=threshold)
        for trained in PEAK_SETS
        for tested in DOMAINS
    ]


def _peaks_on(stored: Stored, networks: Sequence[Wanted], tested: int, *, threshold: float) -> PeakFigures:
    its_set = stored.sets.get(domain(tested))
    answers = [stored.answers(one, domain(tested)) for one in networks]
    counts = [count_centres(found.peaks, its_set.centres[found.index], within_px=stored.reach_px, threshold=threshold) for found in answers]
    shown = [peaks_shown(found.peaks, threshold=threshold) for found in answers]
    return PeakFigures(
        trained=networks[0].data,
        tested=tested,
        found=tuple(count.found / count.labelled for count in counts),
        false=tuple(count.false / len(found.index) for count, found in zip(counts, answers, strict=True)),
        shown=tuple(float(each.mean()) for each in shown),
        one=tuple(float((each == 1).mean()) for each in shown),
        most=tuple(int(each.max()) for each in shown),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelFigures:
    """Networks trained on one or on both rectangles of an image, tested on images of one; one value a seed."""

    trained: str
    mse_px2: tuple[float, ...]  # mean over coordinates
    summed_mse: tuple[float, ...]  # squared errors of both coordinates, summed over all test images, as the first experiments did
    mean_px: tuple[float, ...]
    median_px: tuple[float, ...]


def label_figures(stored: Stored) -> tuple[LabelFigures, LabelFigures]:
    """One rectangle labelled, and both."""
    one, both = (_labelled(stored, data) for data in (domain(LABELLED_TWICE), BOTH_LABELLED))
    return one, both


def _labelled(stored: Stored, data: str) -> LabelFigures:
    errors = [stored.errors(one, domain(1)) for one in wanted(stored.scale, "labels") if one.data == data]
    return LabelFigures(
        trained=data,
        mse_px2=tuple(each.mse_px2 for each in errors),
        summed_mse=tuple(float(np.nansum(each.offset_px**2)) for each in errors),
        mean_px=tuple(each.spread.mean_px for each in errors),
        median_px=tuple(each.spread.median_px for each in errors),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundingFigures:
    """One head's test answers as they are and rounded to whole pixels."""

    head: str
    r2: float
    rounded_r2: float
    mean_px: float
    rounded_mean_px: float
    median_px: float
    rounded_median_px: float
    step_px: float  # to round to, so that R² would fall by as much as in the first experiments


SEED_LOSS_R2 = 0.06  # 0.887 → 0.827


def rounding_figures(stored: Stored) -> list[RoundingFigures]:
    """Of both heads."""
    made = []
    for one in wanted(stored.scale, "rounding"):
        found = read_predictions(stored.folder(one), "test")
        truth = stored.truth(one.data, found.index)
        plain, rounded = (point_errors(answer, truth) for answer in (found.predicted[:, 0], np.round(found.predicted[:, 0])))
        made.append(
            RoundingFigures(
                head=one.head,
                r2=plain.r2,
                rounded_r2=rounded.r2,
                mean_px=plain.spread.mean_px,
                rounded_mean_px=rounded.spread.mean_px,
                median_px=plain.spread.median_px,
                rounded_median_px=rounded.spread.median_px,
                # rounding to a step adds an error whose variance is a twelfth of the step's square
                step_px=math.sqrt(12 * SEED_LOSS_R2 * float(np.var(truth, axis=0).mean())),
            )
        )
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class BackgroundFigures:
    """One head trained on black and on a moving background, tested on both; px, (trained, tested)."""

    head: str
    mean_px: NDArray[np.float64]  # (2, 2)
    median_px: NDArray[np.float64]


def background_figures(stored: Stored) -> list[BackgroundFigures]:
    """Of both heads."""
    sets = (domain(HOME), TEXTURED)
    made = []
    for head in stored.scale.heads:
        networks = {one.data: one for one in wanted(stored.scale, "background") if one.head == head}
        each = [[stored.errors(networks[trained], tested).spread for tested in sets] for trained in sets]
        made.append(
            BackgroundFigures(
                head=head,
                mean_px=np.array([[found.mean_px for found in row] for row in each]),
                median_px=np.array([[found.median_px for found in row] for row in each]),
            )
        )
    return made


def over_seeds(values: Sequence[float]) -> SpreadOfRuns:
    """Mean and deviation over seeds."""
    return spread(values)
