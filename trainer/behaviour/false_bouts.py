"""Where an earlier bundle finds bouts that people say are none: what the next network is shown more of."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracker.bundle import Bundle, read_bundle
from tracker.classifiers.open_classifier import open_classifier
from trainer.behaviour.answers import JudgedVideo, probabilities_of
from trainer.behaviour_scores.scored_video import Decide, Said
from trainer.errors import TrainingError
from trainer.ethogram.bouts import NO, YES, Marks

Runs = NDArray[np.int64]  # (bouts, 2): first frame, and the first frame after


def earlier_bundle(folder: Path, class_names: Sequence[str]) -> Bundle:
    """The bundle whose false bouts are wanted.

    Raises:
        BundleError: it cannot be read.
        TrainingError: it does not find behaviour, or none of the classes.
    """
    bundle = read_bundle(folder)
    if bundle.description.behaviour is None or bundle.description.forecast is not None:
        raise TrainingError(f"{folder}: does not find behaviour; expected a bundle that `trainer fit --task behaviour` wrote")
    if not set(bundle.description.class_names) & set(class_names):
        raise TrainingError(
            f"{folder}: finds {', '.join(bundle.description.class_names)}; expected some of {', '.join(class_names)}, which are learnt"
        )
    return bundle


def false_bouts(
    bundle: Bundle, videos: Sequence[JudgedVideo], class_names: Sequence[str], *, say: Callable[[str], None], otherwise: str | None = None
) -> list[Runs]:
    """Of every video, the bouts that the bundle finds and that share no frame with a true one of their class.

    Args:
        bundle: takes what the videos hold.
        videos: labelled.
        class_names: of the marks' columns; classes that only one side knows are left out.
        say: told how many there are.
        otherwise: as in `probabilities_of`.

    Raises:
        TrainingError: the bundle takes something else than what the videos hold.
    """
    description = bundle.description
    for video in videos[:1]:
        if video.taken.shape[1:] != tuple(description.input.shape[1:]):
            raise TrainingError(
                f"{bundle.folder}: takes {_words(description.input.shape[1:])}, the videos give {_words(video.taken.shape[1:])}; "
                "expected an earlier bundle of the same region, or of the same animals and key points"
            )
    classifier = open_classifier(bundle)
    decide = Decide(exclusive=classifier.about.exclusive, thresholds=classifier.about.thresholds)
    found = []
    for video in videos:
        said = decide.of(probabilities_of(classifier, video, otherwise=otherwise))
        runs = [
            _false_runs(said[:, place], video.marks[:, list(class_names).index(name)])
            for place, name in enumerate(description.class_names)
            if name in class_names
        ]
        found.append(np.unique(np.concatenate(runs), axis=0))
    frames = sum(int((runs[:, 1] - runs[:, 0]).sum()) for runs in found)
    say(f"{bundle.folder} finds {sum(map(len, found))} false bouts of {frames} frames in {len(videos)} training videos or runs")
    return found


def flags_of(runs: Runs, frames: int) -> NDArray[np.bool_]:
    """Which of so many frames lie in a run."""
    flags = np.zeros(frames, np.bool_)
    for first, end in runs.tolist():
        flags[first:end] = True
    return flags


def _false_runs(said: Said, marks: Marks) -> Runs:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], said, [False]]).astype(np.int8))).reshape(-1, 2)
    false = [(first, end) for first, end in edges.tolist() if (marks[first:end] == NO).any() and not (marks[first:end] == YES).any()]
    return np.array(false, np.int64).reshape(-1, 2)


def _words(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))
