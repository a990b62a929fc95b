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
        finer_times: how many times its operations for a picture the network of `other_view` has; None where not known.
        crops: how many parts of a picture it looks at.
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
    finer_times: float | None = None
    crops: int = 1

    def more_frames(self, do: str, groups: Sequence[str] = (), *, count: int = MORE_FRAMES, uncertain: bool = True) -> Advice:
        """More frames to label, of the videos of these groups or of any; where no video is known, the labels and where to name one."""
        project = self.project or self._new_project
        videos = [self.videos[group] for group in groups if group in self.videos] or list(self.videos.values())[:1]
        if not videos:
            named = "No video of these labels is known here; `trainer select` adds frames of any that it is given."
            return Advice(f"{do} {named}{self._from_then_on}", self._label_page("--bundle", self.bundle))
        by = ["--by", "uncertainty", "--bundle", self.bundle] if uncertain else []
        return Advice(f"{do}{self._from_then_on}", self._in_project("select", *videos, "--project", project, "--count", str(count), *by))

    @property
    def _from_then_on(self) -> str:
        """What is labelled or corrected in a project that is made first is not in the labels that were given."""
        if self.project is not None:
            return ""
        return f" From then on, train on {self._new_project}, which has these labels and all that is changed or added there."

    def look_at_labels(self) -> str:
        """Where labels are corrected; of labels that are no project, what lists the odd ones."""
        if self.project is None:
            return after_each_other(typed("diagnose", "--data", one, "--labels-only", *self._empty) for one in self.data)
        return typed("label", self.project, "--annotator", self._annotator, "--bundle", self.bundle)

    def answers_beside_labels(self, do: str) -> Advice:
        """Where labels are looked at with the bundle's answers beside them, the worst first."""
        return Advice(f"{do}{self._from_then_on}", self._label_page("--bundle", self.bundle))

    def rename(self, group: str, names: Mapping[str, str]) -> Advice | None:
        """Other names for the labels of one video, and the score with them; None where names are not exchanged among each other.

        Of several sets of labels it is not known which one calls a video so.
        """
        if set(names) != set(names.values()) or len(self.data) > 1:
            return None
        project = self.project or self._new_project
        points = [f"{one}:{other}" for one, other in names.items()]
        renamed = self._in_project("project", "rename", project, "--video", group, "--points", *points)
        said = "" if self.project is not None else f" From then on, train on {project}: the labels before have the old names."
        scored = self.evaluate() if self.project is not None else typed("evaluate", self.bundle, "--data", project)
        return Advice(f"Rename these points in the labels of '{group}', then score again.{said}", after_each_other([renamed, scored]))

    def second_opinion(self) -> str:
        """How far apart people's labels lie, or how to find out."""
        if self.project is not None and len(self.annotators) > 1:
            return typed("agreement", self.project)
        return self._in_project("label", self.project or self._new_project, "--annotator", SECOND_PERSON)

    def longer(self, times: float) -> str:
        """The same training, several times as long."""
        return self._fit("longer", *self._longer(max(times, 2)))

    def other_view(self) -> str | None:
        """A network that sees more pixels of the animal; None where the head has no other.

        Another network goes without the options that are for the layers and weights of the one before. Where a picture takes it
        longer, a training that ends by the clock is given as much more time.
        """
        network, head = _value(self.fit_options, "--network", "compact"), _value(self.fit_options, "--head", "heatmap")
        finer = finer_network(network, head, self.view)
        if finer is None:
            return None
        without = ["--view", *(("--network", *OF_ONE_NETWORK) if finer.network != network else ())]
        more = ["--view", finer.view]
        if finer.network not in (network, "compact"):
            more = ["--network", finer.network, *more]
        if finer.head != head:
            more, without = ["--head", finer.head, *more], ["--head", *without]
        return self._fit("finer", *more, *self._length(minutes_factor=self._finer_factor), without=without)

    @property
    def cost_of_other_view(self) -> str:
        """What it takes and gives up, to follow a sentence; empty where it is neither known nor more."""
        crops = f"It looks at the whole picture instead of the {self.crops} crops that the points have now" if self.crops > 1 else ""
        if self.finer_times is None:
            return f" (slower{'; ' if crops else ''}{crops.lower()})"
        longer = self._finer_factor
        if longer == 1:
            return f" ({crops.lower()})" if crops else ""
        cost = f"about {longer:.0f} times the operations for each picture"
        time = "and so many times the time"
        if self.minutes is not None:
            time = f"which is about {_hours(longer * self.minutes)} where this training took {self.minutes:g} minutes"
        return f" ({cost}, {time}{'; ' if crops else ''}{crops.lower()})"

    @property
    def _finer_factor(self) -> float:
        """How many times as long as many pictures take."""
        return LONGEST if self.finer_times is None else max(1.0, self.finer_times)

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

    def curve(self, target_px: float | None = None, *, times: float = 1.0) -> str:
        """What more labels would bring; several sets of labels are joined in a project first, since a curve takes one.

        Args:
            target_px: what the task can do with.
            times: how many times as long each training is to be.
        """
        target = ["--target-px", f"{target_px:g}"] if target_px is not None else []
        options = options_without(self.fit_options, NOT_OF_CURVE)
        return self._of_one_set("curve", "--out", f"{self.bundle}-curve", "--repeats", "3", *options, *target, *self._longer(times))

    def in_turn(self, times: float = 1.0) -> str:
        """The same training, or one so many times as long, once for each fifth of the frames, which is held out from it."""
        options = options_without(self.fit_options, (*NOT_OF_CURVE, *OF_SPLIT))
        return self._of_one_set("crossval", "--out", f"{self.bundle}-crossval", *options, *self._longer(times))

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

    def _longer(self, times: float) -> list[str]:
        """The training's own length, about so many times."""
        return self._length(min(math.ceil(times), LONGEST))

    def _length(self, factor: int = 1, *, minutes_factor: float = 1.0) -> list[str]:
        """The training's own, times a factor; its minutes times another one besides, where a picture takes longer."""
        longest = self.most_minutes if self.minutes is None else self.minutes
        minutes = [] if longest is None else ["--minutes", f"{factor * minutes_factor * longest:.12g}"]
        return minutes if self.minutes is not None else ["--epochs", str(factor * self.epochs), *minutes]

    def _fit(self, ending: str, *more: str, without: Sequence[str] = ()) -> str:
        return typed("fit", "--data", *self.data, "--out", f"{self.bundle}-{ending}", *options_without(self.fit_options, without), *more)


class FinerNetwork(NamedTuple):
    """Names of a network, its head and its view."""

    network: str
    head: str
    view: str


def finer_network(network: str, head: str, view: str) -> FinerNetwork | None:
    """Which network sees more pixels of the animal than one does; None where the head has no other.

    A library's network takes the other view. Compact and trackrat have one view each: then it is another network.
    """
    if head == "several":
        return None
    if network not in ONE_VIEW:
        return FinerNetwork(network, head, "crop" if view == "full" else "full")
    regression = "xy" if head == "votes" else head  # that learns with the same losses
    return FinerNetwork("compact", regression, "crop") if view == "full" else FinerNetwork("resnet18", regression, "full")


def _hours(minutes: float) -> str:
    return f"{minutes / 60:.0f} hours" if minutes >= 120 else f"{minutes:.0f} minutes"


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
