"""Whole sessions made in no time: the files that a recorder writes, written at once, with whatever rows, gaps and setups a test needs."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import msgspec

from tests.tracker.daemon import ROOT
from tests.tracker.recorded import MS, picture
from tracker.config import RecordingConfig, load_config
from tracker.frame import Frame, Image
from tracker.messages import VERSION, AnimalMessage, EventMessage, PoseMessage, SetupMessage
from tracker.recording.describe import describe
from tracker.recording.session_writer import Limits, SessionWriter

PERIOD_NS = 10 * MS
BEGAN_NS = 5_000 * MS
ZONE = {"shape": "circle", "name": "port", "unit": "px", "centre": [48.0, 32.0], "radius": 10.0}

Points = dict[str, tuple[float | None, float | None, float | None]]


def usual_points(number: int) -> Points:
    """Where a frame's points are unless a test says otherwise: by them a frame can be told."""
    return {"snout": (float(number % 90), 40.0, 0.9), "tail": (number / 8, 50.0, 0.8)}


def write_session(
    folder: Path,
    numbers: Sequence[int],
    *,
    images: Callable[[int], Image] = picture,
    points: Callable[[int], Points | None] = usual_points,
    setups: Mapping[int, dict[str, Any]] | None = None,
    events: Sequence[tuple[str, int, int]] = (),
    segments: Sequence[int] = (),
    closed: bool = True,
    dropped: int = 0,
) -> Path:
    """A session at 100 frames per second.

    Args:
        folder: of the session.
        numbers: the camera's number of each frame.
        images: the picture of a number; uint8, all of one size.
        points: of a number; None for a frame without a pose.
        setups: by the number from which each holds, what it says otherwise than usual.
        events: (name, number of the first frame on, number of the first frame off).
        segments: numbers with which a new video file begins.
        closed: or cut off.
        dropped: frames that the encoder did not take, before the first.
    """
    config = load_config(ROOT / "examples" / "synthetic.yaml")
    folder.mkdir(parents=True)
    frames = [Frame(image=images(n), number=n, exposed_ns=None, received_ns=BEGAN_NS + n * PERIOD_NS) for n in numbers]
    description = describe(
        config, RecordingConfig(folder=str(folder.parent)), frames[:10], camera_description="of the test's", stream_session="a", meta={}
    )
    description = msgspec.structs.replace(description, camera="top")
    writer = SessionWriter(folder, description, Limits(segment_ns=1 << 60, idle_ns=1 << 60, pose_wait_ns=0), clock=_counting())
    changes = sorted([(on, name, "on") for name, on, _ in events] + [(off, name, "off") for name, _, off in events])
    known = dict(setups or {numbers[0]: {}})
    setup = 0
    for frame in frames:
        if frame.number in segments:
            writer._finish_segment()
        if frame.number in known:
            setup += 1
            writer.setup(replace(setup_message(setup, frame), **known[frame.number]))
        writer.frame(frame, dropped=dropped)
        found = points(frame.number)
        if found is not None:
            writer.pose(pose_message(frame, found, setup=setup))
        while changes and changes[0][0] <= frame.number:
            _, name, state = changes.pop(0)
            writer.event(event_message(frame, name, "on" if state == "on" else "off"))
    if closed:
        writer.close(reason="stopped", dropped=dropped)
    else:
        writer._sync(heard_ns=0)
        writer.abandon()
    return folder


def setup_message(number: int, frame: Frame) -> SetupMessage:
    return SetupMessage(
        v=VERSION, camera="top", session="a", frame=frame.number - 1, received_ns=frame.received_ns, published_ns=frame.received_ns,
        setup=number, cause="start", bundle="mouse", bundle_sha256="0" * 64, point_names=["snout", "tail"], calibrated=False,
        zones=[ZONE], behaviour=[], skeleton=[("snout", "tail")],
    )  # fmt: skip


def pose_message(frame: Frame, points: Points, *, setup: int) -> PoseMessage:
    return PoseMessage(
        v=VERSION, camera="top", session="a", frame=frame.number, received_ns=frame.received_ns, published_ns=frame.received_ns + MS,
        exposed_ns=None, taken_ns=frame.received_ns, inferred_ns=frame.received_ns, lost=0, skipped=0, corrupt=0, setup=setup, ended=[],
        animals=[AnimalMessage(id=0, points=points, mm={})], scores={}, motion=None,
    )  # fmt: skip


def event_message(frame: Frame, name: str, state: Literal["on", "off"]) -> EventMessage:
    return EventMessage(
        v=VERSION, camera="top", session="a", frame=frame.number, received_ns=frame.received_ns, published_ns=frame.received_ns + MS,
        event=name, state=state, animal=0, onset_frame=frame.number, value=1.0, threshold=0.5, added_delay_ms=0.0, latency_ms=1.0,
        reason="rule",
    )  # fmt: skip


def _counting() -> Callable[[], int]:
    """A clock that never lets a sync come due."""
    ticks = itertools.count()
    return lambda: next(ticks)
