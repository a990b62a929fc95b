"""BORIS's tables of events as bouts: tabular (a row for each start and stop) and aggregated (a row for each bout)."""

import itertools
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from trainer.errors import LabelError
from trainer.ethogram.boris_rows import (
    POINT,
    START,
    STOP,
    BorisEvent,
    boris_columns,
    boris_event,
    boris_header,
    boris_rows,
    files_of_first_player,
    first_player,
    numbers_in,
    offset_s,
)
from trainer.ethogram.bouts import Bout, Ethogram, ethogram
from trainer.ethogram.read_options import Reading, ReadOptions, agreed_fps

NO_SUBJECT = "No focal subject"
_STOPPED_BEFORE_S = 0.001  # BORIS ends a class that excludes the next one so long before it
FASTEST_FOR_MS = 1000.0  # frames per second; above, a time in milliseconds does not tell one frame from the next
_EXACT_FPS = 500.0  # above, a millisecond may be a frame of its own
_SAME_RATE = 1e-5  # 29.97 and 30000/1001 are one: over an hour they differ by less than a frame
_SAME_LENGTH = 0.01  # of two players that show the same moments


@dataclass(frozen=True, slots=True, kw_only=True)
class _Observation:
    """What is said of one observation and subject.

    Attributes:
        where: for sentences.
        video, subject, fps: as in `Ethogram`.
        length_s: of the video; None where it is not known.
        one_file: whether the numbers of its images are those of the whole video's frames.
        mended: grows while its events are read.
    """

    where: str
    video: str
    subject: str
    fps: float
    length_s: float | None
    one_file: bool
    mended: list[str]


@dataclass(frozen=True, slots=True)
class _Part:
    """The rows of one observation and subject, and their events."""

    rows: list[dict[str, str]] = field(default_factory=list)
    events: list[BorisEvent] = field(default_factory=list)


def read_boris(path: Path, rows: Sequence[Sequence[str]], asked: ReadOptions) -> Reading:
    """Read events of any number of observations and subjects. Classes that are asked for are listed too, before those that are on.

    Raises:
        LabelError: a state that is not closed, or closed without a start; a time that is none; frame rates that contradict each
            other, or none; a behaviour twice at once.
    """
    head = boris_header(rows)
    if head is None:
        raise LabelError(f"{path}: is no BORIS table; expected a header with 'Behavior' and 'Time' or 'Start (s)'")
    places = boris_columns(path, head, rows[head])
    aggregated = "start" in places
    mended: list[str] = []
    parts: dict[tuple[str, str], _Part] = defaultdict(_Part)
    for line, cells in boris_rows(path, rows, head, places):
        part = parts[cells.get("observation", ""), _subject(cells.get("subject", ""))]
        part.rows.append(cells)
        part.events.append(boris_event(path, line, cells, aggregated=aggregated))
    if not parts:
        raise LabelError(f"{path}: holds a header and no event; expected at least one")
    names: list[str] = list(dict.fromkeys([*asked.class_names, *(event.name for part in parts.values() for event in part.events)]))
    ethograms = []
    for key, part in parts.items():
        about = _observation(path, key, part, asked)
        ethograms.append(_ethogram(path, about, part.events if aggregated else _closed(path, part.events), names))
        mended += about.mended
    kind = f"BORIS {'aggregated' if aggregated else 'tabular'} events"
    return Reading(path=path, kind=kind, ethograms=tuple(ethograms), mended=tuple(mended))


def _observation(path: Path, key: tuple[str, str], part: _Part, asked: ReadOptions) -> _Observation:
    video, subject = key
    mended = list[str]()
    where = f"{path}{f', {video}' if video else ''}"
    fps = _rate(path, f": observation '{video}'" if video else "", part.rows, asked)
    offsets = {offset_s(row) for row in part.rows} - {0.0}
    if offsets:
        mended.append(f"{where}: a time offset of {sorted(offsets)[0]:g} s, which BORIS adds to every time, was taken off")
    length_s, one_file = _length(where, part, mended)
    if asked.frames is not None:
        length_s = asked.frames / fps
    return _Observation(where=where, video=video, subject=subject, fps=fps, length_s=length_s, one_file=one_file, mended=mended)


