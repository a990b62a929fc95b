"""All cameras of a rig: their streams go in, joined moments come out, and what is wrong is said."""

import logging
import time
from collections.abc import Callable, Collection

from tracker.boot_id import boot_id
from tracker.camera_rig import CameraRig
from tracker.messages import Message, PoseMessage, RigCameraMessage, RigMessage, StatusMessage
from tracker.triangulation.joiner import Joiner
from tracker.triangulation.moment import Moment
from tracker.triangulation.settings import RigConfig
from tracker.triangulation.tracking import JoinedBy
from tracker.triangulation.upstream import Upstream, agreed_names

logger = logging.getLogger(__name__)

_LATE = 50  # poses in a row that came too late, before that is a problem
_UNPLACED = 200  # poses in a row whose numbers fit those of no other camera, before that is a problem


def unix_offset_ns() -> int:
    """What to add to a time of this host's monotonic clock to get Unix time."""
    return time.clock_gettime_ns(time.CLOCK_REALTIME) - time.monotonic_ns()


class RigCameras:
    """The cameras of one rig, as their trackers tell of them.

    Attributes:
        names: of the key points; empty while the cameras do not agree on them, and then nothing is joined.
        joined_by: number, or exposure times where every camera that was heard has them on its host's clock, else receipt times.
    """

    def __init__(
        self,
        config: RigConfig,
        rig: CameraRig,
        *,
        unix_offset_ns: Callable[[], int] = unix_offset_ns,
        boot_id: Callable[[], str] = boot_id,
    ) -> None:
        self._config, self._frame, self._unix_offset_ns = config, rig.frame, unix_offset_ns
        here = boot_id()
        self._upstreams = {camera.name: Upstream(index, camera, boot_id=here) for index, camera in enumerate(rig.cameras)}
        deadline_ns = None if config.deadline_ms is None else round(config.deadline_ms * 1e6)
        self._joiner = Joiner(len(rig.cameras), by=config.join, deadline_ns=deadline_ns)
        self._names_problem: str | None = None
        self._offsets: dict[str, int | None] = dict.fromkeys(self._upstreams)
        self._stamped_by_exposure = True
        self.names: tuple[str, ...] = ()
        self.joined_by: JoinedBy = "number" if config.join == "number" else "exposed"

    @property
    def cameras(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(self._upstreams)

    @property
    def due_ns(self) -> float | None:
        """When the next moment must be closed, at the latest."""
        return self._joiner.due_ns

    def take(self, message: Message, *, now_ns: int) -> list[Moment]:
        """Take what came from a tracker; returns the moments that are whole by it."""
        upstream = self._upstreams.get(message.camera)
        if upstream is None:
            return []
        if isinstance(message, StatusMessage):
            upstream.take_status(message, unix_offset_ns=self._unix_offset_ns())
            return []
        if not isinstance(message, PoseMessage):
            return []
        before = upstream.names
        upstream.take_pose(message, now_ns=now_ns)
        if upstream.names != before:
            self._agree()
        self._choose_stamps()
        if not self.names or upstream.problem(self._joiner.tolerance_ns) is not None:
            upstream.refused += 1
            return []
        sighting = upstream.sighting(message, self.names, exposed=self._by_exposure)
        if sighting is None:
            upstream.refused += 1
            return []
        moments = self._joiner.take(sighting)
        self._tell_offsets()
        return moments

    def due(self, now_ns: int) -> list[Moment]:
        """The moments whose deadline has passed; `now_ns` as for the joiner."""
        return self._joiner.due(now_ns)

    def problems(self, alive: Collection[str]) -> list[str]:
        """What is wrong, one sentence each.

        Args:
            alive: cameras whose tracker was heard lately.
        """
        found = [] if self._names_problem is None else [self._names_problem]
        for name, upstream in self._upstreams.items():
            if name not in alive:
                found.append(f"nothing is heard of camera {name}; is its tracker running, under this name, at the address given for it?")
            elif problem := upstream.problem(self._joiner.tolerance_ns) or self._not_joined(upstream):
                found.append(problem)
        return found

    def _not_joined(self, upstream: Upstream) -> str | None:
        """Why the poses of a camera, of which each is in order, do not become part of moments."""
        counts, name = self._joiner.counts[upstream.index], upstream.camera
        if counts.late_in_a_row > _LATE:
            limit_ms = (self._joiner.waits_ns or 0) / 1e6
            return (
                f"poses of camera {name} come when their moments are over; expected them at most {limit_ms:.1f} ms after the first"
                " camera's: raise deadline_ms, or make its tracker faster"
            )
        if counts.unplaced_in_a_row > _UNPLACED:
            return (
                f"the frame numbers of camera {name} fit those of no other; expected one trigger for all cameras: check its cable,"
                " or join by time"
            )
        return None

    def late(self) -> dict[str, int]:
        """By camera, poses so far that came when their moment was over."""
        return {name: self._joiner.counts[upstream.index].late for name, upstream in self._upstreams.items()}

    def counters(self) -> dict[str, int]:
        """Poses so far of all cameras together, by what became of them."""
        kinds = ("joined", "late", "repeated", "contradicting", "unplaced")
        return {
            **{kind: sum(getattr(each, kind) for each in self._joiner.counts) for kind in kinds},
            "refused": sum(upstream.refused for upstream in self._upstreams.values()),
        }

    def message(self, alive: Collection[str]) -> RigMessage:
        """What the status says of the cameras."""
        waits_ns = self._joiner.waits_ns
        return RigMessage(
            frame_of_reference=self._frame,
            joined_by=self.joined_by,
            deadline_ms=0.0 if waits_ns is None else round(waits_ns / 1e6, 3),
            cameras={name: self._camera(upstream, name in alive) for name, upstream in self._upstreams.items()},
        )

    @property
    def _by_exposure(self) -> bool:
        return all(upstream.exposes for upstream in self._upstreams.values() if upstream.names is not None)

    def _camera(self, upstream: Upstream, alive: bool) -> RigCameraMessage:
        counts = self._joiner.counts[upstream.index]
        return RigCameraMessage(
            session=upstream.session,
            alive=alive,
            offset=self._joiner.offset(upstream.index),
            rate_hz=round(self._joiner.rate_hz(upstream.index), 3),
            joined=counts.joined,
            late=counts.late,
            refused=upstream.refused + counts.contradicting + counts.unplaced + counts.repeated,
            clock_offset_ms=upstream.clock_offset_ms,
        )

    def _agree(self) -> None:
        names, self._names_problem = agreed_names(list(self._upstreams.values()))
        if set(names) != set(self.names):  # another order alone is none: poses are read by name
            self.names = names
            self._joiner.restart()

    def _choose_stamps(self) -> None:
        """Exposure times and receipt times must not be mixed; another choice begins the joining anew."""
        exposed = self._by_exposure
        if exposed == self._stamped_by_exposure:
            return
        self._stamped_by_exposure = exposed
        self._joiner.restart()
        if self._config.join == "time":
            self.joined_by = "exposed" if exposed else "received"
            logger.info("frames are joined by %s times", "exposure" if exposed else "receipt")

    def _tell_offsets(self) -> None:
        """Log where the counter of a camera stands, when that is found."""
        if self._config.join != "number":
            return
        for name, upstream in self._upstreams.items():
            offset = self._joiner.offset(upstream.index)
            if offset != self._offsets[name]:
                self._offsets[name] = offset
                if offset is not None:
                    logger.info("frames of camera %s are counted %+d from the rig's", name, offset)
