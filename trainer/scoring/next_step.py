"""One step of a verdict, and what its rules ask of the measurements."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from scipy.special import betaincinv  # type: ignore[import-untyped]

from trainer.scoring.loss_curves import STILL_FALLING
from trainer.scoring.measurements import GroupMeasure, Measurements, PointMeasure
from trainer.scoring.next_commands import NextCommands
from trainer.sentences import frames

Kind = Literal[
    "few frames",
    "few held out",
    "few labels",
    "other names",
    "exchanged",
    "relabelled",
    "mirrored",
    "nothing held out",
    "no movement",
    "learnt nothing",
    "scattered labels",
    "rare point",
    "unlike",
    "too short",
    "biased",
    "border",
    "lost point",
    "inexact point",
    "lost",
    "resolution",
    "over-fitted",
    "single labels",
    "empty scene",
    "confidence",
    "not good enough",
    "not exact",
    "good",
    "class missing",
    "collapsed",
    "few bouts",
    "nothing shown",
    "no better",
    "behind",
    "in pieces",
]

FEWEST_FRAMES = 10  # with fewer, a network memorises these and nothing else
FEWEST_HELD_OUT = 6  # frames: of five that are all right, the interval of the share that is right still reaches below half
ENOUGH_PICTURES = 30_000  # the usual 40 epochs show 41 000; below this the error of a compact network still falls
BASELINE_SHARE = 0.5  # a mean error above this share of the mean-position baseline: the network hardly looks at the image
OVERFIT_RATIO = 1.5  # held-out median over training median, both scored the same way
MEMORISED_RATIO = 3.0  # the same where the held-out median is within what counts as right, but many points are far off
OVERFIT_PX = 0.5  # and at least this much apart: a ratio between errors far below annotators' own precision says nothing
EXCHANGED = 0.03  # of training frames: a network that was given a label and answers otherwise; a short training needs more
EXCHANGED_IN_SHORT = 0.1
NAMES_UNCLEAR = 0.35  # of training frames: no slips, but names that do not say which point is which
SCATTER_SHARE = 0.6  # of the error is the labels' own
RARE = 0.25  # of the labels of the most labelled point
RARE_TIMES = 2.0  # so many times the error of the other points
UNLIKE_TIMES = 2.0  # the error in a video that was not learnt from, over the training error
UNLIKE_SPREADS = 3.0
LOST = 0.1  # of a video's points, besides as many as are lost among the training frames
RIGHT_SHARE = 2 / 3  # of held-out frames; of a perfect network on 20 frames of one point, judged by a person's labels, 4 in 5 are right
FEWEST_AT_BORDER = 5  # held-out labels; a median of fewer is chance
BORDER_TIMES = 2.0  # the error at the border over that of all, and over what counts as right
MOST_NAMED = 3  # points in a sentence
SURE_OF_NOTHING = 0.5  # confidence without an animal from which a rule with the usual threshold would begin
SURE_ERRORS = 2.0  # standard errors: what is nearer may be chance
MISCALIBRATED = 0.1  # calibration error, where 0.01 to 0.02 are usual: what is called 0.9 is right in four of five
LEAST_AUC = 0.9  # of a point in sight and out of it, where 0.96 to 1 are usual
SEEN_FALL = 0.1  # of what counts as right: an error that fell by less is as good as it was
SEEN_PX = 2.0  # source pixels in one of the network's: what is smaller cannot be told apart
SEEN_TIMES = 2.5  # an error of more pixels than this of the network's picture is not its resolution's


@dataclass(frozen=True, slots=True, kw_only=True)
class NextStep:
    """Something to do.

    Attributes:
        kind: of the fault.
        why: what was found, with its figures; a sentence.
        do: what to do about it; a sentence.
        command: as it can be typed.
    """

    kind: Kind
    why: str
    do: str
    command: str

    def as_json(self) -> dict[str, str]:
        """For programs."""
        return {"kind": self.kind, "why": self.why, "do": self.do, "command": self.command}


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortVerdict:
    """What a training of behaviour or of a forecast came to.

    Attributes:
        finding: what matters most, a sentence.
        summary: training beside held-out figures, a sentence.
        steps: one to three, the most important first.
    """

    finding: str
    summary: str
    steps: tuple[NextStep, ...]

    @property
    def sentence(self) -> str:
        """What matters most, with the figures."""
        return f"{self.finding} {self.summary}"

    @property
    def lines(self) -> list[str]:
        """For a terminal, see `lines_of`."""
        return lines_of(self.sentence, self.steps)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {"kind": self.steps[0].kind, "sentence": self.sentence, "next": [step.as_json() for step in self.steps]}


def lines_of(sentence: str, steps: Sequence[NextStep]) -> list[str]:
    """A verdict for a terminal: the sentence, then each step with its command on a line of its own."""
    numbered = [[f"  {place}. {step.do}", f"     {step.command}"] for place, step in enumerate(steps, 1)]
    return [sentence, "next:", *(line for lines in numbered for line in lines)]


def hardly_moves(m: Measurements) -> bool:
    """Whether the animal is in the same place in all labels, as far as what counts as right can tell."""
    return m.baseline_px <= m.radius_px


def looks_at_images(m: Measurements) -> bool:
    """Whether its own training frames are found at all better than by the mean position; taken for granted where none could be."""
    return hardly_moves(m) or not m.train_mean_px > BASELINE_SHARE * m.baseline_px


def short(m: Measurements) -> bool:
    """Few pictures were shown; also where nobody knows how many."""
    return m.pictures is None or m.pictures < ENOUGH_PICTURES


def falls(m: Measurements) -> bool:
    """The last fifth of the epochs still lowered the held-out error, by a share and a length that count."""
    if m.falling is None or m.falling >= 1:
        return False
    fell_px = m.mean_px * m.falling / (1 - m.falling)
    return m.falling > STILL_FALLING and fell_px > SEEN_FALL * m.radius_px


def unlearnt(m: Measurements) -> bool:
    """Its own training frames are not within what counts as right."""
    return m.train_median_px > m.radius_px


def hardly_trained(m: Measurements) -> bool:
    """After few pictures its own training frames are not found: answers then say nothing of labels, videos or resolution."""
    return m.pictures is not None and short(m) and unlearnt(m)


def not_exact(m: Measurements) -> bool:
    """Held-out points are not within what counts as right."""
    return m.median_px > m.radius_px


def labels_scatter(m: Measurements) -> bool:
    """Whether most of an error above the labels' own is their scatter."""
    return bool(m.scored) and not_exact(m) and m.scatter_px >= SCATTER_SHARE * m.mean_px


