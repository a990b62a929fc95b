"""When a session's first frame came, as far as anybody knows: of a recorded video only its file can say, or a person."""

from dataclasses import dataclass
from datetime import datetime

from tracker.errors import RecordingError
from tracker.recording.session import Description


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    """A moment, and what it is worth.

    Attributes:
        unix_ns: Unix time of the first frame.
        known: whether it is more than a guess.
        says: where it comes from, a part of a sentence; "" of a session that was recorded live.
    """

    unix_ns: int
    known: bool
    says: str = ""


def begin_of(description: Description, *, first_ns: int, last_ns: int, start: datetime | None) -> Begin:
    """When a session began.

    Args:
        description: of the session.
        first_ns: when its first frame came, by its own clock.
        last_ns: when its last frame came.
        start: given by a person, for a video that was analysed; None for nothing said.

    Raises:
        RecordingError: a session that was recorded live was given another start.
    """
    source = description.source
    if source is None or source.session:
        if start is not None:
            raise RecordingError("the session was recorded live and knows when it began; --start is for a video that was analysed")
        return Begin(unix_ns=first_ns + description.unix_offset_ns, known=True)
    if start is not None:
        return Begin(unix_ns=_unix_ns(start), known=True, says="its start was given with --start")
    if source.filmed is not None:
        return Begin(unix_ns=_unix_ns(_moment(source.filmed)), known=True, says="its start is the creation time that the video file states")
    if source.changed is not None:
        unix_ns = _unix_ns(_moment(source.changed)) - (last_ns - first_ns)
        guess = "the video file's last change less its length"
    else:
        unix_ns, guess = _unix_ns(_moment(description.created)), "when it was analysed"
    return Begin(unix_ns=unix_ns, known=False, says=f"when it was filmed is not known, and its start stands as {guess}")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _unix_ns(moment: datetime) -> int:
    return round(moment.timestamp() * 1e6) * 1000  # of a float, digits below a microsecond mean nothing
