"""What a network's answers say of the labels: exchanged names, single labels that are likely wrong, and how far all of them scatter."""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.labels.images import ImageRef
from trainer.scoring.evaluation import Evaluation

NEAR = 0.4  # of the distance between two labels: an answer so near the other's label is nearer to it than to its own
FEWEST_ROWS = 3  # animals in frames, for anything to be said of a video or a pair
NEARLY_ALWAYS = 0.7  # of a video's frames: its names are others, not single labels wrong
FAR_SPREADS = 6.0  # robust standard deviations of a point's own errors
FAR_RADII = 3.0  # and so many radii: what is near is no fault
SURE = 0.5
MOST_SUSPECTS = 12  # a contact sheet of four by three
FEWEST_FOR_SCATTER = 8
UNLIKE_PLACES = (
    0.25  # of the distances to the other points: those of left and right ears differ by a few hundredths, of snout and tail by half
)
MOST_SHOWN = 8  # frames of an exchange that are drawn
MEAN_OF_SD = math.sqrt(math.pi / 2)  # mean length of a normal offset with this standard deviation along each axis (Rayleigh)

Rows = NDArray[np.float64]  # (m, K, 2), an animal of a frame each


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """Two points, each found where the other is labelled.

    Attributes:
        first, second: their names.
        learnt: share of the training frames with both labelled.
        scored: share of the held-out frames; NaN where none has both.
        frames: how many training frames that is.
        alike: whether the two lie alike to the other points, as a left and a right one do: a mirrored picture shows one as the other.
        places: (frame, animal) of some of them in the evaluation of training frames, spread over them.
    """

    first: str
    second: str
    learnt: float
    scored: float
    frames: int
    alike: bool = True
    places: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherNames:
    """A video in which points are nearly always found where another is labelled.

    Attributes:
        group: the video or animal.
        pairs: (name that the network gives, name that the labels give to that place).
        frames: how many were looked at.
    """

    group: str
    pairs: tuple[tuple[str, str], ...]
    frames: int

    @property
    def sentence(self) -> str:
        """What was found, for people."""
        names = ", ".join(f"'{other}' where the network finds '{own}'" for own, other in self.pairs)
        count = "1 frame" if self.frames == 1 else f"{self.frames} frames"
        return f"Other names: in nearly all {count} of '{self.group}' the labels say {names}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A label that the network is sure is elsewhere.

    Attributes:
        place: (frame, animal, point) in its evaluation.
        learnt: whether the network was trained with this very label.
        image: its name.
        point: its name.
        error_px: from label to answer.
        confidence: of the answer.
    """

    place: tuple[int, int, int]
    learnt: bool
    image: str
    point: str
    error_px: float
    confidence: float


def exchanges(train: Evaluation, held_out: Evaluation | None, *, least_px: float) -> tuple[Exchange, ...]:
    """Every pair that is exchanged in several training frames, most often first; a single slip is one of `suspects`.

    Args:
        train: answers for frames that the network was given the labels of; a network that answers otherwise contradicts them.
        held_out: answers for others.
        least_px: pairs of labels nearer than this are one place.
    """
    names = train.frames.point_names
    found, known = _exchanged(train, least_px)
    other = _exchanged(held_out, least_px) if held_out is not None else None
    made = []
    for one, two in itertools.combinations(range(len(names)), 2):
        count = int(found[:, one, two].sum())
        if count < FEWEST_ROWS:
            continue
        scored = math.nan
        if other is not None and other[1][:, one, two].any():
            scored = float(other[0][:, one, two].sum() / other[1][:, one, two].sum())
        share = count / int(known[:, one, two].sum())
        rows = np.flatnonzero(found[:, one, two])
        shown = rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), MOST_SHOWN)).round().astype(int))]
        places = tuple(divmod(int(row), train.frames.animals) for row in shown)
        alike = _lie_alike(rows_of(train)[1], one, two)
        made.append(Exchange(first=names[one], second=names[two], learnt=share, scored=scored, frames=count, alike=alike, places=places))
    return tuple(sorted(made, key=lambda one: -one.frames))


def other_names(evaluation: Evaluation, *, least_px: float) -> tuple[OtherNames, ...]:
    """Videos whose labels give other names to the same places, in the order in which they appear.

    Of several labels that a point is found at, the nearest (on the median) is what the video calls it.
    """
    names = evaluation.frames.point_names
    predicted, truth = rows_of(evaluation)
    group = np.repeat(np.array(evaluation.frames.group), evaluation.frames.animals)
    at_other = _at(predicted, truth, least_px)
    made = []
    for name in dict.fromkeys(evaluation.frames.group):
        mine = group == name
        pairs = []
        for one in range(len(names)):
            called = [
                (float(np.median(np.linalg.norm(predicted[mine][known, one] - truth[mine][known, two], axis=1))), two)
                for two in range(len(names))
                if two != one
                and (known := _both(truth[mine], predicted[mine], one, two)).sum() >= FEWEST_ROWS
                and at_other[mine][known][:, one, two].mean() >= NEARLY_ALWAYS
            ]
            if called:
                pairs.append((names[one], names[min(called)[1]]))
        if pairs:
            made.append(OtherNames(group=name, pairs=tuple(pairs), frames=int(mine.sum())))
    return tuple(made)


def suspects(train: Evaluation, held_out: Evaluation | None, *, within_px: NDArray[np.float64]) -> tuple[Suspect, ...]:
    """Labels far from a sure answer, the farthest (in spreads of their point's errors) first; training ones before others.

    Those that are exchanged with another point's in several frames are left to `exchanges`.

    Args:
        train: answers for frames learnt from.
        held_out: for others.
        within_px: (K,), what counts as right.
    """
    parts = [(train, True), *([(held_out, False)] if held_out is not None else [])]
    least_px = 2 * float(within_px.mean())
    ranked = [
        (-float(learnt), -far, one)
        for evaluation, learnt in parts
        for far, one in _suspects(evaluation, within_px, _swapped(evaluation, least_px), learnt=learnt)
    ]
    return tuple(one for *_, one in sorted(ranked, key=lambda entry: entry[:2])[:MOST_SUSPECTS])


def label_scatter_px(evaluation: Evaluation) -> float:
    """How far labels scatter about where they should be, on average, by what answers and labels say of the animal's shape.

    The distance between two points of an animal varies with its posture, in labels and answers alike; errors of the labels
    add to it in the labels alone. For independent errors of standard deviation σ along each axis the variance of the labelled
    distance exceeds that of the answered one by 2σ². The median over all pairs is taken, and variances are robust (median
    absolute deviation), so that single blunders do not count.

    Returns:
        The mean length of the labels' errors; 0 where the answers vary as much, NaN where too little is labelled.
    """
    predicted, truth = rows_of(evaluation)
    excess = []
    for one, two in itertools.combinations(range(truth.shape[1]), 2):
        known = _both(truth, predicted, one, two)
        if known.sum() >= FEWEST_FOR_SCATTER:
            labelled, answered = (np.linalg.norm(rows[known, one] - rows[known, two], axis=1) for rows in (truth, predicted))
            excess.append((robust_sd(labelled) ** 2 - robust_sd(answered) ** 2) / 2)
    return MEAN_OF_SD * math.sqrt(max(0.0, float(np.median(excess)))) if excess else math.nan


def rows_of(evaluation: Evaluation) -> tuple[Rows, Rows]:
    """Answers and labels, an animal of a frame in each row, NaN where missing."""
    points = evaluation.frames.points.shape[2]
    return evaluation.predicted[..., :2].reshape(-1, points, 2), evaluation.errors.true_px.reshape(-1, points, 2)


def robust_sd(values: NDArray[np.float64]) -> float:
    """Of a normal distribution, its standard deviation, by the median absolute deviation."""
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def _short(image: ImageRef) -> str:
    return f"{image.path.parent.name}/{image.path.name}" if image.frame is None else str(image)


def _exchanged(evaluation: Evaluation, least_px: float) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(m, K, K): each at the other's label; and both labelled."""
    predicted, truth = rows_of(evaluation)
    at_other = _at(predicted, truth, least_px)
    known = np.asarray(~np.isnan(truth).any(axis=2) & ~np.isnan(predicted).any(axis=2), bool)
    return at_other & at_other.transpose(0, 2, 1), known[:, :, None] & known[:, None]


def _lie_alike(truth: Rows, one: int, two: int) -> bool:
    """Whether two points have the same distances to the others, whichever these are; a mirrored picture keeps all distances.

    True where they are the only points: nothing then tells them apart.
    """
    to_others = []
    for point in (one, two):
        away = np.linalg.norm(truth[:, point, None] - np.delete(truth, [one, two], axis=1), axis=-1)
        to_others.append([float(np.median(column[~np.isnan(column)])) for column in away.T if not np.isnan(column).all()])
    nearest, farther = (np.sort(distances) for distances in to_others)
    if len(nearest) != len(farther):  # one of the two is never labelled beside one of the others
        return True
    return bool(np.abs(nearest - farther).sum() <= UNLIKE_PLACES * np.maximum(nearest, farther).sum())


def _at(predicted: Rows, truth: Rows, least_px: float) -> NDArray[np.bool_]:
    """(m, K, K): the answer for the first point lies at the label of the second, and well away from its own."""
    apart = np.linalg.norm(truth[:, :, None] - truth[:, None], axis=-1)
    away = np.linalg.norm(predicted[:, :, None] - truth[:, None], axis=-1)
    with np.errstate(invalid="ignore"):
        found: NDArray[np.bool_] = (away < NEAR * apart) & (apart > least_px)
    return found


def _both(truth: Rows, predicted: Rows, one: int, two: int) -> NDArray[np.bool_]:
    some = [rows[:, point] for rows in (truth, predicted) for point in (one, two)]
    return np.asarray(~np.isnan(np.concatenate(some, axis=1)).any(axis=1), bool)


def _swapped(evaluation: Evaluation, least_px: float) -> NDArray[np.bool_]:
    """(n, A, K): the point is at another's label, and that at its own, and so are the two in several frames."""
    found = _exchanged(evaluation, least_px)[0]
    often = found & (found.sum(axis=0) >= FEWEST_ROWS)
    return np.asarray(often.any(axis=2), bool).reshape(evaluation.frames.points.shape[:3])


def _suspects(
    evaluation: Evaluation, within_px: NDArray[np.float64], swapped: NDArray[np.bool_], *, learnt: bool
) -> Iterator[tuple[float, Suspect]]:
    distance, confidence = evaluation.errors.distance_px, evaluation.predicted[..., 2]
    for point, name in enumerate(evaluation.frames.point_names):
        column = distance[..., point]
        known = column[~np.isnan(column)]
        if len(known) < FEWEST_ROWS:
            continue
        median, spread = float(np.median(known)), max(robust_sd(known), 1e-3)
        limit = max(median + FAR_SPREADS * spread, FAR_RADII * float(within_px[point]))
        with np.errstate(invalid="ignore"):
            far = (column > limit) & (confidence[..., point] >= SURE) & ~swapped[..., point]
        for frame, animal in np.argwhere(far).tolist():
            error = float(column[frame, animal])
            yield (
                (error - median) / spread,
                Suspect(
                    place=(frame, animal, point),
                    learnt=learnt,
                    image=_short(evaluation.frames.images[frame]),
                    point=name,
                    error_px=error,
                    confidence=float(confidence[frame, animal, point]),
                ),
            )
