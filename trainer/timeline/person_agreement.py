"""How far annotators agree on a video: Cohen's kappa by frame and by bout, as `trainer bouts score` finds it from the same files."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from trainer.behaviour_scores.kappa import kappa_by_bout, kappa_by_frame
from trainer.behaviour_scores.scored_video import ScoredVideo, against_labels
from trainer.ethogram.bout_file import BoutFile, ethogram_of


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonAgreement:
    """One annotator against another over some videos; None where a figure does not exist.

    Attributes:
        frames: that both judged, for at least one class.
        by_frame: kappa of each class that both list in every video.
        by_bout: kappa of all these classes.
    """

    frames: int
    by_frame: dict[str, float | None]
    by_bout: float | None


def agreement_of(pairs: Sequence[tuple[BoutFile, BoutFile]]) -> PersonAgreement | None:
    """Compare two annotators on the classes that every file lists, so that each figure is of all videos; None where they judged none both.

    Args:
        pairs: the files of the two, one pair for each video.
    """
    found = [_scored(one, other) for one, other in pairs if set(one.class_names) & set(other.class_names)]
    names = tuple(name for name in found[0].class_names if all(name in video.class_names for video in found)) if found else ()
    videos = [video.with_classes(names) for video in found]
    frames = sum(int(video.judged.any(axis=1).sum()) for video in videos)
    if not frames:
        return None
    return PersonAgreement(
        frames=frames,
        by_frame={name: _number(kappa_by_frame(videos, place)) for place, name in enumerate(names)},
        by_bout=_number(kappa_by_bout(videos)),
    )


def _scored(one: BoutFile, other: BoutFile) -> ScoredVideo:
    ethograms = [ethogram_of(file, fps=file.fps or 1.0, where=file.video) for file in (one, other)]
    return against_labels(*ethograms, name=one.video)[0]


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
