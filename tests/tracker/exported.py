"""Sessions to export, made by the recorder's own writer: several animals, millimetres, other key points, lost frames, several videos."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.tracker.daemon import ROOT
from tests.tracker.recorded import MS, picture
from tracker.config import RecordingConfig, load_config
from tracker.frame import Frame
from tracker.messages import VERSION, AnimalMessage, EventMessage, PoseMessage, SetupMessage
from tracker.recording.describe import describe
from tracker.recording.read_session import RecordedSession
from tracker.recording.session_writer import Limits, SessionWriter

BEGIN_NS = 5_000_000_000
STEP_NS = 10 * MS
STAMP: dict[str, Any] = {"v": VERSION, "camera": "synthetic", "session": "a"}
POINTS: tuple[str, ...] = ("snout", "tail")
RECTANGLE = "4,5,60,7"


def received_ns(number: int) -> int:
    """Of the frame with the camera's number; not quite regular, as in life."""
    return BEGIN_NS + number * STEP_NS + (number % 3) * 1000


def setup_of(number: int, names: Sequence[str] = POINTS) -> SetupMessage:
    return SetupMessage(
        **STAMP, frame=-1, received_ns=0, published_ns=0, setup=number, cause="start", bundle="mouse v1", bundle_sha256="0" * 64,
        point_names=list(names), calibrated=True, zones=[], behaviour=[], skeleton=[(names[0], names[-1])],
    )  # fmt: skip


def place(number: int, animal: int, point: int) -> tuple[float | None, float | None, float | None]:
    """Where a key point is: exact in float32, and absent now and then."""
    if (number + animal) % 7 == 3:
        return (None, None, None) if point else (None, None, 0.0625)
    return 10 * animal + point + number / 8, 20.5 + animal, 0.5 + point / 4


def pose_of(number: int, *, animals: int, mm: bool, setup: int, names: Sequence[str]) -> PoseMessage:
    received = received_ns(number)
    found = []
    for animal in range(animals):
        points = {name: place(number, animal, index) for index, name in enumerate(names)}
        metric: dict[str, tuple[float | None, float | None]] = {
            name: (None, None) if x is None or y is None else (x / 2 + 0.1, y / 2) for name, (x, y, _) in points.items()
        }
        found.append(AnimalMessage(id=animal, points=points, mm=metric if mm else {}))
    return PoseMessage(
        **STAMP, frame=number, received_ns=received, published_ns=received + 3 * MS, exposed_ns=None, taken_ns=received + MS,
        inferred_ns=received + 2 * MS, lost=number // 12, skipped=number // 5, corrupt=number // 30, setup=setup, ended=[], animals=found,
        scores={"rearing": number / 128} if number >= 6 else {}, motion=None if number == 0 else 0.125,
        motion_full=None if number == 0 else number / 256, brightness={RECTANGLE: number / 64} if number >= 3 else {},
        without_network=["rearing"] if number % 4 == 0 else [],
    )  # fmt: skip


def measured(numbers: Sequence[int], *, skipped: Sequence[int]) -> dict[str, list[float]]:
    """What an export holds of the frames with these numbers beside their poses, by its name; NaN where absent."""

    def told(each: Callable[[int], float], *, since: int = 0) -> list[float]:
        return [math.nan if number in skipped or number < since else each(number) for number in numbers]

    return {
        "lost": told(lambda number: number // 12),
        "skipped": told(lambda number: number // 5),
        "corrupt": told(lambda number: number // 30),
        "record_dropped": [number // 20 for number in numbers],
        "motion": told(lambda _: 0.125, since=1),
        "motion_full": told(lambda number: number / 256, since=1),
        "brightness_4_5_60_7": told(lambda number: number / 64, since=3),
    }


def change_of(event: str, state: str, number: int, *, onset: int, animal: int = 0, reason: str = "rule") -> EventMessage:
    return EventMessage(
        **STAMP, frame=number, received_ns=received_ns(number), published_ns=received_ns(number) + 3 * MS, event=event,
        state=state, animal=animal, onset_frame=onset, value=1.5, threshold=1.0, added_delay_ms=20.0, latency_ms=3.0, reason=reason,  # type: ignore[arg-type]
    )  # fmt: skip


EVENTS = (
    change_of("rear", "off", 2, onset=-4),  # on before the session began
    change_of("poke", "on", 8, onset=6),
    change_of("poke", "off", 14, onset=6, reason="missing"),
    change_of("poke", "on", 30, onset=30),  # still on at the end
    change_of("rear", "on", 20, onset=19, animal=1),
    change_of("rear", "off", 25, onset=19, animal=1),
)


def write_session(
    folder: Path,
    *,
    count: int = 40,
    animals: int = 1,
    mm: bool = False,
    names_of: Mapping[int, Sequence[str]] | None = None,
    events: Sequence[EventMessage] = (),
    meta: dict[str, str] | None = None,
    lost: Sequence[int] = (),
    skipped: Sequence[int] = (4, 9),
    segment: int = 1000,
    close: bool = True,
) -> RecordedSession:
    """A session whose frames say their number.

    Args:
        folder: of the session.
        count: of numbers that the camera gave.
        animals: rows of every pose.
        mm: whether poses have millimetres.
        names_of: key points from a frame on: a setup each.
        events: published.
        meta: notes.
        lost: numbers that never arrived.
        skipped: frames without a pose.
        segment: frames of a video.
        close: whether the session ends properly.
    """
    config = load_config(ROOT / "examples" / "synthetic.yaml")
    first = Frame(image=picture(0), number=0, exposed_ns=None, received_ns=BEGIN_NS)
    camera: dict[str, Any] = {"camera_description": "a camera", "camera_settings": {"gain": 2.5, "gain_auto": False, "model": "A 1"}}
    about = describe(config, RecordingConfig(), [first], **camera, stream_session="a", meta=meta or {})
    limits = Limits(segment_ns=segment * STEP_NS, idle_ns=10**15, pose_wait_ns=0)
    folder.mkdir()
    now = [0]
    writer = SessionWriter(folder, about, limits, clock=lambda: now[0])
    setup, names = 0, POINTS
    for number in (number for number in range(count) if number not in lost):
        if number in (names_of or {0: POINTS}):
            names, setup = tuple((names_of or {0: POINTS})[number]), setup + 1
            writer.setup(setup_of(setup, names))
        frame = Frame(image=picture(number), number=number, exposed_ns=number * 7_000_000 + 3, received_ns=received_ns(number))
        writer.frame(frame, dropped=number // 20)
        if number not in skipped:
            writer.pose(pose_of(number, animals=animals, mm=mm, setup=setup, names=names))
        now[0] += 100 * MS  # rows are written every half second: every fifth frame
        writer.tick()
    for event in events:
        writer.event(event)
    writer.close(reason="stopped", dropped=0)
    if not close:
        (folder / "closed.json").unlink()
    return RecordedSession(folder)
