"""Sessions made by the tests: pictures that say their number, frames with poses, and a recorder of the test's own."""

import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np

from tests.tracker.daemon import DEADLINE_S, ROOT
from tracker.config import Config, RecordingConfig, load_config
from tracker.frame import Frame, Image
from tracker.messages import VERSION, AnimalMessage, EventMessage, PoseMessage
from tracker.recording.describe import describe
from tracker.recording.recorder import Recorder
from tracker.recording.request import RecordedRig, Request
from tracker.recording.session import Description

MS = 1_000_000
WIDTH, HEIGHT = 96, 64
WIDE, HIGH = 192, 96  # large enough for a graphics card, which may refuse smaller ones
FROM_HERE = f"""
import sys, types
tests = sys.modules["tests"] = types.ModuleType("tests")  # installed packages may bring one of that name
tests.__path__ = [{str(ROOT / "tests")!r}]
"""
CHILD = """
from pathlib import Path
from tests.tracker.recorded import record
record(Path(sys.argv[1]), limit=int(sys.argv[2]), scene=sys.argv[3])
"""


def picture(number: int, *, height: int = HEIGHT, width: int = WIDTH, colour: bool = False) -> Image:
    """A picture that says its number: 12 grey fields, one a bit."""
    image = np.full((height, width), 40, np.uint8)
    for bit in range(12):
        image[8:24, 8 * bit : 8 * bit + 6] = 220 if number >> bit & 1 else 0
    return np.dstack([image, image // 2, 255 - image]) if colour else image


def still_and_dark(_: int) -> Image:
    """The same picture for every number, as of an animal that sleeps at night."""
    return np.full((HEIGHT, WIDTH), 3, np.uint8)


SCENES: dict[str, Callable[[int], Image]] = {"moving": picture, "still_and_dark": still_and_dark}


def number_in(image: Image) -> int:
    grey = image if image.ndim == 2 else image[:, :, 0]
    return sum(int(grey[12:20, 8 * bit + 1 : 8 * bit + 5].mean() > 110) << bit for bit in range(12))


def pose_of(frame: Frame) -> PoseMessage:
    return PoseMessage(
        v=VERSION, camera="top", session="a", frame=frame.number, received_ns=frame.received_ns, published_ns=frame.received_ns + 3 * MS,
        exposed_ns=None, taken_ns=frame.received_ns + MS, inferred_ns=frame.received_ns + 2 * MS, lost=0, skipped=0, corrupt=0, setup=1,
        ended=[("poke", 0, "missing")] if frame.number == 3 else [],
        animals=[AnimalMessage(id=0, points={"snout": (1.25, None, 0.5), "tail": (float(frame.number), 2.0, 0.75)}, mm={})],
        scores={"rearing": 0.25}, motion=0.125,
    )  # fmt: skip


def event_at(frame: Frame) -> EventMessage:
    return EventMessage(
        v=VERSION, camera="top", session="a", frame=frame.number, received_ns=frame.received_ns, published_ns=frame.received_ns + 3 * MS,
        event="poke", state="on", animal=0, onset_frame=frame.number, value=1.5, threshold=1.0, added_delay_ms=0.0,
        latency_ms=3.0, reason="rule",
    )  # fmt: skip


def recorder_of(config: Config, *, clock: Callable[[], int] = time.monotonic_ns, **settings: object) -> Recorder:
    kept = msgspec.structs.replace(config.recording or RecordingConfig(minimum_free_gb=0), **settings)

    def said(first: list[Frame], meta: dict[str, str]) -> Description:
        return describe(config, kept, first, camera_description="a camera of the test's", stream_session="a", meta=meta)

    return Recorder(RecordedRig(settings=kept, describe=said, pose_wait_ns=300 * MS), clock=clock)


def ask(folder: Path, *, seconds: float | None = None, **meta: str) -> Request:
    return Request(folder=folder, duration_s=seconds, meta=meta)


def feed(recorder: Recorder, count: int, *, begin: int = 0, rate_hz: float = 100, **kind: int | bool) -> list[Frame]:
    """Frames with their poses, as fast as they are taken; every fifth is skipped by the loop."""
    start = time.monotonic_ns()
    frames = []
    for number in range(begin, begin + count):
        image = picture(number, **kind)  # type: ignore[arg-type]
        frame = Frame(image=image, number=number, exposed_ns=number * 7, received_ns=start + int((number - begin) * 1e9 / rate_hz))
        frames.append(frame)
        recorder.offer(frame)
        if number % 5 != 4:
            recorder.pose(pose_of(frame))
        if number == 7:
            recorder.event(event_at(frame))
    return frames


def wait_until(wanted: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not wanted():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)


def record(folder: Path, *, limit: int, scene: str) -> None:
    """For a child process: record until it is killed, saying each frame's number and time when it has been offered."""
    found = load_config(ROOT / "examples" / "synthetic.yaml")
    made = recorder_of(found, folder=str(folder.parent), minimum_free_gb=0, segment_s=2.0)
    made.start(ask(folder))
    for number in range(limit):
        frame = Frame(image=SCENES[scene](number), number=number, exposed_ns=None, received_ns=time.monotonic_ns())
        made.offer(frame)
        made.pose(pose_of(frame))
        print(number, frame.received_ns, flush=True)
        time.sleep(0.005)
