"""The rows of BORIS's tables: where the header is, which column means what, and what stands in the cells."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from trainer.errors import LabelError

START, STOP, POINT = "START", "STOP", "POINT"
_MODIFIERS = "modifiers"
_COLUMNS = {
    "observation": ("observation id",),
    "length": ("media duration (s)", "total length", "observation duration"),
    "fps": ("fps", "fps (frame/s)"),
    "source": ("source", "media file(s)"),
    "offset": ("time offset (s)", "time offset"),
    "subject": ("subject",),
    "behaviour": ("behavior", "behaviour"),
    "type": ("behavior type", "status", "type"),
    "time": ("time",),
    "start": ("start (s)",),
    "stop": ("stop (s)",),
    "index": ("image index",),
    "start index": ("image index start",),
    "stop index": ("image index stop",),
}
_NOTHING = ("", "none", "na", "nan")
_PLAYER = re.compile(r"\|?\s*player #\d+:", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class BorisEvent:
    """One bout in seconds of the video, or one row of a bout that is not whole yet.

    Attributes:
        line: of the file, counted from 1.
        name: of the class, with its modifiers.
        kind: START, STOP, POINT or STATE.
        start_s, stop_s: the same, of one row of a tabular export.
        start_frame, stop_frame: the video's frames that BORIS says it showed then, from 0; None where it says none.
    """

    line: int
    name: str
    kind: str
    start_s: float
    stop_s: float
    start_frame: int | None = None
    stop_frame: int | None = None


def boris_header(rows: Sequence[Sequence[str]]) -> int | None:
    """Which row is the header of a table of events; None where none is."""
    for place, row in enumerate(rows[:60]):
        names = [cell.strip().lower() for cell in row]
        if any(name in names for name in _COLUMNS["behaviour"]) and ("start (s)" in names or ("time" in names and len(names) > 4)):
            return place
    return None


def boris_columns(path: Path, head: int, header: Sequence[str]) -> dict[str, list[int]]:
    """The columns of each thing; several of the modifiers.

    Raises:
        LabelError: a column is missing without which events cannot be read.
    """
    names = [cell.strip().lower() for cell in header]
    places = {what: [names.index(title)] for what, titles in _COLUMNS.items() for title in reversed(titles) if title in names}
    places[_MODIFIERS] = [place for place, name in enumerate(names) if re.fullmatch(r"modifiers?|modifier #\d+", name)]
    if "start" in places and "stop" not in places:
        raise LabelError(f"{path}:{head + 1}: has a column 'Start (s)' and none 'Stop (s)'; export the aggregated events again")
    if "start" not in places and "type" not in places:
        raise LabelError(
            f"{path}:{head + 1}: has no column 'Behavior type' or 'Status' that tells START from STOP; export the events again"
        )
    return places


def boris_rows(
    path: Path, rows: Sequence[Sequence[str]], head: int, places: Mapping[str, Sequence[int]]
) -> Iterator[tuple[int, dict[str, str]]]:
    """Line and cells of every row below the header that is not empty; what stands above the header counts for all of them.

    Raises:
        LabelError: while rows are taken, one with more or fewer cells than the header.
    """
    above = {row[0].strip().lower(): row[1].strip() for row in rows[:head] if len(row) > 1 and row[0].strip()}
    of_all = {what: above[title] for what in ("observation", "offset") for title in reversed(_COLUMNS[what]) if title in above}
    for place, row in enumerate(rows[head + 1 :], head + 1):
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(rows[head]):
            raise LabelError(
                f"{path}:{place + 1}: has {len(row)} cells, the header {len(rows[head])}; expected as many: the file is cut or changed"
            )
        cells = {what: "|".join(row[column].strip() for column in columns) for what, columns in places.items()}
        yield place + 1, of_all | {what: cell for what, cell in cells.items() if cell or what not in of_all}


def boris_event(path: Path, line: int, cells: Mapping[str, str], *, aggregated: bool) -> BorisEvent:
    """The event of a row. BORIS adds an observation's time offset to every time, so that it is taken off here.

    Raises:
        LabelError: no behaviour, another type than there is, a time that is none, or a state that ends before it begins.
    """
    where, name = f"{path}:{line}", cells["behaviour"]
    if not name:
        raise LabelError(f"{where}: has no behaviour; name it or delete the row")
    modifiers = "|".join(part for part in cells.get(_MODIFIERS, "").split("|") if part.strip().lower() not in _NOTHING)
    if modifiers:
        name = f"{name} ({modifiers})"
    kind = cells.get("type", "STATE").upper()
    allowed = ("STATE", POINT) if aggregated else (START, STOP, POINT)
    if kind not in allowed:
        raise LabelError(f"{where}: the type of '{name}' is '{cells.get('type')}'; expected {' or '.join(allowed)}")
    if not aggregated or kind == POINT:
        time, frame = _seconds(cells, "start" if aggregated else "time", where), _index(cells, "start index" if aggregated else "index")
        return BorisEvent(line=line, name=name, kind=kind, start_s=time, stop_s=time, start_frame=frame, stop_frame=frame)
    start = _seconds(cells, "start", where)
    if cells["stop"].lower() in ("", "na", "nan"):
        raise LabelError(f"{where}: '{name}' starts at {start:g} s and has no stop; close it in BORIS and export again")
    stop = _seconds(cells, "stop", where)
    if stop < start:
        raise LabelError(f"{where}: '{name}' stops at {stop:g} s, before its start at {start:g} s; mend it in BORIS and export again")
    frames = _index(cells, "start index"), _index(cells, "stop index")
    return BorisEvent(line=line, name=name, kind=kind, start_s=start, stop_s=stop, start_frame=frames[0], stop_frame=frames[1])


def offset_s(cells: Mapping[str, str]) -> float:
    """The time offset of a row's observation, 0 where there is none."""
    offset = _number(cells.get("offset", ""))
    return offset if math.isfinite(offset) else 0.0


