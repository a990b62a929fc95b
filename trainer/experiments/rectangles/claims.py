"""What the first rectangle experiments claimed, beside what these runs say: every verdict is computed, none is written by hand."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trainer.experiments.rectangles.findings import (
    BackgroundFigures,
    Crossing,
    HeadFigures,
    LabelFigures,
    PeakFigures,
    RoundingFigures,
    SizeFigures,
    over_seeds,
)
from trainer.experiments.rectangles.scale import DOMAINS, HOME
from trainer.experiments.rectangles.sets import BOTH_LABELLED, domain

SEED_RATIO = 0.36  # summed squared error, both rectangles labelled over one: 98 000 → 35 000
ALWAYS = 0.9  # share of images that passes for "always"
FEW = 0.05  # share of centres that passes for "nothing"
UNSTABLE = 0.05  # standard deviation over seeds of the share found, above which runs differ


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One claim.

    Attributes:
        about: the step it belongs to.
        claim: what was said.
        found: what these runs say, with figures.
        holds: whether they agree.
    """

    about: str
    claim: str
    found: str
    holds: bool

    @property
    def verdict(self) -> str:
        """For tables."""
        return "as claimed" if self.holds else "not so here"


def of_heads(found: Sequence[HeadFigures], epochs: Sequence[int]) -> list[Claim]:
    """That both heads learn, and how soon; `epochs` are those that the first experiments took."""
    claims = []
    for head, usual in zip(found, epochs, strict=True):
        px = head.errors["test"].spread.mean_px
        blind = min(head.baseline.mean_position_px, head.baseline.image_centre_px)
        claims.append(
            Claim(
                about="heads",
                claim=f"The {head.head} head localises on domain {HOME} within {usual} epochs.",
                found=f"{px:.2f} px on test images, {blind:.2f} px for the better of the two blind answers; within a tenth of its lowest "
                f"held-out error from epoch {head.converged} of {head.epochs} on.",
                holds=px < blind / 2 and head.converged <= usual,
            )
        )
    return claims


def of_domains(found: Sequence[Crossing]) -> list[Claim]:
    """That the error is lowest where a network was trained."""
    return [
        Claim(
            about="domains",
            claim=f"A network's error is lowest on the domain that it was trained on ({each.head}).",
            found=f"So for {each.lowest_at_home} of {len(DOMAINS)} networks; on {each.best_on_own} of {len(DOMAINS)} domains the network "
            f"trained there beats the others. Trained on {HOME}: {', '.join(f'{px:.1f}' for px in each.mean_px[HOME - 1])} px on 1 to 5.",
            holds=each.lowest_at_home == len(DOMAINS),
        )
        for each in found
    ]


def of_curve(found: Sequence[SizeFigures]) -> list[Claim]:
    """That curves flatten, and training stays below test in one reduction."""
    claims = []
    for head in dict.fromkeys(each.head for each in found):
        its = [each for each in found if each.head == head]
        below = sum(each.train_px < each.test_px for each in its)
        sizes, test = np.array([each.images for each in its]), np.array([each.test_px for each in its])
        gain = -np.diff(test) / np.diff(sizes)  # px an image more
        claims += [
            Claim(
                about="curve",
                claim=f"The training error stays below the test error ({head}).",
                found=f"So at {below} of {len(its)} sizes, both measured in the same way.",
                holds=below == len(its),
            ),
            Claim(
                about="curve",
                claim=f"The curve flattens ({head}).",
                found=f"{test[0]:.2f} px from {sizes[0]} images, {test[-1]:.2f} px from {sizes[-1]}; a further image gained {gain[0]:.2g} px "
                f"at first and {gain[-1]:.2g} px at last."
                if len(gain)
                else "One size tells nothing.",
                holds=bool(len(gain) > 1 and gain[-1] < gain[0]),
            ),
        ]
    return claims


