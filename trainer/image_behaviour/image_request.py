"""A bundle that is to be made from images: its data, its region, its training, and where it goes."""

from dataclasses import dataclass, field
from pathlib import Path

from trainer.behaviour.carried_proof import PROVED_FRAMES
from trainer.behaviour.division import DivisionAsked
from trainer.behaviour.frame_choice import FrameChoice
from trainer.behaviour.rule_answers import HandRules
from trainer.ethogram.read_options import ReadOptions
from trainer.image_behaviour.classes_asked import ClassesAsked
from trainer.image_behaviour.region import RegionAsked
from trainer.image_behaviour.settings import ImageSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRequest:
    """A bundle to be made.

    Attributes:
        data: a table of videos, or a folder of folders of images.
        out: folder of the bundle.
        region: which part of the frame the network takes.
        settings: of the training.
        asked: what label files do not say.
        classes: which to learn.
        division: which videos are held out and validate.
        per_class: images of every class that must be there in training, validation and test; None for as many as there are.
        anew: put away a training of other labels or settings.
        proved_frames: carried beside torch before the bundle is written, at most.
        choice: which frames go to the network; None: all of them.
        rules: scored beside the network on the same videos.
        reference: train boosted trees for the network to beat.
        hard_negatives_from: an earlier bundle, whose false bouts are shown more often.
        target_f1: macro-F1 that the task asks for; None where that was not said.
        options: of `trainer fit` besides data, place and length, as they were given, for the commands that the verdict ends with.
    """

    data: Path
    out: Path
    region: RegionAsked
    settings: ImageSettings
    asked: ReadOptions
    classes: ClassesAsked = field(default_factory=ClassesAsked)
    division: DivisionAsked = field(default_factory=DivisionAsked)
    per_class: tuple[int, int, int] | None = None
    anew: bool = False
    proved_frames: int = PROVED_FRAMES
    choice: FrameChoice | None = None
    rules: HandRules | None = None
    reference: bool = True
    hard_negatives_from: Path | None = None
    target_f1: float | None = None
    options: tuple[str, ...] = ()
