"""From a joined moment to what is published: places, events, and the ends that no moment brings."""

import time
from collections.abc import Callable
from typing import Literal, Protocol

import msgspec
import numpy as np

from tracker.behaviour.behaviour import Behaviour
from tracker.camera_rig import CameraRig
from tracker.errors import ConfigError
from tracker.event import Event, Reason
from tracker.messages import VERSION, Animal3DMessage, EventMessage, OpenEvent, Pose3DMessage, SetupMessage
from tracker.pose import Pose
from tracker.service.latency import Latency
from tracker.stream.publisher import Received
from tracker.triangulation.moment import Moment
from tracker.triangulation.places import RigPlaces, RigTriangulation
from tracker.triangulation.settings import RigConfig

JoinedBy = Literal["number", "exposed", "received"]
STAGES = ("join", "triangulate", "behaviour", "publish", "own", "after_last_pose", "total")


class RigOutput(Protocol):
    """Where a rig's messages go: a publisher, or whoever replays what was recorded."""

    camera: str
    session: str

    def pose3d(self, message: Pose3DMessage) -> None:
        """Take one moment."""
        ...

    def setup(self, message: SetupMessage) -> None:
        """Take what runs from now on."""
        ...

    def event(self, frame: Received, event: Event) -> EventMessage:
        """Take one change of an event, and return it as a message."""
        ...


