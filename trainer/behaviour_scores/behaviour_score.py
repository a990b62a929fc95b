"""All that is said of one answer to behaviour labels: frames, bouts, raw and cleaned, over all videos and for each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.behaviour.score import FrameScore, score_frames
from trainer.behaviour_scores.bout_score import BoutScore, cleaned, number, score_bouts
from trainer.behaviour_scores.kappa import confusion, kappa, kappa_by_bout, kappa_by_frame
from trainer.behaviour_scores.reliability_bins import ReliabilityBins, calibration
from trainer.behaviour_scores.scored_video import ScoredVideo
from trainer.behaviour_scores.threshold_curves import ThresholdCurve, curve


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaning:
    """What is done to decisions before bouts are counted, in ms."""

    minimum_ms: float = 0.0
    gap_ms: float = 0.0

    @property
    def changes(self) -> bool:
        """Whether anything is done at all."""
        return self.minimum_ms > 0 or self.gap_ms > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassScore:
    """One class over the videos.

    Attributes:
        name: of the class.
        frames: precision, recall, F1 and agreement by frame; `agreement` is the accuracy of yes against no.
        true_frames: how many frames people marked.
        judged_frames: how many they judged.
        false_frames: how many were found that they did not mark.
        missed_frames: how many they marked that were not found.
        kappa: Cohen's, by frame.
        bouts: by bout.
        curve: over thresholds, None without probabilities or where nothing can be told apart.
    """

    name: str
    frames: FrameScore
    true_frames: int
    judged_frames: int
    false_frames: int
    missed_frames: int
    kappa: float
    bouts: BoutScore
    curve: ThresholdCurve | None

    @property
    def majority(self) -> float:
        """Accuracy of always saying the commoner of yes and no."""
        if not self.judged_frames:
            return float("nan")
        return max(self.true_frames, self.judged_frames - self.true_frames) / self.judged_frames

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        figures = {"precision": self.frames.precision, "recall": self.frames.recall, "f1": self.frames.f1}
        figures |= {"accuracy": self.frames.agreement, "majority": self.majority, "kappa": self.kappa}
        return {
            "class": self.name,
            "true_frames": self.true_frames,
            "judged_frames": self.judged_frames,
            "false_frames": self.false_frames,
            "missed_frames": self.missed_frames,
            **{name: number(value) for name, value in figures.items()},
            "bouts": self.bouts.as_json(),
            "curve": self.curve.as_json() if self.curve else None,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class BehaviourScore:
    """One answer over all videos.

    Attributes:
        name: of what answered.
        classes: in the labels' order.
        accuracy: share of frames whose class is right, "none" being one; None where classes overlap.
        majority: the same for always answering the commonest class.
        confusion: int64 (C + 1, C + 1), true by found, the last "none"; None where classes overlap.
        kappa_by_frame: Cohen's over that table.
        kappa_by_bout: over bouts of all classes.
        calibration: of the likeliest class, or of yes over all classes where they overlap; None without probabilities.
        videos: name and macro-F1 of each.
        in_time: whether frames follow one another; of images in folders nothing is said by bout.
    """

    name: str
    classes: tuple[ClassScore, ...]
    accuracy: float | None
    majority: float | None
    confusion: NDArray[np.int64] | None
    kappa_by_frame: float
    kappa_by_bout: float
    calibration: ReliabilityBins | None
    videos: tuple[tuple[str, float], ...]
    in_time: bool = True

    @property
    def unit(self) -> str:
        """What is counted."""
        return "frames" if self.in_time else "images"

    @property
    def macro_f1(self) -> float:
        """Mean F1 of the classes that are there or were found."""
        return _mean([each.frames.f1 for each in self.classes])

    @property
    def macro_bout_f1(self) -> float:
        """The same by bout."""
        return _mean([each.bouts.f1 for each in self.classes])

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "name": self.name,
            "macro_f1": number(self.macro_f1),
            "macro_bout_f1": number(self.macro_bout_f1) if self.in_time else None,
            "unit": self.unit,
            "accuracy": self.accuracy,
            "majority": self.majority,
            "kappa_by_frame": number(self.kappa_by_frame),
            "kappa_by_bout": number(self.kappa_by_bout) if self.in_time else None,
            "classes": [each.as_json() | ({} if self.in_time else {"bouts": None}) for each in self.classes],
            "confusion": self.confusion.tolist() if self.confusion is not None else None,
            "calibration": self.calibration.as_json() if self.calibration else None,
            "videos": [{"video": video, "macro_f1": number(value)} for video, value in self.videos],
        }


def score_behaviour(name: str, videos: Sequence[ScoredVideo]) -> BehaviourScore:
    """Score one answer to several videos with the same classes."""
    classes = tuple(_class_score(videos, place) for place in range(len(videos[0].class_names)))
    exclusive = all(labels.sum(axis=1).max(initial=0) <= 1 for video in videos for labels in (video.true, video.said))
    table = confusion(videos)[0] if exclusive else None
    return BehaviourScore(
        name=name,
        classes=classes,
        accuracy=_share(int(np.trace(table)), int(table.sum())) if table is not None else None,
        majority=_share(int(table.sum(axis=1).max()), int(table.sum())) if table is not None else None,
        confusion=table,
        kappa_by_frame=kappa(table) if table is not None else _mean([each.kappa for each in classes]),
        kappa_by_bout=kappa_by_bout(videos),
        calibration=_calibration(videos, exclusive=exclusive),
        videos=tuple((video.name, macro_f1([video])) for video in videos),
        in_time=all(video.in_time for video in videos),
    )


def clean(videos: Sequence[ScoredVideo], cleaning: Cleaning) -> list[ScoredVideo]:
    """The same videos with their decisions cleaned."""
    return [video.saying(cleaned(video.said, fps=video.fps, minimum_ms=cleaning.minimum_ms, gap_ms=cleaning.gap_ms)) for video in videos]


def always_the_commonest(videos: Sequence[ScoredVideo]) -> list[ScoredVideo]:
    """The trivial answer: of exclusive classes the commonest, of overlapping ones each that is on in most frames."""
    judged = sum(video.judged.sum(axis=0) for video in videos)
    true = sum((video.true & video.judged).sum(axis=0) for video in videos)
    if all(video.true.sum(axis=1).max(initial=0) <= 1 for video in videos):
        none = int(sum((video.judged.all(axis=1) & ~video.true.any(axis=1)).sum() for video in videos))
        on = (np.arange(len(true)) == int(np.argmax(true))) & (int(np.max(true)) > none)
    else:
        on = 2 * true > judged
    return [video.saying(np.tile(on, (len(video.truth), 1))) for video in videos]


def _class_score(videos: Sequence[ScoredVideo], place: int) -> ClassScore:
    judged = [video.judged[:, place] for video in videos]
    said, true = columns(videos, place)
    known = [video.probabilities[inside, place] for video, inside in zip(videos, judged, strict=True) if video.probabilities is not None]
    probability = np.concatenate(known) if len(known) == len(videos) else np.full(len(true), np.nan, np.float32)
    given = np.isfinite(probability)
    return ClassScore(
        name=videos[0].class_names[place],
        frames=score_frames(said, true),
        true_frames=int(true.sum()),
        judged_frames=len(true),
        false_frames=int((said & ~true).sum()),
        missed_frames=int((~said & true).sum()),
        kappa=kappa_by_frame(videos, place),
        bouts=score_bouts(videos, place),
        curve=curve(probability[given], true[given]),
    )


def _calibration(videos: Sequence[ScoredVideo], *, exclusive: bool) -> ReliabilityBins | None:
    said, true = [], []
    for video in videos:
        if video.probabilities is None:
            return None
        if exclusive:
            inside = video.judged.all(axis=1) & np.isfinite(video.probabilities).all(axis=1)
            best = video.probabilities[inside].argmax(axis=1)
            rows = np.arange(len(best))
            said.append(video.probabilities[inside][rows, best])
            true.append(video.true[inside][rows, best])
        else:
            known = video.judged & np.isfinite(video.probabilities)
            said.append(video.probabilities[known])
            true.append(video.true[known])
    return calibration(np.concatenate(said), np.concatenate(true))


def macro_f1(videos: Sequence[ScoredVideo]) -> float:
    """Mean F1, by frame, of the classes that are there or were found in these videos: one that is found but not there counts 0."""
    return _mean([score_frames(*columns(videos, place)).f1 for place in range(len(videos[0].class_names))])


def columns(videos: Sequence[ScoredVideo], place: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """What was found and what is true of one class, bool (judged frames of all videos,) each."""
    inside = [video.judged[:, place] for video in videos]
    said = np.concatenate([video.said[judged, place] for video, judged in zip(videos, inside, strict=True)])
    return said, np.concatenate([video.true[judged, place] for video, judged in zip(videos, inside, strict=True)])


def _mean(values: Sequence[float]) -> float:
    finite = [value for value in values if np.isfinite(value)]
    return float(np.mean(finite)) if finite else float("nan")


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