def _rate(path: Path, where: str, rows: Sequence[Mapping[str, str]], asked: ReadOptions) -> float:
    """The frame rate of the first player's videos."""
    rates = sorted({rate for row in rows for rate in numbers_in(first_player(row.get("fps", "")))})
    if rates and rates[-1] - rates[0] > _SAME_RATE * rates[0]:
        raise LabelError(
            f"{path}{where}: has frame rates of {' and '.join(f'{rate:g}' for rate in rates)} per second, so that its times stand "
            "for no certain frame; export each video as an observation of its own"
        )
    exact = max(rates, key=lambda rate: len(repr(rate)), default=None)
    fps = agreed_fps(path, exact, asked.fps, where=where)
    if fps is None:
        raise LabelError(f"{path}{where}: says no frame rate, and its times are in seconds; give it with --fps")
    return fps


def _length(where: str, part: _Part, mended: list[str]) -> tuple[float | None, bool]:
    """Length of the video in seconds, and whether it is one file. Players stand beside one another; a player's files follow each other."""
    row, last_s = part.rows[0], max(event.stop_s for event in part.events)
    cell, files = row.get("length", ""), files_of_first_player(row.get("source", ""))
    lengths = numbers_in(first_player(cell))
    if files is not None:
        lengths = lengths[:files]
    elif "|" not in cell and len(lengths) > 1 and max(lengths) - min(lengths) <= _SAME_LENGTH * max(lengths) and last_s <= max(lengths):
        mended.append(
            f"{where}: names {len(lengths)} media of the same length and not whether they follow one another; read as views of the same "
            f"{lengths[0]:g} s (if they follow one another, say how long they are with --frames)"
        )
        lengths = lengths[:1]
    return (sum(lengths) if lengths else None), (files or len(lengths)) <= 1


def _ethogram(path: Path, about: _Observation, events: Sequence[BorisEvent], names: Sequence[str]) -> Ethogram:
    events, mended = _with_frames(about, events), about.mended
    if about.fps > FASTEST_FOR_MS and all(event.start_frame is None and _in_milliseconds(event) for event in events):
        raise LabelError(
            f"{path}: has times in milliseconds for {about.fps:g} frames per second, which do not tell one frame from the next; "
            "export frame numbers, or times with more digits"
        )
    events = _joined(about, events)
    short = sum(event.kind != POINT and _frames(event, about.fps)[0] == _frames(event, about.fps)[1] for event in events)
    if short:
        mended.append(f"{about.where}: {short} bouts are shorter than a frame; read as one frame each")
    points = sum(event.kind == POINT for event in events)
    if points:
        mended.append(f"{about.where}: {points} point events have no length; read as one frame each")
    bouts = _bouts(path, about, events)
    frames, last = round(about.length_s * about.fps) if about.length_s else 0, max(bout.end for bout in bouts)
    if 0 < frames < last:
        mended.append(f"{about.where}: its labels run {last - frames} frames past the {frames} of the video; they were kept")
    one = ethogram(names, bouts, where=about.where, frames=frames, fps=about.fps, video=about.video, subject=about.subject)
    return replace(one, lists_classes=False)


def _with_frames(about: _Observation, events: Sequence[BorisEvent]) -> list[BorisEvent]:
    """Events with the frames that BORIS noted, where these are the video's; without any otherwise."""
    noted = [
        abs(frame - time * about.fps)
        for event in events
        for frame, time in ((event.start_frame, event.start_s), (event.stop_frame, event.stop_s))
        if frame is not None
    ]
    if not noted:
        return list(events)
    if about.one_file and max(noted) <= 1:
        return list(events)
    why = "they are those of several files" if not about.one_file else f"they lie up to {max(noted):.0f} frames from its times"
    about.mended.append(f"{about.where}: the numbers of images were left aside, since {why}; the times were believed")
    return [replace(event, start_frame=None, stop_frame=None) for event in events]


def _closed(path: Path, events: Sequence[BorisEvent]) -> list[BorisEvent]:
    """Starts and stops as whole bouts."""
    bouts, running = list[BorisEvent](), dict[str, BorisEvent]()
    for _, at_once in itertools.groupby(sorted(events, key=lambda each: each.start_s), key=lambda each: each.start_s):
        waiting = list(at_once)
        while waiting:  # at one time, first what can be: a stop of what goes on, a start of what does not
            event = next((each for each in waiting if (each.kind == STOP) == (each.name in running)), waiting[0])
            event = next((each for each in waiting if each.kind == STOP and each.name in running), event)
            waiting.remove(event)
            if event.kind == POINT:
                bouts.append(event)
            elif event.kind == START:
                _refuse_twice(path, event, running.get(event.name))
                running[event.name] = event
            else:
                bouts.append(_ended(path, running.pop(event.name, None), event))
    if running:
        one = next(iter(running.values()))
        more = f", and {len(running) - 1} others" if len(running) > 1 else ""
        raise LabelError(
            f"{path}:{one.line}: '{one.name}' starts at {one.start_s:g} s and never stops{more}; close it in BORIS and export again"
        )
    return bouts


