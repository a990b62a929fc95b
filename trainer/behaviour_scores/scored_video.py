"""What is scored: for each video what a person said of every frame, and what was found there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from trainer.errors import TrainingError
from trainer.ethogram.bouts import NO, UNCURATABLE, YES, Ethogram, Marks

Said = NDArray[np.bool_]  # (frames, classes)
Probabilities = NDArray[np.float32]  # (frames, classes)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredVideo:
    """One video with truth and answer.

    Attributes:
        name: of the video.
        class_names: of the columns.
        truth: marks of a person; only `YES` and `NO` are scored.
        said: bool (frames, classes), which classes were found on.
        probabilities: float32 (frames, classes), None where only decisions are known.
        fps: frames per second.
        to_network: bool (frames,), which frames a network was asked about; None: all of them.
        groups: which `animal`, `session` and `trial` it is of, as far as that was said.
        in_time: whether its frames follow one another; images in folders by class do not, and have no bouts.
    """

    name: str
    class_names: tuple[str, ...]
    truth: Marks
    said: Said
    probabilities: Probabilities | None
    fps: float
    to_network: NDArray[np.bool_] | None = None
    groups: Mapping[str, str] = field(default_factory=dict)
    in_time: bool = True

    @property
    def judged(self) -> Said:
        """Which frames a person decided, bool (frames, classes)."""
        return np.asarray((self.truth == YES) | (self.truth == NO))

    @property
    def true(self) -> Said:
        """Where a person says yes, bool (frames, classes)."""
        return np.asarray(self.truth == YES)

    @property
    def silent(self) -> NDArray[np.bool_]:
        """Frames to which a network gives no answer, as while it warms up, bool (frames,)."""
        if self.probabilities is None:
            return np.zeros(len(self.truth), np.bool_)
        return np.asarray(~np.isfinite(self.probabilities).all(axis=1))

    def without(self, left_out: NDArray[np.bool_]) -> "ScoredVideo":
        """The same video with more that is not scored; `left_out` is bool (frames,), or (frames, classes)."""
        marks = left_out if left_out.ndim == 2 else left_out[:, None]
        return replace(self, truth=np.where(marks, np.int8(UNCURATABLE), self.truth))

    def with_classes(self, names: tuple[str, ...]) -> "ScoredVideo":
        """The same video with these of its classes, in this sequence."""
        if names == self.class_names:
            return self
        places = [self.class_names.index(name) for name in names]
        found = None if self.probabilities is None else self.probabilities[:, places]
        return replace(self, class_names=names, truth=self.truth[:, places], said=self.said[:, places], probabilities=found)

    def saying(self, said: Said) -> "ScoredVideo":
        """The same video with other decisions, which no probabilities belong to."""
        return replace(self, said=said, probabilities=None)


def against_labels(truth: Ethogram, found: Ethogram, *, name: str) -> tuple[ScoredVideo, list[str]]:
    """Two people's labels, or a person's and a program's, of one video.

    Returns:
        The video, and what was left out, a sentence each.

    Raises:
        TrainingError: no common class, no frame rate, or two different ones.
    """
    names, said = _common(truth.class_names, found.class_names, name)
    fps = truth.fps or found.fps
    if fps is None:
        raise TrainingError(f"{name}: the frame rate is not known, so that no time can be given; say it with --fps")
    if found.fps is not None and abs(found.fps - fps) > 1e-3 * fps:
        raise TrainingError(f"{name}: one says {fps:g} frames per second, the other {found.fps:g}; they are not of one video")
    frames = min(truth.frames, found.frames)
    if truth.frames != found.frames:
        said.append(f"{name}: one has {truth.frames} frames, the other {found.frames}; the first {frames} are compared")
    columns = [[one.class_names.index(each) for each in names] for one in (truth, found)]
    marks, answers = truth.marks()[:frames, columns[0]], found.marks()[:frames, columns[1]]
    unsure = ((answers != YES) & (answers != NO)).sum()
    if unsure:
        said.append(f"{name}: {unsure} marks of the one compared are neither yes nor no; such frames are left out")
        marks = np.where((answers == YES) | (answers == NO), marks, answers)
    return ScoredVideo(name=name, class_names=names, truth=marks, said=answers == YES, probabilities=None, fps=fps), said


def against_probabilities(
    truth: Ethogram, probabilities: Probabilities, class_names: Sequence[str], *, name: str, decide: "Decide"
) -> tuple[ScoredVideo, list[str]]:
    """A person's labels and a network's probabilities of one video.

    Raises:
        TrainingError: as `against_labels`.
    """
    names, said = _common(truth.class_names, class_names, name)
    if truth.fps is None:
        raise TrainingError(f"{name}: the frame rate is not known, so that no time can be given; say it with --fps")
    frames = min(truth.frames, len(probabilities))
    if truth.frames != len(probabilities):
        said.append(f"{name}: labels of {truth.frames} frames, answers of {len(probabilities)}; the first {frames} are compared")
    marks = truth.marks()[:frames, [truth.class_names.index(each) for each in names]]
    places = [list(class_names).index(each) for each in names]
    answers = decide.of(probabilities)[:frames, places]
    one = ScoredVideo(name=name, class_names=names, truth=marks, said=answers, probabilities=probabilities[:frames, places], fps=truth.fps)
    return one, said


@dataclass(frozen=True, slots=True, kw_only=True)
class Decide:
    """How probabilities become decisions: the likeliest class or "none" (what is left to 1), or every class above its threshold.

    Attributes:
        exclusive: whether the classes exclude each other.
        thresholds: one for each class; a tie is not above. With exclusive classes they do not count: the likeliest is on.
    """

    exclusive: bool
    thresholds: tuple[float, ...]

    def of(self, probabilities: Probabilities) -> Said:
        """Which classes are on, bool (frames, classes); none where a probability is NaN, as while a network warms up."""
        if self.exclusive:
            none = 1 - probabilities.sum(axis=1, keepdims=True)
            best = np.concatenate([probabilities, none], axis=1).argmax(axis=1)[:, None] == np.arange(probabilities.shape[1])
            return np.asarray(best & np.isfinite(probabilities).all(axis=1, keepdims=True))
        return np.asarray(probabilities > np.array(self.thresholds, np.float32))


def _common(truth: Sequence[str], found: Sequence[str], name: str) -> tuple[tuple[str, ...], list[str]]:
    names = tuple(each for each in truth if each in found)
    if not names:
        raise TrainingError(f"{name}: the classes are {', '.join(truth)} and {', '.join(found)}; expected some of the same name")
    alone = [each for each in (*truth, *found) if each not in names]
    return names, [f"{name}: {', '.join(alone)} is on one side only, and left out"] if alone else []
