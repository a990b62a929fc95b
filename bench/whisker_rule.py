"""A rule by hand beside the network of `whisker.py`: a whisker that touches the pole darkens a ring around it at one place."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracker.behaviour.score import score_frames
from trainer.behaviour_scores.scored_video import ScoredVideo
from trainer.ethogram.bouts import YES
from trainer.image_behaviour.image_videos import ImageVideo

RADII_PX = (4.5, 5.0, 5.5, 6.0, 6.5, 7.0, 8.0)  # the pole itself has 4.5
SHARES = tuple(np.arange(0.05, 0.85, 0.025).round(3).tolist())  # of the square's median grey
PLACES = 64  # on the ring


@dataclass(frozen=True, slots=True, kw_only=True)
class RingRule:
    """It touches where the darkest place of a ring around the pole is darker than the ring's median by a share of the square's median.

    Attributes:
        radius_px: of the ring.
        share: that it takes.
    """

    radius_px: float
    share: float


def darkness(images: NDArray[np.uint8], radius_px: float) -> NDArray[np.float64]:
    """How much darker the darkest place of the ring is than its median, as a share of the square's median: float64 (frames,)."""
    grey = images[..., 0].astype(np.float64)
    middle = grey.shape[1] // 2  # where the region puts the pole, to the pixel
    turns = 2 * np.pi * np.arange(PLACES) / PLACES
    x, y = middle + radius_px * np.cos(turns), middle + radius_px * np.sin(turns)
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    right, down = x - left, y - top
    ring = (1 - down) * ((1 - right) * grey[:, top, left] + right * grey[:, top, left + 1])
    ring += down * ((1 - right) * grey[:, top + 1, left] + right * grey[:, top + 1, left + 1])
    return np.asarray((np.median(ring, axis=1) - ring.min(axis=1)) / np.maximum(np.median(grey, axis=(1, 2)), 1))


def choose_rule(learnt: Sequence[ImageVideo]) -> RingRule:
    """The ring and share with the largest F1 by frame on the trials that networks learn from."""
    true = np.concatenate([video.marks[:, 0] == YES for video in learnt])

    def f1(rule: RingRule) -> float:
        return score_frames(seen[rule.radius_px] > rule.share, true).f1

    seen = {radius: np.concatenate([darkness(video.images, radius) for video in learnt]) for radius in RADII_PX}
    return max((RingRule(radius_px=radius, share=share) for radius, share in itertools.product(RADII_PX, SHARES)), key=f1)


def answers_of_rule(rule: RingRule, videos: Sequence[ImageVideo], like: Sequence[ScoredVideo]) -> list[ScoredVideo]:
    """What the rule says of these trials, scored where `like` is."""
    said = {video.name: darkness(video.images, rule.radius_px)[:, None] > rule.share for video in videos}
    return [video.saying(said[video.name]) for video in like]
