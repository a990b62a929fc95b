"""What a training came to and what to do next, at most three steps in order. Pure: from `Measurements` alone.

Each rule looks for one fault, with its remedy. Faults of the labels come before those of the training, since no training
mends them; what says nothing without enough frames comes after having too few.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from trainer.labels.checks import FEW_FRAMES
from trainer.scoring import confidence_rules, label_rules, point_rules, training_rules
from trainer.scoring.label_faults import FAR_RADII
from trainer.scoring.loss_curves import STILL_FALLING
from trainer.scoring.measurements import GroupMeasure, Measurements, PointMeasure
from trainer.scoring.next_commands import NextCommands
from trainer.scoring.next_step import (
    BASELINE_SHARE,
    ENOUGH_PICTURES,
    EXCHANGED,
    FEWEST_FRAMES,
    FEWEST_HELD_OUT,
    LEAST_AUC,
    LOST,
    MEMORISED_RATIO,
    MISCALIBRATED,
    OVERFIT_PX,
    OVERFIT_RATIO,
    RARE,
    RARE_TIMES,
    RIGHT_SHARE,
    SCATTER_SHARE,
    SEEN_FALL,
    SEEN_PX,
    SURE_ERRORS,
    SURE_OF_NOTHING,
    UNLIKE_TIMES,
    NextStep,
    few_held_out,
    lines_of,
)
from trainer.scoring.typed_commands import words_of_last
from trainer.sentences import frames

MOST_STEPS = 3
MOST_NEEDY = 3  # points and videos that are named as in need of labels
RULE = (
    f"Rules, in this order: too few frames (below {FEWEST_FRAMES}); points exchanged that lie alike, where images were mirrored in "
    "training and the two did not change places; a video whose answers lie at other points' labels; points exchanged in "
    f"{EXCHANGED:.0%} of the training frames; frames learnt from whose labels have changed since; "
    "labels of which the mean position is within what counts as right; "
    f"a mean error above {BASELINE_SHARE:.0%} of the mean-position baseline; labels whose own scatter "
    f"makes up {SCATTER_SHARE:.0%} of the error; training frames not found after fewer than {ENOUGH_PICTURES} pictures, with which "
    f"nothing else is concluded from answers; a point with fewer than {RARE:.0%} of the labels of another and {RARE_TIMES:g} "
    f"times its error; a video that was not learnt from with {UNLIKE_TIMES:g} times the training error, or other light, or in "
    f"which {LOST:.0%} more of the points are lost; an error that fell by more than {STILL_FALLING:.0%} in the "
    f"last fifth, and by more than {SEEN_FALL:.0%} of what counts as right; {SEEN_PX:g} source "
    f"pixels or more in one of the network's; fewer than {FEWEST_HELD_OUT} frames held out; points far worse at the image's edge; "
    "points whose answers lie to one side beyond what counts as right, or what the task can do with where that is more; "
    f"a held-out median above {OVERFIT_RATIO:g} times the training median and {OVERFIT_PX:g} px above it "
    f"(or {MEMORISED_RATIO:g} times, with many points far off); single points beyond the larger of what counts as right and what the task "
    f"can do with, by {SEEN_FALL:.0%} of the former and by {SURE_ERRORS:g} standard errors, not found where they are beyond the larger of "
    f"{FAR_RADII:g} times what counts as right and what the task can do with; {LOST:.0%} of a video's points lost, "
    f"or most points right on fewer than {RIGHT_SHARE:.0%} of the frames; the task's own threshold; "
    f"fewer than {FEW_FRAMES} labelled frames; single "
    f"labels far from a sure answer; a point that is found with a confidence above {SURE_OF_NOTHING:g} in a scene without the animal; "
    f"where none of these is found, a calibration error above {MISCALIBRATED:g} and beyond chance, or a point whose absence confidence "
    f"tells with an AUC below {LEAST_AUC:g}. "
    "Training and held-out frames are scored in the same way: the finished engine, no augmentation, no dropout."
)

Rule = Callable[[Measurements, NextCommands], NextStep | None]
RULES: tuple[Rule, ...] = (
    label_rules.few_frames,
    label_rules.mirrored,
    label_rules.other_names,
    label_rules.exchanged,
    label_rules.relabelled,
    training_rules.nothing_held_out,
    training_rules.no_movement,
    training_rules.learnt_nothing,
    label_rules.scattered,
    training_rules.not_yet_learnt,
    point_rules.rare_point,
    training_rules.unlike,
    training_rules.too_short,
    training_rules.resolution,
    training_rules.too_short_too,
    training_rules.hardly_held_out,
    training_rules.judged_in_turn,
    point_rules.at_border,
    point_rules.biased,
    training_rules.over_fitted,
    training_rules.rising,
    point_rules.lost_point,
    point_rules.often_lost,
    training_rules.not_good_enough,
    training_rules.not_exact_enough,
    training_rules.few_labels,
    label_rules.single_labels,
    training_rules.sure_of_nothing,
    training_rules.seen_meanwhile,
)
OF_NAMES = (  # what an error says that other names may be the cause of
    "scattered labels", "rare point", "unlike", "biased", "border", "over-fitted", "lost point", "inexact point", "lost",
    "not good enough", "not exact",
)  # fmt: skip
OF_EXCHANGE = ("other names", "exchanged")
OF_MIRRORING = (*OF_NAMES, "too short", "resolution")  # the same, and what the next training shows
OF_CHANGES = (*OF_MIRRORING, "learnt nothing")  # the same of labels that have changed since
OF_LABELS = (  # first steps that ask for more labels, or for how many; beside others, more of them are not what is needed
    "few frames", "few held out", "few labels", "no movement", "rare point", "unlike", "border", "over-fitted",
    "lost point", "inexact point", "lost", "not good enough", "not exact", "confidence",
)  # fmt: skip
# of many labels a few are wrong or mixed by mirroring, or none shows an empty scene; it is good all the same
BESIDE_GOOD = ("mirrored", "single labels", "empty scene")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a training came to.

    Attributes:
        finding: what matters most, a sentence.
        summary: training and held-out error, the gap, and the labels' own precision; a sentence.
        steps: one to three, the most important first.
        labels_or_minutes: what this one training can say about which of the two would help; sentences.
        needs_labels: which points and which videos need labels most; a sentence, empty where nothing is known of them or where the first
            step asks for no labels.
        select: the command that chooses frames for them.
    """

    finding: str
    summary: str
    steps: tuple[NextStep, ...]
    labels_or_minutes: str
    needs_labels: str
    select: str

    @property
    def sentence(self) -> str:
        """What matters most, with the figures."""
        return f"{self.finding} {self.summary}"

    @property
    def lines(self) -> list[str]:
        """For a terminal: the sentence, then each step with its command on a line of its own."""
        return lines_of(self.sentence, self.steps)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "kind": self.steps[0].kind,
            "sentence": self.sentence,
            "labels_or_minutes": self.labels_or_minutes,
            "needs_labels": {"sentence": self.needs_labels, "command": self.select},
            "next": [step.as_json() for step in self.steps],
        }


