"""The rodent under bad conditions: every session has other litter, light, focus and noise, and things move in the picture."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.frame import Image
from tracker.synthetic.disturbances import Plane, Session, band_of_shadow, cable, litter, things_above
from tracker.synthetic.rodent import RodentScene
from tracker.synthetic.rodent_drawing import Shades, draw_body
from tracker.synthetic.rodent_motion import RodentMotion
from tracker.synthetic.rodent_room import NOISE_MEAN, Room, build_room
from tracker.synthetic.scene import Truth
from tracker.synthetic.waves import Waves

SESSION_FRAMES = 40_160  # 40 images of a labelled set; of 1000 images, the held-out fifth begins with a new session
EXPOSED = (-0.4, 0.0, 0.4)  # the instants of a frame's time that are averaged: an animal that moves is blurred


@dataclass(frozen=True, slots=True, kw_only=True)
class _Setting:
    """What stays as it is during a session."""

    session: Session
    behind: Image  # albedo, uint8 (h, w)
    before: Plane  # what lies on the clear floor: albedo float32 (h, w)
    covered: Plane  # how much of the picture it hides, 0..1


class DisturbedScene:
    """The rodent of `RodentScene`, same motion and truth, in a picture that is disturbed in the ways of real ones.

    Clutter above it, litter and smears on the clear floor before it, a cable at its neck, a moving shadow, light that
    differs between sessions and drifts, defocus, motion blur and noise. Every frame number has one picture and one truth.
    """

    point_names: tuple[str, ...] = RodentScene.point_names
    skeleton: tuple[tuple[str, str], ...] = RodentScene.skeleton

    def __init__(self, seed: int, *, width: int, height: int) -> None:
        self._seed, self._size = seed, (width, height)
        self._rodent = RodentScene(seed, width=width, height=height)
        self._motion = RodentMotion(seed, width=width, height=height)
        self._room: Room = build_room(seed, width=width, height=height, scale=self._motion.scale)
        self._waves = Waves(seed, count=16, period=900.0)
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        self._x, self._y = (x - width / 2) / self._motion.scale, (y - height / 2) / self._motion.scale
        self._setting = lru_cache(maxsize=2)(self._new_setting)

    def render(self, number: int) -> Image:
        """Draw one frame: uint8 (height, width)."""
        setting, waves = self._setting(number // SESSION_FRAMES), self._waves.at(number)
        session = setting.session
        behind = setting.behind.copy()
        things_above(behind, waves[:6], scale=self._motion.scale)
        seen = np.mean([self._animal(behind, max(0.0, number + later), waves=waves[6:9], session=session) for later in EXPOSED], axis=0)
        seen = cv2.GaussianBlur(seen.astype(np.float32), (0, 0), session.blur * max(0.5, self._size[1] / 480.0))
        seen = seen * (1.0 - setting.covered) + setting.before * setting.covered
        light = self._room.light.astype(np.float32) / 255.0 * self._lit(waves[9:16], session, number)
        picture = seen * light + np.maximum(self._room.glare + NOISE_MEAN, 0.0)
        noise = np.random.default_rng([self._seed, number, 34]).standard_normal(picture.shape, np.float32)
        return np.asarray(np.clip(picture + session.noise * noise, 0, 255), np.uint8)

    def truth(self, number: int) -> Truth:
        """As of `RodentScene`: what lies before a point does not count as covering it."""
        return self._rodent.truth(number)

    def _animal(self, behind: Image, number: float, *, waves: NDArray[np.float64], session: Session) -> Image:
        canvas, body = behind.copy(), self._motion.body(number)
        if session.cable:
            cable(canvas, body.nape, waves, scale=self._motion.scale)
        draw_body(canvas, body, Shades(), origin=(0, 0))
        return canvas

    def _lit(self, waves: NDArray[np.float64], session: Session, number: int) -> Plane:
        """Factor on the room's light: the session's, its drift, a flicker, a lamp from one side and a moving shadow."""
        flicker = 1.0 + 0.03 * float(np.random.default_rng([self._seed, number, 35]).standard_normal())
        level = session.light * (1.0 + 0.15 * waves[0]) * flicker
        across = np.cos(session.lamp) * self._x + np.sin(session.lamp) * self._y
        shadow = band_of_shadow(self._x, self._y, waves[1:4], depth=session.shadow)
        return np.asarray(level * (1.0 + 0.3 * across) * shadow, np.float32)

    def _new_setting(self, number: int) -> _Setting:
        rng = np.random.default_rng([self._seed, number, 36])
        session = Session.drawn(rng)
        behind = self._room.albedo.copy()
        litter(behind, rng, scale=self._motion.scale, count=session.shavings, shades=(120, 245), length=0.07)
        hides = np.zeros(behind.shape, np.uint8)
        litter(hides, rng, scale=self._motion.scale, count=session.droppings, shades=(255, 256), length=0.028)
        covered = cv2.GaussianBlur(hides.astype(np.float32) / 255.0, (0, 0), 1.0)
        before = np.full(behind.shape, 35.0, np.float32)
        for _ in range(session.smears):
            x, y, turn, alpha, bright = rng.uniform([-0.9, -0.9, 0.0, 0.15, 90.0], [0.9, 0.9, 3.14, 0.5, 230.0])
            along = np.cos(turn) * (self._x - x) + np.sin(turn) * (self._y - y)
            aside = -np.sin(turn) * (self._x - x) + np.cos(turn) * (self._y - y)
            smear = alpha * np.exp(-((along / 0.22) ** 2) - (aside / 0.07) ** 2)
            before = (before * covered + bright * smear) / np.maximum(covered + smear, 1e-6)
            covered = np.minimum(covered + smear, 1.0)
        return _Setting(session=session, behind=behind, before=before.astype(np.float32), covered=covered.astype(np.float32))
