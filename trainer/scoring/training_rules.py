"""Rules of a verdict that find faults of the training, and say when there are none."""

from trainer.labels.checks import FEW_FRAMES, too_few_in_words
from trainer.scoring.label_faults import FAR_RADII
from trainer.scoring.measurements import GroupMeasure, Measurements
from trainer.scoring.next_commands import MORE_FRAMES, NextCommands
from trainer.scoring.next_step import (
    FEWEST_FRAMES,
    FEWEST_HELD_OUT,
    LOST,
    SURE_OF_NOTHING,
    UNLIKE_SPREADS,
    UNLIKE_TIMES,
    NextStep,
    falls,
    few_held_out,
    gap,
    good_for_task,
    hardly_moves,
    hardly_trained,
    looks_at_images,
    lost_beside_learnt,
    lost_share,
    median_in_words,
    not_exact,
    over_learnt,
    radius_of,
    right_in_words,
    short,
    shown,
    times,
    too_coarse,
    train_longer,
    unlearnt,
)
from trainer.scoring.point_rules import hidden_by_median
from trainer.sentences import frames


def nothing_held_out(m: Measurements, commands: NextCommands) -> NextStep | None:
    """No frame to judge by."""
    if m.scored or m.learnt < FEWEST_FRAMES:
        return None
    return NextStep(
        kind="nothing held out",
        why="No labelled frame was held out, so nothing can be said about frames that the network has not seen.",
        do="Train once with frames held out, to know the error.",
        command=commands.hold_out(),
    )


def no_movement(m: Measurements, commands: NextCommands) -> NextStep | None:
    """Labels that always answering the mean position would find."""
    if not hardly_moves(m) or m.learnt < FEWEST_FRAMES:
        return None
    more = commands.more_frames(
        "Label frames in which it is elsewhere and in other postures; where movements as small as these matter, train with "
        "--correct-within, which says how near an answer must be.",
        uncertain=False,
    )
    return NextStep(
        kind="no movement",
        why=f"The animal hardly moves in these labels: always answering the mean position is off by {m.baseline_px:.1f} px, where "
        f"{m.radius_px:.1f} px count as right, so nothing shows whether it is found elsewhere.",
        do=more.do,
        command=more.command,
    )


def learnt_nothing(m: Measurements, commands: NextCommands) -> NextStep | None:
    """Answers that hardly depend on the image."""
    if looks_at_images(m):
        return None
    why = (
        f"It has hardly learnt: a mean error of {m.train_mean_px:.1f} px on its own training frames, where always answering the mean "
        f"position costs {m.baseline_px:.1f} px."
    )
    if short(m):
        return NextStep(kind="too short", why=why, do=train_longer(m, commands), command=commands.longer(times(m)))
    return NextStep(
        kind="learnt nothing",
        why=why,
        do="Look whether the labels belong to these images, and whether the network can memorise a few.",
        command=commands.diagnose(),
    )


def unlike(m: Measurements, commands: NextCommands) -> NextStep | None:
    """Held-out frames of another kind; silent where what was learnt of their videos is not known, or hardly anything was learnt."""
    if m.in_part or hardly_trained(m):
        return None
    far = [one for one in m.groups if gap(m) and one.median_px > max(UNLIKE_TIMES * m.train_median_px, m.radius_px)]
    strange = [one for one in far if not one.learnt] or (far if m.unlike >= UNLIKE_SPREADS else _alone(far, m))
    if not strange:
        return _often_lost(m, commands)
    worst = max(strange, key=lambda one: one.median_px)
    light = f"; brightness or contrast differ by {m.unlike:.0f} spreads of the training frames" if m.unlike >= UNLIKE_SPREADS else ""
    more = commands.more_frames(f"Label frames of '{worst.name}' and others like it.", [worst.name])
    new = f"'{worst.name}', of which it has learnt {frames(worst.learnt) if worst.learnt else 'no frame'},"
    return NextStep(
        kind="unlike",
        why=f"The held-out frames are unlike those learnt from: {new} has a median error of {worst.median_px:.1f} px, the training frames "
        f"{m.train_median_px:.1f} px{light}.",
        do=more.do,
        command=more.command,
    )