def of_peaks(found: Sequence[PeakFigures]) -> list[Claim]:
    """What is found by networks trained on three, on one, and on both of two rectangles."""
    three, one, both = ([each for each in found if each.trained == name] for name in (domain(3), domain(1), BOTH_LABELLED))
    single = float(np.mean([np.mean(each.one) for each in three]))
    most, last = max(max(each.most) for each in one), one[-1]
    spread_one, spread_both = (max(over_seeds(each.found).sd or 0.0 for each in part) for part in (one, both))
    two, five = both[1], both[-1]
    return [
        Claim(
            about="peaks",
            claim="Trained on domain 3, a network shows always one centre.",
            found=f"Exactly one in {single:.0%} of the test images of all domains.",
            holds=single >= ALWAYS,
        ),
        Claim(
            about="peaks",
            claim="Trained on domain 1, it shows at most two, and nothing on domain 5.",
            found=f"At most {most} in an image; on domain 5 it found {over_seeds(last.found).mean:.0%} of the centres.",
            holds=most <= 2 and float(np.mean(last.found)) <= FEW,
        ),
        Claim(
            about="peaks",
            claim="Trained on domain 1, what is found differs from run to run.",
            found=_stability(one, spread_one),
            holds=spread_one >= UNSTABLE,
        ),
        Claim(
            about="peaks",
            claim="Trained on both rectangles of domain 2, it finds several centres consistently.",
            found=f"{over_seeds(two.found).mean:.0%} of domain 2's centres; {_stability(both, spread_both)}",
            holds=float(np.mean(two.found)) >= ALWAYS and spread_both < max(UNSTABLE, spread_one),
        ),
        Claim(
            about="peaks",
            claim="Trained so, it shows false centres on domain 5.",
            found=f"{over_seeds(five.false).mean:.2f} false centres an image on domain 5, {over_seeds(two.false).mean:.2f} on domain 2.",
            holds=float(np.mean(five.false)) > 2 * float(np.mean(two.false)),
        ),
    ]


def of_labels(found: tuple[LabelFigures, LabelFigures]) -> list[Claim]:
    """That more labels an image lower the error of each."""
    ratio = labels_ratio(found)
    one, both = found
    return [
        Claim(
            about="labels",
            claim=f"Labelling both rectangles of domain 2 lowers the squared error on domain 1 to {SEED_RATIO:g} of what it was.",
            found=f"To {ratio:.2f} of it; mean error {over_seeds(one.mean_px).words} px with one labelled, {over_seeds(both.mean_px).words} px "
            f"with both (mean ± SD of {len(one.mean_px)} seeds).",
            holds=ratio <= 0.5,
        )
    ]


def labels_ratio(found: tuple[LabelFigures, LabelFigures]) -> float:
    """Summed squared error, all seeds: both labelled over one labelled."""
    one, both = found
    return sum(both.summed_mse) / sum(one.summed_mse)


def of_rounding(found: Sequence[RoundingFigures]) -> list[Claim]:
    """That rounding costs accuracy."""
    return [
        Claim(
            about="rounding",
            claim=f"Rounding predictions to whole pixels lowers R² by 0.06 ({each.head}).",
            found=f"R² {each.r2:.4f} → {each.rounded_r2:.4f}, median error {each.median_px:.2f} → {each.rounded_median_px:.2f} px. To lose 0.06, "
            f"one would round to steps of {each.step_px:.0f} px.",
            holds=each.r2 - each.rounded_r2 >= 0.03,
        )
        for each in found
    ]


def of_background(found: Sequence[BackgroundFigures]) -> list[Claim]:
    """Not claimed, but owed: what a background that is neither black nor still does."""
    return [
        Claim(
            about="background",
            claim=f"A black, still background is a simplification that matters ({each.head}).",
            found=f"Trained on black: {each.mean_px[0, 0]:.1f} px on black, {each.mean_px[0, 1]:.1f} px on the moving background. Trained on the "
            f"moving background: {each.mean_px[1, 1]:.1f} px there.",
            holds=bool(each.mean_px[0, 1] > 2 * each.mean_px[0, 0]),
        )
        for each in found
    ]


def _stability(found: Sequence[PeakFigures], largest: float) -> str:
    seeds = len(found[0].found)
    if seeds < 2:
        return "One seed tells nothing about that."
    return f"the share found varies by up to ± {100 * largest:.1f} points (SD over {seeds} seeds) on a domain."
