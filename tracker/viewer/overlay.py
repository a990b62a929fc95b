"""Draw what was tracked onto a picture. Pure: no window, no clock, no stream; the picture given is left as it is."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from tracker.frame import Image
from tracker.messages import PoseMessage, StatusMessage
from tracker.point_colours import Colour, colour_of
from tracker.viewer.class_label import PictureScale, configured, draw_label, draw_scores, label_of
from tracker.viewer.legend import disc
from tracker.viewer.lettering import blend, fit, measure, shade, write
from tracker.viewer.palette import AMBER, DARK, WHITE, YELLOW

Corner = Literal["top_left", "top_right", "bottom_left", "bottom_right"]
Place = Corner | Literal["centre"]
Points = dict[str, tuple[float | None, float | None, float | None]]
Line = tuple[str, Colour]

_ZONE: Colour = (150, 215, 255)
_SHIFT = 4  # OpenCV then takes sixteenths of a pixel
_FAR_PX = 100_000.0  # beyond this OpenCV's fixed-point coordinates overflow
_REFERENCE_PX = 480  # the height at which sizes below are in pixels
_TRAIL_STEPS = 100  # segments drawn at most; more cannot be told apart


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlaySettings:
    """What is drawn, where and how large.

    Attributes:
        confidence: key points below are not drawn.
        place: corner of the status lines.
        text_scale: 1 is legible at the picture's size.
        text_colour: of the status lines, RGB.
        thickness: of lines and letters, 1 is thin.
        zoom: the drawn picture is this much larger than the source.
        trail, zones, names: whether to draw the trail, the zones and the panel's names of key points.
        trail_points: key points that leave a trail; empty means all.
        label: left foot of the classes' label, source pixels; None: as configured.
        label_scale, label_colour, label_thickness: of its letters; None: as configured.
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
    trail_points: tuple[str, ...] = ()
    label: tuple[int, int] | None = None
    label_scale: float | None = None
    label_colour: Colour | None = None
    label_thickness: float | None = None


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
    trail: Sequence[PoseMessage] = (),
    lines: Sequence[Line] | None = None,
    settings: OverlaySettings | None = None,
) -> Image:
    """Draw zones, trails, skeleton, key points and the status lines over a copy of a picture.

    Args:
        image: uint8, (h, w) grey or (h, w, 3) RGB, in source pixels.
        pose: of this very frame.
        status: the last one; gives skeleton, zones, rates and state.
        trail: poses up to this frame, oldest first.
        lines: the status lines with their colours; None: those of a live stream.
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
    names = names_of(pose or (trail[-1] if trail else None), status)
    if settings.trail and trail:
        _trails(sheet, trail, names)
    lines_px = _lines(sheet, _health(pose, status, settings.text_colour) if lines is None else lines, settings.place)
    animals = pose.animals if pose is not None else []
    for animal in animals:  # last, so that no text ever hides the animal's points
        own = colour_of(animal.id) if len(animals) > 1 else None
        _skeleton(sheet, animal.points, status, colour=own or WHITE)
        _points(sheet, animal.points, names, colour=own)
        if own is not None:
            _tag(sheet, animal.points, f"{animal.id}", own)
    _scores(sheet, pose, status, lines_px)
    return canvas


def panel(canvas: Image, lines: Sequence[str], *, place: Place, text_scale: float = 1.0) -> None:
    """Write lines of text on a dark ground onto `canvas` (uint8 (h, w, 3) RGB) itself."""
    unit = text_scale * max(0.55, min(canvas.shape[:2]) / _REFERENCE_PX)
    _lines(_Sheet(canvas, unit, OverlaySettings()), [(line, WHITE) for line in lines], place)


def _scores(sheet: _Sheet, pose: PoseMessage | None, status: StatusMessage | None, lines_px: int) -> None:
    """What classifiers say, as the tracker has it configured, or as asked for here."""
    settings, style = sheet.settings, configured(status.overlay if status is not None else {})
    asked = {name: getattr(settings, f"label_{name}") for name in ("scale", "colour", "thickness")} | {"place": settings.label}
    label = msgspec.structs.replace(style.label, **{name: value for name, value in asked.items() if value is not None})
    scale = PictureScale(zoom=settings.zoom, unit=sheet.unit)
    draw_label(sheet.canvas, label_of(pose), label, scale, key_points=pose is not None and bool(pose.animals))
    below = lines_px if style.scores.place == settings.place else 0
    draw_scores(sheet.canvas, pose.scores if pose is not None else {}, style.scores, scale, lines_px=below)


def names_of(pose: PoseMessage | None, status: StatusMessage | None) -> list[str]:
    """Key points in the order of the bundle; colours go by it."""
    if status is not None and status.point_names:
        return list(status.point_names)
    return list(pose.animals[0].points) if pose is not None and pose.animals else []


def _copy(image: Image, zoom: float) -> Image:
    rgb = cv2.cvtColor(image, cv2.COLOR_GRAY2RGB) if image.ndim == 2 else image.copy()
    if zoom != 1.0:
        way = cv2.INTER_CUBIC if zoom > 1 else cv2.INTER_AREA
        size = (max(1, round(rgb.shape[1] * zoom)), max(1, round(rgb.shape[0] * zoom)))
        rgb = cv2.resize(rgb, size, interpolation=way)
    return np.ascontiguousarray(rgb, np.uint8)


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
        if place is not None:
            disc(sheet.canvas, sheet.at(*place), radius + 1.4 * sheet.unit, index, colour=DARK)
            disc(sheet.canvas, sheet.at(*place), radius, index, colour=colour)


def _skeleton(sheet: _Sheet, points: Points, status: StatusMessage | None, *, colour: Colour) -> None:
    for one, other in status.skeleton if status is not None else ():
        ends = [_seen(points, name, sheet.settings.confidence) for name in (one, other)]
        if ends[0] is None or ends[1] is None:
            continue
        start, end = _fixed(*sheet.at(*ends[0])), _fixed(*sheet.at(*ends[1]))
        cv2.line(sheet.canvas, start, end, DARK, sheet.line_width(3.2), cv2.LINE_AA, _SHIFT)
        cv2.line(sheet.canvas, start, end, colour, sheet.line_width(1.4), cv2.LINE_AA, _SHIFT)


def _tag(sheet: _Sheet, points: Points, text: str, colour: Colour) -> None:
    for name in points:
        place = _seen(points, name, sheet.settings.confidence)
        if place is not None:
            x, y = sheet.at(*place)
            _write(sheet, text, (round(x + 8 * sheet.unit), round(y - 8 * sheet.unit)), colour)
            return


def _trails(sheet: _Sheet, trail: Sequence[PoseMessage], names: Sequence[str]) -> None:
    """Fade the path of each chosen key point from nothing (oldest) to full (newest)."""
    steps = trail[:: -max(1, len(trail) // _TRAIL_STEPS)][::-1]
    chosen = [name for name in names if not sheet.settings.trail_points or name in sheet.settings.trail_points]
    animals = sorted({animal.id for animal in steps[-1].animals})
    for which in animals:
        for name in chosen:
            colour = colour_of(which if len(animals) > 1 else names.index(name))
            path = [_seen(_points_of(pose, which), name, sheet.settings.confidence) for pose in steps]
            _path(sheet, [sheet.at(*place) if place is not None else None for place in path], colour)


def _points_of(pose: PoseMessage, which: int) -> Points:
    return next((animal.points for animal in pose.animals if animal.id == which), {})


def _path(sheet: _Sheet, places: Sequence[tuple[float, float] | None], colour: Colour) -> None:
    """Draw on the part of the canvas that the path needs, so that many points cost little."""
    seen = [place for place in places if place is not None]
    if len(seen) < 2:
        return
    height, width = sheet.canvas.shape[:2]
    rim = 2 * sheet.line_width(2.2) + 1
    x0, y0 = (max(0, math.floor(min(axis)) - rim) for axis in zip(*seen, strict=True))
    x1, y1 = (math.ceil(max(axis)) + rim + 1 for axis in zip(*seen, strict=True))
    x1, y1 = min(width, x1), min(height, y1)
    if x1 <= x0 or y1 <= y0:
        return
    strength = np.zeros((y1 - y0, x1 - x0), np.uint8)
    for step, (before, here) in enumerate(itertools.pairwise(places), start=2):
        if before is not None and here is not None:
            ends = [_fixed(x - x0, y - y0) for x, y in (before, here)]
            cv2.line(strength, ends[0], ends[1], round(225 * step / len(places)), sheet.line_width(2.2), cv2.LINE_AA, _SHIFT)
    blend(sheet.canvas[y0:y1, x0:x1], strength, colour)


def _zone(sheet: _Sheet, zone: dict[str, Any], pose: PoseMessage | None) -> None:
    outline = np.asarray(zone.get("outline_px", ()), np.float64)
    if outline.ndim != 2 or len(outline) < 2 or not (np.abs(outline) < _FAR_PX).all():
        return
    occupied = _occupied(outline, pose, sheet.settings.confidence)
    colour = YELLOW if occupied else _ZONE
    drawn = (outline + 0.5) * sheet.settings.zoom - 0.5
    corners = np.round(drawn * (1 << _SHIFT)).astype(np.int32)
    if occupied:
        inside = np.zeros(sheet.canvas.shape[:2], np.uint8)
        cv2.fillPoly(inside, [corners], 60, cv2.LINE_AA, _SHIFT)
        blend(sheet.canvas, inside, colour)
    cv2.polylines(sheet.canvas, [corners], True, DARK, sheet.line_width(3.4), cv2.LINE_AA, _SHIFT)
    cv2.polylines(sheet.canvas, [corners], True, colour, sheet.line_width(1.6), cv2.LINE_AA, _SHIFT)
    name = str(zone.get("name", ""))
    width, height = measure(name, _letters(sheet), sheet.settings.thickness)
    left = round(drawn[:, 0].mean() - width / 2)
    _write(sheet, name, (left, round(drawn[:, 1].min() + height + 6 * sheet.unit)), colour)


def _occupied(outline: NDArray[np.float64], pose: PoseMessage | None, confidence: float) -> bool:
    contour = outline.astype(np.float32)
    places = [_seen(a.points, name, confidence) for a in (pose.animals if pose is not None else ()) for name in a.points]
    return any(place is not None and cv2.pointPolygonTest(contour, place, False) >= 0 for place in places)


def _health(pose: PoseMessage | None, status: StatusMessage | None, colour: Colour) -> list[Line]:
    """Which frame is shown, how fast the tracker is, and the counts as they stood at this very frame."""
    stamp = pose or status
    if stamp is None:
        return []
    lines = [(f"{stamp.camera}   frame {stamp.frame}", colour)]
    if status is not None:
        network = "   no network" if status.runtime == "none" else ""
        lines[0] = (f"{lines[0][0]}   {status.state.replace('_', ' ')}{network}", colour)
        latency = status.latency_ms.get("total", {})
        delay = f"   latency p50 {latency['p50']:.2f}  p99 {latency['p99']:.2f} ms" if {"p50", "p99"} <= latency.keys() else ""
        lines.append((f"{status.fps.get('published', 0.0):.1f} fps{delay}", colour))
    if pose is not None:
        counts = f"lost {pose.lost}   skipped {pose.skipped}   corrupt {pose.corrupt}"
        lines.append((counts, AMBER if pose.lost or pose.corrupt else colour))
    return lines


def _letters(sheet: _Sheet) -> float:
    return 0.5 * sheet.unit


def _write(sheet: _Sheet, text: str, foot: tuple[int, int], colour: Colour) -> None:
    write(sheet.canvas, text, foot, colour, size=_letters(sheet), thickness=sheet.settings.thickness, rim=True)


def _lines(sheet: _Sheet, lines: Sequence[Line], place: Place) -> int:
    """Write lines one under the other in a corner, on a dark ground; returns how far from the edge they reach."""
    if not lines:
        return 0
    unit, (height, width) = sheet.unit, sheet.canvas.shape[:2]
    step, pad = round(19 * unit), round(6 * unit)
    size, thickness = _letters(sheet), sheet.settings.thickness
    texts = [fit(text, width - 4 * pad, size, thickness) for text, _ in lines]
    widest = max(measure(text, size, thickness)[0] for text in texts) + 2 * pad
    tall = step * len(lines) + pad
    left = {"centre": (width - widest) // 2}.get(place, pad if place.endswith("left") else width - widest - pad)
    top = {"centre": (height - tall) // 2}.get(place, pad if place.startswith("top") else height - tall - pad)
    shade(sheet.canvas, (left, top, widest, tall))
    for row, (text, (_, colour)) in enumerate(zip(texts, lines, strict=True)):
        _write(sheet, text, (left + pad, top + pad // 2 + (row + 1) * step - round(5 * unit)), colour)
    return tall + pad
