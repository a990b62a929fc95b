"""Change a training image and its points together. Pure: the same generator gives the same picture, so a resumed run repeats it."""

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.frame import Image

FLIP = 0.5  # chance of a mirrored picture, where that is possible
ROTATION_DEG = 180.0  # seen from above, an animal may head anywhere
STEEPER = 0.4  # at most, logarithm of the factor on contrast and of the exponent of gamma, at strength 1 of light
BRIGHTER = 0.15  # at most, share of all grey levels, likewise
EDGE_PX = 40  # nearer to the frame's edge than this is the middle of a small animal alone put
NOISE_SLACK_PX = 97  # one noise field, larger than the frame by this, is shifted about: fresh noise would cost 3 ms a frame


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentSettings:
    """How far training images are changed. Sizes are factors around 1, chances 0..1.

    What is None is settled by the labels (`trainer.training.augmentation_choice`): `pairs` by the names of the points, `two_views` by names
    and places, `flip` and `rotation_deg` by these; without labels FLIP and ROTATION_DEG stand.
    """

    rotation_deg: float | None = None
    scale: tuple[float, float] = (0.75, 1.3)
    stretch: float = 0.1  # one axis by 1 ± this, and as much shear
    flip: float | None = None
    in_place: float = 0.3  # chance that the animal stays where it was and as large, so that the real surroundings are seen
    light: float = 1.0  # strength of brightness, contrast and gamma
    blur: float = 0.25
    noise: float = 0.5
    occlusion: float = 0.3
    empty: float = 0.03  # chance of a plain frame without any animal
    pairs: tuple[tuple[str, str], ...] | None = None  # points that change places in a mirrored picture
    two_views: bool | None = None  # a picture shows the animal twice, once in a mirror say

    @property
    def changes_nothing(self) -> bool:
        """Whether pictures are left as they are."""
        return replace(self, pairs=None, two_views=None) == UNCHANGED


# nothing at all is done: what is learnt is the images themselves, whatever they are
UNCHANGED = AugmentSettings(
    rotation_deg=0.0, scale=(1.0, 1.0), stretch=0.0, flip=0.0, in_place=1.0, light=0.0, blur=0.0, noise=0.0, occlusion=0.0, empty=0.0
)


def augment(
    image: Image, points: NDArray[np.float64], *, settings: AugmentSettings, swap: tuple[int, ...] | None, rng: np.random.Generator
) -> tuple[Image, NDArray[np.float64]]:
    """A changed picture and where its points went.

    Args:
        image: uint8 (h, w) or (h, w, 3).
        points: float64 (..., K, 2), pixels, NaN where missing, outside the image where out of sight.
        settings: how far to go.
        swap: for every point the index of the one that it changes places with; None never mirrors.
        rng: all chance comes from here.

    Returns:
        An image of the same size, and float64 (..., K, 2): outside the image where a point went out of sight, NaN where missing.
    """
    if settings.changes_nothing:
        return image, points
    if rng.random() < settings.empty:
        return _empty(image, points, rng)
    mirror = swap is not None and rng.random() < (FLIP if settings.flip is None else settings.flip)
    matrix = _affine(image, points, settings, mirror=mirror, rng=rng)
    moved = points @ matrix[:, :2].T + matrix[:, 2]
    if mirror and swap is not None:
        moved = moved[..., list(swap), :]
    height, width = image.shape[:2]
    # never a reflecting border: it would show a second animal that nobody has labelled
    border = cv2.BORDER_REPLICATE if rng.random() < 0.5 else cv2.BORDER_CONSTANT
    shade = (int(rng.integers(0, 256)),) * 3
    warped = cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=border, borderValue=shade)
    changed = _relight(np.asarray(warped, np.uint8), settings, rng)
    if rng.random() < settings.occlusion:
        _occlude(changed, moved, rng)
    return changed, moved


def _affine(
    image: Image, points: NDArray[np.float64], settings: AugmentSettings, *, mirror: bool, rng: np.random.Generator
) -> NDArray[np.float64]:
    """2×3 matrix source → changed. The animal is put anywhere in the frame, or left about where it was."""
    height, width = image.shape[:2]
    centre = _centre(points, width, height)
    flip = np.diag([-1.0, 1.0]) if mirror else np.eye(2)
    if rng.random() < settings.in_place:
        target = (np.array([width - 1 - centre[0], centre[1]]) if mirror else centre) + rng.uniform(-20, 20, 2)
        linear = flip
    else:
        share = rng.random(2)
        linear = _linear(settings, rng) @ flip
        edge = _edge(_inside(points, width, height) - centre, linear, width, height)
        target = edge + share * (np.array([width, height]) - 2 * edge)
    return np.column_stack([linear, target - linear @ centre])


