"""Every configured classifier on every frame: from image and pose to the scores that are published and that rules look at."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple

from numpy.typing import NDArray

from tracker.behaviour.preselection import FramesToClassify
from tracker.bundle_description import Following, Viewed
from tracker.classifiers.classifier import Carried, Classifier
from tracker.engines.view_fit import ViewFit
from tracker.errors import BundleError, ConfigError, EngineError
from tracker.event import Event
from tracker.frame import Image
from tracker.pose import KeyPoints, Pose

NO_PRESELECTIONS: Mapping[str, FramesToClassify] = MappingProxyType({})
_Take = Callable[[Image, Pose, int], NDArray[Any] | None]  # image, pose, time in ns: what the network takes, None where it has no region


class _Part(NamedTuple):
    name: str
    classifier: Classifier
    take: _Take
    score_names: tuple[str, ...]
    frames: FramesToClassify | None  # None: every frame goes to the network
    without: tuple[float, ...]  # the scores of a frame that does not


class Scores:
    """Adds to each pose what the classifiers make of it and its image. Used by the loop's thread alone.

    Args:
        classifiers: by the name that the configuration gives them.
        point_names: of the poses to come.
        animals: rows of the poses to come.
        source_shape: of the images to come: (height, width) or (height, width, 3).
        preselections: of the classifiers that do not take every frame, by the same name.

    Attributes:
        frames_without_network: over all classifiers, frames so far that were decided without the network.

    Raises:
        ConfigError: a classifier was trained on other key points, or on another number of animals.
        BundleError: what a classifier takes of an image does not lie in such images.
    """

    def __init__(
        self,
        classifiers: Mapping[str, Classifier],
        *,
        point_names: Sequence[str],
        animals: int,
        source_shape: Sequence[int],
        preselections: Mapping[str, FramesToClassify] = NO_PRESELECTIONS,
    ) -> None:
        check_classifiers(classifiers, point_names=point_names, animals=animals)
        self.classifiers = dict(classifiers)
        self.frames_without_network = 0
        self._fields_of_view: dict[str, str] = {}
        self._parts = [
            _Part(
                name,
                each,
                self._take(name, each, list(point_names), source_shape),
                tuple(score_names({name: each})),
                preselections.get(name),
                preselections[name].otherwise(each.bundle.description.class_names) if name in preselections else (),
            )
            for name, each in classifiers.items()
        ]
        self._preselected = [part for part in self._parts if part.frames is not None]

    @property
    def names(self) -> tuple[str, ...]:
        """Of all scores: the classifier's name, a dot, the class's."""
        return score_names(self.classifiers)

    @property
    def fields_of_view(self) -> dict[str, str]:
        """By classifier that takes images: which part of the camera's image it sees, in one sentence."""
        return dict(self._fields_of_view)

    @property
    def fault(self) -> str | None:
        """What is wrong with a classifier's last answer, in one sentence."""
        return next((f"classifier '{name}': {each.fault}" for name, each in self.classifiers.items() if each.fault is not None), None)

    @property
    def take_images(self) -> bool:
        """Whether any classifier does; the others take poses alone."""
        return bool(self._fields_of_view)

    @property
    def follows(self) -> bool:
        """Whether any classifier follows a key point."""
        return any(each.square is not None for each in self.classifiers.values())

    @property
    def frames_padded(self) -> int:
        """Over all classifiers that follow a key point: frames so far whose square reached over the image's edge."""
        return sum(each.square.padded for each in self.classifiers.values() if each.square is not None)

    @property
    def frames_without_region(self) -> int:
        """The same: frames so far in which there was no place to look at, and hence no score."""
        return sum(each.square.absent for each in self.classifiers.values() if each.square is not None)

    @property
    def preselect(self) -> bool:
        """Whether some frames are decided without a network."""
        return bool(self._preselected)

    def reset(self) -> None:
        """Begin anew, as at the start of a session."""
        self.reset_networks()
        for part in self._preselected:
            if part.frames is not None:
                part.frames.reset()

    def reset_networks(self) -> None:
        """Zero what the networks carry, in the midst of a session, whose trial goes on."""
        for part in self._parts:
            part.classifier.reset()

    def carried(self) -> dict[str, Carried]:
        """What the classifiers carry to the next frame, by name; which frames they take depends on poses and events alone."""
        return {name: each.carried() for name, each in self.classifiers.items()}

    def go_on(self, carried: Mapping[str, Carried]) -> None:
        """Have the classifiers go on behind the frame that this was carried from.

        Raises:
            EngineError: it is of other classifiers.
        """
        if carried.keys() != self.classifiers.keys():
            raise EngineError(
                f"what was kept is of the classifiers {', '.join(carried) or 'none'}; expected {', '.join(self.classifiers)}: begin anew"
            )
        for name, each in self.classifiers.items():
            each.go_on(carried[name])

    def without_network(self, pose: Pose, time_ns: int) -> tuple[str, ...]:
        """The classifiers that decide this frame without their network. To be asked once for every frame, where `of` is not."""
        return tuple(
            part.name for part in self._preselected if part.frames is not None and not part.frames.goes(pose.points, pose.mm, time_ns)
        )

    def take_events(self, events: Sequence[Event]) -> None:
        """Hear what the rules made of the frame that came last: an event may begin a trial."""
        if events:
            for part in self._preselected:
                if part.frames is not None:
                    part.frames.take_events(events)

    def of(self, pose: Pose, image: Image, time_ns: int) -> Pose:
        """The pose with the scores of this frame.

        Those of a classifier that warms up are left out, and its name is in `warming`; those of one whose key point is not to be found
        are left out, and its name is in `no_region`: it then takes nothing of the frame. Where a frame is decided without the network,
        there are scores, the name is in `without_network`, and the network begins anew with the next frame that it takes.

        Args:
            pose: of one frame.
            image: the frame's, of the source shape.
            time_ns: when it was exposed where the camera has a clock, else when it was received; the same for all frames.
        """
        if not self._parts:
            return pose
        scores: dict[str, float] = {}
        warming, no_region = [], []
        without = self.without_network(pose, time_ns) if self._preselected else ()
        for part in self._parts:
            if part.name in without:
                part.classifier.leave_out()
                scores.update(zip(part.score_names, part.without, strict=True))
                continue
            taken = part.take(image, pose, time_ns)
            if taken is None:
                no_region.append(part.name)
                continue
            answer = part.classifier.at(taken, time_ns)
            if answer is None:
                warming.append(part.name)
            else:
                scores.update(zip(part.score_names, answer.tolist(), strict=True))
        self.frames_without_network += len(without)
        return replace(pose, scores=scores, warming=tuple(warming), no_region=tuple(no_region), without_network=without)

    def images_taken(self, image: Image, points: KeyPoints, time_ns: int) -> dict[str, Image | None]:
        """By classifier that takes images: what it takes of this one, None where it has no region. For checks: nothing is carried.

        Args:
            image: of the source shape.
            points: (animals, K, 3) of the key points in it.
            time_ns: of the image.
        """
        pose = Pose(points=points, mm=None)
        taken = {part.name: part.take(image, pose, time_ns) for part in self._parts if part.name in self._fields_of_view}
        for part in self._parts:
            if part.classifier.square is not None:
                part.classifier.square.reset()
        return taken

    def _take(self, name: str, classifier: Classifier, point_names: list[str], source_shape: Sequence[int]) -> _Take:
        description, region = classifier.bundle.description, classifier.about.region
        if isinstance(region, Viewed):
            try:
                fit = ViewFit(description.view, input_shape=description.input.shape, source_shape=source_shape)
            except BundleError as problem:
                raise BundleError(f"classifier '{name}' ({classifier.bundle.folder}): {problem}") from None
            self._fields_of_view[name] = fit.field_of_view + _resized(classifier)
            return lambda image, pose, time_ns: fit.to_input(image)
        square = classifier.square
        if isinstance(region, Following) and square is not None:
            place, side = point_names.index(region.point), description.input.shape[1]
            self._fields_of_view[name] = (
                f"The network sees the {side}x{side} pixels around '{region.point}', in {description.view.colour}." + _resized(classifier)
            )
            return lambda image, pose, time_ns: square.cut(image, pose.points[0, place], time_ns)
        places = [point_names.index(point) for point in description.point_names]
        return lambda image, pose, time_ns: pose.points[:, places]


