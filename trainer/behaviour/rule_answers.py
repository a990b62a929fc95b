"""What hand-written rules of a tracker.yaml say of videos: the row that a network is to beat where rules are what a lab has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tracker.behaviour.behaviour import Behaviour
from tracker.behaviour.score import bouts_of_events, labels_of
from tracker.config import Config, load_config
from tracker.event import Event
from tracker.pose import Pose
from trainer.behaviour.frame_choice import mapper_of, of_points
from trainer.behaviour_scores.scored_video import Said, ScoredVideo
from trainer.errors import TrainingError
from trainer.ethogram.bouts import NO, YES, Marks


class WatchedVideo(Protocol):
    """What of a video rules look at, and what people said of it."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def poses(self) -> NDArray[np.float32] | None: ...  # noqa: D102 (frames, animals, K, 3)
    @property
    def times_ns(self) -> tuple[int, ...]: ...  # noqa: D102
    @property
    def marks(self) -> Marks: ...  # noqa: D102 int8 (frames, classes)
    @property
    def fps(self) -> float: ...  # noqa: D102
    @property
    def groups(self) -> Mapping[str, str]: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class HandRules:
    """Events of a file, and which class each stands for.

    Attributes:
        path: of tracker.yaml.
        config: what it says.
        named: class by event, as far as that was said; events called like a class stand for it anyway.
    """

    path: Path
    config: Config
    named: Mapping[str, str]

    @property
    def name(self) -> str:
        """Of their row in tables."""
        return f"rules of {self.path.name}"

    def classes(self, class_names: Sequence[str]) -> dict[str, str]:
        """Class by event.

        Raises:
            TrainingError: an event or class that is not there, an event that poses do not tell, or none at all.
        """
        events = {item.event: item for item in self.config.behaviour}
        for event, class_name in self.named.items():
            if event not in events:
                raise TrainingError(
                    f"{self.path}: has no event '{event}'; expected one of {', '.join(events) or 'none: it has no behaviour'}"
                )
            if class_name not in class_names:
                raise TrainingError(f"--rules {event}={class_name}: the classes are {', '.join(class_names)}; name one of them")
        found = {event: self.named.get(event, event) for event in events if event in self.named or event in class_names}
        if not found:
            raise TrainingError(
                f"{self.path}: no event is called like a class ({', '.join(class_names)}); say which stands for which, as "
                f"--rules {self.path} {next(iter(events), 'EVENT')}={class_names[0]}"
            )
        odd = next((event for event in found if not of_points(events[event])), None)
        if odd is not None:
            raise TrainingError(f"{self.path}: event '{odd}' is not of a zone, a speed or a distance, which alone poses tell; leave it out")
        return found


def read_rules(path: Path, pairs: Sequence[str]) -> HandRules:
    """The rules of a file.

    Args:
        path: tracker.yaml.
        pairs: EVENT=CLASS each.

    Raises:
        ConfigError: the file is not a configuration.
        TrainingError: a pair that is none.
    """
    wrong = next((pair for pair in pairs if not all(pair.partition("="))), None)
    if wrong is not None:
        raise TrainingError(f"--rules has '{wrong}'; expected EVENT=CLASS, an event of {path} and the class that it stands for")
    return HandRules(path, load_config(path), {event: name for event, _, name in (pair.partition("=") for pair in pairs)})


def answers_of_rules(
    rules: HandRules, videos: Sequence[WatchedVideo], *, point_names: Sequence[str], class_names: Sequence[str]
) -> list[ScoredVideo]:
    """Every video as the rules decide it: a class is on in the bouts of its events, of any animal, looking back to their onset.

    A class without an event is on wherever no event is, where that follows from the labels, see `left_over`; otherwise the rules say
    nothing of it, and are not scored on it.

    Args:
        rules: of a file.
        videos: with poses.
        point_names: of the poses.
        class_names: of the marks' columns.

    Raises:
        ConfigError: a rule names an unknown point or zone, or is in mm without a calibration.
        TrainingError: as `HandRules.classes`, or a video without poses.
    """
    classes = rules.classes(class_names)
    rest = left_over(rules, [video.marks for video in videos], class_names)
    return [_answer(rules, classes, video, point_names, tuple(class_names), rest=rest) for video in videos]


