"""A behaviour bundle over whole videos: the rig's own step, frame by frame, and its decisions."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tracker.bundle import Bundle
from tracker.classifiers.classifier import Classifier
from tracker.classifiers.open_classifier import open_classifier
from trainer.behaviour_scores.scored_video import Decide, Probabilities, ScoredVideo
from trainer.ethogram.bouts import Marks


class JudgedVideo(Protocol):
    """What of a video is needed to score a bundle on it."""

    @property
    def name(self) -> str:
        """Unique among the videos."""
        ...

    @property
    def taken(self) -> NDArray[Any]:
        """What a network takes of every frame, (frames, ...)."""
        ...

    @property
    def seconds(self) -> NDArray[np.float32]:
        """Time since the frame before, float32 (frames,); 0 for the first."""
        ...

    @property
    def marks(self) -> Marks:
        """What people said, int8 (frames, classes)."""
        ...

    @property
    def fps(self) -> float:
        """Frames per second."""
        ...


def probabilities_of(classifier: Classifier, video: JudgedVideo) -> Probabilities:
    """Class probabilities of every frame, float32 (frames, classes), as the rig finds them; NaN while the network warms up."""
    classifier.reset()
    silent = np.full(len(classifier.bundle.description.class_names), np.nan, np.float32)
    answers = (classifier.step(taken, float(seconds)) for taken, seconds in zip(video.taken, video.seconds, strict=True))
    return np.stack([silent if answer is None else answer for answer in answers])


def decisions_of(bundle: Bundle, videos: Sequence[JudgedVideo], *, say: Callable[[str], None]) -> list[ScoredVideo]:
    """Every video with the bundle's probabilities and decisions.

    Raises:
        BundleError: the bundle is for another task.
        EngineError: its self-test fails.
    """
    classifier = open_classifier(bundle)
    about = classifier.about
    decide = Decide(exclusive=about.exclusive, thresholds=about.thresholds)
    found = []
    for video in videos:
        probabilities = probabilities_of(classifier, video)
        found.append(
            ScoredVideo(
                name=video.name,
                class_names=bundle.description.class_names,
                truth=video.marks,
                said=decide.of(probabilities),
                probabilities=probabilities,
                fps=video.fps,
            )
        )
        say(f"{video.name}: {len(probabilities)} frames")
    return found
