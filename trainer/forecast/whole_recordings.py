"""Which recordings are learnt from, validate and are held out, where whole trials, sessions, animals or recordings stay together."""

from collections.abc import Sequence
from dataclasses import replace

from trainer.behaviour.division import SplitBy, coarsest, on_both_sides, refuse_absent, unit_of
from trainer.behaviour.table_rows import PARTS, Part
from trainer.errors import TrainingError
from trainer.forecast.recordings import Recording

Shares = tuple[float, float, float]


def in_whole_parts(recordings: Sequence[Recording], shares: Shares, by: SplitBy | None) -> tuple[list[Recording], list[str]]:
    """Every recording with its part, and a sentence of how; as they are where each is to be cut in time.

    The last of what stays together is held out, what comes before it validates: of either the share that is asked for, at least one.

    Args:
        recordings: in the order of their table.
        shares: learnt from, validating, held out; of the last 0 for none.
        by: what stays together, `block` to cut each recording in time; None: animals, else sessions, else trials, where the table names
            at least three and gives no parts, else `block`.

    Raises:
        TrainingError: parts are given as well, the table does not name what stays together, or there is too little of it.
    """
    groups = [recording.groups for recording in recordings]
    given: list[Part] = [part for one in recordings for part in PARTS if one.part == part]
    if given:
        if by is not None:
            raise TrainingError(f"--split-by {by} and a column part contradict each other; leave one of them out")
        whole = len(given) == len(recordings)
        return list(recordings), on_both_sides([one.name for one in recordings], groups, given) if whole else []
    by = by or coarsest(groups, fewest=len(PARTS)) or "block"
    if by == "block":
        return list(recordings), []
    refuse_absent(by, groups)
    units = [unit_of(str(place), group, by) for place, group in enumerate(groups)]
    order = list(dict.fromkeys(units))
    held, validate = (max(1, round(len(order) * share)) if share else 0 for share in (shares[2], shares[1]))
    if held + validate >= len(order):
        what = "recording" if by == "video" else by
        raise TrainingError(
            f"{len(order)} {what}s leave none to learn from: {validate} validate and {held} are held out; give more, other --parts, or "
            "--split-by block to cut each recording in time"
        )
    test, validation = order[len(order) - held :], order[len(order) - held - validate : len(order) - held]
    parts: list[Part] = ["test" if unit in test else "validation" if unit in validation else "train" for unit in units]
    parted = [replace(one, part=part) for one, part in zip(recordings, parts, strict=True)]
    notes = [f"divided by {by}: one is in one part alone"] if by != "video" else []
    return parted, [*notes, *on_both_sides([one.name for one in recordings], groups, parts)]