def _resized(classifier: Classifier) -> str:
    if classifier.about.resized is None:
        return ""
    width, height = classifier.about.resized
    return f" It resizes them to {width}x{height} itself."


def score_names(classifiers: Mapping[str, Classifier]) -> tuple[str, ...]:
    """Of all scores: the classifier's name, a dot, the class's."""
    return tuple(f"{name}.{one}" for name, each in classifiers.items() for one in each.bundle.description.class_names)


def check_classifiers(classifiers: Mapping[str, Classifier], *, point_names: Sequence[str], animals: int) -> None:
    """Check what can be checked before the first image.

    Raises:
        ConfigError: a classifier was trained on other key points, or on another number of animals.
    """
    for name, classifier in classifiers.items():
        _check(f"classifier '{name}' ({classifier.bundle.folder})", classifier, point_names, animals)


def _check(which: str, classifier: Classifier, point_names: Sequence[str], animals: int) -> None:
    about, region = classifier.bundle.description, classifier.about.region
    if isinstance(region, Viewed):
        return
    absent = [point for point in about.point_names if point not in point_names]
    if absent and not point_names:
        raise ConfigError(
            f"{which} needs the key points {', '.join(absent)}, and no network finds key points; give engine.bundle, the network whose "
            "poses it was trained on, or remove the classifier"
        )
    if absent:
        raise ConfigError(
            f"{which} needs the key points {', '.join(absent)}, which the key-point network does not find "
            f"({', '.join(point_names) or 'none'}); use bundles that were trained on the same names"
        )
    if isinstance(region, Following):
        if animals != 1:
            raise ConfigError(
                f"{which} follows '{region.point}' of one animal, the key-point network finds {animals}; use a bundle for one animal"
            )
    elif about.input.shape[1] != animals:
        raise ConfigError(
            f"{which} was trained on {about.input.shape[1]} animals, the key-point network finds {animals}; use bundles for the same number"
        )