def _often_lost(m: Measurements, commands: NextCommands) -> NextStep | None:
    """A video that was not learnt from in which most points are found and many are not: its median says nothing of those."""
    lost = [one for one in m.groups if not one.learnt and one.scored >= FEWEST_HELD_OUT and one.lost > m.train_lost + LOST]
    if not lost:
        return None
    worst = max(lost, key=lambda one: one.lost)
    more = commands.more_frames(f"Label frames of '{worst.name}' and others like it.", [worst.name])
    return NextStep(
        kind="unlike",
        why=f"The held-out frames are unlike those learnt from: in '{worst.name}', of which it has learnt no frame, {worst.lost:.0%} of "
        f"the points are more than {FAR_RADII * m.radius_px:.1f} px off, in the training frames {m.train_lost:.0%}.",
        do=more.do,
        command=more.command,
    )


def _alone(far: list[GroupMeasure], m: Measurements) -> list[GroupMeasure]:
    """One video of several that fails by itself."""
    others = [one.median_px for one in m.groups if one not in far]
    return far if others and len(far) < len(m.groups) / 2 else []


def not_yet_learnt(m: Measurements, commands: NextCommands) -> NextStep | None:
    """A training that ended before its own frames were learnt: the first thing to mend, as nothing else can be told until then."""
    return _ended_early(m, commands) if hardly_trained(m) and looks_at_images(m) else None


def too_short(m: Measurements, commands: NextCommands) -> NextStep | None:
    """A training that ended too early otherwise: its error still fell, or nobody knows how long it was.

    One whose points are seen too coarsely is called so after that, where another such fall would not be enough.
    """
    return None if _too_coarse_to_fall(m) else _otherwise_too_short(m, commands)


def too_short_too(m: Measurements, commands: NextCommands) -> NextStep | None:
    """As `too_short`, of a training whose points are seen too coarsely."""
    return _otherwise_too_short(m, commands) if _too_coarse_to_fall(m) else None


def _otherwise_too_short(m: Measurements, commands: NextCommands) -> NextStep | None:
    still = falls(m) and not gap(m)
    ended_early = still or (short(m) and unlearnt(m))
    return _ended_early(m, commands) if ended_early and looks_at_images(m) and not hardly_trained(m) else None


def _too_coarse_to_fall(m: Measurements) -> bool:
    """All that is not exact is seen too coarsely, and another such fall as the last fifth of the epochs brought is not enough for it."""
    coarse = too_coarse(m)
    if short(m) or coarse is None or m.falling is None:
        return False
    _, part = coarse
    others = [point for point in m.points if point not in part.points]
    exact = all(point.median_px <= radius_of(point, m) for point in others if point.scored)
    return exact and part.median_px * (1 - m.falling) > part.radius_px


def _ended_early(m: Measurements, commands: NextCommands) -> NextStep:
    still = falls(m) and not gap(m)
    fell = f"; the last fifth of the epochs still lowered the held-out error by {m.falling:.0%}" if still and m.falling is not None else ""
    return NextStep(
        kind="too short",
        why=f"Trained too short: the error on its own training frames is {m.train_median_px:.1f} px (median), with {shown(m)}{fell}.",
        do=f"Train longer.{commands.time_of_longer(times(m))}",
        command=commands.longer(times(m)),
    )


