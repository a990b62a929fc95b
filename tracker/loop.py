"""The loop: camera → engine → calibration → classifiers → behaviour → publisher, every frame once. All else may lose frames."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from tracker.cameras.capture import Capture, Captured
from tracker.errors import EngineError, RigtrackError
from tracker.event import Event, Reason
from tracker.frame import Frame
from tracker.loop_inbox import Change, LoopInbox
from tracker.motion import ImageMotion, MotionValues
from tracker.pose import Pose
from tracker.recording.recorder import Recorder
from tracker.service.health import Health
from tracker.service.heartbeat import Heartbeat
from tracker.setup import Setup, open_events, setup_message
from tracker.stream.image_stream import ImageStream
from tracker.stream.publisher import Publisher

IDLE_S = 0.02  # without a frame: how often overdue events, the heartbeat and changes are looked after


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopParts:
    """What the loop connects. The capture is started by the loop, once there is an engine to take its frames."""

    capture: Capture
    publisher: Publisher
    images: ImageStream
    health: Health
    inbox: LoopInbox
    heartbeat: Heartbeat
    recorder: Recorder


def track(parts: LoopParts, *, clock: Callable[[], int] = time.monotonic_ns) -> None:
    """Track until told to stop, or until the camera's file ends. However it ends, every event that is on is ended first.

    Raises:
        RigtrackError: bundle, calibration or rules do not fit the first frame, or the engine failed.
    """
    tracking = Tracking(parts, clock=clock)
    reason: Reason = "error"
    try:
        while not parts.inbox.stop.is_set():
            tracking.take_change()
            captured = parts.capture.next(IDLE_S)
            if captured is not None:
                tracking.follow(captured, taken_ns=clock())
            elif parts.capture.ended:
                break
            else:
                tracking.wait()
            tracking.serve()
        reason = "stopping"
    except EngineError:
        reason = "engine"
        raise
    finally:
        tracking.end(reason)


class Tracking:
    """What runs now, and what is known of the last frame. Used by the loop's thread alone."""

    def __init__(self, parts: LoopParts, *, clock: Callable[[], int]) -> None:
        self._parts = parts
        self._clock = clock
        self._motion: ImageMotion | None = None  # made with the first setup; a swap or reload keeps it
        self._change: Change | None = None  # what `_setup` comes from, or will at the first frame
        self._setup: Setup | None = None
        self._number = 0  # of the setup in use
        self._last: Frame | None = None
        self._ended: list[tuple[str, int, str]] = []  # (event, animal, reason) since the last pose

    def take_change(self) -> None:
        """Use another setup from the next frame on, if one was left in the inbox."""
        change = self._parts.inbox.take()
        if change is None:
            return
        setup = change.setup
        if setup is None and self._parts.inbox.source_shape is not None:
            try:
                setup = change.make(self._parts.inbox.source_shape)
            except RigtrackError as problem:
                change.outcome.set_exception(problem)
                return
        if self._change is None:
            self._parts.capture.start()
            self._parts.health.ready()
        self._change = change
        if setup is not None:
            self._use(setup, change)
        change.outcome.set_result(None)

    def follow(self, captured: Captured, *, taken_ns: int) -> None:
        """Take one frame all the way through."""
        frame, publisher = captured.frame, self._parts.publisher
        setup = self._setup or self._first_setup(frame)
        time_ns = frame.received_ns if frame.exposed_ns is None else frame.exposed_ns
        points = setup.points(frame.image)
        inferred_ns = self._clock()
        if setup.identity is not None:
            points = setup.identity.update(points, time_ns)
        pose = Pose(points=points, mm=setup.locate.to_mm(points) if setup.locate else None)
        pose = setup.scores.of(pose, frame.image, time_ns)
        motion = self._motion.update(frame.image) if self._motion else MotionValues()
        brightness = setup.brightness.of(frame.image)
        events = setup.behaviour.update(
            frame_number=frame.number, time_ns=time_ns, pose=pose, motion=motion.configured, brightness=brightness
        )
        if events and setup.scores.preselect:
            setup.scores.take_events(events)
        decided_ns = self._clock()
        message = publisher.pose(
            frame,
            pose,
            names=setup.point_names,
            taken_ns=taken_ns,
            inferred_ns=inferred_ns,
            counts=captured.counts,
            setup=self._number,
            ended=self._ended,
            motion=motion.configured,
            motion_full=motion.full,
            brightness=brightness,
        )
        changes = [publisher.event(frame, event) for event in events]
        published_ns = self._clock()
        self._last, self._ended = frame, []
        self._parts.recorder.pose(message)
        for change in changes:
            self._parts.recorder.event(change)
        self._parts.images.offer(frame)
        self._parts.health.frame(frame, taken_ns=taken_ns, inferred_ns=inferred_ns, decided_ns=decided_ns, published_ns=published_ns)

    def wait(self) -> None:
        """No frame came: end what has been on unseen for too long."""
        if self._setup is not None and self._last is not None:
            silent_ns = self._clock() - self._last.received_ns
            self._end(self._setup.behaviour.wait(silent_ns, camera_lost=self._parts.capture.state == "lost"))
        self._parts.health.idle()

    def serve(self) -> None:
        """Send the heartbeat when it is due, and answer subscriptions."""
        interval_ms = self._parts.heartbeat.due(self._clock())
        if interval_ms is not None:
            last, setup = self._last, self._setup
            self._parts.publisher.alive(
                frame=last.number if last else -1,
                received_ns=last.received_ns if last else 0,
                interval_ms=interval_ms,
                open_events=open_events(setup, received_ns=last.received_ns) if setup and last else [],
            )
        self._parts.publisher.serve()

    def end(self, reason: Reason) -> None:
        """End every event that is on."""
        if self._setup is not None:
            self._end(self._setup.behaviour.end(reason))

    def _first_setup(self, frame: Frame) -> Setup:
        if self._change is None:
            raise RuntimeError("a frame came before any engine: the capture was started by somebody else")
        self._parts.inbox.source_shape = frame.image.shape
        return self._use(self._change.make(frame.image.shape), self._change)

    def _use(self, setup: Setup, change: Change) -> Setup:
        if change.cause != "start":
            self.end(change.cause)
        if change.cause == "start":
            setup.scores.reset()
        elif change.cause == "swap":
            setup.scores.reset_networks()
        if self._setup is not None:
            setup.behaviour.follow(self._setup.behaviour)
        self._setup, self._number = setup, self._number + 1
        self._motion = self._motion or ImageMotion(setup.config.motion.size)
        message = setup_message(setup, number=self._number, cause=change.cause, after=self._last, publisher=self._parts.publisher)
        self._parts.publisher.setup(message)
        self._parts.recorder.setup(message)
        self._parts.health.using(setup, number=self._number)
        return setup

    def _end(self, events: list[Event]) -> None:
        """Publish ends that no frame brought, with the stamp of the last frame, and note them for the next pose."""
        if self._last is not None:
            for event in events:
                self._parts.recorder.event(self._parts.publisher.event(self._last, event))
                self._ended.append((event.name, event.animal, event.reason))
