"""What both scenes of several parts are made of: motion that is smooth in time, noise, and discs at sub-pixel places."""

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.frame import Image

SHIFT = 6  # OpenCV's fractional bits: positions to 1/64 px
NOISE = 3.0  # standard deviation of the sensor's noise, grey levels
Points = NDArray[np.float64]  # (n, 2) x, y


class Waves:
    """Smooth, seeded, endless motion: sums of three sines, evaluated at any frame number.

    Args:
        seed: of all phases.
        count: of independent waves.
        period: of the slowest sine, frames.
    """

    def __init__(self, seed: int, *, count: int, period: float) -> None:
        rng = np.random.default_rng([seed, 31])
        self._phase = rng.uniform(0.0, 2.0 * np.pi, (count, 3))
        self._speed = 2.0 * np.pi / period * np.array([1.0, 1.73, 2.89]) * rng.uniform(0.8, 1.25, (count, 3))

    def at(self, number: int) -> NDArray[np.float64]:
        """Every wave at a frame number: float64 (count,), within -1..1."""
        return np.asarray(np.sin(self._phase + self._speed * number) @ np.array([0.5, 0.3, 0.2]), np.float64)


def floor(seed: int, *, width: int, height: int) -> NDArray[np.float32]:
    """A floor of uneven shade, lit from one side: float32 (height, width), about 70..110 grey levels."""
    rng = np.random.default_rng([seed, 32])
    blotches = cv2.resize(rng.normal(0.0, 7.0, (6, 6)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    light = np.linspace(82.0, 96.0, width, dtype=np.float32)[None]
    return np.asarray(blotches + light, np.float32)


def exposed(canvas: Image, *, seed: int, number: int) -> Image:
    """What a camera makes of a drawing: a little blur, and noise that differs from frame to frame."""
    seen = cv2.GaussianBlur(canvas, (0, 0), 0.7)
    noise = np.random.default_rng([seed, number, 33]).standard_normal(canvas.shape, np.float32) * np.float32(NOISE)
    return np.asarray(np.clip(seen + noise, 0, 255), np.uint8)


def disc(canvas: Image, centre: Points, radius: float, shade: int) -> None:
    """Fill a circle, anti-aliased."""
    cv2.circle(canvas, _fixed(centre), round(radius * (1 << SHIFT)), shade, -1, cv2.LINE_AA, SHIFT)


def stroke(canvas: Image, begin: Points, end: Points, width: float, shade: int) -> None:
    """Draw a thick line, anti-aliased."""
    cv2.line(canvas, _fixed(begin), _fixed(end), shade, max(1, round(width)), cv2.LINE_AA, SHIFT)


def shape(canvas: Image, outline: Points, shade: int) -> None:
    """Fill a closed outline, anti-aliased."""
    cv2.fillPoly(canvas, [np.rint(outline * (1 << SHIFT)).astype(np.int32)], shade, cv2.LINE_AA, SHIFT)


def _fixed(point: Points) -> tuple[int, int]:
    x, y = np.rint(point * (1 << SHIFT)).astype(int).tolist()
    return x, y