def _edge(seen: NDArray[np.float64], linear: NDArray[np.float64], width: int, height: int) -> float:
    """How near the frame's edge the middle is put of an animal whose points (m, 2) are seen at these places from it.

    In proportion to the animal as it is drawn: were it the same for every size, only enlarged ones would reach the edge, and what is cut
    there would be taken for larger than it is.
    """
    reach = float(np.abs(seen @ linear.T).max()) if len(seen) else 2.0 * EDGE_PX
    return min(EDGE_PX, height / 4, width / 4, reach / 2)


def _linear(settings: AugmentSettings, rng: np.random.Generator) -> NDArray[np.float64]:
    low, high = settings.scale
    scale = math.exp(rng.uniform(math.log(low), math.log(high)))
    most = ROTATION_DEG if settings.rotation_deg is None else settings.rotation_deg
    turn = math.radians(rng.uniform(-most, most))
    rotation = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    stretch, shear = rng.uniform(-settings.stretch, settings.stretch, 2)
    turned: NDArray[np.float64] = scale * rotation @ np.array([[1.0 + stretch, shear], [0.0, 1.0]])
    return turned


def _centre(points: NDArray[np.float64], width: int, height: int) -> NDArray[np.float64]:
    seen = _inside(points, width, height)
    if not len(seen):
        return np.array([width / 2, height / 2])
    middle: NDArray[np.float64] = (seen.min(axis=0) + seen.max(axis=0)) / 2
    return middle


def _inside(points: NDArray[np.float64], width: int, height: int) -> NDArray[np.float64]:
    """Those points (m, 2) that the image shows."""
    seen: NDArray[np.float64] = points[((points >= -0.5) & (points < np.array([width, height]) - 0.5)).all(axis=-1)]
    return seen


def _relight(image: Image, settings: AugmentSettings, rng: np.random.Generator) -> Image:
    """Gamma, contrast and brightness as one look-up table; then blur and sensor noise."""
    light = settings.light
    gamma, contrast = np.exp(rng.uniform(-STEEPER, STEEPER, 2) * light)
    levels = (np.linspace(0, 1, 256) ** gamma - 0.5) * contrast + 0.5 + rng.uniform(-BRIGHTER, BRIGHTER) * light
    changed = cv2.LUT(image, np.clip(levels * 255, 0, 255).astype(np.uint8))
    if rng.random() < settings.blur:
        changed = cv2.GaussianBlur(changed, (0, 0), rng.uniform(0.5, 1.5))
    if rng.random() < settings.noise:
        changed = _noisy(np.asarray(changed, np.uint8), rng.uniform(1, 8), rng)
    return np.asarray(changed, np.uint8)


def _noisy(image: Image, strength: float, rng: np.random.Generator) -> Image:
    field = _noise_field(image.shape)
    down, right = rng.integers(0, NOISE_SLACK_PX, 2)
    part = field[down : down + image.shape[0], right : right + image.shape[1]]
    return np.clip(image + part * np.float32(strength), 0, 255).astype(np.uint8)


@lru_cache(maxsize=2)
def _noise_field(shape: tuple[int, ...]) -> NDArray[np.float32]:
    larger = (shape[0] + NOISE_SLACK_PX, shape[1] + NOISE_SLACK_PX, *shape[2:])
    return np.random.default_rng(0).standard_normal(larger, np.float32)


def _occlude(image: Image, points: NDArray[np.float64], rng: np.random.Generator) -> None:
    """Paint one to three plain rectangles over or beside the animal, about as large as a third of it."""
    height, width = image.shape[:2]
    seen = _inside(points, width, height)
    reach = max(20.0, float(np.max(seen.max(axis=0) - seen.min(axis=0))) * 0.6) if len(seen) else 70.0
    for _ in range(int(rng.integers(1, 4))):
        x, y = _centre(points, width, height) + rng.uniform(-reach, reach, 2)
        right, down = rng.uniform(0.07, 0.25, 2) * reach
        shade = int(rng.integers(0, 256))
        cv2.rectangle(image, (int(x - right), int(y - down)), (int(x + right), int(y + down)), (shade,) * 3, -1)


def _empty(image: Image, points: NDArray[np.float64], rng: np.random.Generator) -> tuple[Image, NDArray[np.float64]]:
    """A plain grey, noisy frame; every point is far outside, which is an answer, unlike missing."""
    plain = np.full_like(image, int(rng.integers(0, 256)))
    strength = rng.uniform(0, 8)
    return _noisy(plain, strength, rng), np.full_like(points, -1e4)
