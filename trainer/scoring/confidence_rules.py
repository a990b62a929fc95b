"""The rule of a verdict about confidence: points are found, but how sure the network says it is means little."""

import math

from trainer.scoring.measurements import ConfidenceMeasure, Measurements
from trainer.scoring.next_commands import NextCommands
from trainer.scoring.next_step import (
    LEAST_AUC,
    MISCALIBRATED,
    SURE_ERRORS,
    NextStep,
    short,
    times,
    train_longer,
)


def confidence_means_little(m: Measurements, commands: NextCommands) -> tuple[NextStep, ...]:
    """A confidence that is not the chance of being right, or does not tell where a point is out of sight, both beyond chance.

    More labels held out are what it is fitted to; after a short training a longer one, which takes no work, comes before.
    """
    found = m.confidence
    why = "" if found is None else _uncalibrated(found) or _blind_to_absence(found)
    if found is None or not why:
        return ()
    aim = "For a confidence that means what it says"
    more = commands.more_frames(
        f"{aim}, {_wanted(found)}: it is fitted to those that are held out, in more detail to more of them.{_threshold(found)}"
    )
    labels = NextStep(kind="confidence", why=why, do=more.do, command=more.command)
    if m.pictures is None or not short(m):
        return (labels,)
    longer = train_longer(m, commands)
    return NextStep(kind="confidence", why=why, do=f"{aim}, {longer[0].lower()}{longer[1:]}", command=commands.longer(times(m))), labels


def _uncalibrated(found: ConfidenceMeasure) -> str:
    """How far confidence is from the chance of being right; empty where that is little, or may be chance."""
    if not found.error > max(MISCALIBRATED, found.by_chance):
        return ""
    means = [(found.of_right, "right"), (found.of_wrong, "wrong or out of sight")]
    each = ", ".join(f"{mean:.2f} where they are {what}" for mean, what in means if math.isfinite(mean))
    return (
        f"The confidence means little: on {found.points} held-out points it is off by {found.error:.2f} (expected calibration error; "
        f"{found.by_chance:.2f} may be chance), on average it is {each}."
    )


def _blind_to_absence(found: ConfidenceMeasure) -> str:
    """How often a point out of sight is as sure as one that is seen; empty where that is rare, or may be chance."""
    if found.hidden is None or not found.auc + SURE_ERRORS * found.auc_error < LEAST_AUC:
        return ""
    return (
        f"The confidence hardly tells where '{found.hidden}' is out of sight: in only {found.auc:.0%} of all pairs of held-out labels "
        "it is surer where it is seen than where it is not (AUC)."
    )


def _threshold(found: ConfidenceMeasure) -> str:
    """What a rule can do with such a confidence meanwhile, a sentence to follow another; empty where right points are no surer."""
    if not found.of_right > found.of_wrong:
        return ""
    means = f"{found.of_wrong:.2f} and {found.of_right:.2f}, the means of wrong and right points"
    return f" Until then, a rule's threshold is to lie between {means}."


def _wanted(found: ConfidenceMeasure) -> str:
    if found.hidden is None:
        return "label more frames"
    return f"label more frames in which '{found.hidden}' is seen and such in which it is hidden"
