"""The synthetic rodent's chamber from below: clear floor, wall, port, fixtures, off-axis light, glare and the sensor's noise."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.frame import Image
from tracker.synthetic.rodent_script import PORT, PORT_RADIUS

NOISE_BANKS = 3
NOISE_MARGIN = 128  # the bank is larger than the image by this: so many offsets each way
NOISE_MEAN = 14.0  # grey levels; the picture is made darker by it, so that unsigned noise can be added
NOISE_SPREAD = 3.6  # grey levels, standard deviation


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """Everything in the picture that does not move.

    Attributes:
        albedo: uint8 (h, w), what the animal is drawn onto.
        light: uint8 (h, w), 255 being full light.
        glare: int16 (h, w), reflections in the floor, which lie over the animal too, less NOISE_MEAN.
        empty: uint8 (h, w), the finished picture without animal and noise.
        noise: uint8 (NOISE_BANKS, h + NOISE_MARGIN, w + NOISE_MARGIN).
        blur: standard deviation of the lens, pixels.
    """

    albedo: Image
    light: Image
    glare: NDArray[np.int16]
    empty: Image
    noise: NDArray[np.uint8]
    blur: float


def build_room(seed: int, *, width: int, height: int, scale: float) -> Room:
    """Draw the chamber once. `scale` is the arena's radius in pixels."""
    rng = np.random.default_rng([seed, 5])
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = (x - (width - 1) / 2.0) / scale, (y - (height - 1) / 2.0) / scale
    albedo = _albedo(rng, x, y, scale=scale)
    radius = np.hypot(x, y)
    light = (0.52 + 0.48 * np.exp(-((x + 0.45) ** 2 + (y + 0.35) ** 2) / 1.5)) / (1.0 + 0.12 * radius**2) ** 2
    light_u8 = np.clip(255.0 * light, 0, 255).astype(np.uint8)
    lamp = 26.0 * np.exp(-((x - 0.38) ** 2 + (y + 0.5) ** 2) / 0.012) + 14.0 * np.exp(-((x + 0.6) ** 2 + (y - 0.42) ** 2) / 0.03)
    rim = 13.0 * np.exp(-((radius - 0.9) ** 2) / 0.0012) * np.clip(np.cos(np.arctan2(y, x) - 2.5), 0, 1) ** 2
    glare = np.rint(lamp + rim - NOISE_MEAN).astype(np.int16)
    blur = max(0.5, 0.85 * height / 480.0)
    size = (NOISE_BANKS, height + NOISE_MARGIN, width + NOISE_MARGIN)
    noise = np.clip(np.rint(rng.normal(NOISE_MEAN, NOISE_SPREAD, size)), 0, 255).astype(np.uint8)
    empty = expose(albedo, light_u8, glare, blur=blur)
    return Room(albedo=albedo, light=light_u8, glare=glare, empty=empty, noise=noise, blur=blur)


def expose(albedo: Image, light: Image, glare: NDArray[np.int16], *, blur: float) -> Image:
    """Blur by the lens, light, and lay the reflections over it, NOISE_MEAN darker than it will be seen."""
    seen = cv2.multiply(cv2.GaussianBlur(albedo, (5, 5), blur), light, scale=1.0 / 255.0)
    return np.asarray(cv2.add(seen, glare, dtype=cv2.CV_8U), np.uint8)


def port_circle(width: int, height: int, scale: float) -> tuple[float, float, float]:
    """The nose port: x, y and radius in pixels."""
    return (width - 1) / 2.0 + scale * PORT[0], (height - 1) / 2.0 + scale * PORT[1], scale * PORT_RADIUS


def _albedo(rng: np.random.Generator, x: NDArray[np.float32], y: NDArray[np.float32], *, scale: float) -> Image:
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    floor = 190.0 + 5.0 * _cloud(rng, x.shape, scale * 0.09) + 3.0 * _cloud(rng, x.shape, max(1.0, scale * 0.012))
    outside = 62.0 + 14.0 * np.cos(3.0 * angle + 1.0) + 4.0 * _cloud(rng, x.shape, scale * 0.05)
    picture = np.where(radius < 0.985, floor, outside)
    picture = np.where((radius > 0.965) & (radius < 1.0), 118.0 + 30.0 * np.cos(angle + 2.2), picture)
    canvas = np.clip(picture, 0, 255).astype(np.uint8)
    _fixtures(canvas, scale)
    return canvas


def _fixtures(canvas: Image, scale: float) -> None:
    """The port in its housing, a water spout, and a bracket: dark, and always in the same place."""
    height, width = canvas.shape

    def px(x: float, y: float) -> tuple[int, int]:
        return round(64 * ((width - 1) / 2.0 + scale * x)), round(64 * ((height - 1) / 2.0 + scale * y))

    def block(points: list[tuple[float, float]], shade: int) -> None:
        cv2.fillPoly(canvas, [np.array([px(*point) for point in points], np.int32)], shade, cv2.LINE_AA, 6)

    away = np.array([math.cos(math.atan2(PORT[1], PORT[0])), math.sin(math.atan2(PORT[1], PORT[0]))])
    across = np.array([-away[1], away[0]])
    middle = np.array(PORT)
    corners = [middle + a * away + b * across for a, b in ((0.0, -0.13), (0.16, -0.13), (0.16, 0.13), (0.0, 0.13))]
    block([(float(x), float(y)) for x, y in corners], 66)
    cv2.circle(canvas, px(*PORT), round(64 * scale * (PORT_RADIUS + 0.022)), 84, -1, cv2.LINE_AA, 6)
    cv2.circle(canvas, px(*PORT), round(64 * scale * PORT_RADIUS), 34, -1, cv2.LINE_AA, 6)
    block([(-0.97, 0.18), (-0.80, 0.20), (-0.78, 0.24), (-0.80, 0.27), (-0.97, 0.30)], 40)
    block([(-0.2, 0.94), (0.16, 0.94), (0.16, 1.1), (-0.2, 1.1)], 30)


def _cloud(rng: np.random.Generator, shape: tuple[int, ...], grain: float) -> NDArray[np.float32]:
    """Smooth noise of unit variance whose grains are about `grain` pixels wide."""
    coarse = rng.normal(0.0, 1.0, [max(4, round(side / grain)) for side in shape]).astype(np.float32)
    cloud = np.asarray(cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC), np.float32)
    return cloud / max(1e-6, float(cloud.std()))
