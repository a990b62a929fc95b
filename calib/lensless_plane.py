"""The plane that the animals move on, measured without a lens: a homography alone, exact only for a lens that does not distort."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from calib.calibration_file import as_matrix
from calib.plane import WORST, KnownDistance, check_distances, refuse_line
from tracker.calibration import Plane
from tracker.errors import CalibrationError

Array = NDArray[np.float64]
_FEWEST = 4
_FIXED_BY = 5  # distances that fix a homography up to the place and direction of its axes
_DETERMINED = 0.01  # smallest singular value that counts of the equations' largest; three of four points 2 % off a line give 0.008
_WANTED = (
    "without a lens, distances must fix the marks' shape: give at least five between four marks, such as the sides and a diagonal of a "
    "rectangle, and two or more from each further mark, or --points"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PointErrors:
    """How far points are from where a plane puts them, mm.

    Attributes:
        mm: float64 (n,), NaN where the plane has no place for a pixel.
        rms_mm, worst_mm: of these.
        worst: index of the worst.
    """

    mm: Array
    rms_mm: float
    worst_mm: float
    worst: int


def plane_without_lens(pixels: Array, mm: Array, *, size: tuple[int, int], how: Literal["board", "points"] = "points") -> Plane:
    """The homography from camera pixels that explains points best in the image, by OpenCV's `findHomography`.

    Args:
        pixels: float64 (n, 2).
        mm: float64 (n, 2), where they are on the floor.
        size: (width, height) of the image.
        how: what the points are of.

    Raises:
        CalibrationError: fewer than four, outside the image, three of four on a line, crossing over, or contradictory.
    """
    homography = _measured(pixels, mm, size)
    errors = point_errors(_apply(homography, pixels), mm)
    extent = float(np.linalg.norm(np.ptp(mm, axis=0)))
    if not errors.rms_mm <= WORST * extent:
        x, y = pixels[errors.worst]
        raise CalibrationError(
            f"the points contradict each other by {errors.rms_mm:.3g} mm (rms), most at {x:g},{y:g}: two may be swapped, "
            "a number mistyped, or the lens bends the image too much to be left out (`calib solve`)"
        )
    plane = Plane(homography=as_matrix(homography / np.abs(homography).max()), measured_from=how, points=len(pixels))
    if len(pixels) == _FEWEST:
        return plane
    return replace(plane, rms_mm=round(errors.rms_mm, 4), held_out_rms_mm=_held_out(pixels, mm))


def plane_from_distances_without_lens(marks: Mapping[str, Array], distances: Sequence[KnownDistance], *, size: tuple[int, int]) -> Plane:
    """The same from distances that fix the shape of the marks: X from the first mark towards the second, Y to its right-hand side as seen.

    Args:
        marks: name and place (2,) in px, at least four.
        distances: at least five, between marks.
        size: (width, height) of the image.

    Raises:
        CalibrationError: too few to fix the shape, contradictory, a name that is not a mark, no length, or as for points.
    """
    check_distances(marks, distances)
    names, pixels = list(marks), np.array(list(marks.values()), np.float64)
    pairs = np.array([[names.index(one.first), names.index(one.second)] for one in distances])
    mm = np.array([one.mm for one in distances])
    different = len({frozenset(pair) for pair in pairs.tolist()})
    if len(names) < _FEWEST or different < _FIXED_BY:
        raise CalibrationError(f"{len(names)} marks and {different} distances are given; {_WANTED}")
    if len(np.unique(pixels, axis=0)) < len(pixels):
        raise CalibrationError("two marks are at one place in the image; give each its own place, or one name")
    shape = _fitted(_placed(names, pixels, pairs, mm), pairs, mm)
    along = shape[1] - shape[0]
    along = along / np.linalg.norm(along)
    shape = (shape - shape[0]) @ np.column_stack((along, [-along[1], along[0]]))
    plane = replace(plane_without_lens(pixels, shape, size=size), measured_from="distances", rms_mm=None)
    if different == _FIXED_BY:
        return plane
    places = _apply(np.asarray(plane.homography), pixels)
    errors = np.linalg.norm(places[pairs[:, 0]] - places[pairs[:, 1]], axis=1) - mm
    return replace(plane, rms_mm=round(float(np.sqrt(np.mean(errors**2))), 4))


def point_errors(found: Array, mm: Array) -> PointErrors:
    """Compare places (n, 2) with those known, both in mm."""
    lengths = np.linalg.norm(found - mm, axis=1)
    worst = int(np.argmax(np.nan_to_num(lengths, nan=np.inf)))
    return PointErrors(mm=lengths, rms_mm=float(np.sqrt(np.mean(lengths**2))), worst_mm=float(lengths[worst]), worst=worst)


def mm_per_px(homography: Array, size: tuple[int, int]) -> tuple[float, float]:
    """How many mm a pixel spans at the middle of the image: across and down."""
    middle = np.array([[(size[0] - 1) / 2, (size[1] - 1) / 2]])
    here, right, below = (_apply(homography, middle + step)[0] for step in ((0, 0), (1, 0), (0, 1)))
    return float(np.linalg.norm(right - here)), float(np.linalg.norm(below - here))


def _measured(pixels: Array, mm: Array, size: tuple[int, int]) -> Array:
    """The homography (3, 3) from pixels to mm, with the points in front of its horizon."""
    if len(pixels) < _FEWEST:
        raise CalibrationError(
            f"{len(pixels)} points are given; expected at least {_FEWEST}, far apart, better a fifth midway along an edge as a check"
        )
    for x, y in pixels:
        if not (0 <= x <= size[0] - 1 and 0 <= y <= size[1] - 1):
            raise CalibrationError(f"the point {x:g},{y:g} is outside the image of {size[0]}x{size[1]}; give its place in the image, px")
    for what, places in (("px", pixels), ("mm", mm)):
        different, counts = np.unique(places, axis=0, return_counts=True)
        if counts.max() > 1:
            x, y = different[counts.argmax()]
            raise CalibrationError(
                f"the place {x:g},{y:g} {what} is given {counts.max()} times; give every point once, it checks nothing twice"
            )
    refuse_line(mm, "lie on one line")
    refuse_line(pixels, "lie on one line in the image")
    seen = cv2.findHomography(mm, pixels)[0] if _is_determined(pixels, mm) else None
    if seen is None:
        raise CalibrationError("no plane explains the points; mark at least four, no three of them on one line")
    seen = np.asarray(seen, np.float64)
    depth = mm @ seen[2, :2] + seen[2, 2]
    if depth.min() <= 0 <= depth.max():
        raise CalibrationError("the points cross over: their sequence on the floor is not that in the image; two may be swapped")
    homography = np.asarray(np.linalg.inv(seen * np.sign(depth[0])), np.float64)
    if not homography[2] @ [(size[0] - 1) / 2, (size[1] - 1) / 2, 1] > 0:
        raise CalibrationError(
            "the points put the middle of the image beyond the floor's horizon, where nothing has mm; check them, or turn the camera down"
        )
    return homography


def _is_determined(pixels: Array, mm: Array) -> bool:
    """Whether the points fix the eight numbers of a homography, by the equations of the direct linear transform."""
    (x, y), (u, v) = (((points - points.mean(axis=0)) / points.std()).T for points in (mm, pixels))
    one, none = np.ones(len(x)), np.zeros(len(x))
    rows = np.vstack(
        (
            np.column_stack((x, y, one, none, none, none, -u * x, -u * y, -u)),
            np.column_stack((none, none, none, x, y, one, -v * x, -v * y, -v)),
        )
    )
    scale = np.linalg.svd(rows, compute_uv=False)
    return bool(scale[7] > _DETERMINED * scale[0])


def _held_out(pixels: Array, mm: Array) -> float | None:
    """How far off points are, rms, where the homography comes from the others alone."""
    squares = []
    for left_out in range(len(mm)):
        rest = np.arange(len(mm)) != left_out
        if _is_determined(pixels[rest], mm[rest]) and (seen := cv2.findHomography(mm[rest], pixels[rest])[0]) is not None:
            found = _apply(np.linalg.inv(np.asarray(seen, np.float64)), pixels[left_out : left_out + 1])[0]
            squares.append(float(((found - mm[left_out]) ** 2).sum()))
    return round(float(np.sqrt(np.mean(squares))), 4) if squares else None


def _apply(homography: Array, points: Array) -> Array:
    raised = points @ homography[:, :2].T + homography[:, 2]
    return np.asarray(raised[:, :2] / raised[:, 2:])


def _placed(names: Sequence[str], pixels: Array, pairs: NDArray[np.int64], mm: Array) -> Array:
    """Where the marks are to each other, one after the other from two that are placed; the image says on which side of these."""
    length = {frozenset((int(a), int(b))): float(one) for (a, b), one in zip(pairs, mm, strict=True)}
    first, second = max(length, key=lambda pair: length[pair])
    placed = {first: np.zeros(2), second: np.array([length[frozenset((first, second))], 0.0])}
    while len(placed) < len(names):
        bases = [
            (abs(side := _side(pixels[a], pixels[b], pixels[mark])), side, a, b, mark)
            for mark in range(len(names))
            for a in placed
            for b in placed
            if mark not in placed and a < b and {frozenset((a, mark)), frozenset((b, mark))} <= length.keys()
        ]
        if not bases:
            raise CalibrationError(f"the distances leave {names[next(i for i in range(len(names)) if i not in placed)]} loose; {_WANTED}")
        _, side, a, b, mark = max(bases)
        base = placed[b] - placed[a]
        apart = float(np.linalg.norm(base))
        to_a, to_b = length[frozenset((a, mark))], length[frozenset((b, mark))]
        along = (to_a**2 - to_b**2 + apart**2) / (2 * apart)
        squared = to_a**2 - along**2
        if squared < -((WORST * apart) ** 2):
            raise CalibrationError(
                f"the distances contradict each other: {names[a]}, {names[b]} and {names[mark]} close no triangle; "
                "a mark or a number is wrong"
            )
        across = np.sqrt(max(squared, 0.0)) * np.sign(side)
        placed[mark] = placed[a] + (along * base + across * np.array([-base[1], base[0]])) / apart
    return np.array([placed[mark] for mark in range(len(names))])


def _side(a: Array, b: Array, c: Array) -> float:
    """Twice the area of a triangle in the image, positive where c is to the right of a to b as seen."""
    return float((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))


def _fitted(shape: Array, pairs: NDArray[np.int64], mm: Array) -> Array:
    """The shape that explains all distances best."""
    from scipy.optimize import least_squares  # type: ignore[import-untyped]

    def errors(flat: Array) -> Array:
        places = flat.reshape(-1, 2)
        return np.asarray(np.linalg.norm(places[pairs[:, 0]] - places[pairs[:, 1]], axis=1) / mm - 1)

    fit = least_squares(errors, shape.ravel(), x_scale=float(mm.max()))
    error = float(np.sqrt(np.mean(fit.fun**2)))
    if error > WORST:
        raise CalibrationError(f"the distances contradict each other by {error:.1%} (rms); a mark or a number is wrong")
    return np.asarray(fit.x.reshape(-1, 2))
