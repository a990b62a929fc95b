"""Of frames that a network has learnt from: how many it answers rightly, class by class. No bouts: of these it has seen the edges."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tracker.behaviour.score import score_frames
from trainer.behaviour_scores.behaviour_score import columns
from trainer.behaviour_scores.bout_score import number
from trainer.behaviour_scores.scored_video import ScoredVideo


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameFigures:
    """What was reached on some videos; a ratio without a denominator is NaN.

    Attributes:
        frames: that were judged, for every class.
        accuracy: share of these whose classes are all right.
        class_names: in the labels' order.
        f1: of each class.
        true_frames: of each class.
        true_bouts: of each class; runs of its frames, of images those that stand beside each other.
    """

    frames: int
    accuracy: float
    class_names: tuple[str, ...]
    f1: tuple[float, ...]
    true_frames: tuple[int, ...]
    true_bouts: tuple[int, ...]

    @property
    def macro_f1(self) -> float:
        """Mean over the classes that are there or were found."""
        known = [value for value in self.f1 if np.isfinite(value)]
        return float(np.mean(known)) if known else float("nan")

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        of_class = zip(self.class_names, self.f1, self.true_frames, self.true_bouts, strict=True)
        return {
            "frames": self.frames,
            "accuracy": number(self.accuracy),
            "macro_f1": number(self.macro_f1),
            "classes": [{"class": name, "f1": number(f1), "frames": frames, "bouts": bouts} for name, f1, frames, bouts in of_class],
        }


def frame_figures(videos: Sequence[ScoredVideo]) -> FrameFigures:
    """Count over several videos with the same classes."""
    names = videos[0].class_names
    found = [columns(videos, place) for place in range(len(names))]
    right = [((video.said == video.true).all(axis=1))[video.judged.all(axis=1)] for video in videos]
    every = np.concatenate(right)
    return FrameFigures(
        frames=len(every),
        accuracy=float(every.mean()) if len(every) else float("nan"),
        class_names=names,
        f1=tuple(score_frames(said, true).f1 for said, true in found),
        true_frames=tuple(int(true.sum()) for _, true in found),
        true_bouts=tuple(sum(_runs(video, place) for video in videos) for place in range(len(names))),
    )


def _runs(video: ScoredVideo, place: int) -> int:
    on = np.concatenate(([False], video.true[:, place]))
    return int(np.count_nonzero(on[1:] & ~on[:-1]))
