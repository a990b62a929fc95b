"""A rule by hand beside the networks of `behaviour.py`: rats apart are not social, and rats that move fast beside each other fight.

It looks at the distance between the animals and at their speed, over the newest frames alone; its three numbers are chosen on the videos
that networks of the same fold learn from and validate by.
"""

import itertools
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.behaviour.video_table import PoseVideo
from trainer.ethogram.bouts import NO, YES

CONFIDENCE = 0.2  # as the axis of the networks' bodies
SMOOTHED_S = (0.1, 0.5, 1.0, 2.0, 4.0)  # means over the newest frames
QUANTILES = np.linspace(0.04, 0.96, 24)  # of distance and speed: the thresholds that are tried
APART, FAST, ELSE = "nonsocial", "aggression", "social"
Values = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class SocialRule:
    """Nonsocial above a distance; below it aggression above a speed, else social.

    Attributes:
        smoothed_s: of both.
        apart_px: least distance between a point of one animal and one of the other.
        fast_px_s: median speed of all points.
    """

    smoothed_s: float
    apart_px: float
    fast_px_s: float


def distance_and_speed(video: PoseVideo, smoothed_s: float) -> tuple[Values, Values]:
    """In px and px/s, float32 (frames,) each, of two animals. Where nothing can be told, the last value stays; before the first it is 0."""
    points = np.where(video.poses[..., 2:] >= CONFIDENCE, video.poses[..., :2], np.nan)
    apart = np.linalg.norm(points[:, 0, :, None] - points[:, 1, None, :], axis=-1).reshape(len(points), -1)
    moved = np.linalg.norm(np.diff(points, axis=0, prepend=points[:1]), axis=-1).reshape(len(points), -1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # frames in which no point is seen
        found = np.nanmin(apart, axis=1), np.nanmedian(moved, axis=1) * video.fps
    frames = max(1, round(smoothed_s * video.fps))
    distance, speed = (_trailing(_held(each), frames) for each in found)
    return distance, speed


def choose_rule(learnt: Sequence[PoseVideo], class_names: Sequence[str]) -> SocialRule:
    """The one with the largest macro-F1 over the frames of these videos."""
    truth = np.concatenate([_truth(video) for video in learnt])
    judged = truth >= 0
    best, rule = -1.0, None
    for smoothed_s in SMOOTHED_S:
        pairs = [distance_and_speed(video, smoothed_s) for video in learnt]
        distance, speed = (np.concatenate(each)[judged] for each in zip(*pairs, strict=True))
        for apart, fast in itertools.product(np.quantile(distance, QUANTILES).tolist(), np.quantile(speed, QUANTILES).tolist()):
            one = SocialRule(smoothed_s=smoothed_s, apart_px=apart, fast_px_s=fast)
            score = _macro_f1(_decided(one, distance, speed, class_names), truth[judged], len(class_names))
            if score > best:
                best, rule = score, one
    if rule is None:
        raise ValueError("there is no rule to choose from")
    return rule


def answers_of_rule(rule: SocialRule, video: PoseVideo, class_names: Sequence[str]) -> Values:
    """1 for the class that the rule says and 0 for the others, float32 (frames, classes)."""
    said = _decided(rule, *distance_and_speed(video, rule.smoothed_s), class_names)
    return np.asarray(said[:, None] == np.arange(len(class_names)), np.float32)


def _decided(rule: SocialRule, distance: Values, speed: Values, class_names: Sequence[str]) -> NDArray[np.int64]:
    apart, fast, rest = (class_names.index(name) for name in (APART, FAST, ELSE))
    return np.where(distance > rule.apart_px, apart, np.where(speed > rule.fast_px_s, fast, rest)).astype(np.int64)


def _truth(video: PoseVideo) -> NDArray[np.int64]:
    """The class of every frame, -1 where nobody judged it."""
    on = video.marks == YES
    judged = (on | (video.marks == NO)).all(axis=1)
    return np.where(judged & on.any(axis=1), on.argmax(axis=1), -1)


def _macro_f1(said: NDArray[np.int64], true: NDArray[np.int64], classes: int) -> float:
    table = np.bincount(true * classes + said, minlength=classes * classes).reshape(classes, classes)
    return float(np.mean(2 * np.diag(table) / np.maximum(table.sum(axis=0) + table.sum(axis=1), 1)))


def _held(values: Values) -> Values:
    """With the last value that is known in the place of one that is not."""
    newest = np.maximum.accumulate(np.where(np.isfinite(values), np.arange(len(values)), -1))
    return np.where(newest >= 0, values[newest], 0).astype(np.float32)


def _trailing(values: Values, frames: int) -> Values:
    """Means over so many newest values, over fewer at the beginning."""
    total = np.concatenate(([0.0], np.cumsum(values, dtype=np.float64)))
    first = np.maximum(np.arange(len(values)) + 1 - frames, 0)
    places = np.arange(len(values)) + 1
    return np.asarray((total[places] - total[first]) / (places - first), np.float32)
