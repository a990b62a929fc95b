"""What may be read from a learning curve about labelling more, in sentences that do not reach farther than its data."""

import math
from collections.abc import Sequence

import numpy as np

from trainer.experiments.curve import LearningCurve
from trainer.experiments.power_law import FEWEST_SIZES, REACH, PowerLaw, interval
from trainer.scoring.loss_curves import STILL_FALLING

OFF = 0.25  # a law that is farther from the measured error of a size than this share of it, and than twice its scatter, does not hold
UNLEARNT = 0.8  # training error above this share of the held-out error: it is not frames that are missing


def reading(curve: LearningCurve, *, target_px: float | None) -> list[str]:
    """What one curve says.

    Args:
        curve: measured and fitted.
        target_px: the error aimed at; None: a tenth less than the present one.
    """
    law, most, last = curve.law, curve.sizes[-1], curve.held_out[-1]
    now = f"{curve.head}: {most} frames give {last.words} px on the held-out frames.{_reservation(curve)}"
    if law is None:
        return [f"{now} A law needs {FEWEST_SIZES} sizes; there are {len(curve.sizes)}: give more --sizes."]
    if (off := _off(curve, law)) is not None:
        return [
            now,
            f"The errors do not follow a law, {off}, so that nothing can be said of more frames: train longer, or give more --repeats.",
        ]
    twice = float(law.at(np.array([2.0 * most]))[0])
    here = float(law.at(np.array([float(most)]))[0])
    gain, chance = here - twice, last.sd or 0.0
    drawn = [float(draw.at(np.array([2.0 * most]))[0]) for draw in curve.draws]
    doubled = f"Twice as many ({2 * most}) would give about {twice:.2f} px{_between(drawn)}."
    if gain <= max(chance, 0.02 * here):
        why = f"less than the {chance:.2f} px between repeats" if chance > gain else "next to nothing"
        return [now, f"{doubled} The law falls by {gain:.2f} px on the way, {why}: more frames of this kind hardly help."]
    return [now, doubled, _more(curve, law, target_px if target_px is not None else round(0.9 * last.mean, 2))]


def _off(curve: LearningCurve, law: PowerLaw) -> str | None:
    """At which size a law is farthest from what was measured; None where it holds at all of them."""
    found = [float(error) for error in law.at(np.array(curve.sizes, np.float64))]
    distances = [abs(error - measured.mean) for error, measured in zip(found, curve.held_out, strict=True)]
    allowed = [max(OFF * measured.mean, 2 * (measured.sd or 0.0)) for measured in curve.held_out]
    worst = max(range(len(found)), key=lambda place: distances[place] / allowed[place])
    if distances[worst] <= allowed[worst]:
        return None
    return f"which gives {found[worst]:.2f} px at {curve.sizes[worst]} frames where {curve.held_out[worst].words} px were measured"


def _reservation(curve: LearningCurve) -> str:
    """Why frames may not be what is missing."""
    if curve.falling > STILL_FALLING:
        return f" The runs ended too early: their last fifth still lowered the error by {curve.falling:.0%}; train longer first."
    if curve.train[-1].mean > UNLEARNT * curve.held_out[-1].mean:
        return f" The training frames themselves are off by {curve.train[-1].words} px: train longer, or take a larger network, first."
    return ""


def _more(curve: LearningCurve, law: PowerLaw, target_px: float) -> str:
    most = curve.sizes[-1]
    needed = law.frames_for(target_px)
    if needed <= most:
        return f"{target_px:g} px is reached with {most} frames already."
    if needed > REACH * most:
        known = (
            f"the fitted floor is {law.c:.2f} px" if not math.isfinite(needed) else f"more than {REACH:g} times the {most} frames measured"
        )
        return (
            f"How many frames {target_px:g} px would need cannot be said from these data ({known}); "
            f"label up to {int(2 * most)} in all, and run the curve again."
        )
    spread_of = [draw.frames_for(target_px) for draw in curve.draws]
    return f"Label about {math.ceil(needed) - most} more frames for {target_px:g} px{_frames_between(spread_of, most)}."


def _between(values: Sequence[float]) -> str:
    found = interval(values)
    return f" (95 % of resampled repeats: {found[0]:.2f} to {found[1]:.2f})" if found else " (one repeat: its uncertainty is not known)"


def _frames_between(values: Sequence[float], most: int) -> str:
    found = interval(values)
    if found is None:
        return " (one repeat: the uncertainty is not known; give --repeats 3 or more)"
    low, high = max(0, math.ceil(found[0]) - most) if math.isfinite(found[0]) else math.inf, found[1]
    far = "more than can be said" if high > REACH * most else f"{max(0, math.ceil(high) - most)}"
    return f" (95 % of resampled repeats: {low:g} to {far})"
