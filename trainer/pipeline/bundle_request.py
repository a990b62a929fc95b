"""A bundle that is to be made: its labels, how they are divided, its training, and where it goes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tracker.bundle import Bundle
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.split import Split
from trainer.scoring.correct_radius import Judging, Radii, radii
from trainer.scoring.evaluation import Evaluation
from trainer.scoring.floor import Floor
from trainer.training.augmentation_choice import AS_ASKED
from trainer.training.fit_settings import FitSettings
from trainer.training.seen_points import point_groups


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleRequest:
    """A bundle to be made.

    Attributes:
        data: the labels, as they were named.
        fit_options: all that was asked for besides labels, place and length, as options of `trainer fit`; with the weights that another
            training of the same labels may begin with.
        begins_anew: whether these are not the weights of this training.
        frames: all labels.
        parts: which to learn from and which to hold out.
        source: what the labels are called.
        floor: how far apart people's labels lie, where known.
        out: folder of the bundle.
        run: folder of the training's own files.
        settings: of the training.
        judging: how near counts as right, and what error the task can do with.
        radii_from: where the distances asked for are from, in words, if from no option.
        mirrored_as: why images are mirrored where the settings say so and the labels alone would not have it.
        anew: what a training of other labels or settings has left in `run` is put away.
        notes: what is to be said of labels and augmentation, in the report too.
        replaced: said of a bundle whose place the new one takes, in the report too; None where it takes none.
        gate: given the new bundle, not yet in place, and its score on the held-out frames; raises TrainingError to refuse it.
    """

    data: Sequence[Path]
    fit_options: tuple[str, ...]
    frames: LabelledFrames
    parts: Split
    source: str
    floor: Floor | None
    out: Path
    run: Path
    settings: FitSettings
    judging: Judging
    anew: bool
    radii_from: str | None = None
    mirrored_as: str = AS_ASKED
    begins_anew: bool = False
    notes: tuple[str, ...] = ()
    replaced: str | None = None
    gate: Callable[[Bundle, Evaluation | None], None] | None = None

    @property
    def radii(self) -> Radii:
        """How near to its label each point counts as right; groups are those that the network is given crops for."""
        found = radii(self.frames, self.floor, self.judging.correct_within, point_groups(self.train))
        return found if self.radii_from is None else replace(found, source=self.radii_from)

    @property
    def train(self) -> LabelledFrames:
        """To learn from."""
        return self.frames.subset(self.parts.train)

    @property
    def held_out(self) -> LabelledFrames:
        """Not to learn from."""
        return self.frames.subset(self.parts.held_out)
