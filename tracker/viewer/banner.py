"""Say across the picture that it is not live. Pure: ages are given, none is measured here."""

from dataclasses import dataclass

import numpy as np

from tracker.frame import Image
from tracker.messages import Problem, StatusMessage
from tracker.point_colours import Colour
from tracker.viewer.lettering import fit, measure, wrap, write
from tracker.viewer.palette import ORANGE, RED, WHITE

SILENT_S = 1.0  # a tracker that lives says so ten times a second
_SILENT_STATUS_S = 2.5  # one without a heartbeat, and without frames, says something once a second
_FRAMES_MISSED = 3.0  # a slow camera is not a silent one
_DIMMED = 0.4
_SMALLEST_LETTERS = 0.35
_LARGEST_SHARE = 0.09  # of the picture's height, for the letters of the first line


@dataclass(frozen=True, slots=True, kw_only=True)
class Ages:
    """Seconds since something was last heard of the camera shown; None where it never was."""

    message_s: float | None  # of any kind
    heartbeat_s: float | None  # of the kind "alive"
    frame_s: float | None  # a pose or a picture
    status_s: float | None
    waiting_s: float  # since the viewer began to listen


@dataclass(frozen=True, slots=True, kw_only=True)
class Banner:
    """What stands across the picture while it is not live."""

    headline: str
    sentence: str
    colour: Colour


def banner_for(status: StatusMessage | None, ages: Ages) -> Banner | None:
    """Which banner the state calls for, or None while frames come.

    A silent tracker comes first: whatever it said last may no longer hold.
    """
    if ages.message_s is None:
        return (
            _red(f"NO SIGNAL from tracker for {_seconds(ages.waiting_s)}", "nothing was heard yet") if ages.waiting_s > SILENT_S else None
        )
    if status is not None and status.state == "stopping":
        return _red(f"TRACKER STOPPED {_seconds(ages.status_s or 0.0)} ago", "")
    if ages.message_s > _patience_s(ages):
        return _red(f"NO SIGNAL from tracker for {_seconds(ages.message_s)}", "its process, its machine or the network is gone")
    if status is not None and status.state == "starting":
        return Banner(headline="TRACKER STARTING", sentence=_sentence(status) or "opening the camera", colour=ORANGE)
    if status is not None and status.state == "camera_lost":
        return _red(f"CAMERA LOST for {_seconds(_lost_s(status, ages))}", _sentence(status))
    if ages.frame_s is not None and ages.frame_s > _frame_patience_s(status):
        return _red(f"NO NEW FRAME for {_seconds(ages.frame_s)}", _sentence(status) if status is not None else "")
    return None


def draw_banner(canvas: Image, banner: Banner) -> None:
    """Dim `canvas` (uint8 (h, w, 3) RGB) itself and write the banner across its middle."""
    height, width = canvas.shape[:2]
    canvas[:] = (canvas * _DIMMED).astype(np.uint8)
    thickness = max(1, round(height / 300))
    room = max(1, round(0.94 * width))
    size = _size_for(banner.headline, room, _LARGEST_SHARE * height, thickness)
    small = max(_SMALLEST_LETTERS, min(0.55 * size, height / 900))
    lines = wrap(banner.sentence, room, small, max(1, thickness - 1))[:3]
    letters, step = measure("A", size, thickness)[1], round(34 * small)
    tall = round(2.8 * letters) + step * len(lines)
    top = (height - tall) // 2
    canvas[max(0, top) : top + tall] = banner.colour
    foot = top + round(1.8 * letters)
    _write_centred(canvas, fit(banner.headline, room, size, thickness), foot, size, thickness)
    for row, line in enumerate(lines, start=1):
        _write_centred(canvas, line, foot + round(0.3 * letters) + row * step, small, max(1, thickness - 1))


def _write_centred(canvas: Image, text: str, foot: int, size: float, thickness: int) -> None:
    left = (canvas.shape[1] - measure(text, size, thickness)[0]) // 2
    write(canvas, text, (left, foot), WHITE, size=size, thickness=thickness, rim=False)


def _size_for(text: str, room: int, letters_px: float, thickness: int) -> float:
    """The largest size at which the text fits in `room` and its letters in `letters_px`."""
    height = measure("A", 1.0, thickness)[1]
    size = max(_SMALLEST_LETTERS, letters_px / max(1, height))
    while size > _SMALLEST_LETTERS and measure(text, size, thickness)[0] > room:  # letters do not grow evenly with their size
        size *= 0.96
    return size


def _red(headline: str, sentence: str) -> Banner:
    return Banner(headline=headline, sentence=sentence, colour=RED)


def _patience_s(ages: Ages) -> float:
    """How long silence is ordinary: until the next heartbeat, or the next status where the last thing heard was one."""
    only_status = ages.heartbeat_s is None and ages.status_s is not None and ages.status_s == ages.message_s
    return _SILENT_STATUS_S if only_status else SILENT_S


def _frame_patience_s(status: StatusMessage | None) -> float:
    rate_hz = status.fps.get("captured", 0.0) if status is not None else 0.0
    return max(SILENT_S, _FRAMES_MISSED / rate_hz) if rate_hz > 0 else SILENT_S


def _camera_problem(status: StatusMessage) -> Problem | None:
    return next((problem for problem in status.problems if problem.cause == "camera"), None)


def _lost_s(status: StatusMessage, ages: Ages) -> float:
    """Since when, by the tracker's own clock up to its last status and by this one's from then."""
    problem = _camera_problem(status)
    if problem is None:
        return ages.frame_s if ages.frame_s is not None else ages.status_s or 0.0
    return max(0.0, (status.published_ns - problem.since_ns) / 1e9) + (ages.status_s or 0.0)


def _sentence(status: StatusMessage) -> str:
    problem = _camera_problem(status)
    return problem.sentence if problem is not None else ""


def _seconds(age_s: float) -> str:
    whole = int(max(0.0, age_s))
    if whole < 120:
        return f"{whole} s"
    return f"{whole // 60} min" if whole < 7200 else f"{whole // 3600} h"
