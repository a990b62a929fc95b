"""Whether the poses that classifiers take at a rig are like those of their training."""

import math

import numpy as np

from tracker.bundle_description import Description
from tracker.check.result import CheckResult, judged, unjudged
from tracker.check.watch import Watched
from tracker.resemblance import FEWEST, RETRAIN_POSES, PoseAppearance, pose_appearance, pose_differences, pose_medians
from tracker.setup import Setup

_PAIRS = 25  # of pictures one after the other, spread over those that were kept


def pose_resemblances(setup: Setup, watched: Watched) -> list[CheckResult]:
    """Whether the poses that each classifier takes are like those that it has learnt from."""
    takers = {name: each for name, each in setup.scores.classifiers.items() if each.about.region is None}
    if not takers:
        return []
    pairs = len(watched.in_a_row) - 1
    places = np.unique(np.linspace(0, pairs - 1, min(pairs, _PAIRS)).round().astype(np.int64))
    points = {place: setup.points(watched.in_a_row[place]) for place in sorted({*places.tolist(), *(places + 1).tolist()})}
    seconds = np.diff(watched.numbers)[places] * _frame_s(watched)  # frames may arrive in bursts
    found = []
    for name, classifier in takers.items():
        about = classifier.bundle.description
        own = [setup.point_names.index(point) for point in about.point_names]
        before, after = (
            np.array([points[place][:, own] for place in where.tolist()], np.float32).reshape(-1, *about.input.shape[1:])
            for where in (places, places + 1)
        )
        least = about.learnt_poses.least_confidence if about.learnt_poses is not None else 0.0
        measured = pose_appearance(before, after, seconds, least_confidence=least)
        found.append(_judge(about, measured, classifier=name))
    return found


def _frame_s(watched: Watched) -> float:
    """Mean time from one frame's number to the next."""
    stamps = watched.received_ns if watched.exposed_ns is None else watched.exposed_ns
    return float(stamps[-1] - stamps[0]) / 1e9 / max(1, int(watched.numbers[-1] - watched.numbers[0]))


def _judge(about: Description, found: PoseAppearance, *, classifier: str) -> CheckResult:
    """Whether the poses that a classifier takes are like those of the training.

    Args:
        about: of the network.
        found: of what it takes.
        classifier: its name.
    """
    check, learnt = f"resemblance of {classifier}", about.learnt_poses
    if learnt is None:
        return unjudged(check, f"not judged: {about.name} does not say what its training poses were like")
    if len(found.seen) < FEWEST:
        return unjudged(check, f"not judged: it takes {FEWEST} pictures with one after each, {len(found.seen)} came")
    medians, said, measured = pose_medians(found), [], {}
    if learnt.length_px is not None and not math.isnan(medians.length_px):
        low, high = learnt.length_px
        said.append(f"an animal is {medians.length_px:.0f} px long ({low:.0f} to {high:.0f} learnt from)")
        measured["length_px"] = medians.length_px
    said.append(f"{medians.seen:.0%} of its points are seen (usually {learnt.seen:.0%} or more)")
    measured["seen"] = medians.seen
    if learnt.speed_px_s is not None and not math.isnan(medians.speed_px_s):
        said.append(f"it moves by {medians.speed_px_s:.0f} px/s (usually at most {learnt.speed_px_s:.0f})")
        measured["speed_px_s"] = medians.speed_px_s
    unlike = pose_differences(learnt, found)
    warn = f"unlike what {about.name} was trained on: {RETRAIN_POSES}" if unlike else None
    return judged(check, f"medians: {', '.join(said)}", measured, warn=warn)
