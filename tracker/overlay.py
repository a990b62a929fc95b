"""Draw what was tracked over a picture. Pure: no window, no clock, no stream; the picture given is left as it is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.frame import Image
from tracker.messages import EventMessage, PoseMessage, StatusMessage

Colour = tuple[int, int, int]  # RGB
Corner = Literal["top_left", "top_right", "bottom_left", "bottom_right"]
Place = Corner | Literal["centre"]
Points = dict[str, tuple[float, float, float]]

# Okabe and Ito's palette, told apart by the colour-blind, without its black; ordered so that the first few differ most on grey
PALETTE: tuple[Colour, ...] = (
    (230, 159, 0),
    (86, 180, 233),
    (240, 228, 66),
    (204, 121, 167),
    (0, 158, 115),
    (213, 94, 0),
    (0, 114, 178),
)
WHITE: Colour = (255, 255, 255)
AMBER: Colour = (255, 190, 60)
RED: Colour = (190, 20, 20)
_DARK: Colour = (18, 18, 20)
_ZONE: Colour = (150, 215, 255)
_ZONE_OCCUPIED: Colour = (255, 225, 90)
_BESIDE: dict[Corner, Corner] = {
    "top_left": "top_right",
    "top_right": "top_left",
    "bottom_left": "bottom_right",
    "bottom_right": "bottom_left",
}
_BENEATH: dict[Corner, Corner] = {
    "top_left": "bottom_left",
    "top_right": "bottom_right",
    "bottom_left": "top_left",
    "bottom_right": "top_right",
}
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_SHIFT = 4  # OpenCV then takes sixteenths of a pixel
_FAR_PX = 100_000.0  # beyond this OpenCV's fixed-point coordinates overflow
_REFERENCE_PX = 480  # the height at which sizes below are in pixels
_STALE_S = 1.0  # a picture older than this is no longer the animal
_RIM_PX = 3  # room for it around letters
_TRAIL_STEPS = 150  # segments drawn at most; more cannot be told apart


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlaySettings:
    """What is drawn, where and how large.

    Attributes:
        confidence: key points below are not drawn.
        place: corner of the status lines; events stand in the corner beside it.
        text_scale: 1 is legible at the picture's size.
        text_colour: of the status lines, RGB.
        thickness: of lines and letters, 1 is thin.
        zoom: the drawn picture is this much larger than the source.
        trail, zones, names: whether to draw the trail, the zones and the names of key points.
    """

    confidence: float = 0.5
    place: Corner = "top_left"
    text_scale: float = 1.0
    text_colour: Colour = WHITE
    thickness: int = 1
    zoom: float = 1.0
    trail: bool = True
    zones: bool = True
    names: bool = True


@dataclass(frozen=True, slots=True)
class _Sheet:
    """The picture being drawn on, and how source pixels become its pixels."""

    canvas: Image  # (h, w, 3) RGB
    unit: float  # size of things, 1 at _REFERENCE_PX
    settings: OverlaySettings

    def at(self, x: float, y: float) -> tuple[float, float]:
        zoom = self.settings.zoom
        return (x + 0.5) * zoom - 0.5, (y + 0.5) * zoom - 0.5  # pixel centres are whole numbers

    def line_width(self, width: float) -> int:
        return max(1, round(width * self.unit * self.settings.thickness))


def draw(
    image: Image,
    *,
    pose: PoseMessage | None = None,
    status: StatusMessage | None = None,
    events: Sequence[EventMessage] = (),
    trail: Sequence[PoseMessage] = (),
    age_s: float = 0.0,
    settings: OverlaySettings | None = None,
) -> Image:
    """Draw zones, trail, skeleton, key points, events and health over a copy of a picture.

    Args:
        image: uint8, (h, w) grey or (h, w, 3) RGB, in source pixels.
        pose: of this very frame.
        status: the last one; gives skeleton, zones, rates and state.
        events: the latest change of each event worth showing; those that are "on" stand out.
        trail: poses up to this frame, oldest first; drawn for the first key point.
        age_s: time since anything new was heard; above 1 s a banner says so.
        settings: what, where and how large.

    Returns:
        uint8 (zoom*h, zoom*w, 3) RGB.
    """
    settings = settings or OverlaySettings()
    canvas = _copy(image, settings.zoom)
    sheet = _Sheet(canvas, settings.text_scale * max(0.55, min(canvas.shape[:2]) / _REFERENCE_PX), settings)
    if settings.zones and status is not None:
        for zone in status.zones:
            _zone(sheet, zone, pose)
    if settings.trail and trail:
        _trail(sheet, trail, status)
    names = _names(pose, status)
    bottom = _banner(sheet, status, age_s)
    _lines(sheet, _health(pose, status, settings.text_colour), settings.place, bottom)
    _lines(
        sheet,
        [_chip(event, several=len(pose.animals) > 1 if pose is not None else False) for event in events],
        _BESIDE[settings.place],
        bottom,
    )
    animals = pose.animals if pose is not None else []
    if settings.names and animals:
        _lines(sheet, _legend(pose, names), _BENEATH[settings.place], bottom)
    for animal in animals:  # last, so that no text ever hides the animal's points
        own = _own_colour(animal.id) if len(animals) > 1 else None
        _skeleton(sheet, animal.points, status, colour=own or WHITE)
        _points(sheet, animal.points, names, colour=own)
        if own is not None:
            _tag(sheet, animal.points, f"{animal.id}", own)
    return canvas


def _own_colour(animal: int) -> Colour:
    return PALETTE[animal % len(PALETTE)]


def _legend(pose: PoseMessage | None, names: Sequence[str]) -> list["_Line"]:
    """Which colour is which key point; with several animals, which is which animal."""
    if pose is not None and len(pose.animals) > 1:
        return [(f"animal {animal.id}", _own_colour(animal.id), None) for animal in pose.animals]
    return [(name, PALETTE[index % len(PALETTE)], None) for index, name in enumerate(names)]


def panel(canvas: Image, lines: Sequence[str], *, place: Place, text_scale: float = 1.0) -> None:
    """Write lines of text on a dark panel onto `canvas` (uint8 (h, w, 3) RGB) itself."""
    unit = text_scale * max(0.55, min(canvas.shape[:2]) / _REFERENCE_PX)
    _lines(_Sheet(canvas, unit, OverlaySettings()), [(line, WHITE, None) for line in lines], place, canvas.shape[0])


_Line = tuple[str, Colour, Colour | None]  # text, its colour, the colour behind it (None: dark, see-through)


def _copy(image: Image, zoom: float) -> Image:
    rgb = cv2.cvtColor(image, cv2.COLOR_GRAY2RGB) if image.ndim == 2 else image.copy()
    if zoom != 1.0:
        way = cv2.INTER_CUBIC if zoom > 1 else cv2.INTER_AREA
        size = (max(1, round(rgb.shape[1] * zoom)), max(1, round(rgb.shape[0] * zoom)))
        rgb = cv2.resize(rgb, size, interpolation=way)
    return np.ascontiguousarray(rgb, np.uint8)


def _names(pose: PoseMessage | None, status: StatusMessage | None) -> list[str]:
    """Key points in the order of the bundle; colours go by it."""
    if status is not None and status.point_names:
        return list(status.point_names)
    return list(pose.animals[0].points) if pose is not None and pose.animals else []


def _seen(points: Points, name: str, confidence: float) -> tuple[float, float] | None:
    """A key point's place, if it can be drawn."""
    x, y, sure = points.get(name, (math.nan, math.nan, 0.0))
    if x is None or y is None or sure is None or not sure >= confidence:  # JSON has null where a number was not finite
        return None
    return (x, y) if abs(x) < _FAR_PX and abs(y) < _FAR_PX else None


