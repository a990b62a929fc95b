"""What a training of behaviour came to and what to do next, at most three steps in order. Pure: from scores and losses alone."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from trainer.behaviour.next_commands import BehaviourCommands
from trainer.behaviour_scores.frame_figures import FrameFigures
from trainer.behaviour_scores.scored_answers import BehaviourRun
from trainer.ethogram.checks import FEWEST_BOUTS, FEWEST_FRAMES
from trainer.scoring.loss_curves import crossing, fell_midway
from trainer.scoring.next_step import NextStep, ShortVerdict

MOST_STEPS = 3
FEWEST_IMAGES = 20  # of a class to learn from, where images do not follow one another
LEARNT = 0.5  # macro-F1 on its own training frames below which a network has learnt nothing
OVERFIT_GAP = 0.15  # of macro-F1, training less held-out
IN_PIECES = 1.5  # found bouts for each detected one
NEAR_THE_END = 0.1  # of the epochs: a loss that is smallest there has not begun to rise
FELL_MIDWAY = 0.15  # of the whole fall of the loss, in the middle third: an exponential fall makes 12 % there in six time constants
UNDER_FITTED = 0.02  # of macro-F1: the network on its training frames below the reference on held-out ones
LONGER = 4  # times as many epochs
RULE = (
    f"Rules of the verdict, in this order: nothing held out; a class that is nowhere in the training or in the held-out frames; one answer "
    f"to every frame; a macro-F1 below {LEARNT:g} on the training frames; a reference that is shown to be better, or whose held-out "
    f"macro-F1 is {UNDER_FITTED:g} above the network's own on training frames; a validation loss that was smallest in the last "
    f"{NEAR_THE_END:.0%} of all epochs and made {FELL_MIDWAY:.0%} of its fall in the middle third of them, before the learning rate goes "
    f"to zero (of fewer than 9 epochs, or where the time was up, smallest there); a class with fewer than {FEWEST_FRAMES} frames or "
    f"{FEWEST_BOUTS} bouts to learn from (of images by class, {FEWEST_IMAGES}); a macro-F1 that is {OVERFIT_GAP:g} larger on training than "
    f"on held-out frames, or a validation loss that rises again while the training loss falls; not shown to be better than always the "
    f"commonest class; not shown to be better than the reference; below the macro-F1 that the task asks for (--target-f1); bouts in more "
    f"than {IN_PIECES:g} pieces. Training and held-out frames are scored by the finished network, without augmentation and dropout."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LearntBehaviour:
    """A finished training, as far as it is judged.

    Attributes:
        run: scores on what it is judged by.
        held_out: whether that is held out, or validation frames.
        learnt: figures on the training frames.
        train: loss of every epoch.
        validation: the same of the validation frames.
        kept: place of the epoch whose weights were taken.
        stopped: by what the training ended.
        collapsed: whether one answer is given to every frame.
        target_f1: macro-F1 that the task asks for; None where that was not said.
    """

    run: BehaviourRun
    held_out: bool
    learnt: FrameFigures
    train: tuple[float, ...]
    validation: tuple[float, ...]
    kept: int
    stopped: str
    collapsed: bool
    target_f1: float | None = None

    @property
    def in_time(self) -> bool:
        """Whether frames follow one another."""
        return self.run.scores[0].in_time


Rule = Callable[[LearntBehaviour, BehaviourCommands], NextStep | None]


def judge(m: LearntBehaviour, commands: BehaviourCommands) -> ShortVerdict:
    """The verdict of a training.

    Args:
        m: what was measured.
        commands: what the commands are given.
    """
    found = [step for rule in RULES if (step := rule(m, commands)) is not None] or [_good(m, commands)]
    steps = [step for place, step in enumerate(found) if step.command not in [other.command for other in found[:place]]]
    return ShortVerdict(finding=steps[0].why, summary=_summary(m), steps=tuple(steps[:MOST_STEPS]))


def _summary(m: LearntBehaviour) -> str:
    score, unit = m.run.scores[0], m.run.scores[0].unit
    bouts = f" by frame and {_figure(score.macro_bout_f1)} by bout" if m.in_time else ""
    frames = max((each.judged_frames for each in score.classes), default=0)
    return (
        f"{'Held-out' if m.held_out else 'Validation'} macro-F1 {_figure(score.macro_f1)}{bouts} on {frames} {unit}, "
        f"training macro-F1 {_figure(m.learnt.macro_f1)} on {m.learnt.frames}."
    )


def _nothing_held_out(m: LearntBehaviour, commands: BehaviourCommands) -> NextStep | None:
    if m.held_out:
        return None
    return NextStep(
        kind="nothing held out",
        why="No frame was held out: the weights, the temperature and the thresholds were chosen by those that are scored.",
        do="Train once more with some held out; only that tells how good the network is.",
        command=commands.fit("judged", without=("--no-held-out",)),
    )


def _class_missing(m: LearntBehaviour, commands: BehaviourCommands) -> NextStep | None:
    unscored = [each.name for each in m.run.scores[0].classes if not each.true_frames]
    unlearnt = [name for name, frames in zip(m.learnt.class_names, m.learnt.true_frames, strict=True) if not frames]
    if not unscored and not unlearnt:
        return None
    unit = m.run.scores[0].unit[:-1]
    where = [*([f"learnt from ({_names(unlearnt)})"] if unlearnt else []), *([f"held out ({_names(unscored)})"] if unscored else [])]
    return NextStep(
        kind="class missing",
        why=f"Some classes are in no {unit} that is {' or '.join(where)}: nothing is known of how well they are found.",
        do=f"{'Label these classes in more videos' if m.in_time else 'Add images of these classes'}, so that every part has some of each.",
        command=commands.label_more(),
    )


def _collapsed(m: LearntBehaviour, commands: BehaviourCommands) -> NextStep | None:
    if not m.collapsed:
        return None
    return NextStep(
        kind="collapsed",
        why="The network gives one answer to every frame.",
        do="See whether it can learn a few frames by heart; if not, labels and videos may not belong together.",
        command=commands.memorise(),
    )


def _learnt_nothing(m: LearntBehaviour, commands: BehaviourCommands) -> NextStep | None:
    if m.collapsed or not m.learnt.macro_f1 < LEARNT:
        return None
    return NextStep(
        kind="learnt nothing",
        why=f"Even on its own training frames the network reaches a macro-F1 of {_figure(m.learnt.macro_f1)} only.",
        do="See whether it can learn a few frames by heart; if it can, look for labels that contradict each other.",
        command=commands.memorise(),
    )


def _behind(m: LearntBehaviour, commands: BehaviourCommands) -> NextStep | None:
    """The reference found more in the same labels: it is not labels that are missing."""
    beside, against = m.run.reference_score, m.run.against_reference
    if beside is None or m.collapsed or not m.held_out:
        return None
    own, ahead = m.run.scores[0].macro_f1, beside.macro_f1
    shown = against is not None and against.high < 0
    under_fitted = own < ahead and m.learnt.macro_f1 < ahead - UNDER_FITTED
    if not (shown or under_fitted):
        return None
    sure = f"95 % interval of the difference {against.low:+.3f} to {against.high:+.3f}" if shown and against is not None else ""
    more = f"the network reaches only {_figure(m.learnt.macro_f1)} on the frames that it has learnt from" if under_fitted else ""
    why = (
        f"The reference, {beside.name}, finds more in the same labels: macro-F1 {ahead:.3f} against {own:.3f} on the held-out frames "
        f"({'; '.join(part for part in (sure, more) if part)}): these labels hold more than the network has learnt."
    )
    if _fell_to_the_end(m) or (under_fitted and m.stopped != "no improvement"):
        return NextStep(kind="behind", why=why, do="Train longer.", command=_longer(commands))
    if commands.members_settled:
        return NextStep(kind="behind", why=why, do="Search for settings.", command=commands.search())
    return NextStep(
        kind="behind",
        why=why,
        do="Let several networks answer together, each validated by other videos.",
        command=commands.fit("three", "--members", "3"),
    )


def _fell_to_the_end(m: LearntBehaviour) -> bool:
    epochs = len(m.validation)
    return m.stopped != "no improvement" and epochs > 0 and m.kept + 1 > (1 - NEAR_THE_END) * epochs


def _longer(commands: BehaviourCommands) -> str:
    return commands.fit("longer", without=("--epochs", "--minutes"), times=LONGER)


def _few(m: LearntBehaviour, commands: BehaviourCommands) -> NextStep | None:
    of_class = zip(m.learnt.class_names, m.learnt.true_frames, m.learnt.true_bouts, strict=True)
    if m.in_time:
        few = [f"{name} ({frames} frames in {bouts} bouts)" for name, frames, bouts in of_class if _too_few(frames, bouts)]
    else:
        few = [f"{name} ({frames} images)" for name, frames, _ in of_class if 0 < frames < FEWEST_IMAGES]
    if not few:
        return None
    return NextStep(
        kind="few bouts",
        why=f"Too little to learn from: {_names(few)}.",
        do="Label more of these classes, best in other videos too: add their poses or files to the command."
        if m.in_time
        else "Add images of these classes.",
        command=commands.label_more(),
    )


def _too_few(frames: int, bouts: int) -> bool:
    return frames > 0 and (frames < FEWEST_FRAMES or bouts < FEWEST_BOUTS)


def _too_short(m: LearntBehaviour, commands: BehaviourCommands) -> NextStep | None:
    if not _fell_to_the_end(m):
        return None
    smallest = f"The validation loss was smallest in epoch {m.kept + 1} of {len(m.validation)}"
    why, midway = f"{smallest}: it still fell when the training ended.", fell_midway(m.validation)
    if midway is not None and m.stopped != "minutes":
        if midway < FELL_MIDWAY:
            return None
        why = f"{smallest}, and {midway:.0%} of its fall came in the middle third of them: it ended with the learning rate, not by itself."
    return NextStep(kind="too short", why=why, do="Train longer.", command=_longer(commands))


def _over_fitted(m: LearntBehaviour, commands: BehaviourCommands) -> NextStep | None:
    gap = m.learnt.macro_f1 - m.run.scores[0].macro_f1
    rises = crossing(m.train, m.validation)
    if not gap > OVERFIT_GAP and rises is None:
        return None
    said = [*([f"macro-F1 is {gap:.2f} larger on training than on held-out frames"] if gap > OVERFIT_GAP else [])]
    if rises is not None:
        said.append(f"from epoch {rises + 1} on the validation loss rises while the training loss falls")
    return NextStep(
        kind="over-fitted",
        why=f"The network learns its videos by heart: {', and '.join(said)}.",
        do="Label more videos, of other animals and days: that helps most. Until then, leave out more of what it sees while it learns.",
        command=commands.fit("dropout", "--dropout", "0.4"),
    )


def _nothing_shown(m: LearntBehaviour, commands: BehaviourCommands) -> NextStep | None:
    against = m.run.comparison
    if against is not None and against.second_is_better:
        return None
    why = against.sentence if against is not None else "The held-out frames are too few to compare with always the commonest class."
    return NextStep(
        kind="nothing shown",
        why=why,
        do="Label more, best in other videos too: with so few nothing is shown."
        if against is None
        else "Look at the labels first, with these counts.",
        command=commands.label_more() if against is None else commands.check_labels(),
    )


def _no_better(m: LearntBehaviour, commands: BehaviourCommands) -> NextStep | None:
    against = m.run.against_reference
    if against is None or against.second_is_better:
        return None
    several = commands.members_settled
    return NextStep(
        kind="no better",
        why=f"The network is not shown to be better than the reference (macro-F1 {against.second_f1:.3f} against {against.first_f1:.3f}).",
        do="Search for settings." if several else "Let several networks answer together, each validated by other videos.",
        command=commands.search() if several else commands.fit("three", "--members", "3"),
    )


def _below_target(m: LearntBehaviour, commands: BehaviourCommands) -> NextStep | None:
    reached = m.run.scores[0].macro_f1
    if m.target_f1 is None or reached >= m.target_f1:
        return None
    against = m.run.comparison
    better = "Better than always the commonest class, but not" if against is not None and against.second_is_better else "Not"
    return NextStep(
        kind="not good enough",
        why=f"{better} good enough for the task: a macro-F1 of {_figure(reached)}, where {m.target_f1:g} is asked for.",
        do="Label more, beginning with what the network found.",
        command=commands.label_more(),
    )


def _in_pieces(m: LearntBehaviour, commands: BehaviourCommands) -> NextStep | None:
    if not m.in_time:
        return None
    pieces = [each.name for each in m.run.scores[0].classes if each.bouts.fragmentation > IN_PIECES]
    if not pieces:
        return None
    return NextStep(
        kind="in pieces",
        why=f"Bouts of {_names(pieces)} are found in pieces.",
        do="Score it with short interruptions filled; where that helps, give the rules at the rig the same times.",
        command=commands.evaluate("--gap-ms", "300", "--minimum-ms", "100"),
    )


def _good(m: LearntBehaviour, commands: BehaviourCommands) -> NextStep:
    return NextStep(
        kind="good",
        why="Nothing speaks against this network.",
        do="Score it on videos of another day or animal (give their table as --data), before anything depends on it.",
        command=commands.evaluate(),
    )


RULES: tuple[Rule, ...] = (
    _nothing_held_out,
    _class_missing,
    _collapsed,
    _learnt_nothing,
    _behind,
    _too_short,
    _few,
    _over_fitted,
    _nothing_shown,
    _no_better,
    _below_target,
    _in_pieces,
)


def _figure(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2f}"


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - 6} more" if len(names) > 6 else ""
    return ", ".join(names[:6]) + more
