"""The synthetic rodent: seen from below in a clear cylinder, nose-poking at a port, with exact key points."""

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.frame import Image
from tracker.synthetic.rodent_drawing import EAR_RADIUS, Shades, draw_body, torso_outline
from tracker.synthetic.rodent_motion import Body, RodentMotion
from tracker.synthetic.rodent_room import NOISE_BANKS, NOISE_MARGIN, Room, build_room, expose, port_circle
from tracker.synthetic.scene import Truth

BLUR_REACH_PX = 2  # of the 5 × 5 lens kernel


class RodentScene:
    """A seeded rodent in its chamber; every frame number has one picture and one truth.

    Attributes:
        port: x, y and radius of the nose port in pixels.
    """

    point_names: tuple[str, ...] = ("snout", "left_ear", "right_ear", "tail_base")
    skeleton: tuple[tuple[str, str], ...] = (
        ("snout", "left_ear"),
        ("snout", "right_ear"),
        ("left_ear", "tail_base"),
        ("right_ear", "tail_base"),
    )

    def __init__(self, seed: int, *, width: int, height: int) -> None:
        self._seed = seed
        self._motion = RodentMotion(seed, width=width, height=height)
        scale = self._motion.scale
        self._room: Room = build_room(seed, width=width, height=height, scale=scale)
        self._shades = Shades()
        self.port = port_circle(width, height, scale)

    def render(self, number: int) -> Image:
        """Draw one frame with sensor noise: uint8 (height, width)."""
        picture = self.render_clean(number)
        height, width = picture.shape
        bank, down, right = _offsets(self._seed, number)
        noise = self._room.noise[bank, down : down + height, right : right + width]
        return np.asarray(cv2.add(picture, noise, dst=picture), np.uint8)

    def render_clean(self, number: int) -> Image:
        """Draw one frame without the sensor's noise, and darker by its mean."""
        room, body = self._room, self._motion.body(number)
        picture = room.empty.copy()
        height, width = picture.shape
        left, top, right, bottom = _box(body, width=width, height=height)
        if left >= right or top >= bottom:
            return picture
        # The lens needs its reach of surroundings, so that the edge of the box does not show.
        x0, y0, x1, y1 = max(0, left - BLUR_REACH_PX), max(0, top - BLUR_REACH_PX), right + BLUR_REACH_PX, bottom + BLUR_REACH_PX
        outer = (slice(y0, y1), slice(x0, x1))
        canvas = room.albedo[outer].copy()
        draw_body(canvas, body, self._shades, origin=(x0, y0))
        seen = expose(canvas, room.light[outer], room.glare[outer], blur=room.blur)
        picture[top:bottom, left:right] = seen[top - y0 : bottom - y0, left - x0 : right - x0]
        return picture

    def truth(self, number: int) -> Truth:
        """Give snout, ears and tail base; a point under the torso of a rearing animal is not visible."""
        body = self._motion.body(number)
        points = np.stack([body.snout, body.ear(1.0), body.ear(-1.0), body.spine[0]])
        return Truth(points=points, visible=_uncovered(body, points))

    def rearing(self, number: int) -> bool:
        """Tell whether the animal stands upright: more than halfway between all fours and its full height."""
        return self._motion.posture(number).rear > 0.5


def _box(body: Body, *, width: int, height: int) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what the animal covers, inside the image."""
    margin = 3.0 + EAR_RADIUS * body.scale
    points = np.concatenate([torso_outline(body), body.tail, [body.snout, body.ear(1.0), body.ear(-1.0)]])
    low, high = np.floor(points.min(axis=0) - margin), np.ceil(points.max(axis=0) + margin)
    return max(0, int(low[0])), max(0, int(low[1])), min(width, int(high[0])), min(height, int(high[1]))


def _uncovered(body: Body, points: NDArray[np.float64]) -> NDArray[np.bool_]:
    outline = torso_outline(body).astype(np.float32)
    covered = [cv2.pointPolygonTest(outline, (float(x), float(y)), measureDist=False) > 0 for x, y in points[:-1]]
    return np.array([*(not hidden for hidden in covered), True])  # the tail base is drawn onto the torso


def _offsets(seed: int, number: int) -> tuple[int, int, int]:
    """Which part of the noise a frame gets: a 64-bit mix (splitmix64's finaliser) of seed and number."""
    mask = (1 << 64) - 1
    z = (seed * 0x9E3779B97F4A7C15 + (number + 1) * 0xD1B54A32D192ED03) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    z ^= z >> 31
    return z % NOISE_BANKS, (z >> 16) % NOISE_MARGIN, (z >> 32) % NOISE_MARGIN
