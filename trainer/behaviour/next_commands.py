"""The commands that a verdict on a network of behaviour ends with, as they can be typed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from trainer.behaviour.table_rows import header_and_rows
from trainer.scoring.next_commands import FIRST_PERSON
from trainer.scoring.typed_commands import after_each_other, options_without, typed

_OF_LABELS = ("--classes", "--class-words", "--leave-out", "--fps", "--frames", "--variable", "--channel", "--only-when", "--rules")
_VIDEOS = (".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv")
_OF_READING = ("--fps", "--channel", "--variable", "--classes", "--frames")  # of `trainer bouts convert`
LONGEST = 10  # times as long at most


class LabelledRow(NamedTuple):
    """The labels of a video: its name on the timeline, their file, and the frame rate in the table (may be empty)."""

    name: str
    labels: str
    fps: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BehaviourCommands:
    """What the next commands are given.

    Attributes:
        data: the table of videos, or the folder of images.
        bundle: its folder.
        epochs: of the training.
        options: of `trainer fit` besides data, place and length, as they were given.
        poses: a file for each video; empty where behaviour is learnt from images.
        images: videos, folders or arrays; empty where it is learnt from poses, or from images by class.
        labels: a file for each video; empty where folders say what images are.
        labelled: the labels that more are added to, each of one video.
    """

    data: str
    bundle: str
    epochs: int
    options: tuple[str, ...] = ()
    poses: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    labelled: tuple[LabelledRow, ...] = ()

    def label_more(self) -> str:
        """Where more is labelled, with the labels that there are and what the network found; of images by class, what shows those missed.

        Labels are copied once: what was added to them there is kept when the command is given again.
        """
        place = ["--annotator", FIRST_PERSON, "--labels", self._place]
        fps = with_values(self.options, ("--fps",))
        if self.poses:
            return after_each_other(
                [*self._with_labels(), typed("bouts", "label", "--poses", *self.poses, *fps, *place, "--bundle", self.bundle)]
            )
        videos = [path for path in self.images if path.lower().endswith(_VIDEOS)]
        if videos:
            found = f"{self.bundle}-found"
            return after_each_other(
                [
                    *self._with_labels(),
                    typed("evaluate", self.bundle, "--data", self.data, *self._of_labels, "--predictions", found),
                    typed("bouts", "label", *videos, *place, "--predictions", found),
                ]
            )
        return self.evaluate()

    def check_labels(self) -> str:
        """What is counted and found in the labels; of images by class, as `label_more`."""
        if not self.labels:
            return self.evaluate()
        return typed("bouts", "check", *self.labels, *with_values(self.options, ("--fps", "--channel", "--variable", "--classes")))

    def evaluate(self, *more: str) -> str:
        """The bundle scored again, in a report."""
        return typed("evaluate", self.bundle, "--data", self.data, *self._of_labels, *more, "--report", f"{self.bundle}-evaluation")

    def fit(self, ending: str, *more: str, without: Sequence[str] = (), times: int = 1) -> str:
        """The same training with other options, beside the one that was made."""
        kept = options_without(self.options, (*without, *(word for word in more if word.startswith("--"))))
        epochs = ["--epochs", str(min(times, LONGEST) * self.epochs)]
        return typed("fit", "--task", "behaviour", "--data", self.data, "--out", f"{self.bundle}-{ending}", *kept, *epochs, *more)

    def search(self) -> str:
        """Other settings, tried on the validation videos."""
        kept = options_without(self.options, (*_OF_MAKING, "--members"))
        return typed("sweep", "--task", "behaviour", "--data", self.data, "--out", f"{self.bundle}-search", *kept, "--trials", "20")

    def memorise(self) -> str:
        """Whether the network can learn a few frames by heart."""
        return typed("fit", "--task", "behaviour", "--data", self.data, *options_without(self.options, _OF_MAKING), "--memorise", "64")

    def _with_labels(self) -> list[str]:
        """The labels that there are, in the place and form in which more are added."""
        asked, made = with_values(self.options, _OF_READING), []
        for name, labels, fps in self.labelled:
            rate = ["--fps", fps] if fps and "--fps" not in asked else []
            out = str(Path(self._place) / f"{name}.{FIRST_PERSON}.bouts.json")
            made.append(typed("bouts", "convert", labels, out, "--keep", *rate, *asked))
        return made

    @property
    def _place(self) -> str:
        return f"{self.bundle}-labels"

    @property
    def members_settled(self) -> bool:
        """Whether several networks answer together already, or cannot, as those from images."""
        return "--members" in self.options or not self.poses

    @property
    def _of_labels(self) -> list[str]:
        return with_values(self.options, _OF_LABELS)


def commands_of(data: Path, bundle: Path, *, epochs: int, options: tuple[str, ...], from_images: bool) -> BehaviourCommands:
    """Of a training.

    Args:
        data: the table of videos, or a folder.
        bundle: its folder.
        epochs: of the training.
        options: as they were given.
        from_images: whether it learns from images, or from poses.
    """
    rows = [row for _, row in header_and_rows(data)[1]] if data.is_file() else []

    def paths(column: str) -> tuple[str, ...]:
        return tuple(str(data.parent / row[column]) for row in rows if row.get(column))

    poses, images = ((), paths("images")) if from_images else (paths("poses"), ())
    labels = paths("labels")
    column = "images" if from_images else "poses"
    labelled = [
        LabelledRow(Path(row[column]).stem, str(data.parent / row["labels"]), row.get("fps") or "")
        for row in rows
        if row.get(column) and row.get("labels") and labels.count(str(data.parent / row["labels"])) == 1  # not those of several videos
    ]
    return BehaviourCommands(
        data=str(data),
        bundle=str(bundle),
        epochs=epochs,
        options=options,
        poses=poses,
        images=images,
        labels=labels,
        labelled=tuple(labelled),
    )


_OF_MAKING = ("--only-when", "--rules", "--hard-negatives-from", "--no-reference", "--no-held-out", "--target-f1")


def with_values(options: Sequence[str], names: Sequence[str]) -> list[str]:
    """Only these options, each with the values that follow it."""
    others = [word for word in options if word.startswith("--") and word not in names]
    return options_without(options, others)