def fails_at_border(point: PointMeasure, m: Measurements) -> bool:
    """Found far worse at the image's border than elsewhere, and not within what counts as right."""
    elsewhere = point.median_px if math.isnan(point.inner_median_px) else point.inner_median_px
    return point.border > 0 and point.border_median_px > BORDER_TIMES * max(elsewhere, radius_of(point, m))


def radius_of(point: PointMeasure, m: Measurements) -> float:
    """What counts as right of one point."""
    return m.radius_px if math.isnan(point.radius_px) else point.radius_px


def good_for_task(m: Measurements) -> bool:
    """The error is within what somebody has said that the task can do with."""
    return m.target_px is not None and m.mean_px <= m.target_px


def few_held_out(m: Measurements) -> bool:
    """So few frames to judge by that nothing about others can be concluded."""
    return 0 < m.scored < FEWEST_HELD_OUT


def right_share(m: Measurements) -> tuple[float, float]:
    """Of frames like those held out, the share on which most points are right: the exact 95 % interval (Clopper and Pearson 1934)."""
    wrong = m.scored - m.right
    low = float(betaincinv(m.right, wrong + 1, 0.025)) if m.right else 0.0
    high = float(betaincinv(m.right + 1, wrong, 0.975)) if wrong else 1.0
    return low, high


