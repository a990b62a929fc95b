"""Scores of behaviour as lines of text: a table of frames, a table of bouts, and what is to be seen beside them."""

from collections.abc import Sequence

import numpy as np

from trainer.behaviour_scores.behaviour_score import BehaviourScore
from trainer.behaviour_scores.bout_score import errors_ms

FRAME_HEAD = ("precision", "recall", "F1", "AUC", "AP", "accuracy", "majority", "kappa", "frames")
IMAGE_HEAD = (*FRAME_HEAD[:-1], "images")
BOUT_HEAD = ("true", "found", "detected", "F1", "false/true", "false/min", "pieces", "onset ms", "offset ms")


def frame_head(score: BehaviourScore) -> tuple[str, ...]:
    """Over the cells of `frame_row`."""
    return FRAME_HEAD if score.in_time else IMAGE_HEAD


def frame_row(score: BehaviourScore, place: int) -> list[str]:
    """The cells of one class, frame by frame."""
    one = score.classes[place]
    curve = [one.curve.auc, one.curve.average_precision] if one.curve else [float("nan")] * 2
    values = [one.frames.precision, one.frames.recall, one.frames.f1, *curve, one.frames.agreement, one.majority, one.kappa]
    return [*(figure(value) for value in values), str(one.true_frames)]


def bout_row(score: BehaviourScore, place: int) -> list[str]:
    """The cells of one class, bout by bout: errors are medians, late is positive."""
    one = score.classes[place].bouts
    errors = errors_ms(one.onset_ms, one.offset_ms)
    detected = one.detected / one.true if one.true else float("nan")
    late = [f"{errors[name]:+.0f}" if errors[name] is not None else "–" for name in ("onset_median_ms", "offset_median_ms")]
    ratios = [figure(value) for value in (detected, one.f1, one.false_per_true, one.false_per_minute, one.fragmentation)]
    return [str(one.true), str(one.found), *ratios, *late]


def lines(scores: Sequence[BehaviourScore]) -> list[str]:
    """Every answer and class, by frame and by bout, and the figures over all classes."""
    width = max(12, *(len(score.name) for score in scores))
    names = max(7, *(len(each.name) for score in scores for each in score.classes))
    said = []
    in_time = scores[0].in_time
    by_frame, by_bout = ("by frame" if in_time else "by image", frame_head(scores[0]), frame_row), ("by bout", BOUT_HEAD, bout_row)
    for title, head, row in (by_frame, by_bout) if in_time else (by_frame,):
        said.append(f"{title:<{width}} {'class':<{names}} " + " ".join(f"{cell:>10}" for cell in head))
        for score in scores:
            for place, each in enumerate(score.classes):
                cells = " ".join(f"{cell:>10}" for cell in row(score, place))
                said.append(f"{score.name:<{width}} {each.name:<{names}} {cells}")
    return said + [summary(score) for score in scores]


def summary(score: BehaviourScore) -> str:
    """The figures over all classes, in one line."""
    parts = [f"macro-F1 {figure(score.macro_f1)}{f' by frame, {figure(score.macro_bout_f1)} by bout' if score.in_time else ' by image'}"]
    if score.accuracy is not None and score.majority is not None:
        parts.append(f"accuracy {figure(score.accuracy)} where always the commonest class gives {figure(score.majority)}")
    parts.append(f"kappa {figure(score.kappa_by_frame)}{f' by frame, {figure(score.kappa_by_bout)} by bout' if score.in_time else ''}")
    if score.calibration is not None:
        parts.append(f"calibration error {figure(score.calibration.ece)}")
    return f"{score.name}: {'; '.join(parts)}"


def figure(value: float) -> str:
    """Three digits, or a dash for what is not known."""
    return f"{value:.3f}" if np.isfinite(value) else "–"
