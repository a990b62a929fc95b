"""Which frames of a video go to the network, as `only_when` in a rig's tracker.yaml says: by the code that the rig runs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from tracker.behaviour.behaviour import Behaviour
from tracker.behaviour.preselection import preselections, scores_without
from tracker.bundle_description import Description
from tracker.calibration import PlaneMapper, read_calibration
from tracker.config import Config, load_config
from tracker.config_rules import DistanceSource, EventConfig, Preselection, SpeedSource, ZoneSource
from tracker.pose import KeyPoints, Pose
from trainer.behaviour.video_table import PoseVideos
from trainer.behaviour_scores.scored_video import ScoredVideo
from trainer.errors import TrainingError
from trainer.ethogram.bouts import YES, Marks

_LONGEST_RUNS = 8
Flags = NDArray[np.bool_]  # (frames,)


@dataclass(frozen=True, slots=True)
class FrameChoice:
    """The choice of one classifier.

    Attributes:
        path: of tracker.yaml.
        config: what it says.
        classifier: whose `only_when` it is.
        only_when: that.
    """

    path: Path
    config: Config
    classifier: str
    only_when: Preselection

    @property
    def otherwise(self) -> str | None:
        """The class of probability 1 in frames that do not go to the network."""
        return self.only_when.otherwise

    def begin(self, point_names: Sequence[str], *, animals: int) -> "FramesOfOneVideo":
        """For one video, from its first frame on.

        Raises:
            ConfigError: a point or zone that is not there, or mm without a calibration.
            TrainingError: a trial begins with an event that poses do not tell.
        """
        return FramesOfOneVideo(self, point_names, animals=animals)


class FramesOfOneVideo:
    """Asked for every frame of a video in their order."""

    def __init__(self, choice: FrameChoice, point_names: Sequence[str], *, animals: int) -> None:
        config = choice.config
        alone = msgspec.structs.replace(config, classifiers=tuple(each for each in config.classifiers if each.name == choice.classifier))
        self._frames = preselections(alone, point_names=point_names, animals=animals)[choice.classifier]
        self._frames.reset()
        self._mapper = mapper_of(config)
        self._number = 0
        self._events = None
        event = choice.only_when.trial.event if choice.only_when.trial is not None else None
        if event is not None:
            item = next(each for each in config.behaviour if each.event == event)
            if not of_points(item):
                raise TrainingError(
                    f"{choice.path}: a trial begins with '{event}', which key points do not tell; for training, let it begin with a "
                    "video's first frame (leave trial.event out), or with an event of a zone, speed or distance"
                )
            has_mm = config.calibration is not None
            self._events = Behaviour((item,), config.zones, point_names=point_names, animals=animals, has_mm=has_mm)

    def goes(self, points: KeyPoints, time_ns: int) -> bool:
        """Whether this frame goes to the network.

        Args:
            points: float32 (animals, K, 3).
            time_ns: of the frame.
        """
        mm = self._mapper.to_mm(points) if self._mapper is not None else None
        goes = self._frames.goes(points, mm, time_ns)
        if self._events is not None:
            pose = Pose(points=points, mm=mm)
            self._frames.take_events(self._events.update(frame_number=self._number, time_ns=time_ns, pose=pose, motion=None))
        self._number += 1
        return goes


def read_choice(path: Path, classifier: str | None) -> FrameChoice:
    """The choice of a classifier, or of the only one that has any.

    Raises:
        ConfigError: the file is not a configuration.
        TrainingError: no such classifier, or several and none named.
    """
    config = load_config(path)
    having = {each.name: each.only_when for each in config.classifiers if each.only_when is not None}
    if classifier is None and len(having) == 1:
        [classifier] = having
    only_when = having.get(classifier) if classifier is not None else None
    if classifier is None or only_when is None:
        known = ", ".join(having) or "none has it"
        asked = f"classifier '{classifier}' has no only_when" if classifier is not None else f"{len(having)} classifiers have only_when"
        raise TrainingError(f"{path}: {asked} ({known}); name one that has it, as --only-when {path} NAME")
    return FrameChoice(path, config, classifier, only_when)


def mapper_of(config: Config) -> PlaneMapper | None:
    """Pixels to millimetres, as the configuration has it."""
    return PlaneMapper(read_calibration(Path(config.calibration))) if config.calibration is not None else None


def of_points(item: EventConfig) -> bool:
    """Whether an event follows from the key points alone."""
    return isinstance(item.source, ZoneSource | SpeedSource | DistanceSource)


class _Judged(Protocol):
    @property
    def marks(self) -> Marks: ...
    @property
    def to_network(self) -> Flags | None: ...


class _Cut(_Judged, Protocol):
    @property
    def name(self) -> str: ...
    def between(self: "Video", first: int, end: int, *, name: str) -> "Video": ...


Video = TypeVar("Video", bound=_Cut)


def noted(description: Description, choice: FrameChoice | None) -> Description:
    """A bundle's description that says in words which frames it has learnt from."""
    if choice is None:
        return description
    said = f"{description.training.split}; learnt from the frames that only_when of '{choice.classifier}' chose"
    return msgspec.structs.replace(description, training=msgspec.structs.replace(description.training, split=said))