def resolution(m: Measurements, commands: NextCommands) -> NextStep | None:
    """Points seen too coarsely; those that are found worst, where points of several crops are."""
    coarse = None if hardly_trained(m) else too_coarse(m)
    if coarse is None:
        return None
    seen, part = coarse
    names = ", ".join(f"'{point.name}'" for point in part.points)
    finer, cut = commands.other_view(), "cut the images to the part that matters"
    return NextStep(
        kind="resolution",
        why=f"{'The points' if part is m else names} {'is' if len(part.points) == 1 and part is not m else 'are'} seen too coarsely: one "
        f"pixel of the network's picture is {seen:.3g} of the image, and the error on its own training frames stays at "
        f"{part.train_median_px:.1f} px (median).",
        do=f"Train a network that sees more pixels of the animal{commands.cost_of_other_view}; or {cut}."
        if finer is not None
        else f"Film from nearer, or {cut}, and train again: no other network has this head. Before that, measure what more labels bring."
        f"{commands.time_of_curve(m.learnt)}",
        command=finer or commands.curve(m.target_px),
    )


def hardly_held_out(m: Measurements, commands: NextCommands) -> NextStep | None:
    """Too few frames to judge by, whatever their error is."""
    if not few_held_out(m) or m.learnt < FEWEST_FRAMES:
        return None
    more = commands.more_frames("Label more frames, of different times and videos: some of them are held out as well.", uncertain=False)
    return NextStep(
        kind="few held out",
        why=f"Too few held out to judge: {frames(m.scored)}. {median_in_words(m)}",
        do=more.do,
        command=more.command,
    )


def judged_in_turn(m: Measurements, commands: NextCommands) -> NextStep | None:
    """What can be known from the same labels: each frame held out once."""
    if not few_held_out(m) or m.learnt < FEWEST_FRAMES:
        return None
    return NextStep(
        kind="few held out",
        why="Every label can judge once, in a training that has not learnt from it.",
        do=f"Until then, judge by every label in turn, each time with another fifth held out.{commands.time_in_turn(_more_time(m))}",
        command=commands.in_turn(_more_time(m)),
    )


def over_fitted(m: Measurements, commands: NextCommands) -> NextStep | None:
    """Training frames memorised; not where held-out ones are found within what counts as right all the same."""
    if not over_learnt(m):
        return None
    rises = f"; from epoch {m.crossing + 1} on the held-out loss rose while the training loss fell" if m.crossing is not None else ""
    far = f"{lost_share(m.groups):.0%} of the held-out points are more than {FAR_RADII * m.radius_px:.1f} px off"
    lost = f"; {far}, of those learnt from {m.train_lost:.0%}" if lost_beside_learnt(m) else ""
    worst = sorted(m.groups, key=lambda one: -one.median_px)
    more = commands.more_frames(
        "Label more frames, most of all those that the network is least certain of.", [one.name for one in worst[:1]]
    )
    return NextStep(
        kind="over-fitted",
        why=f"Over-fitted: the held-out median is {m.gap:.1f} times the training median{rises}{lost}.",
        do=more.do,
        command=more.command,
    )


def few_labels(m: Measurements, commands: NextCommands) -> NextStep | None:
    """Fewer labelled frames than a network or its error can be relied on, where nothing else asks for more."""
    labelled = m.learnt + m.scored
    if labelled >= FEW_FRAMES or m.learnt < FEWEST_FRAMES or not m.scored or few_held_out(m) or over_fitted(m, commands) is not None:
        return None
    missing = FEW_FRAMES - labelled
    more = commands.more_frames("Label more frames, of different times and videos.", count=max(missing, MORE_FRAMES), uncertain=False)
    return NextStep(
        kind="few labels",
        why=f"{too_few_in_words(labelled)}. {median_in_words(m)}",
        do=more.do,
        command=more.command,
    )


def seen_meanwhile(m: Measurements, commands: NextCommands) -> NextStep | None:
    """What can be seen before there are more labels."""
    if not_exact(m) or (few := few_labels(m, commands)) is None:
        return None
    shown_next = commands.look_at_answers()
    return NextStep(kind="few labels", why=few.why, do=f"Until then: {shown_next.do}", command=shown_next.command)