def left_over(rules: HandRules, marks: Sequence[Marks], class_names: Sequence[str]) -> str | None:
    """The one class without an event, where people marked exactly one class in every frame that they judged; None otherwise.

    Where exactly one class is always on, no event of the others says that it is this one.
    """
    without = [name for name in class_names if name not in rules.classes(class_names).values()]
    judged = [each[((each == YES) | (each == NO)).all(axis=1)] for each in marks]
    if len(without) != 1 or not sum(map(len, judged)) or any(((each == YES).sum(axis=1) != 1).any() for each in judged):
        return None
    return without[0]


def rule_sentences(rules: HandRules, marks: Sequence[Marks], class_names: Sequence[str]) -> list[str]:
    """What became of the classes for which there is no event, a sentence; empty where each has one.

    Args:
        rules: of a file.
        marks: of every video, int8 (frames, classes).
        class_names: of the columns.
    """
    having = rules.classes(class_names).values()
    without = [f"'{name}'" for name in class_names if name not in having]
    if not without:
        return []
    rest = left_over(rules, marks, class_names)
    if rest is not None:
        said = "people marked exactly one class in every frame that they judged, so it is taken as on wherever no event is"
        return [f"{rules.name} have no event for '{rest}': {said}"]
    of = ", ".join(f"'{name}'" for name in class_names if name in having)
    return [f"{rules.name} have no event for {', '.join(without)}: their row, and the network beside them, are scored on {of} alone"]


def _answer(
    rules: HandRules,
    classes: Mapping[str, str],
    video: WatchedVideo,
    point_names: Sequence[str],
    class_names: tuple[str, ...],
    *,
    rest: str | None,
) -> ScoredVideo:
    if video.poses is None:
        raise TrainingError(f"{video.name}: has no poses, by which rules go; give them in a column poses")
    animals = video.poses.shape[1]
    events = _events(rules, classes, video.poses, video.times_ns, point_names)
    frames, times_ns = dict(enumerate(video.times_ns)), np.array(video.times_ns, np.int64)
    said: Said = np.zeros((len(video.poses), len(class_names)), np.bool_)
    for event, class_name in classes.items():
        for animal in range(animals):
            bouts = bouts_of_events(events, frames, name=event, animal=animal, marks="bout")
            said[:, class_names.index(class_name)] |= labels_of(bouts, times_ns)
    if rest is not None:
        said[:, class_names.index(rest)] = ~said.any(axis=1)
    unsaid = np.array([name not in classes.values() and name != rest for name in class_names])
    answer = ScoredVideo(
        name=video.name,
        class_names=class_names,
        truth=video.marks,
        said=said,
        probabilities=None,
        fps=video.fps,
        groups=video.groups,
    )
    return answer.without(np.broadcast_to(unsaid, said.shape)) if unsaid.any() else answer


def _events(
    rules: HandRules, classes: Mapping[str, str], poses: NDArray[np.float32], times_ns: Sequence[int], point_names: Sequence[str]
) -> list[Event]:
    config = rules.config
    mapper = mapper_of(config)
    items = tuple(item for item in config.behaviour if item.event in classes)
    behaviour = Behaviour(items, config.zones, point_names=point_names, animals=poses.shape[1], has_mm=mapper is not None)
    events: list[Event] = []
    for number, (points, time_ns) in enumerate(zip(poses, times_ns, strict=True)):
        pose = Pose(points=points, mm=mapper.to_mm(points) if mapper is not None else None)
        events += behaviour.update(frame_number=number, time_ns=time_ns, pose=pose, motion=None)
    return events
