"""A model's bouts in the order in which a person should look at them: the uncertain ones first, and videos in turn. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from trainer.behaviour_scores.scored_video import Probabilities
from trainer.timeline.model_answers import Answer

Reason = Literal["unsure", "unsure edges", "models differ"]
_EDGE_FRAMES = 10  # either side of an edge; a third of a second at 30 frames per second
_SURE = 0.8  # a probability from here on, or from 1 - 0.8 down, is not that of an unsure edge


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A bout that one or several models found.

    Attributes:
        video: its name.
        name: of the class.
        first: its first frame.
        end: the first frame after it.
        confidence: mean probability in it, over the models.
        uncertainty: 0..1, the mean of the three below, or of the first two where one model gave an answer.
        entropy: mean over its frames and the models of the binary entropy of the class's probability, in bits, 0..1.
        edges: share of the frames around its two edges whose probability is neither high nor low, 0..1.
        disagreement: share of its frames in which one model says yes and another no, 0..1; 0 of one model.
        reason: which of the three is the largest.
    """

    video: str
    name: str
    first: int
    end: int
    confidence: float
    uncertainty: float
    entropy: float
    edges: float
    disagreement: float
    reason: Reason


def rank_offers(answers: Mapping[str, Sequence[Answer]]) -> list[Offer]:
    """Every bout that any model found, the most uncertain of every video first, then the second of every video, and so on.

    Bouts of a class that models find at the same time are one offer.

    Args:
        answers: of every model, by video.
    """
    turns: list[tuple[int, float, Offer]] = []
    for video, each in answers.items():
        ranked = sorted(_of_video(video, each), key=lambda offer: (-offer.uncertainty, offer.first, offer.name))
        turns += [(turn, -offer.uncertainty, offer) for turn, offer in enumerate(ranked)]
    return [offer for *_, offer in sorted(turns, key=lambda turn: turn[:2])]


def _of_video(video: str, answers: Sequence[Answer]) -> list[Offer]:
    found = []
    for name in dict.fromkeys(name for answer in answers for name in answer.class_names):
        knowing = [(answer, answer.class_names.index(name)) for answer in answers if name in answer.class_names]
        said = np.stack([answer.said[:, place] for answer, place in knowing])
        given = np.stack([answer.probabilities[:, place] for answer, place in knowing])
        seen = _Seen(said=said, known=np.isfinite(given), mean=_mean(given), entropy=_mean(binary_entropy(given)))
        edges = np.flatnonzero(np.diff(said.any(axis=0).astype(np.int8), prepend=0, append=0)).reshape(-1, 2)
        found += [_offer(video, name, int(first), int(end), seen) for first, end in edges]
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What all models say of one class: bool (models, frames), and means over the models, float64 (frames,)."""

    said: NDArray[np.bool_]
    known: NDArray[np.bool_]
    mean: NDArray[np.float64]
    entropy: NDArray[np.float64]


def _offer(video: str, name: str, first: int, end: int, seen: _Seen) -> Offer:
    inside = slice(first, end)
    differing = seen.said[:, inside].any(axis=0) & (~seen.said[:, inside] & seen.known[:, inside]).any(axis=0)
    uncertainties: dict[Reason, float] = {
        "unsure": float(seen.entropy[inside].mean()),
        "unsure edges": (_unsure_edge(seen.mean, first) + _unsure_edge(seen.mean, end)) / 2,
        "models differ": float(differing.mean()),
    }
    return Offer(
        video=video,
        name=name,
        first=first,
        end=end,
        confidence=float(seen.mean[inside].mean()),
        uncertainty=sum(uncertainties.values()) / (3 if len(seen.said) > 1 else 2),
        entropy=uncertainties["unsure"],
        edges=uncertainties["unsure edges"],
        disagreement=uncertainties["models differ"],
        reason=max(uncertainties, key=lambda each: uncertainties[each]),
    )


def _mean(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Over the models that say anything, float64 (frames,); 0 where none does."""
    known = np.isfinite(values)
    return np.asarray(np.where(known, values, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1), np.float64)


def binary_entropy(probabilities: Probabilities | NDArray[np.float64]) -> NDArray[np.float64]:
    """Entropy in bits of yes or no at each probability (Shannon 1948): 1 at 0.5, 0 at 0 and 1."""
    p = np.clip(probabilities.astype(np.float64), 1e-12, 1 - 1e-12)
    return np.asarray(-(p * np.log2(p) + (1 - p) * np.log2(1 - p)))


def _unsure_edge(mean: NDArray[np.float64], edge: int) -> float:
    """Share of the frames around an edge whose probability is between low and high; at the video's end there is no edge."""
    if edge in (0, len(mean)):
        return 0.0
    around = mean[max(0, edge - _EDGE_FRAMES) : edge + _EDGE_FRAMES]
    return float(((around > 1 - _SURE) & (around < _SURE)).mean())
