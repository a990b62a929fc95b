"""A whisker that protracts against a pole, filmed from above: images, and when it touches, exactly, because geometry says so.

Lengths are in px, angles in radians, a frame lasts a millisecond.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.frame import Image

Values = NDArray[np.float64]
SIDE_PX = 81
FPS = 1000.0
_SAMPLES = 64  # points along the whisker
_BASE = np.array([6.0, 66.0])
_LENGTH_PX = 76.0
_WIDTH_PX = 1.6
_POLE_PX = 4.5  # radius
_REACH_PX = _POLE_PX + _WIDTH_PX / 2
_STRONGEST_BEND = 0.08  # of curvature, per px
_BISECTIONS = 30
_SUBFRAMES = np.array([-0.375, -0.125, 0.125, 0.375])  # the shutter is open throughout: what moves is blurred
_FINE = 4  # drawn so many times larger, for edges without steps
_SHIFT = 4  # fractional bits of OpenCV's coordinates


@dataclass(frozen=True, slots=True, kw_only=True)
class WhiskerTrial:
    """One trial.

    Attributes:
        images: uint8 (frames, SIDE_PX, SIDE_PX).
        contact: bool (frames,), whether the unbent whisker would reach into the pole.
        speed: float64 (frames,), of the unbent whisker where the pole is, px per ms, either way.
        pole: float64 (2,), centre of the pole.
    """

    images: NDArray[np.uint8]
    contact: NDArray[np.bool_]
    speed: Values
    pole: Values


@dataclass(frozen=True, slots=True, kw_only=True)
class _Movement:
    """How the whisker moves: a sine about a place, whose amplitude comes and goes."""

    centre: float
    amplitude: float
    hz: float
    phase: float
    slow_hz: float
    slow_phase: float
    curvature: float

    def angles(self, ms: Values) -> Values:
        """At these times, as it would be without a pole."""
        swell = 1 + 0.5 * np.sin(2 * np.pi * self.slow_hz * ms / 1000 + self.slow_phase)
        return np.asarray(self.centre + self.amplitude * swell * np.sin(2 * np.pi * self.hz * ms / 1000 + self.phase))


def whisker_trial(*, seed: int, number: int, frames: int) -> WhiskerTrial:
    """Render one trial; the same arguments give the same bytes.

    Args:
        seed: of the set.
        number: of the trial: pole, movement and light differ from one to the next.
        frames: its length in ms.
    """
    movement, pole, rng = _trial(seed, number)
    ms = np.arange(frames, dtype=np.float64)
    speed = _speed(movement, pole, ms)
    contact = contacts(seed=seed, number=number, frames=frames)
    return WhiskerTrial(images=_images(movement, pole, ms, rng), contact=contact, speed=speed, pole=pole)


@dataclass(frozen=True, slots=True, kw_only=True)
class WhiskerGeometry:
    """What geometry says of a trial, float64 (frames,) each.

    Attributes:
        distance: between the edges of pole and unbent whisker, px; below 0 how far the whisker would reach into the pole, or past it.
        curvature: of the whisker as it is, bent by the pole where it touches, per px.
        speed: of the unbent whisker where the pole is, px per ms, either way.
        angle: at the whisker's base, radians.
    """

    distance: Values
    curvature: Values
    speed: Values
    angle: Values


def whisker_geometry(*, seed: int, number: int, frames: int) -> WhiskerGeometry:
    """That of `whisker_trial`, with nothing rendered."""
    movement, pole, _ = _trial(seed, number)
    ms = np.arange(frames, dtype=np.float64)
    angle = movement.angles(ms)
    return WhiskerGeometry(
        distance=_gap(_shape(angle, np.full(frames, movement.curvature)), pole),
        curvature=_curvatures(angle, movement.curvature, pole),
        speed=_speed(movement, pole, ms),
        angle=angle,
    )


def _speed(movement: _Movement, pole: Values, ms: Values) -> Values:
    arm = float(np.linalg.norm(pole - _BASE))
    return np.abs(movement.angles(ms + 0.5) - movement.angles(ms - 0.5)) * arm


def contacts(*, seed: int, number: int, frames: int) -> NDArray[np.bool_]:
    """Those of `whisker_trial`, bool (frames,), with nothing rendered."""
    movement, pole, _ = _trial(seed, number)
    free = movement.angles(np.arange(frames, dtype=np.float64))
    return np.asarray(_gap(_shape(free, np.full(frames, movement.curvature)), pole) < 0)


def _trial(seed: int, number: int) -> tuple[_Movement, Values, np.random.Generator]:
    """How the whisker moves, where the pole is, and what draws the rest."""
    rng = np.random.default_rng((seed, number))
    movement = _Movement(
        centre=-0.75 + rng.uniform(-0.1, 0.1),
        amplitude=rng.uniform(0.08, 0.3),
        hz=rng.uniform(8, 16),
        phase=rng.uniform(0, 2 * np.pi),
        slow_hz=rng.uniform(0.7, 2.5),
        slow_phase=rng.uniform(0, 2 * np.pi),
        curvature=rng.uniform(-0.004, 0.006),
    )
    return movement, _pole(movement, rng), rng


def _pole(movement: _Movement, rng: np.random.Generator) -> Values:
    """Where the whisker meets it at some angle of its range; in a fifth of the trials ahead of all that it reaches."""
    far = 2.2 if rng.random() < 0.2 else rng.uniform(-0.4, 0.9)
    angle = movement.centre + far * movement.amplitude
    place = int(rng.uniform(0.45, 0.75) * _SAMPLES)
    shape = _shape(np.array([angle]), np.array([movement.curvature]))[0]
    along = shape[place + 1] - shape[place]
    normal = np.array([-along[1], along[0]]) / np.linalg.norm(along)
    return np.asarray(shape[place] + _REACH_PX * normal)


def _shape(angles: Values, curvatures: Values) -> Values:
    """Points along whiskers of constant curvature, (n, samples, 2), from the base to the tip."""
    step = _LENGTH_PX / (_SAMPLES - 1)
    middles = (np.arange(_SAMPLES - 1) + 0.5) * step
    turned = angles[:, None] + curvatures[:, None] * middles
    moves = step * np.stack([np.cos(turned), np.sin(turned)], axis=-1)
    begin = np.zeros((len(angles), 1, 2))
    return np.asarray(_BASE + np.concatenate([begin, np.cumsum(moves, axis=1)], axis=1))


def _gap(shapes: Values, pole: Values) -> Values:
    """Distance between the edges of whisker and pole, (n,): negative where the whisker would be inside the pole, or past it."""
    away = pole - shapes
    distance = np.linalg.norm(away, axis=-1)
    nearest = np.minimum(distance.argmin(axis=1), _SAMPLES - 2)
    row = np.arange(len(shapes))
    along = shapes[row, nearest + 1] - shapes[row, nearest]
    to_pole = away[row, nearest]
    ahead = along[:, 0] * to_pole[:, 1] - along[:, 1] * to_pole[:, 0] >= 0  # where growing angles go
    return np.asarray(np.where(ahead, 1.0, -1.0) * distance[row, nearest] - _REACH_PX)


def _bent(angles: Values, curvature: float, pole: Values) -> Values:
    """Whiskers as they are: free ones, and others bent until they just touch, (n, samples, 2)."""
    return _shape(angles, _curvatures(angles, curvature, pole))


def _curvatures(angles: Values, curvature: float, pole: Values) -> Values:
    """Of free whiskers, and of others that are bent until they just touch, (n,)."""
    least = np.full(len(angles), curvature - _STRONGEST_BEND)
    most = np.full(len(angles), curvature)
    touching = _gap(_shape(angles, most), pole) < 0
    for _ in range(_BISECTIONS):
        middle = (least + most) / 2
        outside = _gap(_shape(angles, middle), pole) >= 0
        least, most = np.where(outside, middle, least), np.where(outside, most, middle)
    return np.asarray(np.where(touching, least, curvature))


def _images(movement: _Movement, pole: Values, ms: Values, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Backlit: whisker, pole and face are dark; light falls off, the lens blurs, the sensor adds noise."""
    light, fall, noise = rng.uniform(170, 215), rng.uniform(-0.4, 0.4, 2), rng.uniform(2, 5)
    rows, columns = np.mgrid[0:SIDE_PX, 0:SIDE_PX] - SIDE_PX / 2
    ground = light + fall[0] * rows + fall[1] * columns
    times = (ms[:, None] + _SUBFRAMES).ravel()
    shapes = _bent(movement.angles(times), movement.curvature, pole).reshape(len(ms), len(_SUBFRAMES), _SAMPLES, 2)
    still = _canvas()
    _disc(still, pole, _POLE_PX)
    _disc(still, _BASE + np.array([-14.0, 10.0]), 22.0)
    images = np.empty((len(ms), SIDE_PX, SIDE_PX), np.uint8)
    for number, of_frame in enumerate(shapes):
        dark = np.mean([_shadow(still, shape) for shape in of_frame], axis=0)
        seen = cv2.GaussianBlur(ground * (1 - 0.85 * dark), (0, 0), 0.7)
        images[number] = np.clip(seen + rng.normal(0, noise, seen.shape), 0, 255).astype(np.uint8)
    return images


