"""A rule by hand beside the network of `pollen_bees.py`: pollen is yellow, so an image with enough yellow in it shows some."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.ethogram.bouts import YES
from trainer.image_behaviour.image_videos import ImageVideo

HUES = ((8, 40), (12, 40), (16, 40), (20, 40), (8, 30), (12, 30), (16, 30))  # of 180: orange to yellow
SATURATIONS = (60, 90, 120, 150, 180)  # of 255
VALUES = (0, 60, 100, 140)
SHARES = tuple(np.geomspace(0.001, 0.5, 40).tolist())  # of the image's pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class YellowRule:
    """Pollen where more than a share of the pixels has a hue between two, and at least so much saturation and value.

    Attributes:
        hues: of OpenCV's 180, both included.
        saturation, value: of 255.
        share: of the pixels.
    """

    hues: tuple[int, int]
    saturation: int
    value: int
    share: float


def choose_rule(learnt: Sequence[ImageVideo], place: int) -> YellowRule:
    """The one that is right on most of these images.

    Args:
        learnt: blocks of RGB images.
        place: the column of pollen.
    """
    true = np.concatenate([video.marks[:, place] == YES for video in learnt])
    hsv = np.concatenate([_hsv(video) for video in learnt])
    best, rule = -1, None
    for hues, saturation, value in itertools.product(HUES, SATURATIONS, VALUES):
        shares = _shares(hsv, hues, saturation, value)
        for share in SHARES:
            right = int(((shares > share) == true).sum())
            if right > best:
                best, rule = right, YellowRule(hues=hues, saturation=saturation, value=value, share=share)
    if rule is None:
        raise ValueError("there is no rule to choose from")
    return rule


def yellow(rule: YellowRule, video: ImageVideo) -> NDArray[np.bool_]:
    """Which images show pollen by the rule, bool (images,)."""
    return np.asarray(_shares(_hsv(video), rule.hues, rule.saturation, rule.value) > rule.share)


def _hsv(video: ImageVideo) -> NDArray[np.uint8]:
    return np.stack([cv2.cvtColor(image, cv2.COLOR_RGB2HSV) for image in video.images]).astype(np.uint8)


def _shares(hsv: NDArray[np.uint8], hues: tuple[int, int], saturation: int, value: int) -> NDArray[np.float64]:
    hue = hsv[..., 0]
    inside = (hue >= hues[0]) & (hue <= hues[1]) & (hsv[..., 1] >= saturation) & (hsv[..., 2] >= value)
    return np.asarray(inside.mean(axis=(1, 2)))
