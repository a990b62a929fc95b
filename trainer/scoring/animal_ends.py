"""The ends of an animal in its silhouette: body without thin parts → its axis → the side with the tail → nose and root of the tail."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Point = NDArray[np.float64]  # (2,): x, y
Mask = NDArray[np.uint8]  # (h, w), 255 where the animal is
TAIL_SHARE = 0.55  # of the body's half-width: what an opening of this radius takes away is tail, ears and feet
TAIL_REACH = 1.75  # of the body's half-length: a thing that reaches farther is the tail; a pointed snout reaches 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """What is found of an animal, in source pixels."""

    nose: Point
    tail: Point
    centre: Point


def ends_of(blob: Mask, lately: Ends | None, *, backwards: bool) -> Ends:
    """Nose, root of the tail and middle of one animal."""
    body = _body(blob)
    centre, axis = _axis(body)
    thin_side = _thin_side(blob, body, centre=centre, axis=axis)
    if thin_side is None and lately is not None:
        tail_side = axis if (lately.tail - lately.nose) @ axis > 0 else -axis
    else:
        tail_side = _blunt_side(body, centre=centre, axis=axis) if thin_side is None else thin_side
        tail_side = -tail_side if backwards else tail_side
    nose = _farthest(blob_without_tail(blob, body, centre=centre, tail_side=tail_side), centre, -tail_side)
    return Ends(nose=nose, tail=_tail_root(blob, body, centre=centre, tail_side=tail_side), centre=centre)


def _body(blob: Mask) -> Mask:
    """The animal without what is thin: tail, ears and feet."""
    half_width = float(cv2.distanceTransform(blob, cv2.DIST_L2, 5).max())
    radius = max(1, round(TAIL_SHARE * half_width))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return np.asarray(cv2.morphologyEx(blob, cv2.MORPH_OPEN, disc), np.uint8)


def _axis(body: Mask) -> tuple[Point, Point]:
    """Middle of the body, and a unit vector along it."""
    rows, columns = np.nonzero(body)
    pixels = np.stack([columns, rows], axis=1).astype(np.float64)
    centre = pixels.mean(axis=0)
    _, _, directions = np.linalg.svd(pixels - centre, full_matrices=False)
    return centre, np.asarray(directions[0], np.float64)


def _thin_side(blob: Mask, body: Mask, *, centre: Point, axis: Point) -> Point | None:
    """The axis, pointing to where thin pixels reach farthest from the body; None where none reach far."""
    rows, columns = np.nonzero(blob & ~body)
    thin = np.stack([columns, rows], axis=1) - centre
    if len(thin):
        farthest = thin[np.argmax(np.linalg.norm(thin, axis=1))]
        half_length = float(np.abs(_pixels(body, centre) @ axis).max())
        if np.linalg.norm(farthest) > TAIL_REACH * half_length:
            return axis if farthest @ axis > 0 else -axis
    return None


def _blunt_side(body: Mask, *, centre: Point, axis: Point) -> Point:
    """The axis, pointing to the end with more of the body: a rodent tapers to its snout."""
    along = _pixels(body, centre) @ axis
    return axis if along.max() < -along.min() else -axis


def blob_without_tail(blob: Mask, body: Mask, *, centre: Point, tail_side: Point) -> Mask:
    """The animal's pixels on the nose's side of its middle, thin ones included: a snout is thin."""
    rows, columns = np.nonzero(blob)
    ahead = (np.stack([columns, rows], axis=1) - centre) @ tail_side < 0
    front = body.copy()
    front[rows[ahead], columns[ahead]] = 255
    return front


def _tail_root(blob: Mask, body: Mask, *, centre: Point, tail_side: Point) -> Point:
    """Where the tail leaves the body; the body's end where no tail is seen."""
    count, labels, stats, centres = cv2.connectedComponentsWithStats(blob & ~body)
    behind = [one for one in range(1, count) if (centres[one] - centre) @ tail_side > 0]
    end = _farthest(body, centre, tail_side)
    if not behind:
        return end
    tail = max(behind, key=lambda one: int(stats[one, cv2.CC_STAT_AREA]))
    touching = np.asarray(cv2.dilate(np.where(labels == tail, 255, 0).astype(np.uint8), np.ones((3, 3), np.uint8)), np.uint8) & body
    return _pixels(touching, np.zeros(2)).mean(axis=0) if touching.any() else end


def _farthest(mask: Mask, centre: Point, direction: Point) -> Point:
    """Mean of the pixels that reach farthest from `centre` in a direction, within a pixel."""
    pixels = _pixels(mask, centre)
    along = pixels @ direction
    return np.asarray(pixels[along >= along.max() - 1].mean(axis=0) + centre, np.float64)


def _pixels(mask: Mask, origin: Point) -> NDArray[np.float64]:
    rows, columns = np.nonzero(mask)
    return np.stack([columns, rows], axis=1).astype(np.float64) - origin