def _canvas() -> Image:
    return np.zeros((SIDE_PX * _FINE, SIDE_PX * _FINE), np.uint8)


def _shadow(still: Image, shape: Values) -> Values:
    """How dark each pixel is, 0 to 1, (SIDE_PX, SIDE_PX): the whisker thins towards its tip."""
    canvas = still.copy()
    parts = ((0, _SAMPLES * 2 // 3, _WIDTH_PX), (_SAMPLES * 2 // 3 - 1, _SAMPLES, _WIDTH_PX * 0.6))
    for begin, end, width in parts:
        cv2.polylines(canvas, [_fixed(shape[begin:end])], False, 255, max(1, round(width * _FINE)), cv2.LINE_AA, _SHIFT)
    return np.asarray(cv2.resize(canvas, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA), np.float64) / 255


def _disc(canvas: Image, centre: Values, radius: float) -> None:
    x, y = _fixed(centre[None])[0]
    cv2.circle(canvas, (int(x), int(y)), round(radius * _FINE * 2**_SHIFT), 255, -1, cv2.LINE_AA, _SHIFT)


def _fixed(points: Values) -> NDArray[np.int32]:
    """As OpenCV takes fractions of a pixel of the fine canvas, whose pixel centres lie otherwise."""
    return np.asarray(np.round(((points + 0.5) * _FINE - 0.5) * 2**_SHIFT), np.int32)
