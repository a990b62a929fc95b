"""Every configured classifier on every frame: from one pose to the scores that are published and that rules look at."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tracker.classifiers.classifier import Classifier
from tracker.errors import ConfigError
from tracker.pose import Pose


class Scores:
    """Adds to each pose what the classifiers make of it. Used by the loop's thread alone.

    Args:
        classifiers: by the name that the configuration gives them.
        point_names: of the poses to come.
        animals: rows of the poses to come.

    Raises:
        ConfigError: a classifier was trained on other key points, or on another number of animals.
    """

    def __init__(self, classifiers: Mapping[str, Classifier], *, point_names: Sequence[str], animals: int) -> None:
        self.classifiers = dict(classifiers)
        self._parts = [
            (name, each, _places(name, each, point_names, animals), tuple(f"{name}.{one}" for one in each.bundle.description.class_names))
            for name, each in classifiers.items()
        ]

    @property
    def names(self) -> tuple[str, ...]:
        """Of all scores: the classifier's name, a dot, the class's."""
        return tuple(name for _, _, _, names in self._parts for name in names)

    @property
    def fault(self) -> str | None:
        """What is wrong with a classifier's last answer, in one sentence."""
        return next((f"classifier '{name}': {each.fault}" for name, each in self.classifiers.items() if each.fault is not None), None)

    def reset(self) -> None:
        """Begin anew, as at the start of a session."""
        for _, classifier, _, _ in self._parts:
            classifier.reset()

    def of(self, pose: Pose, time_ns: int) -> Pose:
        """The pose with the scores of this frame. Those of a classifier that warms up are left out, and its name is in `warming`.

        Args:
            pose: of one frame.
            time_ns: when it was exposed where the camera has a clock, else when it was received; the same for all frames.
        """
        if not self._parts:
            return pose
        scores: dict[str, float] = {}
        warming = []
        for name, classifier, places, names in self._parts:
            answer = classifier.at(pose.points[:, places], time_ns)
            if answer is None:
                warming.append(name)
            else:
                scores.update(zip(names, answer.tolist(), strict=True))
        return replace(pose, scores=scores, warming=tuple(warming))


def _places(name: str, classifier: Classifier, point_names: Sequence[str], animals: int) -> list[int]:
    """Where the classifier's key points stand in a pose."""
    about, folder = classifier.bundle.description, classifier.bundle.folder
    absent = [point for point in about.point_names if point not in point_names]
    if absent:
        raise ConfigError(
            f"classifier '{name}' ({folder}) needs the key points {', '.join(absent)}, which the key-point network does not find "
            f"({', '.join(point_names) or 'none'}); use bundles that were trained on the same names"
        )
    if about.input.shape[1] != animals:
        raise ConfigError(
            f"classifier '{name}' ({folder}) was trained on {about.input.shape[1]} animals, the key-point network finds {animals}; "
            "use bundles for the same number"
        )
    return [list(point_names).index(point) for point in about.point_names]