def _fixed(x: float, y: float) -> tuple[int, int]:
    return round(x * (1 << _SHIFT)), round(y * (1 << _SHIFT))


def _points(sheet: _Sheet, points: Points, names: Sequence[str], *, colour: Colour | None) -> None:
    """Each key point in its own colour, or all in `colour`."""
    radius = 3.6 * sheet.unit + 0.4 * sheet.settings.thickness
    for index, name in enumerate(names):
        place = _seen(points, name, sheet.settings.confidence)
        if place is None:
            continue
        centre = _fixed(*sheet.at(*place))
        for size, fill in ((radius + 1.4 * sheet.unit, _DARK), (radius, colour or PALETTE[index % len(PALETTE)])):
            cv2.circle(sheet.canvas, centre, round(size * (1 << _SHIFT)), fill, -1, cv2.LINE_AA, _SHIFT)
        if colour is None and index >= len(PALETTE):  # the second time round the palette, a dot tells the two apart
            cv2.circle(sheet.canvas, centre, round(radius * 0.4 * (1 << _SHIFT)), _DARK, -1, cv2.LINE_AA, _SHIFT)


def _skeleton(sheet: _Sheet, points: Points, status: StatusMessage | None, *, colour: Colour) -> None:
    for one, other in status.skeleton if status is not None else ():
        ends = [_seen(points, name, sheet.settings.confidence) for name in (one, other)]
        if ends[0] is None or ends[1] is None:
            continue
        start, end = _fixed(*sheet.at(*ends[0])), _fixed(*sheet.at(*ends[1]))
        cv2.line(sheet.canvas, start, end, _DARK, sheet.line_width(3.2), cv2.LINE_AA, _SHIFT)
        cv2.line(sheet.canvas, start, end, colour, sheet.line_width(1.4), cv2.LINE_AA, _SHIFT)