def chosen(videos: PoseVideos, choice: FrameChoice | None) -> PoseVideos:
    """Say of every frame whether it goes to the network; without a choice, as they are."""
    if choice is None:
        return videos
    found = []
    for video in videos.videos:
        frames = choice.begin(videos.point_names, animals=video.poses.shape[1])
        goes = [frames.goes(*each) for each in zip(video.poses, video.times_ns, strict=True)]
        found.append(replace(video, to_network=np.array(goes, np.bool_)))
    return replace(videos, videos=tuple(found))


def in_runs(videos: Sequence[Video]) -> tuple[Video, ...]:
    """Each run of frames that go to the network as a video of its own: the network begins anew with each, in training as at the rig.

    Raises:
        TrainingError: no frame goes.
    """
    found: list[Video] = []
    for video in videos:
        if video.to_network is None:
            found.append(video)
            continue
        edges = np.flatnonzero(np.diff(np.concatenate([[False], video.to_network, [False]]).astype(np.int8)))
        runs = edges.reshape(-1, 2).tolist()
        found += [video.between(first, end, name=f"{video.name} frames {first} to {end - 1}") for first, end in runs]
    if videos and not found:
        raise TrainingError(f"of {', '.join(video.name for video in videos)} no frame goes to the network; widen only_when")
    return tuple(found)


def said_of(videos: Sequence[_Judged], class_names: Sequence[str], choice: FrameChoice | None) -> list[str]:
    """How many frames go to the network, and how many of each class do not, so that no network can find them; a sentence each."""
    if choice is None:
        return []
    goes = np.concatenate([video.to_network for video in videos if video.to_network is not None])
    marks = np.concatenate([video.marks for video in videos])
    share = f"{goes.sum()} of {len(goes)} frames go to the network"
    said = [f"only_when of '{choice.classifier}' in {choice.path.name}: {share}; the others are decided without it"]
    for place, name in enumerate(class_names):
        on = marks[:, place] == YES
        lost = int((on & ~goes).sum())
        if lost and name != (choice.otherwise or "none"):
            said.append(f"only_when leaves out {lost} of {int(on.sum())} frames of '{name}', which no network can then find")
    return said


def longest_runs(videos: Sequence[Video]) -> tuple[Video, ...]:
    """The longest of many runs, in which what a network remembers is seen best."""
    return tuple(sorted(videos, key=lambda video: len(video.marks), reverse=True)[:_LONGEST_RUNS])


def without_network(answers: Sequence[ScoredVideo], videos: Sequence[_Judged], otherwise: str | None) -> list[ScoredVideo]:
    """Another's answers of the same videos, with the frames that do not go to the network decided as for the network."""
    found = []
    for answer, video in zip(answers, videos, strict=True):
        if video.to_network is not None:
            without = np.array(scores_without(answer.class_names, otherwise), np.float32)
            said = np.where(video.to_network[:, None], answer.said, without > 0)
            known = answer.probabilities
            probabilities = None if known is None else np.where(video.to_network[:, None], known, without)
            answer = replace(answer, said=said, probabilities=probabilities, to_network=video.to_network)
        found.append(answer)
    return found
