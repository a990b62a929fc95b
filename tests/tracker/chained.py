"""Sessions that go on with one another, as restarts of the tracker leave them."""

import json
from pathlib import Path
from typing import Any

from tests.tracker.exported import change_of, write_session
from tracker.recording.read_session import RecordedSession

GAP_S = 60.0


def say(folder: Path, **about: Any) -> RecordedSession:
    """Change what session.json says."""
    path = folder / "session.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | about))
    return RecordedSession(folder)


def write_chain(folder: Path, **shape: Any) -> list[RecordedSession]:
    """Three sessions, of which each goes on from the one before: `night` 20 frames, `night-2` in two videos, `night-3`.

    The machine was started anew before the second, so that its clock began anew and only the time of day tells when it was; the third
    has the clock of the second. An event is on across each of the ends.
    """
    first = write_session(folder / "night", count=20, events=[change_of("poke", "on", 8, onset=6)], meta={"animal": "M1"}, **shape)
    write_session(folder / "night-2", count=30, segment=20, events=[change_of("poke", "off", 5, onset=-1)], meta={"cage": "4"}, **shape)
    last = [change_of("poke", "on", 4, onset=2), change_of("poke", "off", 6, onset=2)]
    onset_lost = [change_of("rear", "on", 7, onset=15), change_of("rear", "off", 8, onset=15)]  # only the session before has such a number
    write_session(folder / "night-3", count=10, events=[*last, *onset_lost], **shape)
    offset_ns = first.description.unix_offset_ns
    return [
        say(folder / "night", boot_id="one", created="2026-01-31T20:00:00Z"),
        *(
            say(
                folder / f"night-{number}",
                continues="night" if number == 2 else "night-2",
                boot_id=f"start {number}",
                stream_session=f"daemon {number}",
                created=f"2026-01-31T20:0{number}:00Z",
                unix_offset_ns=offset_ns + int((number - 1) * GAP_S * 1e9),
            )
            for number in (2, 3)
        ),
    ]
