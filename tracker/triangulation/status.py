"""What a rig says of itself: published every second and on change."""

import logging
import time
from collections.abc import Callable, Collection
from typing import Literal

from tracker.boot_id import boot_id
from tracker.messages import VERSION, Problem, StatusMessage
from tracker.service.notify import Notifier
from tracker.stream.publisher import Publisher
from tracker.triangulation.cameras import RigCameras, unix_offset_ns
from tracker.triangulation.tracking import RigTracking

logger = logging.getLogger(__name__)

STATUS_EVERY_NS = 1_000_000_000
_LOST_AFTER_NS = 1_000_000_000  # without a moment that two cameras saw
_HEARD_AFTER_NS = 2_000_000_000  # from the start: until then a camera that is not heard is no problem
State = Literal["starting", "tracking", "camera_lost", "stopping"]


class RigStatus:
    """Puts the status together and publishes it."""

    def __init__(
        self,
        cameras: RigCameras,
        tracking: RigTracking,
        publisher: Publisher,
        *,
        notifier: Notifier,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._cameras, self._tracking, self._publisher, self._notifier, self._clock = cameras, tracking, publisher, notifier, clock
        self.state: State = "starting"
        self.last: StatusMessage | None = None  # as it was last published
        self._boot_id = boot_id()
        self._begun_ns, self._next_ns = clock(), 0
        self._said: tuple[State, int, tuple[str, ...]] | None = None  # state, setup and problems as last published
        self._since_ns: dict[str, int] = {}  # by cause of a problem
        self._placed = 0
        self._placed_ns = 0
        self._rates_since = (clock(), 0, 0)
        self._fps = {"joined": 0.0, "published": 0.0}

    def update(self, alive: Collection[str], now_ns: int) -> None:
        """Publish if it is time or something changed; called many times a second."""
        tracking = self._tracking
        if tracking.placed != self._placed:
            self._placed, self._placed_ns = tracking.placed, now_ns
            self.state = "tracking"
        elif self.state == "tracking" and now_ns - self._placed_ns > _LOST_AFTER_NS:
            self.state = "camera_lost"
        problems = self._sentences(alive if now_ns - self._begun_ns > _HEARD_AFTER_NS else self._cameras.cameras)
        said = (self.state, tracking.setup, tuple(problems.values()))
        if said != self._said or now_ns >= self._next_ns:
            self._log(said)
            self._said = said
            self.publish(alive, problems, now_ns)

    def stopping(self) -> None:
        """Tell subscribers and the service manager of the end."""
        self._notifier.stopping()
        self.state = "stopping"
        self.publish((), {}, self._clock())

    def publish(self, alive: Collection[str], problems: dict[Literal["camera", "reload"], str], now_ns: int) -> None:
        """Publish the status as it is."""
        self._next_ns = now_ns + STATUS_EVERY_NS
        tracking, last = self._tracking, self._tracking.last
        counters = self._cameras.counters() | {"moments": tracking.moments, "placed": tracking.placed}
        self._measure_rates(now_ns, counters)
        self._since_ns = {cause: self._since_ns.get(cause, now_ns) for cause in problems}
        self.last = StatusMessage(
            v=VERSION,
            camera=self._publisher.camera,
            session=self._publisher.session,
            frame=tracking.moments - 1,
            received_ns=last.received_ns if last else 0,
            published_ns=now_ns,
            state=self.state,
            point_names=list(tracking.names),
            skeleton=[],
            class_names=[],
            zones=[],
            image_size=None,
            bundle="",
            bundle_sha256="",
            runtime="",
            device="",
            precision="",
            fps=dict(self._fps),
            latency_ms={stage: latency.summary_ms() for stage, latency in tracking.stages.items()},
            counters=counters,
            unix_offset_ns=unix_offset_ns(),
            setup=tracking.setup,
            field_of_view="",
            problems=[Problem(cause=cause, sentence=each, since_ns=self._since_ns[cause]) for cause, each in problems.items()],
            open=tracking.open_events,
            boot_id=self._boot_id,
            rig=self._cameras.message(alive),
        )
        self._publisher.status(self.last)
        self._notifier.status(f"{self.state}: moment {tracking.moments - 1}, {self._fps['published']:.1f} a second")

    def _sentences(self, alive: Collection[str]) -> dict[Literal["camera", "reload"], str]:
        """By cause, what is wrong: one text for all cameras, since a status holds one problem of each cause."""
        found: dict[Literal["camera", "reload"], str] = {}
        if cameras := self._cameras.problems(alive):
            found["camera"] = " · ".join(cameras)
        if self._tracking.problem is not None:
            found["reload"] = self._tracking.problem
        return found

    def _log(self, said: tuple[State, int, tuple[str, ...]]) -> None:
        before = self._said[2] if self._said else ()
        for sentence in said[2]:
            if sentence not in before:
                logger.warning("%s", sentence)
        if self._said is None or said[0] != self._said[0]:
            logger.info("state: %s", said[0])

    def _measure_rates(self, now_ns: int, counters: dict[str, int]) -> None:
        since_ns, placed, moments = self._rates_since
        if now_ns - since_ns >= STATUS_EVERY_NS // 2:
            per_second = 1e9 / (now_ns - since_ns)
            self._fps = {
                "joined": round((counters["placed"] - placed) * per_second, 2),
                "published": round((counters["moments"] - moments) * per_second, 2),
            }
            self._rates_since = (now_ns, counters["placed"], counters["moments"])
