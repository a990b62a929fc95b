"""Rules of a verdict about single key points, and about those that a median over all points hides."""

import math

from trainer.scoring.bias import bias_in_words, is_biased
from trainer.scoring.label_faults import FAR_RADII
from trainer.scoring.measurements import BORDER_PX, Measurements, PointMeasure
from trainer.scoring.next_commands import NextCommands
from trainer.scoring.next_step import (
    FEWEST_AT_BORDER,
    FEWEST_FRAMES,
    FEWEST_HELD_OUT,
    LOST,
    MOST_NAMED,
    RARE,
    RARE_TIMES,
    RIGHT_SHARE,
    SEEN_FALL,
    SURE_ERRORS,
    Kind,
    NextStep,
    fails_at_border,
    few_held_out,
    good_for_task,
    hardly_trained,
    labels_scatter,
    lost_share,
    median_in_words,
    not_exact,
    over_learnt,
    radius_of,
    short,
    times,
    too_coarse,
    train_longer,
)
from trainer.sentences import frames


def rare_point(m: Measurements, commands: NextCommands) -> NextStep | None:
    """A point with few labels and a large error."""
    rare = _rare(m)
    if not rare:
        return None
    point = min(rare, key=lambda one: one.learnt)
    if not point.learnt and point.hidden:
        why = f"'{point.name}' is hidden in each of {frames(point.hidden)} learnt from: where it is cannot be learnt."
        more = commands.more_frames(f"Label frames in which '{point.name}' can be seen, or leave it out of the labels.")
        return NextStep(kind="rare point", why=why, do=more.do, command=more.command)
    more = commands.more_frames(f"Label '{point.name}' in more frames; mark it hidden where it cannot be seen.")
    error = f", and is off by {point.median_px:.1f} px (median)" if point.scored else ", so rarely that none was held out"
    return NextStep(
        kind="rare point",
        why=f"'{point.name}' is labelled in {frames(point.learnt)} learnt from, other points in up to {_most_learnt(m)}{error}.",
        do=more.do,
        command=more.command,
    )


def biased(m: Measurements, commands: NextCommands) -> NextStep | None:
    """Points whose answers lie beside their labels on one side, by more than what counts as right."""
    found = _biased(m)
    if not found:
        return None
    words = ", ".join(bias_in_words(point) for point in found[:MOST_NAMED])
    shown_there = commands.answers_beside_labels(
        "Look at the frames where they lie farthest apart (w: the worst, then the next). Correct labels that are placed otherwise "
        "than those learnt from; where all are placed alike, see whether the images were moved or cut after they were labelled."
    )
    return NextStep(
        kind="biased",
        why=f"Biased: beyond chance, answers lie beside their labels: {words} ({_limits(found[:MOST_NAMED], m)}).",
        do=shown_there.do,
        command=shown_there.command,
    )


def at_border(m: Measurements, commands: NextCommands) -> NextStep | None:
    """Points that are found, but not at the image's edge."""
    failing = _at_border(m)
    if not failing:
        return None
    worst = max(failing, key=lambda point: point.border_median_px)
    more = commands.more_frames("Label frames in which the animal is at the image's edge, or film with more room around it.", _worst(m))
    return NextStep(
        kind="border",
        why=f"Lost at the image's edge: within {BORDER_PX:g} px of it '{worst.name}' is off by {worst.border_median_px:.1f} px (median of "
        f"{worst.border} labels), elsewhere by {worst.inner_median_px:.1f} px.",
        do=more.do,
        command=more.command,
    )


