"""Events as NWB's EventsTable: a table for each event, a row for each bout."""

from collections.abc import Callable
from typing import Any

import numpy as np
from hdmf.common import VectorData  # type: ignore[import-untyped]
from pynwb import NWBFile  # type: ignore[import-untyped]
from pynwb.event import DurationVectorData, EventsTable, TimestampVectorData  # type: ignore[import-untyped]

from tracker.export.bouts import Bout, session_bouts
from tracker.export.nwb_about import nwb_name
from tracker.export.session_poses import SessionPoses

_BEFORE = "was on before the recording began"
_AFTER = "was still on when the recording ended"


def add_events(content: NWBFile, poses: SessionPoses, animal: int) -> None:
    """Add the bouts of an animal; events that never were on have no table."""
    bouts = [bout for bout in session_bouts(poses) if bout.animal == animal]
    for event in sorted({bout.event for bout in bouts}):
        content.add_events_table(_table(event, [bout for bout in bouts if bout.event == event], poses))


def _table(event: str, bouts: list[Bout], poses: SessionPoses) -> EventsTable:
    numbers: list[tuple[str, str, Callable[[Bout], Any]]] = [
        (
            "onset",
            "When the first frame came that met the rule, in seconds from the session's start; NaN where it is not in the video.",
            lambda bout: np.nan if bout.onset_ns is None else poses.time_s(bout.onset_ns),
        ),
        (
            "published",
            "When the event was published, which a stimulus could follow, in seconds from the session's start.",
            lambda bout: np.nan if bout.on is None else poses.time_s(bout.on["published_ns"]),
        ),
        ("value", "What the rule compared.", lambda bout: np.nan if bout.on is None else bout.on["value"]),
        ("threshold", "What it was compared with.", lambda bout: np.nan if bout.on is None else bout.on["threshold"]),
    ]
    columns = [
        TimestampVectorData(
            name="timestamp",
            description="When the frame came that decided the event; of one that was on before, when the recording began.",
            data=[bout.begin_s(poses) for bout in bouts],
        ),
        DurationVectorData(name="duration", description="How long it was on.", data=[_duration_s(bout, poses) for bout in bouts]),
        *(VectorData(name=name, description=text, data=[float(of(bout)) for bout in bouts]) for name, text, of in numbers),
        VectorData(name="annotation", description="Why it ended.", data=[_annotation(bout) for bout in bouts]),
    ]
    return EventsTable(
        name=nwb_name(event),
        description=f"When {event} was on, decided live by the rule of that name.",
        source_description="rigtrack",
        columns=columns,
    )


def _duration_s(bout: Bout, poses: SessionPoses) -> float:
    if bout.on is None and bout.off is not None:
        return float(poses.time_s(bout.off["received_ns"])) - bout.span.begin_s
    return np.nan if bout.duration_s is None else bout.duration_s


def _annotation(bout: Bout) -> str:
    ended = _AFTER if bout.off is None else f"ended by {bout.off['reason']}"
    return ended if bout.on is not None else f"{_BEFORE}; {ended}"
