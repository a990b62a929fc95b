"""Events as bouts: each "on" with the "off" that ended it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.export.session_poses import SessionPoses
from tracker.export.spans import Span, spans

_Row = dict[str, Any]  # of events.arrows
_LOOK_BACK = 1024  # frames, then twice as many, and so on


@dataclass(frozen=True, slots=True, kw_only=True)
class Bout:
    """A stretch of time in which an event was on, as far as it lies in the session. Times are ns of the host's monotonic clock.

    Attributes:
        span: the session, which of several may be any.
        event: its name.
        animal: its number, from 0.
        on: the row of events.arrows that began it, None for one that was on before the session began.
        off: the row that ended it, None for one that was on when the session ended.
        on_frame: place among the session's frames of the one that decided it, None where that is not in the video.
        off_frame: likewise.
        onset_ns: when the first frame came that met the rule; later ones were needed to decide. None where it is not in the video.
    """

    span: Span
    event: str
    animal: int
    on: dict[str, Any] | None
    off: dict[str, Any] | None
    on_frame: int | None
    off_frame: int | None
    onset_ns: int | None

    @property
    def duration_s(self) -> float | None:
        """From frame to frame; None where its beginning or end is not known."""
        return None if self.on is None or self.off is None else float((self.off["received_ns"] - self.on["received_ns"]) / 1e9)

    def begin_s(self, poses: SessionPoses) -> float:
        """When it began, in seconds of the export; of one that was on before, when its session began."""
        return self.span.begin_s if self.on is None else float(poses.time_s(self.on["received_ns"]))


def session_bouts(poses: SessionPoses) -> list[Bout]:
    """Every bout of a session, in the order of their beginnings. Of several sessions, none goes on from one to the next.

    A recording keeps the changes of the moments around it too, such as a bout that ended before its first frame: one that lies wholly
    outside the session is left out, and of one that reaches into it the change outside is None.
    """
    bouts = [
        _bout(poses, span, on, off)
        for span in spans(poses)
        for on, off in _pairs(span.part.events().to_pylist())
        if not _outside(poses.received_ns[span.first : span.end], on, off)
    ]
    return sorted(bouts, key=lambda bout: bout.begin_s(poses))


def _pairs(rows: list[_Row]) -> Iterator[tuple[_Row | None, _Row | None]]:
    """Each "on" with its "off", either of which may be missing."""
    open_rows: dict[tuple[str, int], _Row] = {}
    for row in rows:
        key = (row["event"], row["animal"])
        if row["state"] == "on":
            unended = open_rows.pop(key, None)
            if unended is not None:
                yield unended, None
            open_rows[key] = row
        else:
            yield open_rows.pop(key, None), row
    for row in open_rows.values():
        yield row, None


def _outside(received_ns: NDArray[np.int64], on: _Row | None, off: _Row | None) -> bool:
    ended_before = off is not None and off["received_ns"] < received_ns[0]
    return ended_before or (on is not None and bool(on["received_ns"] > received_ns[-1]))


def _bout(poses: SessionPoses, span: Span, on: _Row | None, off: _Row | None) -> Bout:
    known = on or off or {}
    if on is not None and on["received_ns"] < poses.received_ns[span.first]:
        on = None
    if off is not None and off["received_ns"] > poses.received_ns[span.end - 1]:
        off = None
    on_frame = None if on is None else _frame_at(poses.received_ns, on["received_ns"])
    onset = None if on is None or on_frame is None else _number_before(poses.camera_frame, span.first, on_frame, on["onset_frame"])
    return Bout(
        span=span,
        event=known["event"],
        animal=known["animal"],
        on=on,
        off=off,
        on_frame=on_frame,
        off_frame=None if off is None else _frame_at(poses.received_ns, off["received_ns"]),
        onset_ns=None if onset is None else int(poses.received_ns[onset]),
    )


def _frame_at(received_ns: NDArray[np.int64], time_ns: int) -> int | None:
    place = int(np.searchsorted(received_ns, time_ns))
    return place if place < len(received_ns) and received_ns[place] == time_ns else None


def _number_before(camera_frame: NDArray[np.int64], first: int, last: int, number: int) -> int | None:
    """Place of the last frame from `first` up to `last` that the camera gave this number; numbers begin anew when the camera does."""
    window = _LOOK_BACK
    while True:
        begin = max(first, last + 1 - window)
        places = np.flatnonzero(camera_frame[begin : last + 1] == number)
        if len(places):
            return begin + int(places[-1])
        if begin == first:
            return None
        window *= 2
