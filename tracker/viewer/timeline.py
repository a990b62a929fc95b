"""The seek bar: where in a recording the picture is, and above it a lane for each event. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from tracker.frame import Image
from tracker.point_colours import Colour
from tracker.viewer.lettering import fit, measure, write
from tracker.viewer.palette import DARK, PALE, PANEL, WHITE, YELLOW
from tracker.viewer.recorded_events import Span

_MOST_LANES = 6  # of more events, those that begin last share one
_REFERENCE_PX = 900  # width at which the sizes below are in pixels
_LANE_PX, _BAR_PX, _PAD_PX, _NAMES_PX, _TEXT_PX = 15, 12, 8, 120, 20
_GROUND: Colour = (62, 62, 68)
_PASSED: Colour = (110, 150, 190)
_LETTERS = 0.42


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """What the bar shows.

    Attributes:
        frames: of the recording.
        spans: of its events.
        segments: the first frame of each video file but the first.
        ends: what stands at the left and right end of the bar.
    """

    frames: int
    spans: Sequence[Span]
    segments: Sequence[int]
    ends: tuple[str, str]
    _grounds: dict[int, Image] = field(default_factory=dict)  # by width; only the play head moves

    def height(self, width: int) -> int:
        """Of the whole at this width, in pixels."""
        unit = _unit(width)
        return round(unit * (2 * _PAD_PX + _LANE_PX * len(self._lanes()) + _BAR_PX + _TEXT_PX))

    def draw(self, width: int, place: int) -> Image:
        """uint8 (height, width, 3) RGB with the play head at frame `place`."""
        if width not in self._grounds:
            self._grounds.clear()
            self._grounds[width] = self._ground(width)
        drawn = self._grounds[width].copy()
        left, right = self._bar(width)
        unit, x = _unit(width), self._x(place, width)
        top, bottom = self._bar_rows(width)
        drawn[top:bottom, left : max(left + 1, x)] = _PASSED
        drawn[round(unit * _PAD_PX) : bottom + 3, max(left, x - 1) : min(right, x + 1)] = WHITE
        cv2.circle(drawn, (x, (top + bottom) // 2), max(3, round(0.6 * (bottom - top))), WHITE, -1, cv2.LINE_AA)
        return drawn

    def place_at(self, x: float, width: int) -> int:
        """The frame at a column of the bar, the nearest end's beside it."""
        left, right = self._bar(width)
        share = (x - left) / max(1, right - left)
        return min(max(math.floor(share * self.frames), 0), self.frames - 1)

    def _ground(self, width: int) -> Image:
        unit, (left, right) = _unit(width), self._bar(width)
        ground = np.full((self.height(width), width, 3), PANEL, np.uint8)
        for row, (name, spans) in enumerate(self._lanes()):
            top = round(unit * (_PAD_PX + row * _LANE_PX))
            foot = round(top + unit * (_LANE_PX - 4))
            ground[top:foot, left:right] = DARK
            for span in spans:
                begin, end = self._x(span.begin, width), self._x(span.end, width)
                ground[top:foot, begin : min(right, max(end, begin + 2))] = YELLOW  # a short one is seen too
            text = fit(name, left - round(unit * 2 * _PAD_PX), _LETTERS * unit, 1)
            write(ground, text, (round(unit * _PAD_PX), foot - 1), PALE, size=_LETTERS * unit, thickness=1, rim=False)
        top, bottom = self._bar_rows(width)
        ground[top:bottom, left:right] = _GROUND
        for segment in self.segments:
            x = self._x(segment, width)
            ground[top - 3 : bottom + 3, x : x + 1] = PALE
        foot = bottom + round(unit * 15)
        size = _LETTERS * unit
        write(ground, self.ends[0], (left, foot), PALE, size=size, thickness=1, rim=False)
        write(ground, self.ends[1], (right - measure(self.ends[1], size, 1)[0], foot), PALE, size=size, thickness=1, rim=False)
        return ground

    def _lanes(self) -> list[tuple[str, list[Span]]]:
        """Spans by the name of their event, in the order in which events first begin."""
        found: dict[str, list[Span]] = {}
        for span in self.spans:
            found.setdefault(span.event, []).append(span)
        lanes = list(found.items())
        if len(lanes) > _MOST_LANES:
            shared = lanes[_MOST_LANES - 1 :]
            lanes = [*lanes[: _MOST_LANES - 1], (f"{len(shared)} others", [span for _, spans in shared for span in spans])]
        return lanes

    def _bar(self, width: int) -> tuple[int, int]:
        unit = _unit(width)
        left = round(unit * (_NAMES_PX if self.spans else 2 * _PAD_PX))
        return left, max(left + 2, width - round(unit * 2 * _PAD_PX))

    def _bar_rows(self, width: int) -> tuple[int, int]:
        unit = _unit(width)
        top = round(unit * (_PAD_PX + _LANE_PX * len(self._lanes()) + 2))
        return top, top + max(3, round(unit * _BAR_PX))

    def _x(self, place: int, width: int) -> int:
        left, right = self._bar(width)
        return left + int((right - left) * place / max(1, self.frames))


def _unit(width: int) -> float:
    return min(1.6, max(0.6, width / _REFERENCE_PX))
