"""Which of two bundles finds the points better on the same frames, by how much, and how sure that is.

Frames that follow each other are alike, so n frames are less evidence than n independent ones. The interval of the mean
difference comes from a bootstrap of blocks of consecutive frames (circular blocks within each group: Politis & Romano
1992) as long as the differences stay correlated. The signed-rank test (Wilcoxon 1945) beside it takes frames as
independent and is therefore the more easily convinced of the two; a difference is claimed only where both see it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import wilcoxon  # type: ignore[import-untyped]

from trainer.errors import TrainingError
from trainer.scoring.breakdown import in_time
from trainer.scoring.evaluation import Evaluation
from trainer.scoring.floor import Floor

RESAMPLES = 4000
CONFIDENCE = 0.95
FEWEST_FRAMES = 6  # with 5, the rarest possible outcome of the signed-rank test has a probability of 1 in 16

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedDifference:
    """Errors of the second bundle minus those of the first, frame by frame, in source pixels.

    Attributes:
        what: "all points", or a key point's name.
        frames: in which both were scored.
        first_px: mean error of the first bundle.
        second_px: of the second.
        low_px, high_px: 95 % interval of the mean difference.
        p: of the signed-rank test; for key points multiplied for their number (Holm 1979).
        block: frames in a block of the bootstrap.
    """

    what: str
    frames: int
    first_px: float
    second_px: float
    low_px: float
    high_px: float
    p: float
    block: int

    @property
    def mean_px(self) -> float:
        """Of the differences; above 0 where the first bundle is better."""
        return self.second_px - self.first_px

    @property
    def shown(self) -> bool:
        """Whether a difference is claimed: the interval leaves out 0, and the test agrees."""
        return self.interval_excludes_0 and self.p < 1 - CONFIDENCE

    @property
    def interval_excludes_0(self) -> bool:
        """Whether the mean differs, by the interval alone."""
        return self.low_px > 0 or self.high_px < 0

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "what": self.what,
            "frames": self.frames,
            "first_px": self.first_px,
            "second_px": self.second_px,
            "difference_px": self.mean_px,
            "interval_px": [self.low_px, self.high_px],
            "p": self.p,
            "block_frames": self.block,
            "shown": self.shown,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two bundles on the same frames.

    Attributes:
        first, second: their names, different from each other.
        overall: over the mean error of each frame.
        per_point: each key point by itself; empty where there is one.
        evaluations: what was compared, key points in the same order.
        note: what must be known beside the verdict, a clause; may be empty.
        floor: the distance between annotators, where known.
    """

    first: str
    second: str
    overall: PairedDifference
    per_point: tuple[PairedDifference, ...]
    evaluations: tuple[Evaluation, Evaluation]
    note: str = ""
    floor: Floor | None = None

    @property
    def sentence(self) -> str:
        """The verdict."""
        found = self.overall
        certainty = f"95 % CI {abs_interval(found)}, p {_p(found.p)}"
        if found.interval_excludes_0 and not found.shown:
            better, worse = (self.first, self.second) if found.mean_px > 0 else (self.second, self.first)
            verdict = (
                f"Not settled: in the mean of {found.frames} frames {better} is better than {worse} by {abs(found.mean_px):.2f} px "
                f"(95 % CI {abs_interval(found)}), but the signed-rank test, which large differences in a few frames do not sway, does not "
                f"show it (p {_p(found.p)})"
            )
        elif not found.shown:
            verdict = (
                f"No difference that {found.frames} frames can show: {self.second} minus {self.first} is {found.mean_px:+.2f} px "
                f"(95 % CI {found.low_px:+.2f} to {found.high_px:+.2f} px, p {_p(found.p)})"
            )
        else:
            better, worse = (self.first, self.second) if found.mean_px > 0 else (self.second, self.first)
            verdict = f"{better} is better than {worse} by {abs(found.mean_px):.2f} px ({certainty}, {found.frames} frames)"
        note = f" ({self.note})" if self.note else ""
        return f"{verdict}{self._most_frames()}{self._points_apart()}{note}."

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "first": self.first,
            "second": self.second,
            **self.overall.as_json(),
            "per_point": [point.as_json() for point in self.per_point],
            "floor_px": dict(self.floor.per_point) if self.floor is not None else None,
            "sentence": self.sentence,
        }

    def _most_frames(self) -> str:
        """Where the test sees what the mean does not: one bundle is better in most frames, by little."""
        found = self.overall
        if found.shown or found.p >= 1 - CONFIDENCE:
            return ""
        first, second = (evaluation.errors.per_frame_px for evaluation in self.evaluations)
        in_first, in_second = int((first < second).sum()), int((second < first).sum())
        better = self.first if in_first > in_second else self.second
        return f"; {better} is closer in {max(in_first, in_second)} frames, but not in the mean"

    def _points_apart(self) -> str:
        """What single key points say, where they do not all say the same."""
        shown = [point for point in self.per_point if point.shown]
        if not shown:
            return ""
        same = all((point.mean_px > 0) == (self.overall.mean_px > 0) for point in shown)
        if len(shown) == len(self.per_point) and same and self.overall.shown:
            return "; so is every key point by itself"
        parts = [
            f"{point.what} {abs(point.mean_px):.2f} px better with {self.first if point.mean_px > 0 else self.second} (p {_p(point.p)})"
            for point in shown
        ]
        rest = [point.what for point in self.per_point if not point.shown]
        return "; by key point: " + ", ".join(parts) + (f"; none shown at {', '.join(rest)}" if rest else "")


