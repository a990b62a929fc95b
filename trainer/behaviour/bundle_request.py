"""A behaviour bundle that is to be made: its table of videos, its training, and where it goes."""

from dataclasses import dataclass, field
from pathlib import Path

from trainer.behaviour.carried_proof import PROVED_FRAMES
from trainer.behaviour.division import DivisionAsked
from trainer.behaviour.frame_choice import FrameChoice
from trainer.behaviour.rule_answers import HandRules
from trainer.behaviour.settings import BehaviourSettings
from trainer.ethogram.read_options import ReadOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class BehaviourRequest:
    """A behaviour bundle to be made.

    Attributes:
        table: of videos, see `read_videos`.
        out: folder of the bundle.
        settings: of the training.
        asked: what label files do not say.
        class_names: to learn; empty for all that are on anywhere.
        left_out: classes whose frames count as judged by nobody.
        division: which videos are held out and validate.
        front: point in front on the body's axis, None to find it.
        back: the one behind.
        confidence: below it a point is not there.
        roles: whether the animals' order means something.
        reference: train trees beside the network, which it must beat.
        anew: put away a training of other labels or settings.
        proved_frames: carried beside torch before the bundle is written.
        choice: which frames go to the network; None: all of them.
        rules: scored beside the network on the same videos.
        hard_negatives_from: an earlier bundle, whose false bouts are shown more often.
        target_f1: macro-F1 that the task asks for; None where that was not said.
        options: of `trainer fit` besides data, place and length, as they were given, for the commands that the verdict ends with.
    """

    table: Path
    out: Path
    settings: BehaviourSettings
    asked: ReadOptions
    class_names: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    division: DivisionAsked = field(default_factory=DivisionAsked)
    front: str | None = None
    back: str | None = None
    confidence: float = 0.2
    roles: bool = False
    reference: bool = True
    anew: bool = False
    proved_frames: int = PROVED_FRAMES
    choice: FrameChoice | None = None
    rules: HandRules | None = None
    hard_negatives_from: Path | None = None
    target_f1: float | None = None
    options: tuple[str, ...] = ()
