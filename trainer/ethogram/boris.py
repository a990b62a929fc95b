"""BORIS's tables of events: tabular (a row for each start and stop) and aggregated (a row for each bout)."""

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from trainer.errors import LabelError
from trainer.ethogram.bouts import Bout, Ethogram, ethogram
from trainer.ethogram.read_options import Reading, ReadOptions, agreed_fps

NO_SUBJECT = "No focal subject"
START, STOP, _POINT = "START", "STOP", "POINT"
_STOPPED_BEFORE_S = 0.001  # BORIS ends a class that excludes the next one so long before it
FASTEST_FOR_MS = 1000.0  # frames per second; above, a time in milliseconds does not tell one frame from the next
_EXACT_FPS = 500.0  # above, a millisecond may be a frame of its own

_COLUMNS = {
    "observation": ("observation id",),
    "length": ("media duration (s)", "total length", "observation duration"),
    "fps": ("fps", "fps (frame/s)"),
    "subject": ("subject",),
    "behaviour": ("behavior", "behaviour"),
    "modifiers": ("modifiers", "modifier"),
    "type": ("behavior type", "status", "type"),
    "time": ("time",),
    "start": ("start (s)",),
    "stop": ("stop (s)",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Event:
    """One bout in seconds, or one row of a bout that is not whole yet."""

    line: int
    name: str
    kind: str
    start_s: float
    stop_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Observation:
    observation: str
    subject: str
    fps: float
    length_s: float | None


def boris_header(rows: Sequence[Sequence[str]]) -> int | None:
    """Which row is the header of a table of events; None where none is."""
    for place, row in enumerate(rows[:60]):
        names = [cell.strip().lower() for cell in row]
        if any(name in names for name in _COLUMNS["behaviour"]) and ("start (s)" in names or ("time" in names and len(names) > 4)):
            return place
    return None


def read_boris(path: Path, rows: Sequence[Sequence[str]], asked: ReadOptions) -> Reading:
    """Read events of any number of observations and subjects.

    Raises:
        LabelError: a state that is not closed, or closed without a start; a time that is none; frame rates that contradict each
            other, or none; a behaviour twice at once.
    """
    head = boris_header(rows)
    if head is None:
        raise LabelError(f"{path}: is no BORIS table; expected a header with 'Behavior' and 'Time' or 'Start (s)'")
    places = _places(path, head, rows[head])
    above = {row[0].strip().lower(): row[1].strip() for row in rows[:head] if len(row) > 1 and row[0].strip()}
    aggregated = "start" in places
    mended: list[str] = []
    events: dict[tuple[str, str], list[_Event]] = defaultdict(list)
    said: dict[tuple[str, str], list[dict[str, str]]] = defaultdict(list)
    for line, cells in _lines(path, rows, head, places):
        key = cells.get("observation") or above.get("observation id", ""), _subject(cells.get("subject", ""))
        said[key].append(cells)
        events[key].append(_event(f"{path}:{line}", line, cells, aggregated=aggregated))
    if not events:
        raise LabelError(f"{path}: holds a header and no event; expected at least one")
    names: list[str] = list(dict.fromkeys(event.name for part in events.values() for event in part))
    ethograms = tuple(
        _ethogram(path, _observation(path, key, said[key], asked), part, names, aggregated=aggregated, mended=mended)
        for key, part in events.items()
    )
    kind = f"BORIS {'aggregated' if aggregated else 'tabular'} events"
    return Reading(path=path, kind=kind, ethograms=ethograms, mended=tuple(mended))


def _places(path: Path, head: int, header: Sequence[str]) -> dict[str, int]:
    names = [cell.strip().lower() for cell in header]
    places = {what: names.index(title) for what, titles in _COLUMNS.items() for title in reversed(titles) if title in names}
    if "start" in places and "stop" not in places:
        raise LabelError(f"{path}:{head + 1}: has a column 'Start (s)' and none 'Stop (s)'; export the aggregated events again")
    if "start" not in places and "type" not in places:
        raise LabelError(
            f"{path}:{head + 1}: has no column 'Behavior type' or 'Status' that tells START from STOP; export the events again"
        )
    return places


def _lines(path: Path, rows: Sequence[Sequence[str]], head: int, places: Mapping[str, int]) -> Iterator[tuple[int, dict[str, str]]]:
    for place, row in enumerate(rows[head + 1 :], head + 1):
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(rows[head]):
            raise LabelError(
                f"{path}:{place + 1}: has {len(row)} cells, the header {len(rows[head])}; expected as many: the file is cut or changed"
            )
        yield place + 1, {what: row[column].strip() for what, column in places.items()}


def _event(where: str, line: int, cells: Mapping[str, str], *, aggregated: bool) -> _Event:
    name, modifiers = cells["behaviour"], cells.get("modifiers", "")
    if not name:
        raise LabelError(f"{where}: has no behaviour; name it or delete the row")
    if modifiers and modifiers.lower() not in ("none", "na"):
        name = f"{name} ({modifiers})"
    kind = cells.get("type", "STATE").upper()
    allowed = ("STATE", _POINT) if aggregated else (START, STOP, _POINT)
    if kind not in allowed:
        raise LabelError(f"{where}: the type of '{name}' is '{cells.get('type')}'; expected {' or '.join(allowed)}")
    if not aggregated:
        time = _seconds(cells["time"], where)
        return _Event(line=line, name=name, kind=kind, start_s=time, stop_s=time)
    start = _seconds(cells["start"], where)
    if kind == _POINT:
        return _Event(line=line, name=name, kind=kind, start_s=start, stop_s=start)
    if cells["stop"].lower() in ("", "na", "nan"):
        raise LabelError(f"{where}: '{name}' starts at {start:g} s and has no stop; close it in BORIS and export again")
    stop = _seconds(cells["stop"], where)
    if stop < start:
        raise LabelError(f"{where}: '{name}' stops at {stop:g} s, before its start at {start:g} s; mend it in BORIS and export again")
    return _Event(line=line, name=name, kind=kind, start_s=start, stop_s=stop)


def _seconds(cell: str, where: str) -> float:
    match = re.fullmatch(r"(?:(\d+):)?(\d+):(\d+(?:[.,]\d+)?)", cell)
    if match:
        hours, minutes, seconds = match.groups()
        return int(hours or 0) * 3600 + int(minutes) * 60 + float(seconds.replace(",", "."))
    try:
        time = float(cell.replace(",", "."))
    except ValueError:
        time = math.nan
    if not 0 <= time < 1e8:
        raise LabelError(f"{where}: the time is '{cell}'; expected seconds from the start of the video")
    return time


def _observation(path: Path, key: tuple[str, str], rows: Sequence[Mapping[str, str]], asked: ReadOptions) -> _Observation:
    observation, subject = key
    where = f": observation '{observation}'" if observation else ""
    rates = {rate for row in rows for rate in _numbers(row.get("fps", ""))}
    if len(rates) > 1:
        raise LabelError(
            f"{path}{where}: has frame rates of {' and '.join(f'{rate:g}' for rate in sorted(rates))} per second, so that its times stand "
            "for no certain frame; export each video as an observation of its own"
        )
    fps = agreed_fps(path, rates.pop() if rates else None, asked.fps, where=where)
    if fps is None:
        raise LabelError(f"{path}{where}: says no frame rate, and its times are in seconds; give it with --fps")
    lengths = _numbers(rows[0].get("length", ""))
    length = sum(lengths) if lengths else None
    if asked.frames is not None:
        length = asked.frames / fps
    return _Observation(observation=observation, subject=subject, fps=fps, length_s=length)


def _ethogram(
    path: Path,
    about: _Observation,
    events: Sequence[_Event],
    names: Sequence[str],
    *,
    aggregated: bool,
    mended: list[str],
) -> Ethogram:
    bouts_s = list(events) if aggregated else _closed(path, events)
    if about.fps > FASTEST_FOR_MS and all(_in_milliseconds(event) for event in bouts_s):
        raise LabelError(
            f"{path}: has times in milliseconds for {about.fps:g} frames per second, which do not tell one frame from the next; "
            "export frame numbers, or times with more digits"
        )
    where = f"{path}{f', {about.observation}' if about.observation else ''}"
    if about.fps <= _EXACT_FPS:
        bouts_s, joined = _joined(bouts_s)
        if joined:
            mended.append(
                f"{where}: {joined} bouts stop 1 ms before the next class starts; read as stopping with its start, so that no frame is lost"
            )
    bouts = [_bout(event, about.fps) for event in bouts_s]
    short = sum(event.kind != _POINT and _frame(event.start_s, about.fps) == _frame(event.stop_s, about.fps) for event in bouts_s)
    if short:
        mended.append(f"{where}: {short} bouts are shorter than a frame; read as one frame each")
    points = sum(event.kind == _POINT for event in bouts_s)
    if points:
        mended.append(f"{where}: {points} point events have no length; read as one frame each")
    frames, last = round(about.length_s * about.fps) if about.length_s else 0, max(bout.end for bout in bouts)
    if 0 < frames < last:
        mended.append(f"{where}: its labels run {last - frames} frames past the {frames} of the video; they were kept")
    return ethogram(names, bouts, where=where, frames=frames, fps=about.fps, video=about.observation, subject=about.subject)


def _closed(path: Path, events: Sequence[_Event]) -> list[_Event]:
    """Starts and stops as whole bouts."""
    bouts, running = [], dict[str, _Event]()
    # exported rows stand in order of time; a stop at the time of a start comes first
    for event in sorted(events, key=lambda each: (each.start_s, each.kind != STOP)):
        if event.kind == _POINT:
            bouts.append(event)
        elif event.kind == START:
            if event.name in running:
                before = running[event.name]
                raise LabelError(
                    f"{path}:{event.line}: '{event.name}' starts at {event.start_s:g} s while that of row {before.line} "
                    f"({before.start_s:g} s) goes on; close it in BORIS and export again"
                )
            running[event.name] = event
        elif event.name not in running:
            raise LabelError(
                f"{path}:{event.line}: '{event.name}' stops at {event.start_s:g} s and was not started; mend it in BORIS and export again"
            )
        else:
            bouts.append(replace(running.pop(event.name), kind="STATE", stop_s=event.start_s))
    if running:
        one = next(iter(running.values()))
        more = f", and {len(running) - 1} others" if len(running) > 1 else ""
        raise LabelError(
            f"{path}:{one.line}: '{one.name}' starts at {one.start_s:g} s and never stops{more}; close it in BORIS and export again"
        )
    return bouts


def _joined(events: Sequence[_Event]) -> tuple[list[_Event], int]:
    """Stops that stand a millisecond before another class's start, put at that start; and how many."""
    starts = {round(event.start_s * 1000): event for event in events if event.kind != _POINT}
    result, count = [], 0
    for event in events:
        following = starts.get(round((event.stop_s + _STOPPED_BEFORE_S) * 1000))
        if event.kind != _POINT and following is not None and following is not event and following.start_s > event.stop_s:
            event, count = replace(event, stop_s=following.start_s), count + 1
        result.append(event)
    return result, count


def _bout(event: _Event, fps: float) -> Bout:
    first = _frame(event.start_s, fps)
    return Bout(first=first, end=max(first + 1, _frame(event.stop_s, fps)), name=event.name)


def _frame(seconds: float, fps: float) -> int:
    """The frame that begins nearest to a time: times are rounded, frame by frame coding stands at the frames' beginnings."""
    return math.floor(seconds * fps + 0.5)


def _in_milliseconds(event: _Event) -> bool:
    return all(abs(time * 1000 - round(time * 1000)) < 1e-6 for time in (event.start_s, event.stop_s))


def _numbers(cell: str) -> list[float]:
    """Numbers of a cell, which holds one for each of several media files."""
    return [float(number) for number in re.findall(r"\d+(?:\.\d+)?", cell.replace(",", "."))] if cell.lower() not in ("", "na") else []


def _subject(cell: str) -> str:
    return "" if cell == NO_SUBJECT else cell