def lost_point(m: Measurements, commands: NextCommands) -> NextStep | None:
    """Points with labels enough that are not found, or else inexactly, which the median over all points hides."""
    coarse = too_coarse(m)
    named = {point.name for point in (*_rare(m), *_at_border(m), *_biased(m), *(coarse[1].points if coarse is not None else ()))}
    inexact = [point for point in m.points if point.name not in named and _is_inexact(point, m)]
    if not inexact or _says_nothing(m):
        return None
    gone = [point for point in inexact if point.median_px > FAR_RADII * radius_of(point, m)]
    never = [point for point in gone or inexact if point.train_median_px > _limit(point, m) + SEEN_FALL * radius_of(point, m)]
    if not never and over_learnt(m):
        return None  # the remedy is the same, for all points
    told = sorted(never or gone or inexact, key=lambda point: -point.median_px)[:MOST_NAMED]
    kind: Kind = "lost point" if gone else "inexact point"
    names, are = ", ".join(f"'{point.name}'" for point in told), "are" if len(told) > 1 else "is"
    missed = f"{names} {are} {'not found' if gone else 'found inexactly'}"
    error = f"a median error of {_each([point.median_px for point in told])} px, where {_limits(told, m)}"
    if not never:
        more = commands.more_frames(f"Label more frames in which {names} can be seen.", _worst(m))
        return NextStep(kind=kind, why=f"{missed} on held-out frames: {error}.", do=more.do, command=more.command)
    why = f"{missed}: {error}; on the frames learnt from it is {_each([point.train_median_px for point in told])} px."
    cause = "whether all are placed alike"
    if all(point.train_median_px > FAR_RADII * radius_of(point, m) for point in told):
        cause = "a name that means two places cannot be learnt"
    look = f"Look at the labels of {names} beside the answers (w: the worst, then the next): {cause}."
    return _longer_or_look(m, commands, kind=kind, why=why, look=look)


def often_lost(m: Measurements, commands: NextCommands) -> NextStep | None:
    """Frames or points that are far off although most are found.

    Not those of a video that was not learnt from, which is `unlike`, nor as many as other steps account for.
    """
    if _says_nothing(m) or good_for_task(m) or over_learnt(m):
        return None
    known = [one for one in m.groups if one.learnt or m.in_part]
    worst = max((one for one in known if one.scored >= FEWEST_HELD_OUT), key=lambda one: one.lost, default=None)
    lost = worst.lost if worst is not None else lost_share(known)
    few_right = not not_exact(m) and m.right < RIGHT_SHARE * m.scored
    if not few_right and lost <= LOST + _accounted_for(m, commands):
        return None
    where = f"in '{worst.name}'" if worst is not None else "on held-out frames"
    far = f"{where} {lost:.0%} of the points are more than {FAR_RADII * m.radius_px:.1f} px off, in the training frames {m.train_lost:.0%}"
    why = f"{f'Often lost: {far}' if lost > LOST else 'Often lost'}. {median_in_words(m)}"
    if lost <= m.train_lost + LOST and m.train_lost > LOST:
        look = "Look at the frames that are found worst (w: the worst, then the next): whether their labels are right, and what they share."
        return _longer_or_look(m, commands, kind="lost", why=why, look=look)
    more = commands.more_frames("Label more of the frames that it is least certain of.", [worst.name] if worst is not None else _worst(m))
    return NextStep(kind="lost", why=why, do=more.do, command=more.command)


def hidden_by_median(m: Measurements, commands: NextCommands) -> bool:
    """Whether a rule here says what an error over all points is made of."""
    return any(rule(m, commands) is not None for rule in (biased, at_border, lost_point, often_lost))


def _accounted_for(m: Measurements, commands: NextCommands) -> float:
    """The most that single points, exchanged labels and scattered ones can make up of the share of points that are far off."""
    scored = {point.name: point.scored / max(1, sum(one.scored for one in m.points)) for point in m.points}
    named = {point.name for point in (*_rare(m), *_at_border(m), *_biased(m))}
    named |= {point.name for point in m.points if _is_inexact(point, m)} if lost_point(m, commands) is not None else set()
    swapped = sum(
        max(one.learnt, one.scored) * sum(scored.get(name, 0.0) for name in {one.first, one.second} - named) for one in m.exchanges
    )
    return sum(scored[name] for name in named) + swapped + (m.train_lost if labels_scatter(m) else 0.0)


