"""Which frames of several cameras' recorded sessions are of one moment, and their images. Joined as `tracker triangulate` joins poses."""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracker.errors import CalibrationError
from tracker.frame import Image
from tracker.recording.read_session import RecordedSession
from tracker.recording.session import SESSION_FILE
from tracker.recording.session_chain import clock_shift_ns
from tracker.recording.tables import known_in, numbers_of
from tracker.triangulation.joiner import Joiner
from tracker.triangulation.moment import Moment, Sighting

_NO_POINTS: NDArray[np.float64] = np.empty((0, 3))
Names = dict[int, str]  # of moments, by the place of their frame in the session's video, from 0


def is_session(folder: Path) -> bool:
    """Whether a folder is a recorded session's."""
    return (folder / SESSION_FILE).is_file()


def moments_of(sessions: Sequence[RecordedSession], *, every: int) -> list[Names]:
    """Which frames to look at: those of every so manieth of the moments that at least two cameras have, by the moment's name.

    Frames are joined by number where all cameras hang on a hardware trigger, else by time: the nearest, within half a period, by
    exposure times where all sessions have them, else by receipt times. A moment is named by the number of the frame that the first of its
    cameras took; where that is not the first session's camera, with the camera's name before it.

    Args:
        sessions: one of each camera.
        every: of the moments that two cameras share, one in so many.

    Returns:
        For each session, its frames.

    Raises:
        CalibrationError: no two sessions share a moment.
        RecordingError: a session is damaged.
    """
    joiner = Joiner(len(sessions), by="number" if all(_is_triggered(session) for session in sessions) else "time")
    rows: list[dict[tuple[int, int], int]] = [{} for _ in sessions]
    found: list[Moment] = []
    for time_ns, camera, number, place in heapq.merge(*_frames(sessions)):
        rows[camera][number, time_ns] = place
        found += joiner.take(
            Sighting(
                camera=camera, session="", number=number, time_ns=time_ns, received_ns=time_ns, sent_ns=time_ns, points=_NO_POINTS
            )
        )  # fmt: skip
    found += joiner.due(2**63)
    shared = [moment for moment in found if len(moment.seen) > 1]
    if not shared:
        raise CalibrationError(
            f"{' and '.join(str(session.folder) for session in sessions)}: no two frames are of one moment; record all cameras at once, "
            "on one computer or on computers whose clocks PTP keeps together"
        )
    names: list[Names] = [{} for _ in sessions]
    by_name = {_name(moment, sessions): moment for moment in shared[::every]}  # a number that came again after the counter began anew: once
    for name, moment in by_name.items():
        for seen in moment.seen:
            names[seen.camera][rows[seen.camera][seen.number, seen.time_ns]] = name
    return names


def images_at(session: RecordedSession, names: Mapping[int, str]) -> Iterator[tuple[str, Image, int]]:
    """The images of these frames with their moments' names, and how many there will be.

    Raises:
        RecordingError: a video file is missing or damaged.
    """
    left = len(names)
    for place, image in enumerate(session.frames() if left else ()):
        if place in names:
            yield names[place], image, len(names)
            left -= 1
            if not left:
                return


def _is_triggered(session: RecordedSession) -> bool:
    camera = session.description.config.get("camera")
    return isinstance(camera, dict) and camera.get("trigger_line") is not None


def _frames(sessions: Sequence[RecordedSession]) -> list[Iterator[tuple[int, int, int, int]]]:
    """For each session (time on the first one's clock in ns, session, frame number, place in the video)."""
    exposed = all(bool(known_in(session.rows["exposed_ns"]).all()) for session in sessions)
    return [_frames_of(session, index, exposed=exposed, first=sessions[0]) for index, session in enumerate(sessions)]


def _frames_of(session: RecordedSession, index: int, *, exposed: bool, first: RecordedSession) -> Iterator[tuple[int, int, int, int]]:
    shift_ns = clock_shift_ns(session.description, first.description)
    times_ns = numbers_of(session.rows["exposed_ns" if exposed else "received_ns"], np.int64) + shift_ns
    numbers = numbers_of(session.rows["frame"], np.int64)
    for place, (time_ns, number) in enumerate(zip(times_ns.tolist(), numbers.tolist(), strict=True)):
        yield time_ns, index, number, place


def _name(moment: Moment, sessions: Sequence[RecordedSession]) -> str:
    first = moment.seen[0]
    return f"{sessions[first.camera].description.camera} {first.number}" if first.camera else str(first.number)
