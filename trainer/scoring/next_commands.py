"""The commands that a verdict ends with, as they can be typed: with the data, bundle, project and videos that are known."""

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

VIDEO, NEW_VIDEO, PROJECT = "VIDEO.mp4", "NEW-VIDEO.mp4", "labels"  # where nobody knows the name of one
SECOND_PERSON = "second-person"
MORE_FRAMES = 20
LONGEST = 10  # times as long at most: more than that is another network, not patience

ONE_VIEW = ("compact", "trackrat")  # networks that take one view each; a library's take both
OF_ONE_NETWORK = ("--width", "--depth", "--dropout", "--weights", "--train")  # which another network does not take, or takes otherwise
NOT_OF_CURVE = ("--correct-within", "--target-px")  # the second is given apart


@dataclass(frozen=True, slots=True, kw_only=True)
class NextCommands:
    """What the next commands are given.

    Attributes:
        data: the labels, as they were named.
        bundle: the folder of what was trained.
        project: a labelling project among the data; None where there is none.
        annotators: who has labelled there.
        point_names: the key points.
        videos: the file of a video by the name of its group, where it is known.
        fit_options: those of the training besides its length, as they were given.
        minutes: its longest time; None where it has none.
        epochs: how many it has where it has no longest time alone.
        most_minutes: its longest time beside the number of epochs.
        view: `crop` or `full`.
    """

    data: tuple[str, ...]
    bundle: str
    project: str | None = None
    annotators: tuple[str, ...] = ()
    point_names: tuple[str, ...] = ()
    videos: Mapping[str, str] = field(default_factory=dict)
    fit_options: tuple[str, ...] = ()
    minutes: float | None = None
    epochs: int = 40
    most_minutes: float | None = None
    view: str = "crop"

    def select(self, groups: Sequence[str] = (), *, count: int = MORE_FRAMES, uncertain: bool = True) -> str:
        """More frames to label; of the videos of these groups, or of any."""
        videos = [self.videos[group] for group in groups if group in self.videos] or [next(iter(self.videos.values()), VIDEO)]
        by = ["--by", "uncertainty", "--bundle", self.bundle] if uncertain else []
        points = [] if self.project is not None else ["--points", *self.point_names]
        return _typed("select", *videos, "--project", self.project or PROJECT, "--count", str(count), *by, *points)

    def look_at_labels(self) -> str:
        """Where labels are corrected; of labels that are no project, what lists the odd ones."""
        if self.project is None:
            return _typed("diagnose", "--data", self.data[0], "--labels-only")
        return _typed("label", self.project, "--annotator", next(iter(self.annotators), SECOND_PERSON), "--bundle", self.bundle)

    def second_opinion(self) -> str:
        """How far apart people's labels lie, or how to find out."""
        if self.project is None:
            made = _typed("project", "create", PROJECT, "--points", *self.point_names)
            return f"{made} && {_typed('project', 'import', PROJECT, self.data[0], '--annotator', 'first-person')}"
        if len(self.annotators) > 1:
            return _typed("agreement", self.project)
        return _typed("label", self.project, "--annotator", SECOND_PERSON)

    def longer(self, times: float) -> str:
        """The same training, several times as long."""
        factor = min(max(math.ceil(times), 2), LONGEST)
        return self._fit("longer", *self._length(factor))

    def other_view(self) -> str | None:
        """A network that sees more pixels of the animal; None where the head has no other.

        A library's network takes the other view. Compact and trackrat have one view each: then it is another network, without the
        options that are for the layers and weights of the one before.
        """
        network, head = _value(self.fit_options, "--network", "compact"), _value(self.fit_options, "--head", "heatmap")
        if head == "several":
            return None
        if network not in ONE_VIEW:
            return self._fit("finer", "--view", "crop" if self.view == "full" else "full", *self._length(), without=("--view",))
        more, without = ["--view", "crop"], ["--view", "--network", *OF_ONE_NETWORK]
        if self.view != "full":
            more = ["--network", "resnet18", "--view", "full"]
        if head == "votes":  # a regression too, that learns with the same losses
            more, without = ["--head", "xy", *more], ["--head", *without]
        return self._fit("finer", *more, *self._length(), without=without)

    def patient(self) -> str:
        """The same training, ended where the held-out error no longer falls."""
        return self._fit("early", "--patience", "5", *self._length(), without=("--patience",))

    def hold_out(self) -> str:
        """The same training with some frames held out."""
        return self._fit("judged", *self._length(), without=("--no-held-out",))

    def diagnose(self) -> str:
        """Whether labels, network and settings can work at all."""
        return _typed("diagnose", "--data", self.data[0], "--out", "diagnosis")

    def evaluate(self) -> str:
        """The bundle scored again, on corrected labels."""
        return _typed("evaluate", self.bundle, "--data", *self.data)

    def curve(self, target_px: float | None = None) -> str:
        """What more labels would bring."""
        target = ["--target-px", f"{target_px:g}"] if target_px is not None else []
        options = _left(self.fit_options, NOT_OF_CURVE)
        return _typed(
            "curve", "--data", self.data[0], "--out", f"{self.bundle}-curve", "--repeats", "3", *options, *target, *self._length()
        )

    def render(self) -> str:
        """The bundle's answers drawn on a video; the known ones have frames that it learnt from."""
        return _typed("render", NEW_VIDEO, "--bundle", self.bundle, "--out", f"{self.bundle}-drawn.mp4")

    def _length(self, factor: int = 1) -> list[str]:
        """The training's own, times a factor."""
        longest = self.most_minutes if self.minutes is None else self.minutes
        minutes = [] if longest is None else ["--minutes", f"{factor * longest:.12g}"]
        return minutes if self.minutes is not None else ["--epochs", str(factor * self.epochs), *minutes]

    def _fit(self, ending: str, *more: str, without: Sequence[str] = ()) -> str:
        return _typed("fit", "--data", *self.data, "--out", f"{self.bundle}-{ending}", *_left(self.fit_options, without), *more)


def _left(options: Sequence[str], without: Sequence[str]) -> list[str]:
    """The options but for some, each with the values that follow it."""
    kept, keep = list[str](), True
    for word in options:
        keep = word not in without if word.startswith("--") else keep
        if keep:
            kept.append(word)
    return kept


def _value(options: Sequence[str], name: str, usual: str) -> str:
    """What follows an option."""
    return options[options.index(name) + 1] if name in options else usual


def _typed(*words: str) -> str:
    return shlex.join(["trainer", *words])
