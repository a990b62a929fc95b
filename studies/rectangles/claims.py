"""What the first rectangle experiments claimed, beside what these runs say: every verdict is computed, none is written by hand."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from studies.rectangles.findings import (
    BackgroundFigures,
    Crossing,
    HeadFigures,
    LabelFigures,
    PeakFigures,
    RoundingFigures,
    SizeFigures,
    over_seeds,
)
from studies.rectangles.scale import DOMAINS, HOME
from studies.rectangles.sets import BOTH_LABELLED, domain

SEED_RATIO = 0.36  # summed squared error, both rectangles labelled over one: 98 000 → 35 000
ALWAYS = 0.9  # share of images that passes for "always"
FEW = 0.05  # share of centres that passes for "nothing"
MOSTLY = 0.75  # share of two centres, above which both are found in more than half of the images
TWICE = 2.0  # times another training's spread over seeds, at which runs are called unstable


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
        baseline = min(head.baseline.mean_position_px, head.baseline.image_centre_px)
        claims.append(
            Claim(
                about="heads",
                claim=f"The {head.head} head localises on domain {HOME} within {usual} epochs.",
                found=f"{px:.2f} px on test images, {baseline:.2f} px for the better of two naive baselines; within a tenth of its lowest "
                f"held-out error from epoch {head.converged} of {head.epochs} on.",
                holds=px < baseline / 2 and head.converged <= usual,
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
                found=f"{test[0]:.2f} px from {sizes[0]} images, {test[-1]:.2f} px from {sizes[-1]}; a further image gained "
                f"{gain[0]:.2g} px at first and {gain[-1]:.2g} px at last."
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
    always = Claim(
        about="peaks",
        claim="Trained on domain 3, a network shows always one centre.",
        found=f"Exactly one in {single:.0%} of the test images of all domains.",
        holds=single >= ALWAYS,
    )
    return [always, *_of_one(one, [_instability(three), _instability(both)]), *_of_both(both, _instability(one))]


def _of_one(one: Sequence[PeakFigures], others: Sequence[float]) -> list[Claim]:
    most, own, last = max(max(each.most) for each in one), over_seeds(one[0].found).mean, over_seeds(one[-1].found).mean
    return [
        Claim(
            about="peaks",
            claim="Trained on domain 1, it shows at most two, and nothing on domain 5.",
            found=f"At most {most} in an image; it found {own:.0%} of domain 1's centres, {last:.0%} of domain 5's.",
            holds=own >= ALWAYS and most <= 2 and last <= FEW,
        ),
        Claim(
            about="peaks",
            claim="Trained on domain 1, what is found differs from run to run.",
            found=f"{_stability(one)} With the other trainings: up to ± {max(others):.2f}.",
            holds=_instability(one) >= TWICE * max(others) > 0,
        ),
    ]


def _of_both(both: Sequence[PeakFigures], unstable: float) -> list[Claim]:
    two, five = both[1], both[-1]
    return [
        Claim(
            about="peaks",
            claim="Trained on both rectangles of domain 2, it finds several centres consistently.",
            found=f"{over_seeds(two.found).mean:.0%} of domain 2's centres. {_stability(both)}",
            holds=float(np.mean(two.found)) >= MOSTLY and TWICE * _instability(both) <= unstable,
        ),
        Claim(
            about="peaks",
            claim="Trained so, it shows false centres on domain 5.",
            found=f"{over_seeds(five.false).mean:.2f} false centres an image on domain 5, {over_seeds(two.false).mean:.2f} on domain 2.",
            holds=float(np.mean(five.false)) > TWICE * float(np.mean(two.false)),
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
            found=f"To {ratio:.2f} of it; mean error {over_seeds(one.mean_px).words} px with one labelled, "
            f"{over_seeds(both.mean_px).words} px with both (mean ± SD of {len(one.mean_px)} seeds).",
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
            found=f"R² {each.r2:.4f} → {each.rounded_r2:.4f}, median error {each.median_px:.2f} → {each.rounded_median_px:.2f} px. "
            f"To lose 0.06, one would round to steps of {each.step_px:.0f} px.",
            holds=each.r2 > 0 and each.r2 - each.rounded_r2 >= 0.03,
        )
        for each in found
    ]


def of_background(found: Sequence[BackgroundFigures]) -> list[Claim]:
    """Not claimed, but owed: what a background that is neither black nor still does."""
    return [
        Claim(
            about="background",
            claim=f"A black, still background is a simplification that matters ({each.head}).",
            found=f"Trained on black: {each.mean_px[0, 0]:.1f} px on black, {each.mean_px[0, 1]:.1f} px on the moving background. "
            f"Trained on the moving background: {each.mean_px[1, 1]:.1f} px there.",
            holds=bool(each.mean_px[0, 1] > 2 * each.mean_px[0, 0]),
        )
        for each in found
    ]


def _instability(found: Sequence[PeakFigures]) -> float:
    """Largest standard deviation over seeds of the number of centres shown an image, of all domains; 0 for one seed."""
    return max(over_seeds(each.shown).sd or 0.0 for each in found)


def _stability(found: Sequence[PeakFigures]) -> str:
    seeds = len(found[0].found)
    if seeds < 2:
        return "One seed tells nothing about runs that differ."
    return f"The centres shown an image vary by up to ± {_instability(found):.2f} (SD over {seeds} seeds, worst domain)."