def _longer_or_look(m: Measurements, commands: NextCommands, *, kind: Kind, why: str, look: str) -> NextStep:
    """What is not found on the frames learnt from either: after a short training a longer one, else what to look at."""
    if m.pictures is not None and short(m):
        return NextStep(kind="too short", why=why, do=train_longer(m, commands), command=commands.longer(times(m)))
    there = commands.answers_beside_labels(look)
    return NextStep(kind=kind, why=why, do=there.do, command=there.command)


def _says_nothing(m: Measurements) -> bool:
    """Nothing was held out, or too little; or hardly anything was learnt from, or for long."""
    return not m.scored or few_held_out(m) or m.learnt < FEWEST_FRAMES or hardly_trained(m)


def _most_learnt(m: Measurements) -> int:
    return max((point.learnt for point in m.points), default=0)


def _rare(m: Measurements) -> list[PointMeasure]:
    """Points with few labels that are found worse than others; none where it is not known how many were learnt from."""
    most = _most_learnt(m)
    return [] if m.in_part else [point for point in m.points if point.learnt < RARE * most and _worse_than_others(point, m)]


def _worse_than_others(point: PointMeasure, m: Measurements) -> bool:
    others = sorted(one.median_px for one in m.points if one is not point and one.scored)
    if not point.scored or not others:
        return True
    return point.median_px > max(RARE_TIMES * others[len(others) // 2], m.radius_px)


def _biased(m: Measurements) -> list[PointMeasure]:
    """Beyond what counts as right; not those whose bias is that of the border, or of hardly any labels learnt from."""
    at_border = _at_border(m)
    judged = [point for point in m.points if point not in at_border and (m.in_part or point.learnt >= FEWEST_FRAMES)]
    found = [point for point in judged if is_biased(point) and math.hypot(*point.bias_px) > _limit(point, m)]
    return [] if _says_nothing(m) else sorted(found, key=lambda point: -math.hypot(*point.bias_px))


def _at_border(m: Measurements) -> list[PointMeasure]:
    """Points that fail at the image's border, in labels enough to say so."""
    found = [point for point in m.points if point.border >= FEWEST_AT_BORDER and fails_at_border(point, m)]
    return [] if _says_nothing(m) else [point for point in found if point.border_median_px > _limit(point, m)]


def _is_inexact(point: PointMeasure, m: Measurements) -> bool:
    """Where all points together are found, one that is not within what counts as right; else one that is found far worse than the others.

    It is so beyond what can be seen, and beyond chance: half of the points whose error is just what counts as right are above it.
    """
    chance_px = 0.0 if math.isnan(point.median_error_px) else SURE_ERRORS * point.median_error_px
    beyond = point.scored > 0 and point.median_px > _limit(point, m) + max(chance_px, SEEN_FALL * radius_of(point, m))
    return beyond and (not not_exact(m) or _worse_than_others(point, m))


def _limit(point: PointMeasure, m: Measurements) -> float:
    """From which error on a point is not exact: what counts as right, or what the task can do with."""
    return max(radius_of(point, m), m.target_px or 0.0)


def _limits(points: list[PointMeasure], m: Measurements) -> str:
    """What decided whether points are exact: "2.4 px count as right", or what was asked for where that is more."""
    asked = {_limit(point, m) > radius_of(point, m) for point in points}
    why = {False: "count as right", True: "are asked for"}
    return f"{_each([_limit(point, m) for point in points])} px {' or '.join(why[one] for one in sorted(asked))}"


def _each(values: list[float]) -> str:
    """Figures of several points; one where all have the same."""
    said = list(dict.fromkeys(f"{value:.1f}" for value in values))
    said = said if len(said) == 1 else [f"{value:.1f}" for value in values]
    return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"


def _worst(m: Measurements) -> list[str]:
    """The video that is found worst."""
    return [one.name for one in sorted(m.groups, key=lambda one: -one.median_px)[:1]]
