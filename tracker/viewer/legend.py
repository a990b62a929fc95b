"""The panel beside the picture: events, problems, and which colour is which key point or animal. It never covers the picture."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from tracker.frame import Image
from tracker.messages import EventMessage, PoseMessage, StatusMessage
from tracker.point_colours import Colour, colour_of, dotted
from tracker.viewer.class_label import configured
from tracker.viewer.lettering import fit, measure, wrap, write
from tracker.viewer.palette import AMBER, DARK, PALE, PANEL, WHITE, YELLOW

WIDTH_SHARE = 0.46  # of the picture's height; about 25 letters
SMALLEST_WIDTH_PX = 150
_REFERENCE_PX = 560  # the height at which the sizes below are in pixels
_REFERENCE_WIDTH_PX = 230  # and the width; 25 letters
_ROW_PX = 20
_LETTERS = 0.45
_NARROWEST_COLUMN_PX = 74
_MOST_COLUMNS = 3
_SHIFT = 4
_BAR_GROUND: Colour = (58, 58, 64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One row. `index` is of a colour, None for none; `ground` lies behind the text where it stands out."""

    text: str
    colour: Colour = WHITE
    index: int | None = None
    ground: Colour | None = None
    share: float | None = None  # 0..1: how far a bar behind the text reaches
    bar: Colour = (40, 110, 150)  # of that bar


@dataclass(frozen=True, slots=True, kw_only=True)
class LegendSection:
    """Entries under a title."""

    title: str
    entries: Sequence[Entry]
    columns: bool = False  # whether they may stand side by side where there is no room below one another


def panel_width(height: int) -> int:
    """How wide the panel is beside a picture of this height, in pixels."""
    return max(SMALLEST_WIDTH_PX, round(WIDTH_SHARE * height)) // 2 * 2


def sections(
    pose: PoseMessage | None, status: StatusMessage | None, events: Sequence[EventMessage], *, names: Sequence[str], live: bool
) -> list[LegendSection]:
    """What the panel says.

    Args:
        pose: of the frame shown.
        status: the last one.
        events: the latest change of each event worth showing.
        names: key points in the bundle's order; colours go by it.
        live: whether the picture is; otherwise no event is called on.
    """
    animals = pose.animals if pose is not None else []
    several = len(animals) > 1
    found = []
    if events:
        ordered = sorted(events, key=lambda event: (event.state != "on", event.event, event.animal))
        found.append(
            LegendSection(title="events" if live else "events (not live)", entries=[_event(e, several=several, live=live) for e in ordered])
        )
    if pose is not None and (pose.scores or pose.warming or pose.no_region):
        style = configured(status.overlay if status is not None else {}).scores
        shown = pose.scores.items() if style.place == "panel" else ()
        bars = [Entry(text=f"{name} {value:.2f}", share=value, bar=style.colour) for name, value in shown]
        bars += [Entry(text=f"{name}: warming up", colour=PALE) for name in pose.warming]
        bars += [Entry(text=f"{name}: no region", colour=PALE) for name in pose.no_region]
        bars += [Entry(text=f"{name}: network not asked", colour=PALE) for name in pose.without_network]
        found += [LegendSection(title="behaviour", entries=bars)] if bars else []
    problems = [problem for problem in status.problems if problem.cause != "camera"] if status is not None else []
    if problems:
        found.append(LegendSection(title="problems", entries=[Entry(text=f"{p.cause}: {p.sentence}", colour=AMBER) for p in problems]))
    if several:
        found.append(LegendSection(title="animals", entries=[Entry(text=f"animal {a.id}", index=a.id) for a in animals], columns=True))
    elif names:
        points = [Entry(text=name, index=index) for index, name in enumerate(names)]
        found.append(LegendSection(title="key points", entries=points, columns=True))
    return found


def draw_legend(size: tuple[int, int], parts: Sequence[LegendSection], *, text_scale: float = 1.0, thickness: int = 1) -> Image:
    """Draw the panel: uint8 (h, w, 3) RGB for `size` (w, h).

    Where the rows do not fit, key points stand in up to three columns, then letters shrink; what is left out is counted.
    """
    width, height = size
    panel = np.full((height, width, 3), PANEL, np.uint8)
    scale = text_scale * min(2.0, max(0.75, min(height / _REFERENCE_PX, width / _REFERENCE_WIDTH_PX)))
    for _ in range(4):
        columns = _columns_for(width, height, parts, scale)
        if _rows(parts, columns, width, scale, thickness) * _ROW_PX * scale <= height:
            break
        scale = max(0.7 * min(1.0, text_scale), 0.85 * scale)
    _Writer(panel, scale, thickness, columns).write(parts)
    return panel