def verdict(m: Measurements, commands: NextCommands) -> Verdict:
    """Judge the numbers of a training.

    Args:
        m: what was measured.
        commands: what the commands are given.
    """
    found = _judged(m, commands)
    asked = [step.command for step in found.steps] + ([found.select] if found.needs_labels else [])
    if commands.made or not any(commands.makes_project(command) for command in asked):
        return found
    return _judged(m, replace(commands, making=True))


def _judged(m: Measurements, commands: NextCommands) -> Verdict:
    steps = _without_repeats([step for rule in RULES if (step := rule(m, commands)) is not None])
    if label_rules.video_with_other_names(m) is not None:
        steps = [step for step in steps if step.kind not in OF_NAMES]
    mixed = label_rules.mirrored(m, commands) is not None
    steps = [step for step in steps if not (mixed and step.kind in OF_MIRRORING) and not (m.relabelled and step.kind in OF_CHANGES)]
    if any(step.kind in OF_EXCHANGE for step in steps):  # a longer training learns them as they are, and looks good on its own labels
        steps = [step for step in steps if step.kind != "too short"]
    well = training_rules.good(m, commands)
    if not mixed and all(step.kind in BESIDE_GOOD for step in steps):
        doubted = confidence_rules.confidence_means_little(m, commands)
        if doubted:
            return _of([*doubted, *steps], m, commands, finding=doubted[0].why)
        longer = training_rules.may_be_longer(m, commands)
        return _of([*steps, well, *([longer] if longer is not None else [])], m, commands, finding=well.why)
    return _of(steps, m, commands, finding=steps[0].why)


def _without_repeats(steps: list[NextStep]) -> list[NextStep]:
    """The first of those that ask for the same for one kind of reason."""
    kept: dict[tuple[str, str], NextStep] = {}
    for step in steps:
        kept.setdefault((step.kind, step.command), step)
    return list(kept.values())


def _of(steps: list[NextStep], m: Measurements, commands: NextCommands, *, finding: str) -> Verdict:
    worst = sorted((one for one in m.groups if not math.isnan(one.median_px)), key=lambda one: -one.median_px)[:MOST_NEEDY]
    named_otherwise = label_rules.video_with_other_names(m)
    needed = needs_labels(m, worst) if named_otherwise is None and _asks_for_labels(steps[0]) else ""
    more = commands.more_frames(needed, [one.name for one in worst])
    return Verdict(
        finding=finding,
        summary=_summary(m),
        steps=tuple(_with_labels(step, m, commands) for step in steps[:MOST_STEPS]),
        labels_or_minutes=_nothing_until(m, commands) or labels_or_minutes(m),
        needs_labels=more.do if needed else "",
        select=more.command,
    )