def _refuse_twice(path: Path, event: BorisEvent, before: BorisEvent | None) -> None:
    if before is not None:
        raise LabelError(
            f"{path}:{event.line}: '{event.name}' starts at {event.start_s:g} s while that of row {before.line} "
            f"({before.start_s:g} s) goes on; close it in BORIS and export again"
        )


def _ended(path: Path, start: BorisEvent | None, stop: BorisEvent) -> BorisEvent:
    if start is None:
        raise LabelError(
            f"{path}:{stop.line}: '{stop.name}' stops at {stop.start_s:g} s and was not started; mend it in BORIS and export again"
        )
    return replace(start, kind="STATE", stop_s=stop.start_s, stop_frame=stop.start_frame)


def _joined(about: _Observation, events: Sequence[BorisEvent]) -> list[BorisEvent]:
    """Stops that stand a millisecond before another class's start, put at that start where BORIS must have set them.

    Above 500 frames per second a millisecond may be a frame that was meant. There, a stop without the number of an image, where others
    have one, is BORIS's own; others are left, and it is said.
    """
    starts = {round(event.start_s * 1000): event for event in events if event.kind != POINT}
    numbered = any(event.stop_frame is not None for event in events)
    result, joined, left = [], 0, 0
    for event in events:
        following = starts.get(round((event.stop_s + _STOPPED_BEFORE_S) * 1000))
        if event.kind != POINT and following is not None and following is not event and following.start_s > event.stop_s:
            if about.fps <= _EXACT_FPS or (numbered and event.stop_frame is None):
                event, joined = replace(event, stop_s=following.start_s, stop_frame=following.start_frame), joined + 1
            elif round(event.stop_s * 1000) not in starts:
                left += 1
        result.append(event)
    if joined:
        about.mended.append(
            f"{about.where}: {joined} bouts stop 1 ms before the next class starts; read as stopping with its start, "
            "so that no frame is lost"
        )
    if left:
        about.mended.append(
            f"{about.where}: {left} bouts stop 1 ms before the next class starts, which at {about.fps:g} frames per second may be a frame "
            "that was meant; they were left so: where BORIS ended them for the next class, that frame has no class"
        )
    return result


def _bouts(path: Path, about: _Observation, events: Sequence[BorisEvent]) -> list[Bout]:
    """One for each event, but for those of a frame or less that lie in a frame of another bout of their class."""
    found: list[tuple[Bout, BorisEvent, bool]] = []
    within = 0
    for event in sorted(events, key=lambda each: (each.name, *_frames(each, about.fps), each.line)):
        first, end = _frames(event, about.fps)
        bout, instant = Bout(first=first, end=max(first + 1, end), name=event.name), event.kind == POINT or end <= first
        before = found[-1] if found and found[-1][0].name == event.name and found[-1][0].end > first else None
        if before is None:
            found.append((bout, event, instant))
        elif instant or before[2]:
            within += 1
            found[-1] = before if instant else (bout, event, instant)
        else:
            raise LabelError(
                f"{path}:{event.line}: the bout of '{event.name}' from frame {first} to before {end} begins before that of row "
                f"{before[1].line}, from frame {before[0].first}, has ended (before {before[0].end}); end one of the two first"
            )
    if within:
        about.mended.append(f"{about.where}: {within} bouts of a frame or less lie in a frame of another of their class; the two are one")
    return [bout for bout, *_ in found]


def _frames(event: BorisEvent, fps: float) -> tuple[int, int]:
    """First frame and the first after it: those that were noted, or those that begin nearest to the times."""
    first = _frame(event.start_s, fps) if event.start_frame is None else event.start_frame
    return first, max(first, _frame(event.stop_s, fps) if event.stop_frame is None else event.stop_frame)


def _frame(seconds: float, fps: float) -> int:
    """The frame that begins nearest to a time: times are rounded, frame by frame coding stands at the frames' beginnings."""
    return math.floor(seconds * fps + 0.5)


def _in_milliseconds(event: BorisEvent) -> bool:
    return all(abs(time * 1000 - round(time * 1000)) < 1e-6 for time in (event.start_s, event.stop_s))


def _subject(cell: str) -> str:
    return "" if cell == NO_SUBJECT else cell