class _Writer:
    """Writes sections from the top down until there is no room."""

    def __init__(self, panel: Image, scale: float, thickness: int, columns: int) -> None:
        self._panel = panel
        self._scale = scale
        self._thickness = thickness
        self._columns = columns
        self._row_px = _ROW_PX * scale
        self._pad = round(8 * scale)
        self._row = 0.0
        self._room = int((panel.shape[0] - self._pad / 2) / self._row_px)

    def write(self, parts: Sequence[LegendSection]) -> None:
        for place, part in enumerate(parts):
            columns = self._columns if part.columns else 1
            below = sum(2 + min(3, len(other.entries)) for other in parts[place + 1 :])  # every section gets a few rows
            rows = max(1, int(self._room - self._row - 1 - below))
            self._entry(Entry(text=part.title, colour=PALE), 0, 1)
            self._row += 1
            entries = list(part.entries)
            texts = [entries] if columns > 1 else [self._wrapped(entry) for entry in entries]
            lines = entries if columns > 1 else [line for entry in texts for line in entry]
            if len(lines) > rows * columns:
                left = len(lines) - rows * columns + 1
                lines = [*lines[: rows * columns - 1], Entry(text=f"and {left} more", colour=PALE)]
            tall = -(-len(lines) // columns)
            for number, entry in enumerate(lines):
                self._entry(entry, number // tall, columns, number % tall)
            self._row += tall + 0.6

    def _wrapped(self, entry: Entry) -> list[Entry]:
        """Only what names no colour is a sentence, and may take several rows."""
        if entry.index is not None or entry.ground is not None or entry.colour != AMBER:
            return [entry]
        room = self._panel.shape[1] - 2 * self._pad
        return [Entry(text=line, colour=entry.colour) for line in wrap(entry.text, room, _LETTERS * self._scale, self._thickness)]

    def _entry(self, entry: Entry, column: int, columns: int, row: int = 0) -> None:
        wide = (self._panel.shape[1] - 2 * self._pad) // columns
        left = self._pad + column * wide
        middle = (self._row + row + 0.5) * self._row_px + self._pad / 2
        size = _LETTERS * self._scale
        foot = round(middle + measure("A", size, self._thickness)[1] / 2)
        if entry.ground is not None:
            top, bottom = round(middle - 0.44 * self._row_px), round(middle + 0.44 * self._row_px)
            cv2.rectangle(self._panel, (left - self._pad // 2, top), (left + wide, bottom), entry.ground, -1)
        if entry.share is not None:
            top, bottom = round(middle - 0.42 * self._row_px), round(middle + 0.42 * self._row_px)
            cv2.rectangle(self._panel, (left, top), (left + wide, bottom), _BAR_GROUND, -1)
            cv2.rectangle(self._panel, (left, top), (left + round(wide * min(1.0, max(0.0, entry.share))), bottom), entry.bar, -1)
        if entry.index is not None:
            radius = 5.0 * self._scale
            disc(self._panel, (left + radius, middle), radius, entry.index)
            left, wide = left + round(2 * radius + 5 * self._scale), wide - round(2 * radius + 8 * self._scale)
        text = fit(entry.text, wide, size, self._thickness)
        write(self._panel, text, (left, foot), entry.colour, size=size, thickness=self._thickness, rim=False)


def disc(canvas: Image, centre: tuple[float, float], radius: float, index: int, *, colour: Colour | None = None) -> None:
    """Fill a circle with the colour of this index, dotted where `tracker.point_colours` says so, or with `colour`."""
    place = (round(centre[0] * (1 << _SHIFT)), round(centre[1] * (1 << _SHIFT)))
    cv2.circle(canvas, place, round(radius * (1 << _SHIFT)), colour or colour_of(index), -1, cv2.LINE_AA, _SHIFT)
    if colour is None and dotted(index):
        cv2.circle(canvas, place, round(radius * 0.4 * (1 << _SHIFT)), DARK, -1, cv2.LINE_AA, _SHIFT)


def _event(event: EventMessage, *, several: bool, live: bool) -> Entry:
    name = f"{event.event} {event.animal}" if several else event.event
    if not live:
        return Entry(text=name, colour=PALE)
    if event.state == "on":
        return Entry(text=f"ON  {name}", colour=DARK, ground=YELLOW)
    return Entry(text=f"off  {name}", colour=PALE)


def _columns_for(width: int, height: int, parts: Sequence[LegendSection], scale: float) -> int:
    """As few as let everything fit; as many as leave room for a name."""
    most = max(1, min(_MOST_COLUMNS, int(width / (_NARROWEST_COLUMN_PX * scale))))
    for columns in range(1, most):
        if sum(1.6 + -(-len(part.entries) // (columns if part.columns else 1)) for part in parts) * _ROW_PX * scale <= height:
            return columns
    return most


def _rows(parts: Sequence[LegendSection], columns: int, width: int, scale: float, thickness: int) -> float:
    rows = 0.5
    for part in parts:
        if part.columns:
            rows += 1.6 + -(-len(part.entries) // columns)
        else:
            room = round(width - 16 * scale)
            rows += 1.6 + sum(
                len(wrap(entry.text, room, _LETTERS * scale, thickness)) if entry.colour == AMBER else 1 for entry in part.entries
            )
    return rows
