"""What a recorder is asked for, and what it needs to know of the rig to do it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tracker.config import RecordingConfig
from tracker.frame import Frame

if TYPE_CHECKING:
    from tracker.recording.session import Description


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to record.

    Attributes:
        folder: of the session; must not exist.
        duration_s: how long; None until it is stopped.
        meta: what the lab notes with it.
        continues: name of the session that it goes on with, None for one that stands for itself.
    """

    folder: Path
    duration_s: float | None
    meta: dict[str, str]
    continues: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRig:
    """The rig that is recorded.

    Attributes:
        settings: the section recording of its configuration.
        describe: says what a session is, from its first frames and its notes.
        pose_wait_ns: a frame older than this gets no pose where the loop has given none at all for as long.
        rate_hz: of the camera as configured, None where nothing is.
    """

    settings: RecordingConfig
    describe: "Callable[[list[Frame], dict[str, str]], Description]"
    pose_wait_ns: int
    rate_hz: float | None = None
