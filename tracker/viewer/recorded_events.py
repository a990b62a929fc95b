"""The events of recordings by frame: which were on, and where each began. Pure."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tracker.messages import EventMessage

_OFF_S = 2.0  # how long an event that ended stays, as in a live view


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """An event from the frame that decided its begin up to the one that decided its end, which is not of it; by place in the video."""

    event: str
    animal: int
    begin: int
    end: int


class RecordedEvents:
    """Every change of an event, found by frame. As live: an event is on from the frame that decided it.

    Attributes:
        frames: of the recording.
        spans: from when to when each event was on.
    """

    def __init__(self, changes: Iterable[EventMessage], received_ns: NDArray[np.int64]) -> None:
        """Sort them.

        Args:
            changes: in the order of publication.
            received_ns: (frames), of every frame of the recording.
        """
        self._received_ns = received_ns
        self.frames = len(received_ns)
        self._places: dict[tuple[str, int], list[int]] = {}
        self._changes: dict[tuple[str, int], list[EventMessage]] = {}
        for change in changes:
            key = change.event, change.animal
            place = min(int(np.searchsorted(received_ns, change.received_ns)), self.frames - 1)
            self._places.setdefault(key, []).append(place)
            self._changes.setdefault(key, []).append(change)
        self.spans = sorted((span for key in self._places for span in self._spans(key)), key=lambda span: (span.begin, span.event))

    def at(self, place: int) -> list[EventMessage]:
        """The latest change of each event that is on, or ended a moment ago."""
        found = []
        for key, places in self._places.items():
            index = bisect_right(places, place) - 1
            if index < 0:
                first = self._changes[key][0]
                found += [replace(first, state="on")] if first.state == "off" else []  # it was on before the recording began
                continue
            change = self._changes[key][index]
            age_s = (int(self._received_ns[place]) - int(self._received_ns[places[index]])) / 1e9
            if change.state == "on" or age_s < _OFF_S:
                found.append(change)
        return found

    def _spans(self, key: tuple[str, int]) -> Iterable[Span]:
        begin = 0 if self._changes[key][0].state == "off" else None
        for place, change in zip(self._places[key], self._changes[key], strict=True):
            if change.state == "on":
                begin = place if begin is None else begin
            elif begin is not None:
                yield Span(event=key[0], animal=key[1], begin=begin, end=place)
                begin = None
        if begin is not None:
            yield Span(event=key[0], animal=key[1], begin=begin, end=self.frames)


class ChainedEvents:
    """The events of recordings that follow one another, each by itself: none is on across a gap.

    Attributes:
        spans: of all, by place among all frames.
    """

    def __init__(self, parts: Sequence[RecordedEvents]) -> None:
        """Put them one after the other."""
        self._parts = parts
        self._firsts = [0]
        for part in parts[:-1]:
            self._firsts.append(self._firsts[-1] + part.frames)
        self.spans = [
            replace(span, begin=span.begin + first, end=span.end + first)
            for part, first in zip(parts, self._firsts, strict=True)
            for span in part.spans
        ]
        self._begins = sorted({span.begin for span in self.spans})

    def at(self, place: int) -> list[EventMessage]:
        """The latest change of each event that is on, or ended a moment ago."""
        index = bisect_right(self._firsts, place) - 1
        return self._parts[index].at(place - self._firsts[index])

    def next_begin(self, place: int) -> int | None:
        """Where the next event begins, None after the last."""
        index = bisect_right(self._begins, place)
        return self._begins[index] if index < len(self._begins) else None

    def previous_begin(self, place: int) -> int | None:
        """Where the event before begins, None before the first."""
        index = bisect_left(self._begins, place) - 1
        return self._begins[index] if index >= 0 else None
