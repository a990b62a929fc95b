"""The commands that a verdict ends with, as they can be typed: with the data, bundle, project and videos that are known.

Each can be run as it is printed. Where labels are no labelling project, one is made of them first: nobody labels anything anew.
"""

import math
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

FIRST_PERSON, SECOND_PERSON = "first-person", "second-person"  # whose names nobody knows
MORE_FRAMES = 20
LONGEST = 10  # times as long at most: more than that is another network, not patience

ONE_VIEW = ("compact", "trackrat")  # networks that take one view each; a library's take both
# which another network does not take, or takes otherwise
OF_ONE_NETWORK = ("--width", "--depth", "--dropout", "--coarse-width", "--weights", "--train")
NOT_OF_CURVE = ("--correct-within", "--target-px")  # the second is given apart
OF_SPLIT = ("--folds", "--fold", "--hold-out", "--random-split", "--no-held-out")  # a cross-validation has its own


class Advice(NamedTuple):
    """What to do, a sentence or two, and the command for it."""

    do: str
    command: str


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
        unseen: a video beside these that is not among them; None where none is known.
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
    unseen: str | None = None
    fit_options: tuple[str, ...] = ()
    minutes: float | None = None
    epochs: int = 40
    most_minutes: float | None = None
    view: str = "crop"

    def more_frames(self, do: str, groups: Sequence[str] = (), *, count: int = MORE_FRAMES, uncertain: bool = True) -> Advice:
        """More frames to label, of the videos of these groups or of any; where no video is known, the labels and where to name one."""
        project = self.project or self._new_project
        videos = [self.videos[group] for group in groups if group in self.videos] or list(self.videos.values())[:1]
        if not videos:
            named = "No video of these labels is known here; `trainer select` adds frames of any that it is given."
            return Advice(f"{do} {named}", self._label_page("--bundle", self.bundle))
        by = ["--by", "uncertainty", "--bundle", self.bundle] if uncertain else []
        return Advice(do, self._in_project("select", *videos, "--project", project, "--count", str(count), *by))

    def look_at_labels(self) -> str:
        """Where labels are corrected; of labels that are no project, what lists the odd ones."""
        if self.project is None:
            return after_each_other(typed("diagnose", "--data", one, "--labels-only", *self._empty) for one in self.data)
        return typed("label", self.project, "--annotator", self._annotator, "--bundle", self.bundle)

    def second_opinion(self) -> str:
        """How far apart people's labels lie, or how to find out."""
        if self.project is not None and len(self.annotators) > 1:
            return typed("agreement", self.project)
        return self._in_project("label", self.project or self._new_project, "--annotator", SECOND_PERSON)

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
        return typed("diagnose", "--data", self.data[0], *self._empty, "--out", f"{self.bundle}-diagnosis")

    def evaluate(self) -> str:
        """The bundle scored again, on corrected labels."""
        return typed("evaluate", self.bundle, "--data", *self.data, *self._empty)

    def curve(self, target_px: float | None = None) -> str:
        """What more labels would bring; several sets of labels are joined in a project first, since a curve takes one."""
        target = ["--target-px", f"{target_px:g}"] if target_px is not None else []
        options = options_without(self.fit_options, NOT_OF_CURVE)
        return self._of_one_set("curve", "--out", f"{self.bundle}-curve", "--repeats", "3", *options, *target, *self._length())

    def in_turn(self) -> str:
        """The same training once for each fifth of the frames, which is held out from it."""
        options = options_without(self.fit_options, (*NOT_OF_CURVE, *OF_SPLIT))
        return self._of_one_set("crossval", "--out", f"{self.bundle}-crossval", *options, *self._length())

    def look_at_answers(self) -> Advice:
        """The bundle's answers drawn on a video, or where none is known beside the labels."""
        video = self.unseen or next(iter(self.videos.values()), None)
        if video is not None:
            drawn = typed("render", video, "--bundle", self.bundle, "--out", f"{self.bundle}-drawn.mp4")
            if self.unseen is not None:
                return Advice("Look at its answers on a video of which no frame is among these labels.", drawn)
            return Advice("Look at its answers on a video. Frames of this one were labelled: name another, and it tells more.", drawn)
        do = "Look at its answers beside the labels (w: the worst, then the next), and on a video, where `trainer render` draws them."
        return Advice(do, self._label_page("--bundle", self.bundle))

    @property
    def _annotator(self) -> str:
        return next(iter(self.annotators), FIRST_PERSON)

    @property
    def _new_project(self) -> str:
        """Where a labelling project is made of labels that are none."""
        return f"{self.bundle}-labels"

    @property
    def _empty(self) -> list[str]:
        """What was said of empty cells."""
        return ["--empty", self.fit_options[self.fit_options.index("--empty") + 1]] if "--empty" in self.fit_options else []

    def _of_one_set(self, command: str, *words: str) -> str:
        """An experiment, which takes one set of labels; several are joined in a project first."""
        alone = len(self.data) == 1
        command = typed(command, "--data", self.data[0] if alone else self._new_project, *words)
        return command if alone else after_each_other([*self._imports(), command])

    def _label_page(self, *more: str) -> str:
        """The page on which labels are looked at."""
        return self._in_project("label", self.project or self._new_project, "--annotator", self._annotator, *more)

    def _in_project(self, *words: str) -> str:
        """A command that works on the project, after what makes it."""
        return typed(*words) if self.project is not None else after_each_other([*self._imports(), typed(*words)])

    def _imports(self) -> list[str]:
        """What makes a project of all data; doing it again changes nothing."""
        return [
            typed("project", "import", self._new_project, one, "--annotator", FIRST_PERSON, *([] if one == self.project else self._empty))
            for one in self.data
        ]

    def _length(self, factor: int = 1) -> list[str]:
        """The training's own, times a factor."""
        longest = self.most_minutes if self.minutes is None else self.minutes
        minutes = [] if longest is None else ["--minutes", f"{factor * longest:.12g}"]
        return minutes if self.minutes is not None else ["--epochs", str(factor * self.epochs), *minutes]

    def _fit(self, ending: str, *more: str, without: Sequence[str] = ()) -> str:
        return typed("fit", "--data", *self.data, "--out", f"{self.bundle}-{ending}", *options_without(self.fit_options, without), *more)


def options_without(options: Sequence[str], without: Sequence[str]) -> list[str]:
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


def after_each_other(commands: Iterable[str]) -> str:
    """Commands of which each begins where the one before has succeeded."""
    return " && ".join(commands)


def typed(*words: str) -> str:
    """A command of the trainer as it can be typed."""
    return shlex.join(["trainer", *words])
