"""One animal seen twice: from the side in the upper half of the picture, and from below, by a mirror, in the lower half."""

import numpy as np
from numpy.typing import NDArray

from tracker.frame import Image
from tracker.synthetic.scene import Truth
from tracker.synthetic.waves import Points, Waves, disc, exposed, floor, shape, stroke

PARTS = ("nose", "tail_base", "left_fore", "right_fore", "left_hind", "right_hind")
PAWS = PARTS[2:]
FAR = (2, 4)  # paws on the far side of the animal, seen from the side
LENGTH = 0.56  # nose to tail base, of the picture's width
GROUND = 0.43  # of the picture's height: where the paws stand in the view from the side
EDGE = 0.5  # of the height: the mirror's edge
BELOW = 0.755  # of the height: the middle of the view from below
STRIDE_FRAMES = 34.0
BODY, BELLY, PAW, FAR_PAW, NOSE, ROOT = 55, 72, 175, 120, 190, 20  # grey levels
PAW_RADIUS, NOSE_RADIUS = 0.02, 0.018  # of the width


class MirrorScene:
    """A walking animal of six points, each in two views; every frame number has one picture and one truth."""

    point_names: tuple[str, ...] = tuple(f"{part}_{view}" for view in ("side", "below") for part in PARTS)
    skeleton: tuple[tuple[str, str], ...] = tuple(
        (f"{begin}_{view}", f"{end}_{view}")
        for view in ("side", "below")
        for begin, end in (("nose", "tail_base"), *((paw, "nose" if "fore" in paw else "tail_base") for paw in PAWS))
    )

    def __init__(self, seed: int, *, width: int, height: int) -> None:
        self._seed, self._size = seed, np.array([width, height], np.float64)
        self._waves = Waves(seed, count=7, period=900.0)
        self._floor = floor(seed, width=width, height=height)
        self._stride = float(np.random.default_rng([seed, 41]).uniform(0.0, 2.0 * np.pi))

    def render(self, number: int) -> Image:
        """Draw one frame: uint8 (height, width)."""
        height = self._size[1]
        canvas = np.clip(self._floor, 0, 255).astype(np.uint8)
        canvas[round(GROUND * height) + 2 : round(EDGE * height)] = 40
        canvas[round(EDGE * height) : round(EDGE * height) + 2] = 230
        points = self.truth(number).points
        self._draw(canvas, points[: len(PARTS)], far=FAR)
        self._draw(canvas, points[len(PARTS) :], far=())
        return exposed(canvas, seed=self._seed, number=number)

    def truth(self, number: int) -> Truth:
        """Give every point in both views; all are visible."""
        body = self._body_points(number)
        width, height = self._size
        side = np.stack([body[:, 0] * width, (GROUND - body[:, 2]) * height - PAW_RADIUS * width], 1)
        below = np.stack([body[:, 0] * width, (BELOW + body[:, 1]) * height], 1)
        return Truth(points=np.concatenate([side, below]), visible=np.ones(2 * len(PARTS), np.bool_))

    def _body_points(self, number: int) -> NDArray[np.float64]:
        """Where the parts are in space: (6, 3) along, across and above the ground; widths, heights and heights of the picture."""
        along, across, turn, pitch, bob, look, pace = self._waves.at(number)
        heading = 0.14 * turn
        middle = np.array([0.5 + 0.13 * along, 0.05 * across])
        forward = np.array([np.cos(heading), np.sin(heading)])
        aside = np.array([-np.sin(heading), np.cos(heading)])
        place = {"nose": (0.5, 0.03 * look, 0.17 + 0.06 * pitch + 0.02 * bob), "tail_base": (-0.5, 0.0, 0.17 - 0.03 * pitch)}
        for index, paw in enumerate(PAWS):
            phase = self._stride + 2.0 * np.pi * number / STRIDE_FRAMES + 2.0 * pace + (0.0, np.pi, np.pi, 0.0)[index]
            reach = (0.25 if "fore" in paw else -0.3) + 0.09 * np.cos(phase)
            place[paw] = (reach, (-0.105 if "left" in paw else 0.105), 0.07 * max(0.0, -np.sin(phase)))
        flat = np.array([place[part] for part in PARTS])
        ground = middle + LENGTH * flat[:, :1] * forward + flat[:, 1:2] * aside
        return np.concatenate([ground, flat[:, 2:]], 1)

    def _draw(self, canvas: Image, view: Points, *, far: tuple[int, ...]) -> None:
        """The animal in one view: tail, far legs, near legs, trunk, and the parts that are key points."""
        width = self._size[0]
        nose, root = view[0], view[1]
        axis = (nose - root) / max(1e-9, float(np.linalg.norm(nose - root)))
        aside = np.array([-axis[1], axis[0]])
        stroke(canvas, root, root - 0.16 * width * axis, 0.016 * width, BODY - 10)
        paws = (*far, *(paw for paw in range(2, len(PARTS)) if paw not in far))
        for paw in paws:
            hip = root + (nose - root) * (0.72 if paw < 4 else 0.18)
            stroke(canvas, hip, view[paw], 0.03 * width, BODY + (0 if paw in far else 18))
            disc(canvas, view[paw], PAW_RADIUS * width, FAR_PAW if paw in far else PAW)
        along = np.linspace(0.0, 1.0, 24)
        girth = 0.085 * width * np.sin(np.pi * np.clip(along, 0.02, 1.0) ** 0.75) ** 0.7
        spine = root + along[:, None] * (nose - root)
        for share, shade in ((1.0, BODY), (0.5, BELLY)):
            reach = share * girth[:, None] * aside
            shape(canvas, np.concatenate([spine + reach, (spine - reach)[::-1]]), shade)
        disc(canvas, nose, NOSE_RADIUS * width, NOSE)
        disc(canvas, root, NOSE_RADIUS * width, ROOT)