def rising(m: Measurements, commands: NextCommands) -> NextStep | None:
    """A training that went on after it had memorised them."""
    if m.crossing is None or not over_learnt(m):
        return None
    return NextStep(
        kind="over-fitted",
        why=f"The held-out loss rises from epoch {m.crossing + 1} on.",
        do="Until there are more labels, end the training where the held-out error no longer falls.",
        command=commands.patient(),
    )


def not_good_enough(m: Measurements, commands: NextCommands) -> NextStep | None:
    """An error above what the task can do with."""
    if m.target_px is None or not m.scored or m.mean_px <= m.target_px:
        return None
    longer = m.pictures is not None and short(m)
    return NextStep(
        kind="not good enough",
        why=f"Better than chance but not good enough for the task: a mean error of {m.mean_px:.2f} px, where {m.target_px:g} px are asked "
        f"for (always answering the mean position costs {m.baseline_px:.0f} px).",
        do=train_longer(m, commands)
        if longer
        else f"Measure how many labels {m.target_px:g} px would need.{commands.time_of_curve(m.learnt)}",
        command=commands.longer(times(m)) if longer else commands.curve(m.target_px),
    )


def not_exact_enough(m: Measurements, commands: NextCommands) -> NextStep | None:
    """An error above the labels' own, with no other reason found."""
    if not m.scored or not not_exact(m) or gap(m) or good_for_task(m) or hidden_by_median(m, commands):
        return None
    early = hardly_trained(m)
    return NextStep(
        kind="not exact",
        why=f"Less exact than labels are: a median error of {m.median_px:.1f} px, where {m.radius_px:.1f} px count as right.",
        do=(
            "Then measure whether more labels would help, with trainings as long as that."
            if early
            else "Measure whether more labels would help."
        )
        + commands.time_of_curve(m.learnt, times=_more_time(m)),
        command=commands.curve(m.target_px, times=_more_time(m)),
    )


def _more_time(m: Measurements) -> float:
    """How many times as long other trainings are to be: not as short as one that has just been called too short."""
    return times(m) if hardly_trained(m) else 1.0


def sure_of_nothing(m: Measurements, commands: NextCommands) -> NextStep | None:
    """Points found where there is no animal."""
    if m.empty is None or m.empty.confidence <= SURE_OF_NOTHING or not looks_at_images(m):
        return None
    longer = m.pictures is not None and short(m)
    shown_empty = "label frames that show no animal: every point hidden (Shift+h)"
    more = commands.more_frames(f"Before the animal can be out of sight, {shown_empty}.", [m.empty.group], uncertain=False)
    return NextStep(
        kind="empty scene",
        why=f"In the empty scene of '{m.empty.group}' (made from its frames, without the animal) '{m.empty.point}' is found with a "
        f"confidence of {m.empty.confidence:.2f}: a rule may begin before the animal is there.",
        do=f"Before the animal can be out of sight, train longer; or {shown_empty}.{commands.time_of_longer(times(m))}"
        if longer
        else more.do,
        command=commands.longer(times(m)) if longer else more.command,
    )


def good(m: Measurements, commands: NextCommands) -> NextStep:
    """Nothing to mend."""
    shown_next = commands.look_at_answers()
    met = f", and below the {m.target_px:g} px of the task" if m.target_px is not None else ""
    return NextStep(
        kind="good",
        why=f"Good: the median error of {m.median_px:.2f} px is within the {m.radius_px:.1f} px that count as right{met}; "
        f"{right_in_words(m)}.",
        do=shown_next.do,
        command=shown_next.command,
    )


def may_be_longer(m: Measurements, commands: NextCommands) -> NextStep | None:
    """A good training that was short: a longer one may be better still."""
    if m.pictures is None or not short(m):
        return None
    return NextStep(
        kind="too short",
        why=f"It was short: {shown(m)}.",
        do=f"If a smaller error is worth the time, train longer.{commands.time_of_longer(times(m))}",
        command=commands.longer(times(m)),
    )
