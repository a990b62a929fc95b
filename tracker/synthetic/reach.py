"""Parts far apart that come and go: a hand that reaches anywhere, a tongue that is mostly in the mouth, a joystick that is moved."""

import numpy as np

from tracker.frame import Image
from tracker.synthetic.scene import Truth
from tracker.synthetic.waves import Points, Waves, disc, exposed, floor, shape, stroke

PALM, FINGERS = 0.03, 0.055  # of the width: radius of the palm, and about how far the fingers reach beyond it
FUR, SKIN, LIP, TONGUE, METAL, KNOB = 58, 150, 30, 205, 125, 225  # grey levels
OUT = {"hand": 0.05, "tongue": 0.42, "joystick": -0.15}  # the height of a wave above which a part is in the picture


class ReachScene:
    """Six points in three parts, none of which follows another; every frame number has one picture and one truth.

    The tongue is out in about one frame of five, the hand is seen in two of five, the joystick in three of five.
    """

    point_names: tuple[str, ...] = ("wrist", "index_finger", "little_finger", "tongue", "joystick_base", "joystick_knob")
    skeleton: tuple[tuple[str, str], ...] = (
        ("wrist", "index_finger"),
        ("wrist", "little_finger"),
        ("joystick_base", "joystick_knob"),
    )

    def __init__(self, seed: int, *, width: int, height: int) -> None:
        self._seed, self._size = seed, np.array([width, height], np.float64)
        self._waves = Waves(seed, count=12, period=700.0)
        self._floor = floor(seed, width=width, height=height)

    def render(self, number: int) -> Image:
        """Draw one frame: uint8 (height, width)."""
        width = self._size[0]
        canvas = np.clip(self._floor, 0, 255).astype(np.uint8)
        there = self._there(number)
        wrist, index, little, tongue, base, knob = self._points(number)
        self._head(canvas, number)
        if there["tongue"]:
            stroke(canvas, self._mouth(number), tongue, 0.022 * width, TONGUE)
        if there["joystick"]:
            disc(canvas, base, 0.035 * width, METAL - 50)
            stroke(canvas, base, knob, 0.014 * width, METAL)
            disc(canvas, base, 0.009 * width, LIP)
            disc(canvas, knob, 0.017 * width, KNOB)
        if there["hand"]:
            palm = wrist + 0.35 * ((index + little) / 2 - wrist)
            stroke(canvas, wrist, wrist - 4.0 * (palm - wrist), 0.035 * width, FUR)
            disc(canvas, palm, PALM * width, SKIN)
            for tip in (index, (index + little) / 2, little):
                stroke(canvas, palm, tip, 0.014 * width, SKIN)
            disc(canvas, wrist, 0.014 * width, FUR - 25)
        return exposed(canvas, seed=self._seed, number=number)

    def truth(self, number: int) -> Truth:
        """Give every point; those of a part that is not in the picture are not visible."""
        there = self._there(number)
        visible = [there["hand"]] * 3 + [there["tongue"]] + [there["joystick"]] * 2
        return Truth(points=self._points(number), visible=np.array(visible, np.bool_))

    def _there(self, number: int) -> dict[str, bool]:
        waves = self._waves.at(number)
        return {part: bool(waves[place] > limit) for place, (part, limit) in enumerate(OUT.items())}

    def _points(self, number: int) -> Points:
        """Every point, whether in the picture or not: (6, 2) pixels."""
        waves, (width, height) = self._waves.at(number), self._size
        wrist = np.array([(0.58 + 0.34 * waves[3]) * width, (0.56 + 0.36 * waves[4]) * height])
        turn = 1.9 * waves[5]
        fingers = [
            wrist + length * FINGERS * width * np.array([np.cos(turn + spread), np.sin(turn + spread)])
            for spread, length in ((-0.32, 1.75), (0.36, 1.3))  # told apart in a mirrored picture too
        ]
        mouth = self._mouth(number)
        angle = 0.5 + 0.6 * waves[6]
        tongue = mouth + 0.045 * width * (1.2 + 0.4 * waves[7]) * np.array([np.cos(angle), np.sin(angle)])
        base = np.array([(0.27 + 0.12 * waves[8]) * width, (0.86 + 0.04 * waves[9]) * height])
        knob = base + 0.07 * width * np.array([np.sin(0.9 * waves[10]), -np.cos(0.9 * waves[10])])
        return np.stack([wrist, *fingers, tongue, base, knob])

    def _mouth(self, number: int) -> Points:
        waves, (width, height) = self._waves.at(number), self._size
        return np.array([(0.22 + 0.03 * waves[11]) * width, (0.2 + 0.03 * waves[7]) * height])

    def _head(self, canvas: Image, number: int) -> None:
        """A head from the upper left, whose mouth is closed or not."""
        width = self._size[0]
        mouth = self._mouth(number)
        skull = mouth + width * np.array([[-0.3, -0.26], [0.02, -0.14], [0.045, -0.05], [0.0, 0.005], [-0.06, 0.03], [-0.3, 0.08]])
        shape(canvas, skull, FUR)
        disc(canvas, mouth + width * np.array([0.035, -0.05]), 0.014 * width, LIP)
        disc(canvas, mouth + width * np.array([-0.09, -0.09]), 0.018 * width, LIP - 15)
        stroke(canvas, mouth + width * np.array([-0.06, 0.012]), mouth, 0.008 * width, LIP)
