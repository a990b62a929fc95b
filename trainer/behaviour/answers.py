"""A behaviour bundle over whole videos: the rig's own step, frame by frame, and its decisions."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tracker.behaviour.preselection import scores_without
from tracker.bundle import Bundle
from tracker.classifiers.classifier import Classifier
from tracker.classifiers.open_classifier import open_classifier
from trainer.behaviour.delay import later, taken_from
from trainer.behaviour_scores.scored_video import Decide, Probabilities, ScoredVideo
from trainer.errors import TrainingError
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

    @property
    def groups(self) -> Mapping[str, str]:
        """Of which animal, session and trial it is, as far as that is known."""
        ...

    @property
    def in_time(self) -> bool:
        """Whether its frames follow one another."""
        ...

    @property
    def to_network(self) -> NDArray[np.bool_] | None:
        """Which frames go to the network, bool (frames,); None: all of them."""
        ...


def probabilities_of(classifier: Classifier, video: JudgedVideo, *, otherwise: str | None = None) -> Probabilities:
    """Class probabilities of every frame, as the rig finds them.

    Args:
        classifier: begins anew.
        video: in which frames may be decided without the network.
        otherwise: the class of probability 1 in these, as `only_when` has it.

    Returns:
        float32 (frames, classes), each frame's own, however much later it was given; NaN while the network warms up, and at the end of the
        video, where a frame's answer would come after it.

    Raises:
        TrainingError: frames may be decided without a network that tells of them later.
    """
    delay_ms = classifier.about.delay_ms
    if delay_ms and video.to_network is not None:
        raise TrainingError(
            f"{classifier.bundle.folder} tells of frames {delay_ms:g} ms later, and --only-when decides some at once; leave --only-when out"
        )
    classifier.reset()
    names = classifier.bundle.description.class_names
    silent, without = np.full(len(names), np.nan, np.float32), np.array(scores_without(names, otherwise), np.float32)
    found = []
    for number, (taken, seconds) in enumerate(zip(video.taken, video.seconds, strict=True)):
        if video.to_network is not None and not video.to_network[number]:
            classifier.leave_out()
            found.append(without)
        else:
            answer = classifier.step(taken, float(seconds))
            found.append(silent if answer is None else answer)
    return taken_from(np.stack(found), later(video.seconds, delay_ms), absent=np.nan)


def decisions_of(
    bundle: Bundle, videos: Sequence[JudgedVideo], *, say: Callable[[str], None], otherwise: str | None = None
) -> list[ScoredVideo]:
    """Every video with the bundle's probabilities and decisions; `otherwise` as in `probabilities_of`.

    Raises:
        BundleError: the bundle is for another task.
        EngineError: its self-test fails.
    """
    classifier = open_classifier(bundle)
    about = classifier.about
    decide = Decide(exclusive=about.exclusive, thresholds=about.thresholds)
    found = []
    for video in videos:
        probabilities = probabilities_of(classifier, video, otherwise=otherwise)
        found.append(
            ScoredVideo(
                name=video.name,
                class_names=bundle.description.class_names,
                truth=video.marks,
                said=decide.of(probabilities),
                probabilities=probabilities,
                fps=video.fps,
                to_network=video.to_network,
                groups=video.groups,
                in_time=video.in_time,
            )
        )
        say(f"{video.name}: {len(probabilities)} frames")
    return found
