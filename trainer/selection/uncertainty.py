"""Choose by an engine's uncertainty: low confidence, jumps from frame to frame, and other answers for changed copies of a frame."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.selection.candidates import SIGMA_PER_MAD, Candidates
from trainer.selection.engine_answers import EngineAnswers, moves
from trainer.selection.methods import look_alikes
from trainer.selection.preference import Preference, Reason

LIMIT = 2_000  # candidates; the engine runs up to six times for each
SPREAD = 0.5  # of the time that falls to each frame, so that one bad stretch does not take all
OUTLYING = 6.0  # standard deviations from the median, estimated from the median absolute deviation
LOW_CONFIDENCE = 0.5  # is low for a point that is usually surer
LEAST_CONFIDENCE = 0.1  # from the median: the smallest wavering of an engine that is very sure is not uncertainty
LEAST_JUMP_PX = 3.0  # from the median, as the next
LEAST_SPREAD_PX = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """One sign of uncertainty about one point, in every candidate.

    Attributes:
        name: of the sign.
        point: index of the point.
        amount: float64 (n), larger is less certain.
        usual: the median of it.
        limit: above it, the engine is uncertain.
        words: what to say of an amount.
    """

    name: str
    point: int
    amount: NDArray[np.float64]
    usual: float
    limit: float
    words: Callable[[float], str]

    def shown_by(self, index: int) -> bool:
        """Whether a candidate shows it."""
        return bool(self.amount[index] > self.limit)

    @property
    def excess(self) -> NDArray[np.float64]:
        """float64 (n), 0 at the usual and 1 at the limit: by it signs and points are compared."""
        return (self.amount - self.usual) / (self.limit - self.usual)


def by_uncertainty(
    candidates: Candidates, open_: NDArray[np.int64], *, answers: Sequence[EngineAnswers], point_names: Sequence[str], count: int
) -> Preference:
    """The least certain by each sign and point in turn, then the least sure of the rest; spread out over looks and in time.

    A point that is always uncertain, because it is never there, is measured by its own usual: it takes no more frames than others.

    Args:
        candidates: of one video.
        open_: int64 indices of those that may be chosen.
        answers: what the engine said about each candidate.
        point_names: of the answers.
        count: how many are wanted, which says how far they are spread.
    """
    return by_signs(candidates, open_, signs=signs_of_uncertainty(candidates.numbers, answers, point_names), count=count)


def by_signs(candidates: Candidates, open_: NDArray[np.int64], *, signs: Sequence[Sign], count: int) -> Preference:
    """The same for signs that are known.

    Args:
        candidates: of one video or session.
        open_: int64 indices of those that may be chosen.
        signs: with an amount for each candidate.
        count: how many are wanted, which says how far they are spread.
    """
    worst = {id(sign): [index for index in _worst_first(sign.amount, open_) if sign.shown_by(index)] for sign in signs}
    shown = [sign for sign in signs if worst[id(sign)]]
    rest = _worst_first(np.sum([_rank(sign.amount) for sign in signs], axis=0), open_)
    looks = look_alikes(candidates.thumbnails[open_], min(count, len(open_)), seed=0)[0].tolist() if len(open_) else []
    return Preference(
        bins=[worst[id(sign)] for sign in _by_turns(shown, lambda sign: float(sign.excess[worst[id(sign)][0]]))],
        rest=rest,
        reason=lambda index: _reason(signs, index),
        spread_s=SPREAD * candidates.duration_s / count,
        looks=dict(zip(open_.tolist(), looks, strict=True)),
    )


def _by_turns(signs: Sequence[Sign], excess: Callable[[Sign], float]) -> list[Sign]:
    """In such an order that every point comes before any comes again, then every kind of sign; the farthest beyond its limit first."""
    left, ordered = list(signs), list[Sign]()
    while left:
        points, kinds = Counter(sign.point for sign in ordered), Counter(sign.name for sign in ordered)
        best = min(left, key=lambda sign: (points[sign.point], kinds[sign.name], -excess(sign)))
        left.remove(best)
        ordered.append(best)
    return ordered


def signs_of_uncertainty(numbers: NDArray[np.int64], answers: Sequence[EngineAnswers], point_names: Sequence[str]) -> list[Sign]:
    """Low confidence, jump and disagreement of each point in frames of these numbers, int64 (n)."""
    steps = np.array(
        [np.zeros(answer.spread_px.shape) if answer.before is None else moves(answer.before, answer.points) for answer in answers]
    )
    return signs_in(
        numbers,
        confidence=np.nan_to_num(np.array([answer.points[..., 2] for answer in answers], np.float64)),
        steps=steps,
        spread=np.array([answer.spread_px for answer in answers]).max(axis=1),
        point_names=point_names,
    )


def signs_in(
    numbers: NDArray[np.int64],
    *,
    confidence: NDArray[np.float64],
    steps: NDArray[np.float64],
    spread: NDArray[np.float64] | None,
    point_names: Sequence[str],
) -> list[Sign]:
    """The signs in answers that are arrays.

    Args:
        numbers: int64 (n), of the frames.
        confidence: (n, animals, K), 0 where a point is missing.
        steps: (n, animals, K) px, from the frame before; 0 where that is not known.
        spread: (n, K) px, how far answers for copies scatter; None where none were asked for.
        point_names: K.
    """
    limits = np.array([_limit(steps[:, :, point].max(axis=1), LEAST_JUMP_PX) for point in range(len(point_names))])
    jump = _blamed(numbers, steps=steps, limits=limits, confidence=confidence).max(axis=1)
    lack = (1 - confidence).max(axis=1)
    found = []
    for point, name in enumerate(point_names):
        found.append(_sign("low confidence", point, lack[:, point], _lack_limit(lack[:, point]), f"{name} {{0:.2f}} sure", turned=True))
        found.append(_sign("jump", point, jump[:, point], float(limits[point]), f"{name} jumps {{0:.0f}} px"))
        if spread is not None:
            limit = _limit(spread[:, point], LEAST_SPREAD_PX)
            found.append(_sign("disagreement", point, spread[:, point], limit, f"{name} wavers {{0:.1f}} px"))
    return found


def _sign(name: str, point: int, amount: NDArray[np.float64], limit: float, words: str, *, turned: bool = False) -> Sign:
    """A sign; `turned` says one minus the amount."""
    usual = min(float(np.median(amount)), limit - float(np.finfo(np.float32).eps))
    return Sign(
        name=name,
        point=point,
        amount=amount,
        usual=usual,
        limit=limit,
        words=lambda value: words.format(1 - value if turned else value),
    )


def _lack_limit(lack: NDArray[np.float64]) -> float:
    """Above it, a point is unsure in a frame. One that is unsure in most frames, as what is hardly ever there, must stand out from them."""
    own = _limit(lack, LEAST_CONFIDENCE)
    return own if float(np.median(lack)) > 1 - LOW_CONFIDENCE else min(1 - LOW_CONFIDENCE, own)


def _blamed(
    numbers: NDArray[np.int64], *, steps: NDArray[np.float64], limits: NDArray[np.float64], confidence: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Each step put down to one of the two frames between which it lies, where both are candidates.

    To the one that has a jump on its other side too, as a single wrong answer has; else to the one less sure of the point.

    Args:
        numbers: int64 (n), of the frames.
        steps: (n, animals, K) px, to each frame from the one before.
        limits: (K,), above which a step of a point is a jump.
        confidence: (n, animals, K).
    """
    neighbours = (numbers[1:] == numbers[:-1] + 1)[:, None, None]
    jumps = steps > limits
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


def _worst_first(amount: NDArray[np.float64], indices: NDArray[np.int64]) -> list[int]:
    worst: list[int] = indices[np.argsort(-amount[indices], kind="stable")].tolist()
    return worst


def _rank(amount: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.argsort(np.argsort(amount, kind="stable"), kind="stable").astype(np.float64)


def _reason(signs: Sequence[Sign], index: int) -> Reason:
    """Each kind of sign that a candidate shows, by the point that shows it most; where it shows none, the nearest to one."""
    excess = sorted(signs, key=lambda sign: -float(sign.excess[index]))
    worst = {sign.name: sign for sign in reversed(excess) if sign.shown_by(index)}
    shown = [worst[name] for name in dict.fromkeys(sign.name for sign in signs) if name in worst]
    if not shown:
        return Reason(why="uncertainty: least sure of the rest", detail=_say(excess[0], index))
    return Reason(why="uncertainty: " + ", ".join(sign.name for sign in shown), detail=", ".join(_say(sign, index) for sign in shown))


def _say(sign: Sign, index: int) -> str:
    return sign.words(float(sign.amount[index]))