def _nothing_until(m: Measurements, commands: NextCommands) -> str:
    """What is to be set right before an error says anything of labels or a longer training; empty where nothing is."""
    named_otherwise = label_rules.video_with_other_names(m)
    if label_rules.mirrored(m, commands) is not None:
        return "Until mirrored pictures show each point under its own name, the error says nothing of more labels or a longer training."
    if named_otherwise is not None:
        return f"Until the names in '{named_otherwise.group}' are set right, its error says nothing of more labels or a longer training."
    if m.relabelled:
        return "Until it is trained with the labels as they are, the error says nothing of more labels or a longer training."
    return ""


def _asks_for_labels(step: NextStep) -> bool:
    """Whether the first step is to add labels, or to measure what they would bring."""
    return step.kind in OF_LABELS and not _trains(step)


def _trains(step: NextStep) -> bool:
    return words_of_last(step.command)[1] == "fit"


def _with_labels(step: NextStep, m: Measurements, commands: NextCommands) -> NextStep:
    """A step with what is to be said of the labels that it works on; of a bundle that has learnt from more labels than these too."""
    said = commands.said_of_project(step.command) + commands.said_of_weights(step.command)
    if m.in_part and _trains(step):
        said += " Add the other labels that it was trained on to --data: it has learnt from more than these."
    return replace(step, do=f"{step.do}{said}")


def needs_labels(m: Measurements, worst: Sequence[GroupMeasure]) -> str:
    """The points with the largest errors, and the videos in which they are; empty where nothing was held out."""
    points = sorted((one for one in m.points if one.scored), key=lambda one: -one.median_px)[:MOST_NEEDY]
    never = [f"'{one.name}' ({_labels_of(one, m, 'none of them held out')})" for one in m.points if not one.scored]
    if not points:
        return ""
    words = ", ".join([*never, *(f"'{one.name}' ({_labels_of(one, m, f'median {one.median_px:.1f} px')})" for one in points)])
    where = ", ".join(f"'{one.name}' (median {one.median_px:.1f} px)" for one in worst)
    return f"Labels are needed most of {words}" + (f"; of the videos, in {where}." if len(m.groups) > 1 else ".")


def _labels_of(point: PointMeasure, m: Measurements, more: str) -> str:
    """How many labels of a point were learnt from, where that is known, and what else is known of it."""
    if m.in_part:
        return more
    return f"{'1 label' if point.learnt == 1 else f'{point.learnt} labels'}, {more}"


def labels_or_minutes(m: Measurements) -> str:
    """More labels, or a longer training? As far as one training can say, and a learning curve where there is one."""
    if not m.scored:
        return "With nothing held out, nothing tells whether more labels or a longer training would help."
    if math.isnan(m.train_median_px):
        return (
            f"Of the {frames(m.learnt)} learnt from only {m.looked_at} {'is' if m.looked_at == 1 else 'are'} among these labels, too few "
            "to say whether more labels or a longer training would help: score it on the labels that it was trained on."
        )
    gap = m.median_px - m.train_median_px
    labels = (
        f"More labels can take away at most the gap between held-out and training error, {max(gap, 0.0):.2f} px of {m.median_px:.2f} px "
        "(medians)"
    )
    if m.pictures is None:
        minutes = "how long it was trained is not known here"
    else:
        fell = "" if m.falling is None else f", and its last fifth lowered the held-out error by {max(m.falling, 0.0):.0%}"
        minutes = (
            f"a longer training can lower the training error, {m.train_median_px:.2f} px: this one showed {m.pictures} pictures{fell}. The "
            "learning rate goes to zero with the end of every training, so the error flattens there however short it was: only a "
            "longer one tells"
        )
    if m.curve:
        return f"{labels}; {minutes}. The learning curve of these labels, beside the bundle, says: {' '.join(m.curve)}"
    return f"{labels}; {minutes}. How much a number of labels brings takes several trainings: `trainer curve` does them."


def _summary(m: Measurements) -> str:
    of_all = f"{m.looked_at} of the {frames(m.learnt)} learnt from" if m.in_part else frames(m.learnt)
    learnt = f"training median {m.train_median_px:.2f} px on {of_all}"
    if math.isnan(m.train_median_px):
        learnt = (
            f"of the {frames(m.learnt)} learnt from only {m.looked_at} {'is' if m.looked_at == 1 else 'are'} here, too few to compare with"
        )
    if not m.scored:
        return f"Nothing was held out; {learnt}."
    gap = "" if math.isnan(m.gap) else f", a gap of {m.gap - 1:+.0%}"
    floor = f"; annotators are {m.floor_px:.2f} px apart" if m.floor_px is not None else ""
    few = " (too few to judge by)" if few_held_out(m) else ""
    return f"Held-out median {m.median_px:.2f} px on {frames(m.scored)}{few}, {learnt}{gap}{floor}."
