"""Choose by an engine's uncertainty: low confidence, jumps from frame to frame, and other answers for changed copies of a frame."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.selection.candidates import SIGMA_PER_MAD, Candidates
from trainer.selection.engine_answers import EngineAnswers, moves
from trainer.selection.preference import Preference, Reason

LIMIT = 2_000  # candidates; the engine runs up to six times for each
SPREAD = 0.5  # of the time that falls to each frame, so that one bad stretch does not take all
OUTLYING = 6.0  # standard deviations from the median, estimated from the median absolute deviation
LOW_CONFIDENCE = 0.5  # is low even where it is usual
LEAST_CONFIDENCE = 0.1  # from the median: the smallest wavering of an engine that is very sure is no uncertainty
LEAST_JUMP_PX = 3.0  # from the median, as the next
LEAST_SPREAD_PX = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """One sign of uncertainty in every candidate, by its worst point.

    Attributes:
        name: of the sign.
        amount: float64 (n), larger is less certain.
        limit: above it, the engine is uncertain.
        words: (n), what to say of each candidate.
    """

    name: str
    amount: NDArray[np.float64]
    limit: float
    words: Sequence[str]

    def shown_by(self, index: int) -> bool:
        """Whether a candidate shows it."""
        return bool(self.amount[index] > self.limit)


def by_uncertainty(
    candidates: Candidates, open_: NDArray[np.int64], *, answers: Sequence[EngineAnswers], point_names: Sequence[str], count: int
) -> Preference:
    """The least certain by each of the three signs in turn, then the least sure of the rest; spread out in time.

    Args:
        candidates: of one video.
        open_: int64 indices of those that may be chosen.
        answers: what the engine said about each candidate.
        point_names: of the answers.
        count: how many are wanted, which says how far they are spread.
    """
    signs = signs_of_uncertainty(candidates.numbers, answers, point_names)
    worst = [[index for index in _worst_first(sign.amount, open_) if sign.shown_by(index)] for sign in signs]
    rest = _worst_first(np.sum([_rank(sign.amount) for sign in signs], axis=0), open_)
    return Preference(
        bins=worst,
        rest=rest,
        reason=lambda index: _reason(signs, index),
        spread_s=SPREAD * candidates.duration_s / count,
    )


def signs_of_uncertainty(
    numbers: NDArray[np.int64], answers: Sequence[EngineAnswers], point_names: Sequence[str]
) -> tuple[Sign, Sign, Sign]:
    """Low confidence, jump and disagreement in frames of these numbers, int64 (n)."""
    confidence = np.nan_to_num(np.array([answer.points[..., 2] for answer in answers], np.float64))
    lack, unsure = _worst_point(1 - confidence, point_names)
    steps = np.array(
        [np.zeros(answer.spread_px.shape) if answer.before is None else moves(answer.before, answer.points) for answer in answers]
    )
    limit = _limit(steps.max(axis=(1, 2)), LEAST_JUMP_PX)
    jump, jumping = _worst_point(_blamed(numbers, steps=steps, limit=limit, confidence=confidence), point_names)
    spread, wavering = _worst_point(np.array([answer.spread_px for answer in answers]), point_names)
    return (
        Sign(
            name="low confidence",
            amount=lack,
            limit=min(1 - LOW_CONFIDENCE, _limit(lack, LEAST_CONFIDENCE)),
            words=[f"{name} {1 - amount:.2f} sure" for name, amount in zip(unsure, lack, strict=True)],
        ),
        Sign(
            name="jump",
            amount=jump,
            limit=limit,
            words=[f"{name} jumps {amount:.0f} px" for name, amount in zip(jumping, jump, strict=True)],
        ),
        Sign(
            name="disagreement",
            amount=spread,
            limit=_limit(spread, LEAST_SPREAD_PX),
            words=[f"{name} wavers {amount:.1f} px" for name, amount in zip(wavering, spread, strict=True)],
        ),
    )


def _blamed(
    numbers: NDArray[np.int64], *, steps: NDArray[np.float64], limit: float, confidence: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Each step put down to one of the two frames between which it lies, where both are candidates.

    To the one that has a jump on its other side too, as a single wrong answer has; else to the one less sure of the point.
    """
    neighbours = (numbers[1:] == numbers[:-1] + 1)[:, None, None]
    jumps = steps > limit
    jumps_on = np.concatenate([jumps[1:] & neighbours, np.zeros_like(jumps[:1])])
    earlier, later = jumps[:-1], jumps_on[1:]
    less_sure = confidence[:-1] < confidence[1:]
    to_earlier = neighbours & ((earlier & ~later) | ((earlier == later) & less_sure))
    blamed = steps.copy()
    blamed[1:][to_earlier] = 0
    blamed[:-1] = np.maximum(blamed[:-1], np.where(to_earlier, steps[1:], 0))
    return blamed


def _limit(values: NDArray[np.float64], least: float) -> float:
    middle = float(np.median(values))
    deviation = float(np.median(np.abs(values - middle)))
    return middle + max(OUTLYING * SIGMA_PER_MAD * deviation, least)


def _worst_point(values: NDArray[np.float64], point_names: Sequence[str]) -> tuple[NDArray[np.float64], list[str]]:
    """Largest value of each frame, (n) of (n, animals, K), and the name of its point."""
    flat = values.reshape(len(values), -1)
    return flat.max(axis=1), [point_names[place % len(point_names)] for place in flat.argmax(axis=1).tolist()]


def _worst_first(amount: NDArray[np.float64], indices: NDArray[np.int64]) -> list[int]:
    worst: list[int] = indices[np.argsort(-amount[indices], kind="stable")].tolist()
    return worst


def _rank(amount: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.argsort(np.argsort(amount, kind="stable"), kind="stable").astype(np.float64)


def _reason(signs: Sequence[Sign], index: int) -> Reason:
    shown = [sign for sign in signs if sign.shown_by(index)]
    if not shown:
        return Reason(why="uncertainty: least sure of the rest", detail=signs[0].words[index])
    return Reason(why="uncertainty: " + ", ".join(sign.name for sign in shown), detail=", ".join(sign.words[index] for sign in shown))
