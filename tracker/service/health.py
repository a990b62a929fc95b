"""What the tracker says of itself: counters, latency of every stage, state; published every second and on change."""

import logging
import time
from collections.abc import Callable
from typing import Literal

import msgspec

from tracker.boot_id import boot_id
from tracker.bundle_description import Description
from tracker.cameras.capture import Capture
from tracker.engines.view_fit import unlike_training
from tracker.frame import Frame
from tracker.messages import VERSION, Problem, StatusMessage
from tracker.recording.recorder import Recorder
from tracker.service.latency import Latency
from tracker.service.missing_frames import MissingFrames
from tracker.service.notify import Notifier
from tracker.service.watchdog import Watchdog
from tracker.setup import Setup, open_events
from tracker.stream.publisher import Publisher

logger = logging.getLogger(__name__)

STATUS_EVERY_NS = 1_000_000_000
State = Literal["starting", "tracking", "camera_lost", "stopping"]


class Health:
    """Counts what happened to every frame and tells subscribers and the service manager."""

    def __init__(
        self,
        *,
        capture: Capture,
        publisher: Publisher,
        recorder: Recorder,
        notifier: Notifier,
        watchdog: Watchdog,
        camera_lost_s: float,
        budget_ms: float,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.state: State = "starting"
        self.last: StatusMessage | None = None  # as published; other threads may read it
        self._capture = capture
        self._recorder = recorder
        self._publisher = publisher
        self._notifier = notifier
        self._watchdog = watchdog
        self._camera_lost_s = camera_lost_s
        self._budget_ns = int(budget_ms * 1e6)
        self._clock = clock
        self._boot_id = boot_id()
        self._stages = {stage: Latency() for stage in ("wait", "engine", "behaviour", "publish", "total")}
        self._inferred = 0
        self._over_budget = 0
        self._reported: Problem | None = None  # written by any thread
        self._changed = False
        self._camera_problem: Problem | None = None
        self._recording_problem: Problem | None = None
        self._classifier_problem: Problem | None = None
        self._last_frame = -1
        self._last_received_ns = 0
        self._setup: Setup | None = None
        self._setup_number = 0
        self._next_status_ns = 0
        self._missing = MissingFrames()
        self._rates_since: tuple[int, dict[str, int]] = (clock(), {})
        self._fps: dict[str, float] = {"captured": 0.0, "inferred": 0.0, "published": 0.0}

    def frame(self, frame: Frame, *, taken_ns: int, inferred_ns: int, decided_ns: int, published_ns: int) -> None:
        """Count one frame that went all the way through."""
        stages = self._stages
        stages["wait"].add(taken_ns - frame.received_ns)
        stages["engine"].add(inferred_ns - taken_ns)
        stages["behaviour"].add(decided_ns - inferred_ns)
        stages["publish"].add(published_ns - decided_ns)
        stages["total"].add(published_ns - frame.received_ns)
        self._inferred += self._setup is None or self._setup.has_engine
        answered_ns = inferred_ns if self._setup is None or self._setup.inference is not None else decided_ns  # classifiers alone
        self._over_budget += answered_ns - taken_ns > self._budget_ns
        self._last_frame = frame.number
        self._last_received_ns = frame.received_ns
        self._watchdog.fed()
        self._enter("tracking")
        if self._changed or published_ns >= self._next_status_ns:
            self.publish()

    def idle(self) -> None:
        """No frame came; called many times a second."""
        if self._capture.state == "lost":
            self._enter("camera_lost")
        if self._changed or self._clock() >= self._next_status_ns:
            self.publish()

    def ready(self) -> None:
        """There is an engine: the service manager may count the tracker as started. The camera may take its time to open."""
        self._watchdog.wait_for_camera(self._camera_lost_s)
        self._notifier.ready()

    def using(self, setup: Setup, *, number: int) -> None:
        """A bundle, calibration and rules were put in place."""
        self._setup, self._setup_number = setup, number
        width, height = setup.image_size
        logger.info("setup in use: number=%d %s", number, setup.field_of_view or "no engine: no network finds key points")
        if setup.bundle is not None and (unlike := unlike_training(setup.bundle.trained_on, (height, width))):
            logger.warning("%s", unlike)
        self.publish()

    def report(self, cause: Literal["reload"], sentence: str | None) -> None:
        """State what is wrong, or with None that it is over. May be called by any thread; the loop publishes it."""
        if sentence is not None:
            logger.error("%s", sentence)
        problem = None if sentence is None else Problem(cause=cause, sentence=sentence, since_ns=self._clock())
        self._reported, self._changed = problem, True

    def stopping(self) -> None:
        """Say good-bye to subscribers and the service manager."""
        self._notifier.stopping()
        self._enter("stopping")

    def publish(self) -> None:
        """Publish the status as it is."""
        now = self._clock()
        self._changed = False
        self._next_status_ns = now + STATUS_EVERY_NS
        self.last = self._message(now)
        self._publisher.status(self.last)
        self._notifier.status(f"{self.state}: frame {self._last_frame}, {self._fps['published']:.1f} frames/s")

    def _message(self, now: int) -> StatusMessage:
        counters = self._counters()
        if (sentence := self._missing.look(counters, now)) is not None:
            logger.warning("%s", sentence)
        self._measure_rates(now, counters)
        setup = self._setup
        description = setup.bundle if setup else None
        runtime, device, precision = _runs_on(setup) if setup else ("", "", "")
        return StatusMessage(
            v=VERSION,
            camera=self._publisher.camera,
            session=self._publisher.session,
            frame=self._last_frame,
            received_ns=self._last_received_ns,
            published_ns=now,
            state=self.state,
            point_names=list(description.point_names) if description else [],
            skeleton=list(description.skeleton) if description else [],
            class_names=list(setup.scores.names) if setup else [],
            zones=setup.zones if setup else [],
            image_size=setup.image_size if setup else None,
            bundle=description.name if description else "",
            bundle_sha256=description.onnx_sha256 if description else "",
            runtime=runtime,
            device=device,
            precision=precision,
            fps=dict(self._fps),
            latency_ms={stage: latency.summary_ms() for stage, latency in self._stages.items()},
            counters=counters,
            unix_offset_ns=time.clock_gettime_ns(time.CLOCK_REALTIME) - time.monotonic_ns(),
            setup=self._setup_number,
            field_of_view=setup.field_of_view if setup else "",
            problems=self._problems(now),
            recording=self._recorder.status,
            armed=self._recorder.armed,
            open=open_events(setup, received_ns=self._last_received_ns) if setup else [],
            correct_within_px=_radii(description),
            boot_id=self._boot_id,
            overlay=msgspec.to_builtins(setup.config.overlay) if setup else {},
        )

    def _problems(self, now: int) -> list[Problem]:
        self._camera_problem = _problem("camera", self._capture.problem, self._camera_problem, now)
        self._recording_problem = _problem("recording", self._recorder.problem, self._recording_problem, now)
        fault = self._setup.scores.fault if self._setup is not None else None
        if fault is not None and self._classifier_problem is None:
            logger.error("%s", fault)
        self._classifier_problem = _problem("classifier", fault, self._classifier_problem, now)
        every = (self._camera_problem, self._recording_problem, self._classifier_problem, self._reported)
        return [problem for problem in every if problem is not None]

    def _counters(self) -> dict[str, int]:
        counts = self._capture.counts()
        recorded, record_dropped = self._recorder.counts
        return {
            "captured": counts.captured,
            "skipped": counts.skipped,
            "lost": counts.lost,
            "corrupt": counts.corrupt,
            "inferred": self._inferred,
            "over_budget": self._over_budget,
            "published": self._publisher.published,
            "recorded": recorded,
            "record_dropped": record_dropped,
            "reopened": counts.reopened,
        } | self._region_counters()

    def _region_counters(self) -> dict[str, int]:
        """Of classifiers that follow a key point, and of those that do not take every frame, where there are some."""
        scores = self._setup.scores if self._setup is not None else None
        if scores is None:
            return {}
        followed = {"region_padded": scores.frames_padded, "region_absent": scores.frames_without_region}
        return (followed if scores.follows else {}) | ({"without_network": scores.frames_without_network} if scores.preselect else {})

    def _measure_rates(self, now: int, counters: dict[str, int]) -> None:
        since, before = self._rates_since
        if before and now - since >= STATUS_EVERY_NS // 2:
            self._fps = {name: round((counters[name] - before[name]) * 1e9 / (now - since), 2) for name in self._fps}
        if not before or now - since >= STATUS_EVERY_NS // 2:
            self._rates_since = (now, counters)

    def _enter(self, state: State) -> None:
        if state == self.state:
            return
        if state == "camera_lost":
            logger.warning("camera lost: %s", self._capture.problem)
            self._watchdog.wait_for_camera(self._camera_lost_s)
        elif state == "tracking":
            logger.info("tracking: frame=%d", self._last_frame)
            self._watchdog.expect_frames()
        self.state = state
        self.publish()


def _problem(cause: Literal["camera", "recording", "classifier"], sentence: str | None, before: Problem | None, now: int) -> Problem | None:
    """What is wrong now, since when it has been."""
    return None if sentence is None else Problem(cause=cause, sentence=sentence, since_ns=now if before is None else before.since_ns)


def _runs_on(setup: Setup) -> tuple[str, str, str]:
    """Runtime, device and precision of the key points' engine, or of the first classifier where that is all there is; or "none"."""
    if setup.inference is not None:
        engine = setup.inference.engine
        return engine.runtime, engine.device, engine.precision
    first = next(iter(setup.scores.classifiers.values()), None)
    if first is None:
        return "none", "", ""
    return first.engine.runtime, first.engine.device, "fp32"


def _radii(description: Description | None) -> dict[str, float]:
    """By key point; empty where the bundle does not say."""
    if description is None or description.correct_within_px is None:
        return {}
    return dict(zip(description.point_names, description.correct_within_px, strict=True))
