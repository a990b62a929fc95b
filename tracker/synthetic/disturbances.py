"""What disturbs a picture of the synthetic rodent: litter, things that move above it, a cable, shadows. Lengths are arena radii."""

from dataclasses import dataclass
from typing import Self, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.frame import Image
from tracker.synthetic.waves import SHIFT, Points, shape

Plane: TypeAlias = NDArray[np.float32]  # (height, width)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """The conditions of one session.

    Attributes:
        light: factor on the room's light.
        lamp: direction of the lamp at the side, radians.
        shadow: what is left of the light inside the moving shadow.
        blur: standard deviation of the lens at a height of 480 px, pixels.
        noise: standard deviation of the sensor, grey levels.
        cable: whether the animal has one.
        shavings: pieces of litter above the animal.
        droppings: small dark things on the floor before the animal.
        smears: wet or dirty patches of the floor before the animal.
    """

    light: float
    lamp: float
    shadow: float
    blur: float
    noise: float
    cable: bool
    shavings: int
    droppings: int
    smears: int

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Self:
        """Conditions by chance."""
        return cls(
            light=float(rng.uniform(0.55, 1.35)),
            lamp=float(rng.uniform(0.0, 2.0 * np.pi)),
            shadow=float(rng.uniform(0.4, 0.8)),
            blur=float(rng.uniform(0.7, 2.0)),
            noise=float(rng.uniform(3.0, 10.0)),
            cable=bool(rng.random() < 0.6),
            shavings=int(rng.integers(20, 160)),
            droppings=int(rng.integers(4, 40)),
            smears=int(rng.integers(2, 12)),
        )


def litter(canvas: Image, rng: np.random.Generator, *, scale: float, count: int, shades: tuple[int, int], length: float) -> None:
    """Scatter short thick strokes over the arena."""
    height, width = canvas.shape
    for _ in range(count):
        away, around, turn, size = rng.uniform([0.0, 0.0, 0.0, 0.4], [0.9, 2.0 * np.pi, np.pi, 1.3])
        shade = int(rng.integers(*shades))
        radius = scale * np.sqrt(away)  # as many pieces on every part of the floor
        middle = np.array([width / 2 + radius * np.cos(around), height / 2 + radius * np.sin(around)])
        half = 0.5 * scale * length * size * np.array([np.cos(turn), np.sin(turn)])
        aside = 0.35 * np.array([-half[1], half[0]])
        shape(canvas, np.stack([middle - half - aside, middle + half - aside, middle + half + aside, middle - half + aside]), shade)


def things_above(canvas: Image, waves: NDArray[np.float64], *, scale: float) -> None:
    """Two blurred outlines that move behind the clear chamber's lid, of the size and shade of the animal.

    Args:
        canvas: albedo, changed in place.
        waves: (6,), -1..1: where the two are, and how they are turned.
        scale: pixels per arena radius.
    """
    height, width = canvas.shape
    for x, y, turn, shade in ((*waves[:3], 96), (*waves[3:6], 140)):
        middle = (width / 2 + 1.3 * scale * x, height / 2 + 1.1 * scale * y)
        axes = (0.28 * scale, 0.1 * scale)
        box = cv2.boxPoints((middle, (2.6 * axes[0], 2.6 * axes[0]), 0.0))
        left, top = np.clip(np.floor(box.min(0)), 0, (width, height)).astype(int)
        right, bottom = np.clip(np.ceil(box.max(0)), 0, (width, height)).astype(int)
        if left >= right or top >= bottom:
            continue
        drawn = canvas.copy()
        cv2.ellipse(drawn, (middle, (2 * axes[0], 2 * axes[1]), float(np.degrees(2.5 * turn))), shade, -1, cv2.LINE_AA)
        part = (slice(top, bottom), slice(left, right))
        soft = cv2.GaussianBlur(drawn[part], (0, 0), max(0.5, 0.03 * scale))
        canvas[part] = np.where(drawn[part] != canvas[part], soft, canvas[part])


def cable(canvas: Image, neck: Points, waves: NDArray[np.float64], *, scale: float) -> None:
    """A cable from above the arena's middle to the animal's neck, with some slack that swings."""
    height, width = canvas.shape
    above = np.array([width / 2, height / 2]) + 0.1 * scale * waves[:2]
    sideways = np.array([neck[1] - above[1], above[0] - neck[0]])
    slack = (above + neck) / 2 + (0.25 * waves[2] + 0.15 * np.sign(waves[2])) * sideways
    share = np.linspace(0.0, 1.0, 24)[:, None]
    bend = (1 - share) ** 2 * above + 2 * share * (1 - share) * slack + share**2 * neck
    points = np.rint(bend * (1 << SHIFT)).astype(np.int32)
    cv2.polylines(canvas, [points], isClosed=False, color=45, thickness=max(1, round(0.018 * scale)), lineType=cv2.LINE_AA, shift=SHIFT)


def band_of_shadow(x: Plane, y: Plane, waves: NDArray[np.float64], *, depth: float) -> Plane:
    """Factor on the light: `depth` inside a soft band that wanders and turns, 1 outside it.

    Args:
        x: of every pixel, arena radii from the middle.
        y: of every pixel.
        waves: (3,), -1..1: its place, direction and width.
        depth: of the light inside.
    """
    turn = np.pi * waves[1]
    along = np.cos(turn) * x + np.sin(turn) * y - 1.2 * waves[0]
    inside = 1.0 / (1.0 + np.exp(np.clip((np.abs(along) - 0.25 - 0.15 * waves[2]) / 0.04, -30.0, 30.0)))
    return np.asarray(1.0 - (1.0 - depth) * inside, np.float32)
