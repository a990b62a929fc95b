"""Bouts of aggression out of probabilities, for `behaviour.py`: a rule chosen on some videos, scored through the rules that run live."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracker.behaviour.behaviour import Behaviour
from tracker.behaviour.score import bouts_of_events, labels_of
from tracker.config_rules import ClassSource, EventConfig, Rule
from tracker.pose import Pose
from trainer.behaviour_scores.bout_score import BoutScore, score_bouts
from trainer.behaviour_scores.scored_video import ScoredVideo

CLASS = "aggression"
MOST_FALSE = 0.5  # per true bout, on the videos that a rule is chosen on; the bar is 0.6 on those left out
ON, OFF = (0.4, 0.5, 0.6, 0.7, 0.8), (0.2, 0.3, 0.4)
MINIMUM_S, GAP_S = (0.2, 0.5, 1.0, 2.0), (0.25, 0.5, 1.0, 2.0)
FPS = 30.0
Values = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hysteresis:
    """A rule for bouts, in seconds."""

    on: float
    off: float
    minimum_s: float
    gap_s: float


def bouts(values: Values, rule: Hysteresis) -> NDArray[np.bool_]:
    """What the live rule finds, all frames at once."""
    above = values > rule.off
    edges = np.flatnonzero(np.diff(np.concatenate(([False], above, [False])).astype(np.int8))).reshape(-1, 2)
    said = np.zeros(len(values), np.bool_)
    merged: list[list[int]] = []
    for first, end in edges.tolist():
        if merged and (first - merged[-1][1]) / FPS <= rule.gap_s:
            merged[-1][1] = end
        else:
            merged.append([first, end])
    for first, end in merged:
        over = np.flatnonzero(values[first:end] > rule.on)
        if len(over) and (end - 1 - first - over[0]) / FPS >= rule.minimum_s:
            said[first + over[0] : end] = True
    return said


def choose(validation: list[ScoredVideo], place: int) -> tuple[Hysteresis, BoutScore]:
    """The rule with the best bouts on the videos that validate, of those with few false ones."""
    found = []
    for on, off, minimum_s, gap_s in itertools.product(ON, OFF, MINIMUM_S, GAP_S):
        rule = Hysteresis(on=on, off=off, minimum_s=minimum_s, gap_s=gap_s)
        if off < on:
            found.append((rule, bout_score(validation, place, rule)))
    few = [each for each in found if each[1].false_per_true <= MOST_FALSE]
    return max(few, key=lambda each: each[1].f1) if few else min(found, key=lambda each: each[1].false_per_true)


def bout_score(videos: Sequence[ScoredVideo], place: int, rule: Hysteresis) -> BoutScore:
    """Of one class by a rule."""
    return score_bouts([with_bouts(video, place, bouts(probabilities(video)[:, place], rule)) for video in videos], place)


def with_bouts(video: ScoredVideo, place: int, said: NDArray[np.bool_]) -> ScoredVideo:
    """The video with other decisions for one class."""
    whole = video.said.copy()
    whole[:, place] = said
    return video.saying(whole)


def live(video: ScoredVideo, place: int, rule: Hysteresis) -> ScoredVideo:
    """The same through the rules that run live."""
    item = EventConfig(
        event=CLASS,
        source=ClassSource(classifier="social", class_name=CLASS),
        rule=Rule(on=rule.on, off=rule.off, minimum_ms=rule.minimum_s * 1000, maximum_gap_ms=rule.gap_s * 1000, missing="end"),
    )
    subject = Behaviour((item,), (), point_names=(), animals=0, has_mm=False)
    times_ns = np.round(np.arange(len(video.truth)) * 1e9 / FPS).astype(np.int64)
    events = []
    for frame, value in enumerate(probabilities(video)[:, place].tolist()):
        pose = Pose(points=np.empty((0, 0, 3), np.float32), mm=None, scores={f"social.{CLASS}": value})
        events += subject.update(frame_number=frame, time_ns=int(times_ns[frame]), pose=pose, motion=None)
    marks = bouts_of_events(events, dict(enumerate(times_ns.tolist())), name=CLASS, animal=0, marks="bout")
    return with_bouts(video, place, labels_of(marks, times_ns))


def probabilities(video: ScoredVideo) -> Values:
    """Of a video that has some."""
    if video.probabilities is None:
        raise ValueError(f"{video.name} has no probabilities")
    return video.probabilities
