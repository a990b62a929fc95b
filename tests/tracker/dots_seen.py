"""A camera's picture of a screen with dots: tilted, blurred, unevenly lit, noisy, and updated in part."""

import cv2
import numpy as np

from tracker.frame import Image
from tracker.latency.dots import DotPicture

UNIT_PX = 20
SIZE = (640, 480)
_CORNERS = np.array([(120, 90), (520, 90), (520, 390), (120, 390)], np.float32)


def drawn(number: int) -> Image:
    return DotPicture(UNIT_PX).draw(number)


def blended(before: Image, after: Image, rng: np.random.Generator) -> Image:
    """A screen on the way from one picture to the next: one of the ways in which screens, and rolling shutters, do it."""
    height, width = before.shape
    share = np.full((height, width), rng.random())
    kind = rng.integers(5)
    if kind == 0:  # torn at a line, sharp or over some lines
        share = np.clip((np.arange(height)[:, None] - rng.uniform(0, height)) / rng.choice([1.0, 40.0]), 0, 1) * np.ones(width)
    elif kind == 1:  # torn at a column
        share = np.clip((np.arange(width) - rng.uniform(0, width)) / rng.choice([1.0, 40.0]), 0, 1) * np.ones((height, 1))
    elif kind == 2:  # tiles in any sequence
        tiles = (rng.random((6, 8)) < rng.random()).astype(np.float64)
        share = cv2.resize(tiles, (width, height), interpolation=cv2.INTER_NEAREST)
    elif kind == 3:  # dark becomes bright later than bright becomes dark, or sooner
        share = np.where(after > before, rng.random(), rng.random())
    if rng.random() < 0.5:
        share = 1 - share
    return np.asarray((1 - share) * before + share * after, np.uint8)


def seen(screen: Image, rng: np.random.Generator, *, tilt_px: float = 50, blur_px: float = 1.8, noise: float = 6) -> Image:
    """What a camera makes of it: uint8 (480, 640), through JPEG as the stream sends it."""
    height, width = screen.shape
    corners = _CORNERS + rng.uniform(-tilt_px, tilt_px, (4, 2)).astype(np.float32)
    laid = cv2.getPerspectiveTransform(np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32), corners)
    picture = cv2.GaussianBlur(cv2.warpPerspective(screen, laid, SIZE, borderValue=60), (0, 0), rng.uniform(0.3, blur_px))
    falloff = 1 - rng.uniform(0, 0.4) * np.linspace(0, 1, SIZE[0])
    levels = picture * falloff * rng.uniform(0.4, 0.9) + rng.uniform(0, 40) + rng.normal(0, rng.uniform(0.5, noise), picture.shape)
    _, jpeg = cv2.imencode(".jpg", np.clip(levels, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 80])
    return np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_GRAYSCALE), np.uint8)
