"""From when to when each session of an export has frames, and how long there were none in between."""

from dataclasses import dataclass

from tracker.errors import RecordingError
from tracker.export.session_poses import SessionPoses
from tracker.recording.session_chain import Part


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The frames of one session among those of the export.

    Attributes:
        part: the session.
        first: place of its first frame among all, from 0.
        end: place behind its last.
        begin_s: when its first frame came, in seconds of the export.
        end_s: when its last frame came.
        gap_s: from the last frame before it to its first, None for the first session.
    """

    part: Part
    first: int
    end: int
    begin_s: float
    end_s: float
    gap_s: float | None

    @property
    def name(self) -> str:
        """The folder's."""
        return self.part.session.folder.resolve().name


def spans(poses: SessionPoses) -> list[Span]:
    """Each session that has frames, in their order.

    Raises:
        RecordingError: one begins before the end of the one before it, by the time of day: somebody set the clock back in between.
    """
    found: list[Span] = []
    first = 0
    for part in poses.session.parts:
        end = first + part.session.frame_count
        if end == first:
            continue
        begin_s, end_s = (float(poses.time_s(poses.received_ns[place])) for place in (first, end - 1))
        gap_s = begin_s - found[-1].end_s if found else None
        if gap_s is not None and gap_s <= 0:
            raise RecordingError(
                f"{part.session.folder}: begins {-gap_s:.3f} s before {found[-1].name} ends, by the time of day: the clock was set back in "
                "between, and nothing tells the true time; export them apart, without --whole"
            )
        found.append(Span(part=part, first=first, end=end, begin_s=begin_s, end_s=end_s, gap_s=gap_s))
        first = end
    return found