def right_in_words(m: Measurements) -> str:
    """On how many held-out frames most points are right, and what that says of all others."""
    low, high = right_share(m)
    said = f"most points are so near on {m.right} of {frames(m.scored)} held out"
    return f"{said}, which is {low:.0%} to {high:.0%} of all such frames (95% interval)"


def median_in_words(m: Measurements) -> str:
    """The held-out median beside what counts as right, and on how many frames most points are right; a sentence."""
    limit = f"{'above' if not_exact(m) else 'within'} the {m.radius_px:.1f} px that count as right"
    return f"The median error of {m.median_px:.2f} px is {limit}; {right_in_words(m)}."


def gap(m: Measurements) -> bool:
    """Held-out frames are found clearly worse than those learnt from."""
    return m.scored > 0 and m.gap > OVERFIT_RATIO and m.median_px - m.train_median_px > OVERFIT_PX


def over_learnt(m: Measurements) -> bool:
    """Training frames memorised; not where held-out ones are found within what counts as right all the same."""
    seen = not_exact(m) or m.crossing is not None or lost_beside_learnt(m)
    return gap(m) and not few_held_out(m) and not hardly_trained(m) and seen


def lost_beside_learnt(m: Measurements) -> bool:
    """Many points are far off in held-out frames, and not in those learnt from, which are found far more exactly."""
    return lost_share(m.groups) > m.train_lost + LOST and m.gap > MEMORISED_RATIO


def lost_share(groups: Sequence[GroupMeasure]) -> float:
    """Share of the points that are far off, over all of these videos; 0 where there are too few frames to judge by."""
    scored = sum(one.scored for one in groups)
    return sum(one.lost * one.scored for one in groups) / scored if scored >= FEWEST_HELD_OUT else 0.0


def too_coarse(m: Measurements) -> tuple[float, Measurements] | None:
    """Points whose error comes from being seen coarsely, as the measurements of these alone, and the px that they are seen at.

    Points are judged together with those that are seen alike, as the points of one crop are: where these are found, it is not
    the resolution that hinders a single one, unless it is off by less than a pixel of the network's picture. Of several such
    sets it is that with the largest error for what counts as right.
    """
    alike: dict[int, list[PointMeasure]] = {}
    for point in m.points:
        if point.seen_px >= SEEN_PX:
            alike.setdefault(round(point.seen_px), []).append(point)  # of images of several sizes they differ by a little
    parts = [(max(point.seen_px for point in points), m.of_points(tuple(points))) for points in alike.values()]
    alone = [(point.seen_px, m.of_points((point,))) for point in m.points if point.seen_px >= SEEN_PX]
    coarse = [(seen, part) for seen, part in parts if _unlearnt_for_long(part) and part.train_median_px <= SEEN_TIMES * seen] or [
        (seen, part) for seen, part in alone if _unlearnt_for_long(part) and not short(m) and part.train_median_px <= seen
    ]
    return max(coarse, key=lambda one: one[1].train_median_px / one[1].radius_px, default=None)


def _unlearnt_for_long(m: Measurements) -> bool:
    """Not found within what counts as right, held-out points after a long training only, and no worse than those learnt from."""
    return not gap(m) and (unlearnt(m) or (not_exact(m) and not short(m)))


def shown(m: Measurements) -> str:
    """How much was learnt from, in words."""
    return (
        f"{m.pictures} pictures shown, where the usual 40 epochs show 41 000" if m.pictures is not None else "an unknown number of pictures"
    )


def train_longer(m: Measurements, commands: NextCommands) -> str:
    """What to do after a training that was short, and how long it takes."""
    return f"Train longer: {shown(m)}.{commands.time_of_longer(times(m))}"


def times(m: Measurements) -> float:
    """How many times as long a training would show enough pictures."""
    return ENOUGH_PICTURES / m.pictures if m.pictures else 2.0