def first_player(cell: str) -> str:
    """What a cell says of the first of several players, which show the same moments beside one another."""
    parts = [part.strip() for part in _PLAYER.split(cell) if part.strip()]
    return parts[0].split("|")[0] if parts else ""


def files_of_first_player(source: str) -> int | None:
    """How many videos the first player shows, one after the other; None where the source does not name players."""
    if not _PLAYER.search(source):
        return None
    return sum(bool(name.strip()) for name in first_player(source).split(";"))


def numbers_in(cell: str) -> list[float]:
    """Numbers of a cell, which holds one for each of several media files."""
    return [float(number) for number in re.findall(r"\d+(?:\.\d+)?", cell.replace(",", "."))] if cell.lower() not in _NOTHING else []


def _seconds(cells: Mapping[str, str], what: str, where: str) -> float:
    """A time in the video."""
    offset = offset_s(cells)
    time = _number(cells[what]) - offset
    if -1e-6 < time < 0:
        return 0.0
    if not 0 <= time < 1e8:
        less = f", less the time offset of {offset:g} s" if offset else ""
        raise LabelError(f"{where}: the time is '{cells[what]}'{less}; expected seconds from the start of the video")
    return round(time, 9)


def _number(cell: str) -> float:
    """Seconds of a number, or of hours, minutes and seconds; NaN where it is neither."""
    match = re.fullmatch(r"(-?)(?:(\d+):)?(\d+):(\d+(?:[.,]\d+)?)", cell)
    if match:
        sign, hours, minutes, seconds = match.groups()
        return (-1 if sign else 1) * (int(hours or 0) * 3600 + int(minutes) * 60 + float(seconds.replace(",", ".")))
    try:
        return float(cell.replace(",", "."))
    except ValueError:
        return math.nan


def _index(cells: Mapping[str, str], what: str) -> int | None:
    cell = cells.get(what, "")
    return int(float(cell)) if re.fullmatch(r"\d{1,9}(\.0+)?", cell) else None
