"""Messages of trackers whose cameras see the synthetic animal, and trackers that publish them over real sockets."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from tracker.config import PublisherConfig
from tracker.frame import Frame, FrameCounts
from tracker.messages import VERSION, AnimalMessage, PoseMessage, StatusMessage
from tracker.pose import Pose
from tracker.stream.publisher import Publisher
from tracker.triangulation.synthetic import IMAGE_SIZE, POINT_NAMES, places_mm, seen_by, synthetic_rig

PERIOD_NS = 10_000_000
UNIX_OFFSET_NS = 1_700_000_000_000_000_000


def status_of(camera: str, **changes: Any) -> StatusMessage:
    values: dict[str, Any] = {
        "v": VERSION,
        "camera": camera,
        "session": "one",
        "frame": -1,
        "received_ns": 0,
        "published_ns": 0,
        "state": "tracking",
        "point_names": list(POINT_NAMES),
        "skeleton": [],
        "class_names": [],
        "zones": [],
        "image_size": IMAGE_SIZE,
        "bundle": "",
        "bundle_sha256": "",
        "runtime": "",
        "device": "",
        "precision": "",
        "fps": {},
        "latency_ms": {},
        "counters": {},
        "unix_offset_ns": UNIX_OFFSET_NS,
        "setup": 1,
        "field_of_view": "",
        "problems": [],
    }
    return StatusMessage(**values | changes)


def pose_of(
    camera: str, pulse: int, *, shift_ns: int = 0, names: Sequence[str] = POINT_NAMES, animals: int = 1, **changes: Any
) -> PoseMessage:
    """What a tracker publishes at a pulse of 100 a second, its clock off by `shift_ns` from the rig's."""
    exposed_ns = 10**12 + pulse * PERIOD_NS + shift_ns
    pixels = seen_by(synthetic_rig(camera), places_mm(pulse))[0].tolist()
    points = {name: (x, y, 0.9) for name, (x, y) in zip(names, pixels, strict=True)}
    values: dict[str, Any] = {
        "v": VERSION,
        "camera": camera,
        "session": "one",
        "frame": pulse,
        "received_ns": exposed_ns + 1_000_000,
        "published_ns": exposed_ns + 2_000_000,
        "exposed_ns": exposed_ns,
        "taken_ns": exposed_ns,
        "inferred_ns": exposed_ns,
        "lost": 0,
        "skipped": 0,
        "corrupt": 0,
        "setup": 1,
        "ended": [],
        "animals": [AnimalMessage(id=index, points=dict(points), mm={}) for index in range(animals)],
        "scores": {},
        "motion": None,
    }
    return PoseMessage(**values | changes)


class LiveCamera:
    """A camera's tracker at a real address, as far as a rig hears it. Use it in a `with`."""

    def __init__(self, name: str, address: str) -> None:
        self.name = name
        self._rig = synthetic_rig(name)
        self._publisher = Publisher(PublisherConfig(bind=(address,)), camera=name)
        offset_ns = time.clock_gettime_ns(time.CLOCK_REALTIME) - time.monotonic_ns()
        self._publisher.status(status_of(name, session=self._publisher.session, unix_offset_ns=offset_ns))

    def __enter__(self) -> "LiveCamera":
        return self

    def __exit__(self, *_: object) -> None:
        self._publisher.close()

    def publish(self, pulse: int, exposed_ns: int) -> None:
        points = np.column_stack((seen_by(self._rig, places_mm(pulse))[0], np.full(2, 0.9)))[None]
        self._publisher.serve()
        self._publisher.pose(
            Frame(image=np.zeros((2, 2), np.uint8), number=pulse, exposed_ns=exposed_ns, received_ns=exposed_ns),
            Pose(points=points.astype(np.float32), mm=None),
            names=POINT_NAMES,
            taken_ns=exposed_ns,
            inferred_ns=exposed_ns,
            counts=FrameCounts(lost=0, skipped=0, corrupt=0),
            setup=1,
            ended=[],
            motion=None,
            brightness={},
        )
        self._publisher.alive(frame=pulse, received_ns=exposed_ns, interval_ms=100.0, open_events=[])
