"""Rules of a verdict that find faults of the labels, which no training mends."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile

from trainer.scoring.label_faults import Exchange, OtherNames, Suspect
from trainer.scoring.measurements import Measurements
from trainer.scoring.next_commands import NextCommands
from trainer.scoring.next_step import (
    EXCHANGED,
    EXCHANGED_IN_SHORT,
    FEWEST_FRAMES,
    NAMES_UNCLEAR,
    NextStep,
    falls,
    hardly_trained,
    labels_scatter,
    looks_at_images,
    radius_of,
    short,
)
from trainer.sentences import frames

FAR_IN_SHORT = 6.0  # of what counts as right: a network that was trained shortly is off by half as much where an image is hard
WORST_FIRST = "w: the label farthest from an answer, then the next"  # on the labelling page
TRAIN_AGAIN = "After corrections train again: it has learnt from these labels as they were."


def few_frames(m: Measurements, commands: NextCommands) -> NextStep | None:
    """Fewer frames than teach anything."""
    if m.learnt >= FEWEST_FRAMES:
        return None
    more = commands.more_frames("Label 50 frames or more, of different times and videos, and train again.", count=50, uncertain=False)
    why = f"Too few labels: {frames(m.learnt)} cannot teach more than themselves."
    return NextStep(kind="few frames", why=why, do=more.do, command=more.command)


def mirrored(m: Measurements, commands: NextCommands) -> NextStep | None:
    """Pictures that were mirrored under names of which no pair is known: left and right labels, all true, contradict each other."""
    found = mixed_by_mirroring(m)
    return _mirrored(found, commands) if found and looks_at_images(m) and found[0].learnt >= _least_exchanged(m) else None


def mixed_by_mirroring(m: Measurements) -> tuple[Exchange, ...]:
    """Exchanges that are none of labels: of points that lie alike and did not change places in the mirrored pictures learnt from.

    Whether their labels are exchanged as well shows after a training that knows the pair.
    """
    if m.mirrored is None:
        return ()
    known = {frozenset(pair) for pair in m.mirrored}
    return tuple(one for one in m.exchanges if one.alike and _of(one) not in known)


def _mirrored(found: tuple[Exchange, ...], commands: NextCommands) -> NextStep:
    """The most frequent of the exchanges, and a training in which all of them are pairs, as far as no point is in two."""
    first, chosen, named = found[0], list[str](), set[str]()
    for one in found:
        if not _of(one) & named:
            chosen.append(f"{one.first}:{one.second}")
            named |= _of(one)
    before = [pair for pair in _pairs_named(commands.fit_options) if not named & set(pair.split(":"))]
    two = f"'{first.first}' and '{first.second}'"
    return NextStep(
        kind="mirrored",
        why=f"Mirrored under these names: in {frames(first.frames)} learnt from ({first.learnt:.0%}) '{first.first}' is found where "
        f"'{first.second}' is labelled, and the other way round. Training images were mirrored, and {two} did not change places in them, "
        "so the network was shown either name for either point; the labels may all be right.",
        do=f"Train again with {' and '.join(chosen)} as left and right of each other (--no-flip instead would leave mirroring out). "
        "Labels that are found exchanged after that are worth a look; after corrections train again.",
        command=commands.paired([*before, *chosen]),
    )


def _pairs_named(options: Sequence[str]) -> list[str]:
    """Those that were asked for."""
    after = options[options.index("--pairs") + 1 :] if "--pairs" in options else ()
    return list(takewhile(lambda word: not word.startswith("--"), after))


def _of(one: Exchange) -> frozenset[str]:
    return frozenset((one.first, one.second))


def _exchanges(m: Measurements) -> list[Exchange]:
    """Those that are the labels' own."""
    return [one for one in shown_exchanges(m) if one not in mixed_by_mirroring(m)]


def shown_exchanges(m: Measurements) -> tuple[Exchange, ...]:
    """Those that may be shown; of labels that have changed since only mirroring's, as the network may have learnt the others from them."""
    return mixed_by_mirroring(m) if m.relabelled else m.exchanges


def other_names(m: Measurements, commands: NextCommands) -> NextStep | None:
    """A video, or half of all frames, whose names mean other points."""
    found = video_with_other_names(m)
    if found is not None:
        learnt = not any(one.name == found.group and not one.learnt for one in m.groups)
        renaming = commands.rename(found.group, {other: own for own, other in found.pairs}, learnt=learnt)
        then = TRAIN_AGAIN if learnt else "Then score again: no frame of it was learnt from."
        look = f"Look at the labels of '{found.group}' beside the answers, and correct their names. {then}"
        advice = renaming or commands.answers_beside_labels(look)
        return NextStep(kind="other names", why=found.sentence, do=advice.do, command=advice.command)
    unclear = next((one for one in _exchanges(m) if one.learnt >= NAMES_UNCLEAR), None)
    if unclear is None or not looks_at_images(m) or hardly_trained(m):
        return None
    there = commands.answers_beside_labels(
        f"Agree on which of the two is which in every image, and correct the labels ({WORST_FIRST}). {TRAIN_AGAIN}"
    )
    return NextStep(
        kind="other names",
        why=f"'{unclear.first}' and '{unclear.second}' are exchanged in {unclear.learnt:.0%} of the frames learnt from: their names do "
        "not say which is which, or half of the labels mean the other.",
        do=there.do,
        command=there.command,
    )