class RigTracking:
    """What the rig has found so far. Used by the loop's thread alone.

    Attributes:
        names: of the key points in use; empty while the cameras do not agree on them.
        setup: number of the setup in use, 0 before the first.
        moments: published so far.
        placed: of these, those that at least two cameras saw.
        last: the last moment.
        problem: why there are no events, in one sentence.
        stages: latency of each.
    """

    def __init__(self, config: RigConfig, rig: CameraRig, publisher: RigOutput, *, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._config, self._publisher, self._clock = config, publisher, clock
        self._cameras = tuple(camera.name for camera in rig.cameras)
        self._triangulate = RigTriangulation(rig, confidence=config.confidence, largest_error_px=config.largest_error_px)
        self._behaviour: Behaviour | None = None
        self._ended: list[tuple[str, int, str]] = []
        self.names: tuple[str, ...] = ()
        self.setup = self.moments = self.placed = 0
        self.last: Moment | None = None
        self.problem: str | None = None
        self.stages = {stage: Latency() for stage in STAGES}

    def use(self, names: tuple[str, ...]) -> None:
        """Take key points of these names from here on; the rules begin anew. Without names there are no events."""
        if self.names == names:
            return
        self.end("swap")
        self.names, self._behaviour, self.problem = names, None, None
        if not names:
            return
        try:
            self._behaviour = Behaviour(self._config.behaviour, self._config.zones, point_names=names, animals=1, has_mm=True, dimensions=3)
        except ConfigError as problem:
            self.problem = f"no events: {problem}"
        self.setup += 1
        self._publisher.setup(self._setup_message("start" if self.setup == 1 else "swap"))

    def follow(self, moment: Moment, *, joined_by: JoinedBy, late: dict[str, int], arrived_ns: int | None = None) -> None:
        """Find the places of one moment, and publish them with the events that they bring.

        Args:
            moment: joined.
            joined_by: as the cameras are joined.
            late: by camera, poses that came too late so far.
            arrived_ns: when the pose by which the moment became whole was here; None where its deadline closed it.
        """
        joined_ns = self._clock()
        points = np.stack([np.full((len(self.names), 3), np.nan) if each is None else each.points for each in moment.sightings])
        places = self._triangulate(points)
        placed_ns = self._clock()
        events = self._events(moment, places)
        decided_ns = self._clock()
        self._publisher.pose3d(self._message(moment, places, joined_by=joined_by, late=late))
        for event in events:
            self._publisher.event(moment, event)
        self._count(moment, joined_ns, placed_ns, decided_ns)
        if arrived_ns is not None:
            self.stages["own"].add(self._clock() - arrived_ns)

    def wait(self, now_ns: int) -> None:
        """No moment came: end what has been on unseen for too long."""
        if self._behaviour is not None and self.last is not None:
            self._end(self._behaviour.wait(now_ns - self.last.received_ns))

    def end(self, reason: Reason) -> None:
        """End every event that is on."""
        if self._behaviour is not None:
            self._end(self._behaviour.end(reason))

    @property
    def open_events(self) -> list[OpenEvent]:
        """Every event that is on."""
        if self._behaviour is None or self.last is None:
            return []
        return [
            OpenEvent(event=name, animal=animal, onset_frame=onset, since_ns=self.last.received_ns - lasted_ns)
            for name, animal, onset, lasted_ns in self._behaviour.open()
        ]

    def _events(self, moment: Moment, places: RigPlaces) -> list[Event]:
        if self._behaviour is None:
            return []
        points = np.full((1, len(self.names), 3), np.nan, np.float32)
        points[0, :, 2] = places.confidence
        pose = Pose(points=points, mm=places.mm[None])
        return self._behaviour.update(frame_number=self.moments, time_ns=moment.time_ns, pose=pose, motion=None)

    def _end(self, events: list[Event]) -> None:
        if self.last is not None:
            for event in events:
                self._publisher.event(self.last, event)
                self._ended.append((event.name, event.animal, event.reason))

    def _message(self, moment: Moment, places: RigPlaces, *, joined_by: JoinedBy, late: dict[str, int]) -> Pose3DMessage:
        rows = np.column_stack((places.mm, places.confidence.astype(np.float32))).tolist()
        used = {name: [self._cameras[i] for i in np.flatnonzero(places.used[:, k])] for k, name in enumerate(self.names)}
        animal = Animal3DMessage(
            id=0,
            points=dict(zip(self.names, map(tuple, rows), strict=True)),
            error_px=dict(zip(self.names, places.error_px.tolist(), strict=True)),
            cameras=used,
        )
        ended, self._ended = self._ended, []
        numbers = (None if each is None else each.number for each in moment.sightings)
        return Pose3DMessage(
            v=VERSION,
            camera=self._publisher.camera,
            session=self._publisher.session,
            frame=self.moments,
            received_ns=moment.received_ns,
            published_ns=self._clock(),
            time_ns=moment.time_ns,
            joined_by=joined_by,
            spread_ns=moment.spread_ns,
            frames=dict(zip(self._cameras, numbers, strict=True)),
            late=late,
            setup=self.setup,
            ended=ended,
            animals=[animal],
        )

    def _count(self, moment: Moment, joined_ns: int, placed_ns: int, decided_ns: int) -> None:
        published_ns, sent_ns = self._clock(), moment.sent_ns
        stages = self.stages
        stages["join"].add(joined_ns - sent_ns)
        stages["triangulate"].add(placed_ns - joined_ns)
        stages["behaviour"].add(decided_ns - placed_ns)
        stages["publish"].add(published_ns - decided_ns)
        if all(moment.sightings):
            stages["after_last_pose"].add(published_ns - sent_ns)
        stages["total"].add(published_ns - moment.received_ns)
        self.last = moment
        self.moments += 1
        self.placed += len(moment.seen) > 1

    def _setup_message(self, cause: Literal["start", "swap"]) -> SetupMessage:
        return SetupMessage(
            v=VERSION,
            camera=self._publisher.camera,
            session=self._publisher.session,
            frame=self.moments - 1,
            received_ns=self.last.received_ns if self.last else 0,
            published_ns=self._clock(),
            setup=self.setup,
            cause=cause,
            bundle="",
            bundle_sha256="",
            point_names=list(self.names),
            calibrated=True,
            zones=msgspec.to_builtins(self._config.zones),
            behaviour=msgspec.to_builtins(self._config.behaviour),
        )
