"""How surely one forecast is better than another: AUC over the same blocks of frames, drawn again and again."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.behaviour_scores.threshold_curves import ThresholdCurve, curve
from trainer.errors import TrainingError
from trainer.forecast.parts import Stretch
from trainer.forecast.simple_forecasts import Answers

RESAMPLES = 4000
FEWEST_BLOCKS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedAuc:
    """AUC of two forecasts on the same frames, and the 95 % interval of their difference.

    Attributes:
        first, second: names.
        first_auc, second_auc: over all frames.
        low, high: interval of second less first; None where the blocks are too few.
        blocks: that were drawn.
        block_frames: length of each.
    """

    first: str
    second: str
    first_auc: float
    second_auc: float
    low: float | None
    high: float | None
    blocks: int
    block_frames: int

    @property
    def shown(self) -> bool:
        """Whether a difference is claimed: the interval leaves out 0."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)

    @property
    def sentence(self) -> str:
        """The verdict; "better" only where it is shown."""
        figures = f"AUC {self.second_auc:.3f} against {self.first_auc:.3f}"
        if self.low is None or self.high is None:
            few = f"{self.blocks} blocks are too few for an interval, so that nothing is said of the difference"
            return f"{self.second} and {self.first}: {figures}; {few}."
        figures = f"{figures}, 95 % interval of the difference {self.low:+.3f} to {self.high:+.3f}"
        how = f"{self.blocks} blocks of at most {self.block_frames} frames"
        if not self.shown:
            return f"No difference between {self.second} and {self.first} that {how} can show ({figures})."
        better, worse = (self.second, self.first) if self.low > 0 else (self.first, self.second)
        return f"{better} forecasts better than {worse} on {how} ({figures})."

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self) | {"shown": self.shown, "sentence": self.sentence}


def compare_auc(
    names: tuple[str, str], stretches: Sequence[Stretch], first: Sequence[Answers], second: Sequence[Answers], *, block: int
) -> PairedAuc:
    """Two forecasts on the same frames; see `auc_interval`."""
    low, high, blocks = auc_interval(stretches, first, second, block=block)
    return PairedAuc(
        first=names[0],
        second=names[1],
        first_auc=labelled_curve(stretches, first).auc,
        second_auc=labelled_curve(stretches, second).auc,
        low=low,
        high=high,
        blocks=blocks,
        block_frames=block,
    )


def auc_interval(
    stretches: Sequence[Stretch], first: Sequence[Answers], second: Sequence[Answers], *, block: int, seed: int = 0
) -> tuple[float | None, float | None, int]:
    """95 % interval of the AUC of the second less that of the first, by blocks of consecutive frames drawn with replacement.

    The same blocks are drawn for both, `RESAMPLES` times. A draw without frames of both labels is left out.

    Args:
        stretches: of one part.
        first: answers to each, of the one.
        second: of the other.
        block: frames of a block; one that is as long as what a label and its forecast see keeps blocks nearly independent.
        seed: of the draws.

    Returns:
        Low, high and the number of blocks; None twice where they are too few for any interval.
    """
    count = [len(stretch.labelled) // block + (len(stretch.labelled) % block > 0) for stretch in stretches]
    place = np.concatenate([sum(count[:n]) + np.arange(len(stretch.labelled)) // block for n, stretch in enumerate(stretches)])
    blocks = sum(count)
    if blocks < FEWEST_BLOCKS:
        return None, None, blocks
    labels = np.concatenate([stretch.labels[stretch.labelled] for stretch in stretches]) == 1
    pairs = [_won(labelled_answers(stretches, each), labels, place, blocks) for each in (first, second)]
    positive, negative = (np.bincount(place[labels == kind], minlength=blocks) for kind in (True, False))
    drawn = np.random.default_rng(seed).multinomial(blocks, np.full(blocks, 1 / blocks), size=RESAMPLES).astype(np.float64)
    total = (drawn @ positive) * (drawn @ negative)
    both = total > 0
    difference = (np.einsum("ni,ij,nj->n", drawn[both], pairs[1] - pairs[0], drawn[both], optimize=True)) / total[both]
    low, high = np.percentile(difference, [2.5, 97.5])
    return float(low), float(high), blocks


def labelled_curve(stretches: Sequence[Stretch], answers: Sequence[Answers]) -> ThresholdCurve:
    """Over thresholds, of all labelled frames.

    Raises:
        TrainingError: a labelled frame without an answer, or all of one label.
    """
    labels = np.concatenate([stretch.labels[stretch.labelled] for stretch in stretches])
    found = curve(labelled_answers(stretches, answers), labels == 1)
    if found is None:
        raise TrainingError("all labelled frames have the same label; give longer recordings, or another --least-range")
    return found


def labelled_answers(stretches: Sequence[Stretch], answers: Sequence[Answers]) -> Answers:
    """Of all labelled frames, one stretch after the other.

    Raises:
        TrainingError: one has none.
    """
    found = np.concatenate([answer[stretch.labelled] for stretch, answer in zip(stretches, answers, strict=True)])
    if not np.isfinite(found).all():
        raise TrainingError(
            "a labelled frame has no answer: the past of the labels is shorter than what a forecast needs; give a longer --past"
        )
    return found


def _won(answers: Answers, labels: NDArray[np.bool_], place: NDArray[np.int64], blocks: int) -> NDArray[np.float64]:
    """For each pair of blocks, how often a frame of label 1 of the one has a greater answer than one of label 0 of the other; ties half."""
    won = np.zeros((blocks, blocks))
    for other in range(blocks):
        against = np.sort(answers[~labels & (place == other)])
        if against.size:
            mine = answers[labels]
            below = (np.searchsorted(against, mine, "left") + np.searchsorted(against, mine, "right")) / 2
            won[:, other] = np.bincount(place[labels], weights=below, minlength=blocks)
    return won