def video_with_other_names(m: Measurements) -> OtherNames | None:
    """The first video whose names differ; until they are set right, errors on it are those of the names."""
    mixed = {_of(one) for one in mixed_by_mirroring(m)}
    own = [replace(one, pairs=tuple(pair for pair in one.pairs if frozenset(pair) not in mixed)) for one in m.other_names]
    unchanged = [one for one in own if one.group not in m.relabelled]
    return next((one for one in unchanged if one.pairs and all(_is_learnt(m, name) for pair in one.pairs for name in pair)), None)


def _is_learnt(m: Measurements, name: str) -> bool:
    """Whether a point is found on the frames that it was learnt from; one that is not says nothing of the labels of others."""
    return not any(point.name == name and point.train_median_px > m.radius_px for point in m.points)


def exchanged(m: Measurements, commands: NextCommands) -> NextStep | None:
    """Single frames in which two labels are exchanged."""
    found = [one for one in _exchanges(m) if _least_exchanged(m) <= one.learnt < NAMES_UNCLEAR]
    if not found or not looks_at_images(m) or hardly_trained(m):
        return None
    first = found[0]
    there = commands.answers_beside_labels(
        f"Look at the frames that the report shows as exchanged and correct their labels ({WORST_FIRST}). {TRAIN_AGAIN}"
    )
    return NextStep(
        kind="exchanged",
        why=f"Exchanged labels: in {frames(first.frames)} learnt from ({first.learnt:.0%}) '{first.first}' is found where '{first.second}' "
        "is labelled, and the other way round.",
        do=there.do,
        command=there.command,
    )


def relabelled(m: Measurements, commands: NextCommands) -> NextStep | None:
    """Frames whose labels have changed since they were learnt from: what the network has memorised of them is no longer there."""
    if not m.relabelled or mirrored(m, commands) is not None:  # which trains with the labels as they are, too
        return None
    return NextStep(
        kind="relabelled",
        why=f"Labels of {len(m.relabelled)} of the {frames(m.learnt)} it has learnt from have changed since the training: what it answers "
        "may be what they were before.",
        do="Train again with them. Until then no label is called wrong, as the network may have memorised the one before.",
        command=commands.again(),
    )


def scattered(m: Measurements, commands: NextCommands) -> NextStep | None:
    """Labels that are no more exact than the error."""
    if not labels_scatter(m):
        return None
    return NextStep(
        kind="scattered labels",
        why=f"The labels scatter by about {m.scatter_px:.1f} px, which makes up most of the mean error of {m.mean_px:.1f} px: the animal's "
        "labelled shape varies more than the one that is found.",
        do=f"Have a second person label some of the frames, agree on where each point is, and correct the labels. {TRAIN_AGAIN}",
        command=commands.second_opinion(),
    )


def single_labels(m: Measurements, commands: NextCommands) -> NextStep | None:
    """Single labels that are likely wrong; a network that has only begun to learn cannot tell."""
    was_short = m.pictures is not None and short(m)
    if was_short and falls(m):
        return None
    wrong = [one for one in suspects(m) if one.learnt and (not was_short or _far(one, m))]
    if not wrong:
        return _few_exchanged(m, commands)
    first = wrong[0]
    there = commands.answers_beside_labels(
        f"Look at the labels that the report shows as likely wrong, first '{first.point}' in {first.image} ({WORST_FIRST}). {TRAIN_AGAIN}"
    )
    return NextStep(
        kind="single labels",
        why=f"{len(wrong)} {'label lies' if len(wrong) == 1 else 'labels lie'} far from a sure answer for a frame learnt from; first "
        f"'{first.point}' in {first.image}, {first.error_px:.0f} px.",
        do=there.do,
        command=there.command,
    )


def suspects(m: Measurements) -> list[Suspect]:
    """Labels that are likely wrong, without those of points that mirroring has mixed; none where labels have changed since."""
    if m.relabelled:
        return []
    mixed = {name for one in mixed_by_mirroring(m) for name in _of(one)}
    return [one for one in m.suspects if one.point not in mixed]


def _far(suspect: Suspect, m: Measurements) -> bool:
    """So far from its label that not even a short training explains it."""
    radius = next((radius_of(point, m) for point in m.points if point.name == suspect.point), m.radius_px)
    return suspect.error_px > FAR_IN_SHORT * radius


def _few_exchanged(m: Measurements, commands: NextCommands) -> NextStep | None:
    """Exchanged labels that are too few to be told from a network's own mistakes: worth a look all the same."""
    few = [one for one in shown_exchanges(m) if one.learnt < _least_exchanged(m)]
    if not few or not looks_at_images(m) or hardly_trained(m):
        return None
    first, mixed = few[0], mixed_by_mirroring(m)
    if first in mixed:
        return _mirrored(mixed, commands)
    there = commands.answers_beside_labels(f"Look at the frames that the report shows as exchanged ({WORST_FIRST}). {TRAIN_AGAIN}")
    return NextStep(
        kind="single labels",
        why=f"In {frames(first.frames)} learnt from '{first.first}' is found where '{first.second}' is labelled, and the other way round: "
        "exchanged labels, or mistakes of the network.",
        do=there.do,
        command=there.command,
    )


def _least_exchanged(m: Measurements) -> float:
    """From which share of frames on exchanged points are the labels' fault; a short training confuses more by itself."""
    return EXCHANGED_IN_SHORT if short(m) else EXCHANGED
