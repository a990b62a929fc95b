"""The commands that a verdict ends with, as they can be typed: with the data, bundle, project and videos that are known.

Each can be run as it is printed, whatever earlier ones have left, and judges by no frame that its first weights have learnt from. Where
labels are no labelling project, one is made of them first: nobody labels anything anew. Where that project is there, or another step of
the verdict makes it, every command takes in the labels that were given and works on the project: nothing that was corrected or added
there is left out.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import NamedTuple

from trainer.scoring.curve_sizes import halves_of
from trainer.scoring.finer_network import finer_network
from trainer.scoring.typed_commands import after_each_other, options_without, typed, words_of_last

FIRST_PERSON, SECOND_PERSON = "first-person", "second-person"  # whose names nobody knows
MORE_FRAMES = 20
OF_LABELS = "-labels"  # ending of the project beside a bundle
USUAL_EPOCHS = 40  # of a training that begins at random
FINER_TIMES = 10  # as long, where a network's cost is not known
CURVE_REPEATS, FOLDS = 3, 5  # trainings with all of the labels, and with other frames held out
OF_A_DAY, OF_A_NIGHT = 120, 840  # minutes that a training may take beside other work, and from the evening to the morning

# which another network does not take, or takes otherwise
OF_ONE_NETWORK = ("--width", "--depth", "--dropout", "--coarse-width", "--weights", "--pretrained-rate", "--train")
NOT_OF_CURVE = ("--correct-within", "--target-px")  # the second is given apart
TRAINS = ("fit", "curve", "crossval")
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
        made: whether the project beside the bundle is there, which has been made of these labels.
        making: whether another step of the same verdict makes it.
        annotators: who has labelled in the one or the other.
        point_names: the key points.
        videos: the file of a video by the name of its group, where it is known.
        used_up: groups of which every frame of the video is among the labels or in the project.
        unseen: a video beside these that is not among them; None where none is known.
        taken: names beside the bundle that a training or an experiment would meet something of another kind at, or another training.
        renamed: how often points of a video were renamed in the project, by the name of its group.
        fit_options: those of the training besides its length, as they were given.
        anew: whether its weights are left out of them, as these have learnt from the labels that would judge.
        minutes_taken: how long it took; None where not known.
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
    made: bool = False
    making: bool = False
    annotators: tuple[str, ...] = ()
    point_names: tuple[str, ...] = ()
    videos: Mapping[str, str] = field(default_factory=dict)
    used_up: frozenset[str] = frozenset()
    unseen: str | None = None
    taken: frozenset[str] = frozenset()
    renamed: Mapping[str, int] = field(default_factory=dict)
    fit_options: tuple[str, ...] = ()
    anew: bool = False
    minutes_taken: float | None = None
    minutes: float | None = None
    epochs: int = USUAL_EPOCHS
    most_minutes: float | None = None
    view: str = "crop"
    finer_times: float | None = None
    crops: int = 1

    def more_frames(self, do: str, groups: Sequence[str] = (), *, count: int = MORE_FRAMES, uncertain: bool = True) -> Advice:
        """More frames to label, of the videos of these groups or of any; where no video is known, the labels and where to name one."""
        project = self.project or self._new_project
        open_ = {group: video for group, video in self.videos.items() if group not in self.used_up}
        videos = [open_[group] for group in groups if group in open_] or list(open_.values())[:1]
        if not videos:
            none = "No video of these labels is known here" if not self.videos else "Every frame of the known videos is there already"
            named = f"{none}; `trainer select` adds frames of any that it is given."
            return Advice(f"{do} {named}{self._from_then_on}", self._label_page("--bundle", self.bundle))
        by = ["--by", "uncertainty", "--bundle", self.bundle] if uncertain else []
        return Advice(f"{do}{self._from_then_on}", self._in_project("select", *videos, "--project", project, "--count", str(count), *by))

    @property
    def _from_then_on(self) -> str:
        """What is labelled or corrected in a project that is made first is not in the labels that were given."""
        if self.project is not None:
            return ""
        return f" From then on, train on {self._new_project}, which has these labels and all that is changed or added there."

    def answers_beside_labels(self, do: str) -> Advice:
        """Where labels are looked at and corrected, with the bundle's answers beside them, the worst first."""
        return Advice(f"{do}{self._from_then_on}", self._label_page("--bundle", self.bundle))

    def rename(self, group: str, names: Mapping[str, str], *, learnt: bool = True) -> Advice | None:
        """Other names for the labels of one video, and what follows; None where names are not exchanged among each other.

        A network that has learnt the names as they were is trained again; one that has not is scored. Of several sets of labels it is
        not known which one calls a video so.
        """
        if set(names) != set(names.values()) or len(self.data) > 1:
            return None
        if self.made and self.project is None:  # names may be right there already, and exchanged again they would be wrong
            score = f"Score it with the labels of {self._new_project}, where names may have been set right; see which steps are left then."
            return Advice(score, self.evaluate())
        project = self.project or self._new_project
        points = [f"{one}:{other}" for one, other in names.items()]
        first = [] if self.project is not None else self._imports(again=False)  # a second time is refused, and exchanges nothing back
        once = ["--renaming", str(self.renamed.get(group, 0) + 1)]  # run again, it would exchange them back
        renamed = [*first, typed("project", "rename", project, "--video", group, "--points", *points, *once)]
        said = "" if self.project is not None else f" From then on, train on {project}: the labels before have the old names."
        with_it = replace(self, data=(project,), project=project)
        then, last = "score again: no frame of it was learnt from", with_it.evaluate()
        if learnt:
            then, last = "train again: the names were learnt as they are", with_it.again("renamed")
        return Advice(f"Rename these points in the labels of '{group}', then {then}.{said}", after_each_other([*renamed, last]))

    def second_opinion(self) -> str:
        """How far apart people's labels lie, or how to find out."""
        if (self.project is not None or self.made) and len(self.annotators) > 1:
            return typed("agreement", self.project or self._new_project)
        return self._in_project("label", self.project or self._new_project, "--annotator", SECOND_PERSON)

    def longer(self, times: float) -> str:
        """The same training, several times as long."""
        return self._fit("longer", *self._longer(self._enough(max(times, 2))))

    def again(self, ending: str = "again") -> str:
        """The same training on the labels as they are then."""
        return self._fit(ending, *self._length())

    def time_of_longer(self, times: float) -> str:
        """How long that takes, a sentence to follow another; empty where nothing is known of it."""
        minutes = self._minutes_of(self._enough(max(times, 2)))
        if minutes is None:
            return ""
        if minutes <= OF_A_DAY:
            return f" That takes about {_hours(minutes)}."
        where = "leave it over a night, or train" if minutes <= OF_A_NIGHT else "more than a night; rather train"
        taken = self.minutes_taken or self.minutes
        known = f", where this training took {taken:.0f} minutes" if taken is not None else ""
        return f" On this machine that takes about {_hours(minutes)}{known}; {where} with `--device gpu` on a machine that has one."

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
        return FINER_TIMES if self.finer_times is None else max(1.0, self.finer_times)

    def patient(self) -> str:
        """The same training, ended where the held-out error no longer falls."""
        return self._fit("early", "--patience", "5", *self._length(), without=("--patience",))

    def hold_out(self) -> str:
        """The same training with some frames held out."""
        return self._fit("judged", *self._length(), without=("--no-held-out",))

    def diagnose(self) -> str:
        """Whether labels, network and settings can work at all."""
        return self._on_labels("diagnose", "--data", *self._labels, *self._empty, "--out", f"{self.bundle}-diagnosis")

    def evaluate(self) -> str:
        """The bundle scored again, on corrected labels."""
        return self._on_labels("evaluate", self.bundle, "--data", *self._labels, *self._empty)

    def curve(self, target_px: float | None = None, *, times: float = 1.0) -> str:
        """What more labels would bring; several sets of labels are joined in a project first, since a curve takes one.

        Args:
            target_px: what the task can do with.
            times: how many times as long each training is to be.
        """
        target = ["--target-px", f"{target_px:g}"] if target_px is not None else []
        options = options_without(self.fit_options, NOT_OF_CURVE)
        repeats = ["--repeats", str(CURVE_REPEATS), "--force"]
        return self._of_one_set("curve", "--out", self._free("curve"), *repeats, *options, *target, *self._longer(self._enough(times)))

    def time_of_curve(self, learnt: int, *, times: float = 1.0) -> str:
        """How long that takes in all, a sentence to follow another; empty where nothing is known of it.

        Args:
            learnt: frames to learn from.
            times: how many times as long each training is to be.
        """
        return self._time_of_all(CURVE_REPEATS * len(halves_of(learnt)), times)

    def time_in_turn(self, times: float = 1.0) -> str:
        """The same of a cross-validation."""
        return self._time_of_all(FOLDS, times)

    def in_turn(self, times: float = 1.0) -> str:
        """The same training, or one so many times as long, once for each fifth of the frames, which is held out from it."""
        options = options_without(self.fit_options, (*NOT_OF_CURVE, *OF_SPLIT))
        length = self._longer(self._enough(times))
        return self._of_one_set("crossval", "--out", self._free("crossval"), "--force", *options, *length)

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

    def said_of_project(self, command: str) -> str:
        """What labels a command works on that takes the project instead of the labels that were given, a sentence to follow another."""
        words = words_of_last(command)
        if not self._on_project or "--data" not in words or words[words.index("--data") + 1] != self._new_project:
            return ""
        return f" It uses {self._new_project}, which has these labels and all that is changed or added there."

    def said_of_weights(self, command: str) -> str:
        """That a training begins without the weights that this one began with, a sentence to follow another."""
        if not self.anew or words_of_last(command)[1] not in TRAINS:
            return ""
        return " It begins without the weights of before: they have learnt from frames that would judge it."

    def makes_project(self, command: str) -> bool:
        """Whether a command takes labels into the project beside the bundle."""
        return self.project is None and command.startswith(typed("project", "import", self._new_project))

    @property
    def _on_project(self) -> bool:
        """Whether the project beside the bundle stands for the labels that were given."""
        return self.project is None and (self.made or self.making)

    @property
    def _labels(self) -> tuple[str, ...]:
        """What is learnt from and scored on."""
        return (self._new_project,) if self._on_project else self.data

    @property
    def _new_project(self) -> str:
        """Where a labelling project is made of labels that are none."""
        return f"{self.bundle}{OF_LABELS}"

    @property
    def _empty(self) -> list[str]:
        """What was said of empty cells."""
        return ["--empty", self.fit_options[self.fit_options.index("--empty") + 1]] if "--empty" in self.fit_options else []

    def _free(self, ending: str) -> str:
        """A place beside the bundle for a training or an experiment, where nothing is in the way."""
        names = (ending if number == 1 else f"{ending}-{number}" for number in count(1))
        return next(place for name in names if Path(place := f"{self.bundle}-{name}").name not in self.taken)

    def _enough(self, times: float) -> float:
        """So many times as long, or longer where the weights are left out that a short training could begin with."""
        return max(times, USUAL_EPOCHS / self.epochs) if self.anew and self.minutes is None else times

    def _of_one_set(self, command: str, *words: str) -> str:
        """An experiment, which takes one set of labels; several are joined in a project first."""
        if len(self._labels) == 1:
            return self._on_labels(command, "--data", self._labels[0], *words)
        return after_each_other([*self._imports(), typed(command, "--data", self._new_project, *words)])

    def _on_labels(self, *words: str) -> str:
        """A command that learns from the labels or scores on them, after what brings the project up to date."""
        return after_each_other([*(self._imports() if self._on_project else []), typed(*words)])

    def _label_page(self, *more: str) -> str:
        """The page on which labels are looked at."""
        return self._in_project("label", self.project or self._new_project, "--annotator", self._annotator, *more)

    def _in_project(self, *words: str) -> str:
        """A command that works on the project, after what makes it."""
        return typed(*words) if self.project is not None else after_each_other([*self._imports(), typed(*words)])

    def _imports(self, *, again: bool = True) -> list[str]:
        """What makes a project of all data, or brings it up to date; what has been changed in it stays."""
        kept = ["--keep-changed"] if again else []
        return [
            typed(
                "project",
                "import",
                self._new_project,
                one,
                "--annotator",
                self._importer,
                *kept,
                *([] if one == self.project else self._empty),
            )
            for one in self.data
        ]

    @property
    def _importer(self) -> str:
        """Whose labels they become: they are there already under the name of whoever imported them."""
        return FIRST_PERSON if self.project is not None or FIRST_PERSON in self.annotators else self._annotator

    def _longer(self, times: float) -> list[str]:
        """The training's own length, or enough for so many times as many pictures."""
        if times <= 1:
            return self._length()
        epochs = ["--epochs", str(math.ceil(times) * self.epochs)]
        if self.minutes is None and self.most_minutes is None:
            return epochs
        minutes = ["--minutes", str(math.ceil(self._minutes_of(times) or 0))]
        return minutes if self.minutes is not None else [*epochs, *minutes]

    def _minutes_of(self, times: float) -> float | None:
        """How long so many times as many pictures take, as fast as they were shown; None where not known.

        At least so many times the longest time where that was not needed, up to twice.
        """
        longest = self.most_minutes if self.minutes is None else self.minutes
        taken = longest if self.minutes_taken is None else self.minutes_taken
        if taken is None or times <= 1:
            return longest if longest is not None else taken
        return max(times * taken, min(times, 2) * (longest or 0))

    def _time_of_all(self, trainings: int, times: float) -> str:
        """How long several trainings take together."""
        minutes = self._minutes_of(self._enough(times))
        return "" if minutes is None else f" These are {trainings} trainings, which take about {_hours(trainings * minutes)} in all."

    def _length(self, *, minutes_factor: float = 1.0) -> list[str]:
        """The training's own; its minutes times a factor, where a picture takes longer."""
        longest = self.most_minutes if self.minutes is None else self.minutes
        minutes = [] if longest is None else ["--minutes", f"{minutes_factor * longest:.12g}"]
        epochs = max(self.epochs, USUAL_EPOCHS) if self.anew else self.epochs
        return minutes if self.minutes is not None else ["--epochs", str(epochs), *minutes]

    def _fit(self, ending: str, *more: str, without: Sequence[str] = ()) -> str:
        words = [*options_without(self.fit_options, without), *more]
        return self._on_labels("fit", "--data", *self._labels, "--out", self._free(ending), *words)

    def paired(self, pairs: Sequence[str]) -> str:
        """The same training with points that change places in mirrored pictures."""
        return self._fit("paired", "--pairs", *pairs, *self._length(), without=("--pairs",))


def _hours(minutes: float) -> str:
    whole = math.ceil(minutes)  # as the command beside it says
    return f"{minutes / 60:.0f} hours" if minutes >= 120 else "1 minute" if whole == 1 else f"{whole} minutes"


def _value(options: Sequence[str], name: str, usual: str) -> str:
    """What follows an option."""
    return options[options.index(name) + 1] if name in options else usual
