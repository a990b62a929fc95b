"""Draw the synthetic rodent from below onto a canvas: anti-aliased, at sub-pixel positions, in one flat shade a part."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.frame import Image
from tracker.synthetic.rodent_motion import SPINE_JOINTS, TAIL_JOINTS, Body, Points
from tracker.synthetic.rodent_script import HEAD

SHIFT = 6  # OpenCV's fractional bits: positions to 1/64 px
ONE = 1 << SHIFT

# Half widths, as fractions of the arena's radius along the spine and the tail, and of the head's length along the head.
_TORSO_WIDTHS = np.interp(
    np.linspace(0.0, 1.0, SPINE_JOINTS), [0.0, 0.12, 0.3, 0.55, 0.8, 0.93, 1.0], [0.03, 0.083, 0.118, 0.11, 0.095, 0.076, 0.05]
)
_BELLY_ALONG = np.linspace(0.0, 1.0, SPINE_JOINTS - 2)
_BELLY_WIDTHS = _TORSO_WIDTHS[1:-1] * np.sqrt(1.0 - (2.0 * _BELLY_ALONG - 1.0) ** 2)
BELLY_LAYERS = (0.82, 0.64, 0.46, 0.28)  # of those widths: the belly grows lighter towards its middle
_TAIL_WIDTHS = np.linspace(0.0165, 0.004, TAIL_JOINTS)
_HEAD_ALONG = np.array([-0.2, 0.0, 0.22, 0.45, 0.7, 0.9, 1.02, 1.07])
_HEAD_WIDTHS = np.array([0.22, 0.33, 0.37, 0.32, 0.21, 0.13, 0.085, 0.0])
EAR_RADIUS = 0.17 * HEAD
NOSE_RADIUS = 0.075 * HEAD
ROOT_RADIUS = 0.02
PAW_SIZES = (0.02, 0.02, 0.028, 0.028)  # fore, fore, hind, hind


@dataclass(frozen=True, slots=True, kw_only=True)
class Shades:
    """Albedo of each part, 0..255, drawn in this order: what is further from the camera below comes first."""

    tail: int = 62
    head: int = 80
    left_ear: int = 112
    right_ear: int = 112
    ear_canal: int = 146
    nose: int = 150
    torso: int = 80
    belly: int = 108
    tail_root: int = 44
    paws: int = 134


def draw_body(canvas: Image, body: Body, shades: Shades, *, origin: tuple[int, int]) -> None:
    """Draw the animal onto a canvas whose upper left pixel is `origin` (x, y) of the image the body's positions refer to."""
    at = np.asarray(origin, np.float64)
    scale = body.scale
    spine, tail = body.spine - at, body.tail - at
    _fill(canvas, _ribbon(tail, _TAIL_WIDTHS * scale), shades.tail)
    cv2.fillConvexPoly(canvas, _fixed(_head_outline(body) - at), shades.head, cv2.LINE_AA, SHIFT)
    shrunk = scale * (1.0 - 0.12 * body.rear)  # an upright animal's head is further from the camera
    for side, shade in ((1.0, shades.left_ear), (-1.0, shades.right_ear)):
        _disc(canvas, body.ear(side) - at, EAR_RADIUS * shrunk, shade)
        _disc(canvas, body.ear(side) - at, 0.5 * EAR_RADIUS * shrunk, shades.ear_canal)
    _disc(canvas, body.snout - at, NOSE_RADIUS * shrunk, shades.nose)
    _fill(canvas, torso_outline(body) - at, shades.torso)
    for layer, width in enumerate(BELLY_LAYERS, start=1):
        shade = round(shades.torso + (shades.belly - shades.torso) * layer / len(BELLY_LAYERS))
        _fill(canvas, _outline(spine[1:-1], body.sides[1:-1], width * _BELLY_WIDTHS * scale), shade)
    _disc(canvas, spine[0], ROOT_RADIUS * scale, shades.tail_root)
    for paw, size in zip(body.steps - at, PAW_SIZES, strict=True):
        _disc(canvas, paw, size * scale, shades.paws)


def torso_outline(body: Body) -> Points:
    """The closed outline of the torso, float64 (2 × SPINE_JOINTS, 2) in pixels; it covers whatever was drawn before it."""
    return _outline(body.spine, body.sides, _TORSO_WIDTHS * body.scale * (1.0 + 0.1 * body.rear))


def _head_outline(body: Body) -> Points:
    axis, across = body.head
    along = (body.nape + body.head_length * _HEAD_ALONG[:, None] * axis).astype(np.float64)
    widths = HEAD * body.scale * (1.0 - 0.12 * body.rear) * _HEAD_WIDTHS
    return _outline(along, np.broadcast_to(across, along.shape), widths)


def _outline(middle: Points, sides: Points, widths: NDArray[np.float64]) -> Points:
    """A closed outline around a middle line: down one side and back up the other."""
    aside = widths[:, None] * sides
    return np.concatenate([middle + aside, (middle - aside)[::-1]])


def _ribbon(joints: Points, widths: NDArray[np.float64]) -> Points:
    along = np.empty_like(joints)
    along[1:-1] = joints[2:] - joints[:-2]
    along[0], along[-1] = joints[1] - joints[0], joints[-1] - joints[-2]
    lengths = np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9)[:, None]
    return _outline(joints, np.stack([-along[:, 1], along[:, 0]], axis=1) / lengths, widths)


def _fixed(points: Points) -> NDArray[np.int32]:
    return np.rint(points * ONE).astype(np.int32)


def _fill(canvas: Image, outline: Points, shade: int) -> None:
    cv2.fillPoly(canvas, [_fixed(outline)], shade, cv2.LINE_AA, SHIFT)


def _disc(canvas: Image, centre: Points, radius: float, shade: int) -> None:
    x, y = round(centre[0] * ONE), round(centre[1] * ONE)
    cv2.circle(canvas, (x, y), round(radius * ONE), shade, -1, cv2.LINE_AA, SHIFT)
