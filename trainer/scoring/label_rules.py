"""Rules of a verdict that find faults of the labels, which no training mends."""

from trainer.scoring.measurements import Measurements, PointMeasure
from trainer.scoring.next_commands import NextCommands
from trainer.scoring.next_step import (
    EXCHANGED,
    EXCHANGED_IN_SHORT,
    FEWEST_FRAMES,
    NAMES_UNCLEAR,
    RARE,
    RARE_TIMES,
    SCATTER_SHARE,
    NextStep,
    frames,
    looks_at_images,
    not_exact,
    short,
)


def few_frames(m: Measurements, commands: NextCommands) -> NextStep | None:
    """Fewer frames than teach anything."""
    if m.learnt >= FEWEST_FRAMES:
        return None
    more = commands.more_frames("Label 50 frames or more, of different times and videos, and train again.", count=50, uncertain=False)
    why = f"Too few labels: {frames(m.learnt)} cannot teach more than themselves."
    return NextStep(kind="few frames", why=why, do=more.do, command=more.command)


def other_names(m: Measurements, commands: NextCommands) -> NextStep | None:
    """A video, or half of all frames, whose names mean other points."""
    found = next((one for one in m.other_names if all(_is_learnt(m, name) for pair in one.pairs for name in pair)), None)
    if found is not None:
        return NextStep(
            kind="other names",
            why=found.sentence,
            do=f"Rename the points in the labels of '{found.group}', then score again.",
            command=commands.evaluate(),
        )
    unclear = next((one for one in m.exchanges if one.learnt >= NAMES_UNCLEAR), None)
    if unclear is None or not looks_at_images(m):
        return None
    return NextStep(
        kind="other names",
        why=f"'{unclear.first}' and '{unclear.second}' are exchanged in {unclear.learnt:.0%} of the frames learnt from: their names do "
        "not say which is which, or half of the labels mean the other.",
        do="Agree on which of the two is which in every image, and correct the labels.",
        command=commands.look_at_labels(),
    )


def _is_learnt(m: Measurements, name: str) -> bool:
    """Whether a point is found on the frames that it was learnt from; one that is not says nothing of the labels of others."""
    return not any(point.name == name and point.train_median_px > m.radius_px for point in m.points)


def exchanged(m: Measurements, commands: NextCommands) -> NextStep | None:
    """Single frames in which two labels are exchanged."""
    found = [one for one in m.exchanges if _least_exchanged(m) <= one.learnt < NAMES_UNCLEAR]
    if not found or not looks_at_images(m):
        return None
    first = found[0]
    return NextStep(
        kind="exchanged",
        why=f"Exchanged labels: in {frames(first.frames)} learnt from ({first.learnt:.0%}) '{first.first}' is found where '{first.second}' "
        "is labelled, and the other way round.",
        do="Look at the frames that the report shows as exchanged and correct their labels.",
        command=commands.look_at_labels(),
    )


def scattered(m: Measurements, commands: NextCommands) -> NextStep | None:
    """Labels that are no more exact than the error."""
    if not (m.scored and not_exact(m) and m.scatter_px >= SCATTER_SHARE * m.mean_px):
        return None
    return NextStep(
        kind="scattered labels",
        why=f"The labels scatter by about {m.scatter_px:.1f} px, which makes up most of the mean error of {m.mean_px:.1f} px: the animal's "
        "labelled shape varies more than the one that is found.",
        do="Have a second person label some of the frames, agree on where each point is, and correct the labels.",
        command=commands.second_opinion(),
    )


def rare_point(m: Measurements, commands: NextCommands) -> NextStep | None:
    """A point with few labels and a large error."""
    if m.in_part:
        return None
    most = max((point.learnt for point in m.points), default=0)
    rare = [point for point in m.points if point.learnt < RARE * most and _worse_than_others(point, m)]
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
        why=f"'{point.name}' is labelled in {frames(point.learnt)} learnt from, other points in up to {most}{error}.",
        do=more.do,
        command=more.command,
    )


def _worse_than_others(point: PointMeasure, m: Measurements) -> bool:
    others = sorted(one.median_px for one in m.points if one is not point and one.scored)
    if not point.scored or not others:
        return True
    return point.median_px > max(RARE_TIMES * others[len(others) // 2], m.radius_px)


def single_labels(m: Measurements, commands: NextCommands) -> NextStep | None:
    """Single labels that are likely wrong."""
    wrong = [one for one in m.suspects if one.learnt]
    if not wrong:
        return _few_exchanged(m, commands)
    first = wrong[0]
    return NextStep(
        kind="single labels",
        why=f"{len(wrong)} {'label lies' if len(wrong) == 1 else 'labels lie'} far from a sure answer for a frame learnt from; first "
        f"'{first.point}' in {first.image}, {first.error_px:.0f} px.",
        do=f"Look at the labels that the report shows as likely wrong, first '{first.point}' in {first.image}.",
        command=commands.look_at_labels(),
    )


def _few_exchanged(m: Measurements, commands: NextCommands) -> NextStep | None:
    """Exchanged labels that are too few to be told from a network's own mistakes: worth a look all the same."""
    few = [one for one in m.exchanges if one.learnt < _least_exchanged(m)]
    if not few or not looks_at_images(m):
        return None
    first = few[0]
    return NextStep(
        kind="single labels",
        why=f"In {frames(first.frames)} learnt from '{first.first}' is found where '{first.second}' is labelled, and the other way round: "
        "exchanged labels, or mistakes of the network.",
        do="Look at the frames that the report shows as exchanged.",
        command=commands.look_at_labels(),
    )


def _least_exchanged(m: Measurements) -> float:
    """From which share of frames on exchanged points are the labels' fault; a short training confuses more by itself."""
    return EXCHANGED_IN_SHORT if short(m) else EXCHANGED