def compare(names: tuple[str, str], evaluations: tuple[Evaluation, Evaluation], *, seed: int = 0) -> Comparison:
    """Test the errors of two bundles on the same frames.

    Args:
        names: of the bundles.
        evaluations: of the same frames in the same order, with the same key points in any order.
        seed: of the bootstrap.

    Raises:
        TrainingError: other frames or other key points, or too few frames for any answer.
    """
    first, second = evaluations[0], _in_order_of(evaluations[0], evaluations[1])
    sequences = in_time(first.frames.group, first.frames.order)
    errors = first.errors.distance_px, second.errors.distance_px
    both = np.isfinite(errors[0]) & np.isfinite(errors[1])
    overall = _paired("all points", *(_frame_means(error, both) for error in errors), sequences=sequences, seed=seed)
    points = first.frames.point_names
    each: list[PairedDifference] = []
    for place, name in enumerate(points if len(points) > 1 else ()):
        labelled = both[..., place]
        if np.count_nonzero(labelled.any(axis=1)) >= FEWEST_FRAMES:
            means = (_frame_means(error[..., place], labelled) for error in errors)
            each.append(_paired(name, *means, sequences=sequences, seed=seed))
    return Comparison(first=names[0], second=names[1], overall=overall, per_point=_holm(each), evaluations=(first, second))


def abs_interval(found: PairedDifference) -> str:
    """The interval of a difference that is shown, without its sign: "0.12 to 0.50 px"."""
    low, high = sorted((abs(found.low_px), abs(found.high_px)))
    return f"{low:.2f} to {high:.2f} px"


def _in_order_of(first: Evaluation, second: Evaluation) -> Evaluation:
    """The second evaluation with its key points in the first's order."""
    wanted, found = first.frames.point_names, second.frames.point_names
    if sorted(wanted) != sorted(found):
        raise TrainingError(
            f"the first bundle finds {', '.join(wanted)}, the second {', '.join(found)}; only bundles of the same points compare"
        )
    if first.frames.images != second.frames.images:
        raise TrainingError("the two bundles were scored on different frames; compare them on the same")
    places = [found.index(name) for name in wanted]
    return second.of_points(places)


def _frame_means(error: Values, both: NDArray[np.bool_]) -> Values:
    """Mean error of each frame over what both were scored on: (n,), NaN where there is nothing."""
    flat, known = error.reshape(len(error), -1), both.reshape(len(error), -1)
    count = known.sum(axis=1)
    return np.where(count > 0, np.where(known, flat, 0.0).sum(axis=1) / np.maximum(count, 1), np.nan)


def _paired(what: str, first: Values, second: Values, *, sequences: Sequence[NDArray[np.int64]], seed: int) -> PairedDifference:
    difference = second - first
    known = [inside[np.isfinite(difference[inside])] for inside in sequences]
    runs = [difference[inside] for inside in known if inside.size]
    values = np.concatenate(runs) if runs else np.zeros(0)
    if len(values) < FEWEST_FRAMES:
        raise TrainingError(f"{len(values)} frames are too few to compare two bundles; give at least {FEWEST_FRAMES} labelled ones")
    block = _block(runs)
    low, high = _interval(runs, block, seed=seed)
    p = float(wilcoxon(values, zero_method="zsplit").pvalue) if np.any(values != 0) else 1.0
    every = np.concatenate(known)
    return PairedDifference(
        what=what,
        frames=len(values),
        first_px=float(first[every].mean()),
        second_px=float(second[every].mean()),
        low_px=low,
        high_px=high,
        p=p,
        block=block,
    )


def _block(runs: Sequence[Values]) -> int:
    """Frames over which differences stay correlated: 1 + 2 Σ ρ up to the first that is not positive, at least the cube root of n."""
    count = sum(len(run) for run in runs)
    mean = np.concatenate(runs).mean()
    centred = [run - mean for run in runs]
    power = sum(float((run**2).sum()) for run in centred)
    length = 1.0
    for lag in range(1, max(len(run) for run in runs) // 2):
        together = sum(float((run[:-lag] * run[lag:]).sum()) for run in centred if len(run) > lag)
        if power == 0 or together <= 0:
            break
        length += 2 * together / power
    return int(min(max(math.ceil(length), math.ceil(count ** (1 / 3))), max(len(run) for run in runs)))


def _interval(runs: Sequence[Values], block: int, *, seed: int) -> tuple[float, float]:
    """Percentiles of the mean over resampled blocks of consecutive frames, each group resampled by itself."""
    rng = np.random.default_rng(seed)
    total = np.zeros(RESAMPLES)
    for run in runs:
        length = min(block, len(run))
        starts = rng.integers(len(run), size=(RESAMPLES, -(-len(run) // length)))
        places = (starts[..., None] + np.arange(length)).reshape(RESAMPLES, -1)[:, : len(run)] % len(run)
        total += run[places].sum(axis=1)
    tail = (1 - CONFIDENCE) / 2 * 100
    low, high = np.percentile(total / sum(len(run) for run in runs), [tail, 100 - tail])
    return float(low), float(high)


def _holm(points: Sequence[PairedDifference]) -> tuple[PairedDifference, ...]:
    """The key points with p adjusted for their number."""
    order = np.argsort([point.p for point in points], kind="stable")
    adjusted, highest = dict[int, float](), 0.0
    for rank, place in enumerate(order.tolist()):
        highest = max(highest, min(1.0, points[place].p * (len(points) - rank)))
        adjusted[place] = highest
    return tuple(replace(point, p=adjusted[place]) for place, point in enumerate(points))


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"