def _tag(sheet: _Sheet, points: Points, text: str, colour: Colour) -> None:
    for name in points:
        place = _seen(points, name, sheet.settings.confidence)
        if place is not None:
            x, y = sheet.at(*place)
            _write(sheet, text, (round(x + 8 * sheet.unit), round(y - 8 * sheet.unit)), colour, outline=True)
            return


def _trail(sheet: _Sheet, trail: Sequence[PoseMessage], status: StatusMessage | None) -> None:
    """Fade the path of the first key point from nothing (oldest) to full (newest)."""
    chosen = trail[:: -max(1, len(trail) // _TRAIL_STEPS)][::-1]
    names = _names(chosen[-1], status)
    for which in sorted({animal.id for animal in chosen[-1].animals}):
        strength = np.zeros(sheet.canvas.shape[:2], np.uint8)
        before: tuple[int, int] | None = None
        for step, pose in enumerate(chosen, start=1):
            points: Points = next((animal.points for animal in pose.animals if animal.id == which), {})
            place = _seen(points, names[0], sheet.settings.confidence) if names else None
            here = _fixed(*sheet.at(*place)) if place is not None else None
            if before is not None and here is not None:
                cv2.line(strength, before, here, round(225 * step / len(chosen)), sheet.line_width(2.2), cv2.LINE_AA, _SHIFT)
            before = here
        _blend(sheet.canvas, strength, _own_colour(which))


def _blend(canvas: Image, strength: Image, colour: Colour) -> None:
    """Mix a colour in where `strength` (uint8, same height and width) says how much."""
    x, y, width, height = cv2.boundingRect(strength)
    if width and height:
        part = canvas[y : y + height, x : x + width]
        share = strength[y : y + height, x : x + width, None].astype(np.float32) / 255
        part[:] = (part + share * (np.asarray(colour, np.float32) - part)).astype(np.uint8)


def _zone(sheet: _Sheet, zone: dict[str, Any], pose: PoseMessage | None) -> None:
    outline = np.asarray(zone.get("outline_px", ()), np.float64)
    if outline.ndim != 2 or len(outline) < 3 or not (np.abs(outline) < _FAR_PX).all():
        return
    occupied = _occupied(outline, pose, sheet.settings.confidence)
    colour = _ZONE_OCCUPIED if occupied else _ZONE
    drawn = (outline + 0.5) * sheet.settings.zoom - 0.5
    corners = np.round(drawn * (1 << _SHIFT)).astype(np.int32)
    if occupied:
        inside = np.zeros(sheet.canvas.shape[:2], np.uint8)
        cv2.fillPoly(inside, [corners], 60, cv2.LINE_AA, _SHIFT)
        _blend(sheet.canvas, inside, colour)
    cv2.polylines(sheet.canvas, [corners], True, _DARK, sheet.line_width(3.4), cv2.LINE_AA, _SHIFT)
    cv2.polylines(sheet.canvas, [corners], True, colour, sheet.line_width(1.6), cv2.LINE_AA, _SHIFT)
    name = str(zone.get("name", ""))
    (width, height), _ = cv2.getTextSize(name, _FONT, _letters(sheet), sheet.settings.thickness)
    left = round(drawn[:, 0].mean() - width / 2)
    _write(sheet, name, (left, round(drawn[:, 1].min() + height + 6 * sheet.unit)), colour, outline=True)


def _occupied(outline: NDArray[np.float64], pose: PoseMessage | None, confidence: float) -> bool:
    contour = outline.astype(np.float32)
    places = [_seen(a.points, name, confidence) for a in (pose.animals if pose is not None else ()) for name in a.points]
    return any(place is not None and cv2.pointPolygonTest(contour, place, False) >= 0 for place in places)


def _health(pose: PoseMessage | None, status: StatusMessage | None, colour: Colour) -> list[_Line]:
    stamp = pose or status
    if stamp is None:
        return []
    lines: list[_Line] = [(f"{stamp.camera}   frame {stamp.frame}", colour, None)]
    if status is None:
        return lines
    lines[0] = (f"{lines[0][0]}   {status.state.replace('_', ' ')}", colour, None)
    latency = status.latency_ms.get("total", {})
    delay = f"   latency p50 {latency['p50']:.2f}  p99 {latency['p99']:.2f} ms" if {"p50", "p99"} <= latency.keys() else ""
    lines.append((f"{status.fps.get('published', 0.0):.1f} fps{delay}", colour, None))
    lost = max(status.counters.get("lost", 0), pose.lost if pose is not None else 0)
    counts = {"lost": lost, **{name: status.counters.get(name, 0) for name in ("skipped", "corrupt")}}
    shown = [f"{name} {count}" for name, count in counts.items() if count or name == "lost"]
    lines.append(("   ".join(shown), AMBER if any(counts.values()) else colour, None))
    return lines


def _chip(event: EventMessage, *, several: bool) -> _Line:
    name = f"{event.event} {event.animal}" if several else event.event
    if event.state == "on":
        return f"{name}  ON", _DARK, _ZONE_OCCUPIED
    return f"{name}  off", (190, 190, 190), None


def _banner(sheet: _Sheet, status: StatusMessage | None, age_s: float) -> int:
    """Draw a red bar at the foot if tracking is not live. Returns the height left above it."""
    height = int(sheet.canvas.shape[0])
    if status is not None and status.state == "camera_lost":
        text = f"CAMERA LOST   {status.last_error or ''}"
    elif age_s > _STALE_S:
        text = f"NOTHING NEW FOR {age_s:.0f} s"
    else:
        return height
    top = height - round(34 * sheet.unit)
    sheet.canvas[top:] = RED
    _write(sheet, text, (round(10 * sheet.unit), height - round(11 * sheet.unit)), WHITE, outline=False)
    return top


def _letters(sheet: _Sheet) -> float:
    return 0.5 * sheet.unit


def _lines(sheet: _Sheet, lines: Sequence[_Line], place: Place, bottom: int) -> None:
    """Write lines one under the other in a corner, each on its own ground."""
    if not lines:
        return
    unit, width = sheet.unit, sheet.canvas.shape[1]
    step, pad = round(19 * unit), round(6 * unit)
    spans = [cv2.getTextSize(text, _FONT, _letters(sheet), sheet.settings.thickness)[0][0] for text, _, _ in lines]
    widest = max(spans) + 2 * pad
    tall = step * len(lines) + pad
    left = {"centre": (width - widest) // 2}.get(place, pad if place.endswith("left") else width - widest - pad)
    top = {"centre": (bottom - tall) // 2}.get(place, pad if place.startswith("top") else bottom - tall - pad)
    _shade(sheet.canvas, (left, top, widest, tall))
    for row, (text, colour, ground) in enumerate(lines):
        foot = top + pad // 2 + (row + 1) * step - round(5 * unit)
        if ground is not None:
            corner = (left + pad // 2, foot - round(13 * unit))
            cv2.rectangle(sheet.canvas, corner, (left + widest - pad // 2, foot + round(4 * unit)), ground, -1)
        _write(sheet, text, (left + pad, foot), colour, outline=ground is None)


def _shade(canvas: Image, box: tuple[int, int, int, int]) -> None:
    left, top, width, height = box
    part = canvas[max(0, top) : max(0, top + height), max(0, left) : max(0, left + width)]
    part[:] = (part * 0.45).astype(np.uint8)


def _write(sheet: _Sheet, text: str, foot: tuple[int, int], colour: Colour, *, outline: bool) -> None:
    """Write text whose baseline starts at `foot`, with a dark rim where it stands on the picture itself."""
    letters, rim, baseline = _rendered(text, round(_letters(sheet), 3), sheet.settings.thickness)
    left, top = foot[0] - _RIM_PX, foot[1] - baseline
    for ink, mask in ((_DARK, rim), (colour, letters)) if outline else ((colour, letters),):
        x0, y0 = max(0, left), max(0, top)
        x1, y1 = min(sheet.canvas.shape[1], left + mask.shape[1]), min(sheet.canvas.shape[0], top + mask.shape[0])
        if x1 > x0 and y1 > y0:
            part = sheet.canvas[y0:y1, x0:x1]
            _blend(part, np.ascontiguousarray(mask[y0 - top : y1 - top, x0 - left : x1 - left]), ink)


@lru_cache(maxsize=256)
def _rendered(text: str, size: float, thickness: int) -> tuple[Image, Image, int]:
    """Masks of the letters and of their rim, both (h, w), and the row of the baseline.

    The rim is the letters grown by a pixel or two; drawing them thicker would not do, as OpenCV 5 then moves them apart.
    """
    (width, height), below = cv2.getTextSize(text, _FONT, size, thickness)
    letters = np.zeros((height + below + 2 * _RIM_PX, width + 2 * _RIM_PX), np.uint8)
    cv2.putText(letters, text, (_RIM_PX, _RIM_PX + height), _FONT, size, 255, thickness, cv2.LINE_AA)
    grow = 2 * max(1, round(1.6 * size)) + 1
    rim = cv2.dilate(letters, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (grow, grow)))
    return letters, np.asarray(rim, np.uint8), _RIM_PX + height
