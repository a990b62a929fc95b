"""Put the parts together and run the loop until a signal, a command or the end of a file stops it."""

import gc
import logging
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import msgspec

from tracker.cameras.capture import Capture
from tracker.cameras.open_camera import camera_factory, check_source
from tracker.command_handler import CommandHandler
from tracker.config import Config, RecordingConfig, load_config
from tracker.errors import RecordingError, StreamError
from tracker.frame import Frame
from tracker.loop import LoopParts, track
from tracker.loop_inbox import LoopInbox
from tracker.messages import StatusMessage
from tracker.record_handler import RecordHandler
from tracker.recording.continued import session_to_continue
from tracker.recording.describe import describe as describe_session
from tracker.recording.on_event import Bouts
from tracker.recording.place import check_place, free_folder
from tracker.recording.recorder import Recorder, load_libraries
from tracker.recording.request import RecordedRig, Request
from tracker.recording.session import BY_HAND, FILE_OVER, TRACKER_ENDED, Description
from tracker.service.health import Health
from tracker.service.heartbeat import Heartbeat
from tracker.service.log import written_beside
from tracker.service.notify import Notifier
from tracker.service.stop_signals import stopped_by_signals
from tracker.service.watchdog import Watchdog
from tracker.stream.address import is_private
from tracker.stream.control import Control
from tracker.stream.image_stream import ImageStream
from tracker.stream.publisher import Publisher

logger = logging.getLogger(__name__)

_WINDOW_CLOSE_S = 0.5
_POSE_WAIT_NS = 5_000_000_000  # so long a loop may stand still before frames are recorded without poses; a later frame's pose tells earlier
_DESCRIPTORS = 65_536
_SWITCH_INTERVAL_S = 0.00005  # Python's default of 5 ms is how long another thread may keep the loop waiting


def run(config_path: Path, *, window: bool, record: dict[str, Any] | None = None, meta: dict[str, str] | None = None) -> None:
    """Run the tracker that a configuration describes.

    Args:
        config_path: of `tracker.yaml`.
        window: show the overlay at the rig.
        record: begin to record with the first frame, as the command `record_start` takes it; None: as configured, or when told to.
        meta: notes for every session of this run, over those of the configuration.

    Raises:
        RigtrackError: it cannot start, or its engine failed; a camera that fails is waited for instead.
    """
    config = _with_notes(load_config(config_path), meta or {}, records=record is not None)
    check_source(config.camera)
    notifier = Notifier.from_environment()
    _prepare_real_time()
    _allow_many_connections()
    inbox = LoopInbox()
    with ExitStack() as stack:
        stack.enter_context(written_beside())
        by_hand = threading.Event()
        stack.enter_context(
            stopped_by_signals(inbox.stop.set, by_hand=by_hand.set)
        )  # first in and last out: a second signal must not cut the end short
        publisher = stack.enter_context(Publisher(config.publisher, camera=config.name))
        images = stack.enter_context(_streaming(config, publisher))
        capture = stack.enter_context(_capturing(config))
        recorder = _recorder(config, publisher, capture, record=record is not None, status=lambda: health.last)
        health = Health(
            capture=capture,
            publisher=publisher,
            recorder=recorder,
            notifier=notifier,
            watchdog=Watchdog.from_environment(notifier),
            camera_lost_s=config.health.camera_lost_s,
            budget_ms=config.engine.budget_ms,
        )
        handler = CommandHandler(config_path, config, inbox=inbox, health=health, notifier=notifier)
        stack.callback(handler.close)
        records = RecordHandler(config, recorder)

        def close_recording() -> None:
            is_over = capture.ended and not inbox.stop.is_set()  # a file that has ended is recorded whole
            records.close(hurried=inbox.stop.is_set, reason=BY_HAND if by_hand.is_set() else FILE_OVER if is_over else TRACKER_ENDED)

        stack.callback(close_recording)
        if config.recording is not None and config.recording.on_event:
            stack.enter_context(Bouts(recorder, config.recording, camera=config.name))
        refusals: list[str] = []

        def refused(sentence: str) -> None:
            refusals.append(sentence)
            inbox.stop.set()

        if record is not None:
            recorder.start(_from_the_start(records.request(record), config), refused=refused)
        elif config.recording is not None and config.recording.at_start and recorder.problem is None:
            _record_unattended(recorder, records, config)
        stack.enter_context(Control(config.control.bind, handler.commands | records.commands))
        signal.signal(signal.SIGHUP, lambda _number, _frame: handler.reload_on_signal())
        if window:
            stack.enter_context(_window(config))
        logger.info("started: camera=%s session=%s bundle=%s", config.name, publisher.session, config.engine.bundle or "none")
        health.publish()
        handler.start()
        heartbeat = Heartbeat(config.publisher.alive_ms)
        parts = LoopParts(
            capture=capture, publisher=publisher, images=images, health=health, inbox=inbox, heartbeat=heartbeat, recorder=recorder
        )
        try:
            track(parts)
        finally:
            health.stopping()
        if refusals:
            raise RecordingError(refusals[0])
    logger.info("stopped: camera=%s session=%s", config.name, publisher.session)


def _with_notes(config: Config, meta: dict[str, str], *, records: bool) -> Config:
    """The configuration with these notes for every session, whatever begins it.

    Raises:
        RecordingError: nothing could ever be recorded, so that the notes would be lost.
    """
    if not meta or (records and config.recording is None):
        return config
    if config.recording is None:
        raise RecordingError("--meta notes something with sessions, but this tracker records none; give --record, or add `recording: {}`")
    return msgspec.structs.replace(config, recording=msgspec.structs.replace(config.recording, meta={**config.recording.meta, **meta}))


def _recorder(
    config: Config, publisher: Publisher, capture: Capture, *, record: bool, status: Callable[[], StatusMessage | None]
) -> Recorder:
    settings = config.recording or (RecordingConfig() if record else None)
    if settings is None:
        return Recorder(None)

    def describe(first: list[Frame], meta: dict[str, str]) -> Description:
        last = status()
        return describe_session(
            config,
            settings,
            first,
            camera_description=capture.description,
            camera_settings=capture.camera_settings,
            stream_session=publisher.session,
            meta=meta,
            bundle=(last.bundle, last.bundle_sha256) if last is not None and last.bundle else None,
        )

    rig = RecordedRig(settings=settings, describe=describe, pose_wait_ns=_POSE_WAIT_NS, rate_hz=config.camera.rate_hz)
    recorder = Recorder(rig)
    try:
        load_libraries()
        _name_unfinished(settings)
    except RecordingError as problem:
        if record:
            raise
        _note(recorder, problem)
    capture.offer_to(recorder.offer)
    return recorder


def _note(recorder: Recorder, problem: RecordingError) -> None:
    """A problem in the status, and tracking goes on: nobody may be there."""
    logger.error("the tracker begins without recording: %s", problem)
    recorder.note(str(problem))


def _record_unattended(recorder: Recorder, records: RecordHandler, config: Config) -> None:
    """Begin to record as configured; where that cannot be, it is a problem in the status, and tracking goes on."""
    try:
        recorder.start(_from_the_start(records.request({}), config))
    except RecordingError as problem:
        _note(recorder, problem)


def _from_the_start(asked: Request, config: Config) -> Request:
    """The same in the next free folder where the name is taken, since tracking does not end for a name; with what it continues."""
    folder = free_folder(asked.folder)
    if folder != asked.folder:
        logger.warning("%s exists, so the session is recorded to %s", asked.folder, folder)
    notes = {**(config.recording.meta if config.recording is not None else {}), **asked.meta}
    before = session_to_continue(asked.folder.parent, config.name, notes, now=datetime.now(timezone.utc))
    return replace(asked, folder=folder, continues=before)


def _name_unfinished(settings: RecordingConfig) -> None:
    """Log the sessions that are to be mended.

    Raises:
        RecordingError: the folder of the sessions cannot be looked into, and none can be written to it either.
    """
    from tracker.recording.recover import unfinished

    try:
        cut_off = unfinished(Path(settings.folder))
    except OSError as problem:
        check_place(settings)
        logger.warning("whether a recording in %s was cut off cannot be seen: %s", settings.folder, problem.strerror)
        return
    for folder in cut_off:
        logger.warning("a recording was cut off; mend it with `tracker recover %s`: folder=%s", folder, folder)


@contextmanager
def _capturing(config: Config) -> Iterator[Capture]:
    capture = Capture(camera_factory(config.camera), config.capture)
    try:
        yield capture
    finally:
        capture.close()


@contextmanager
def _streaming(config: Config, publisher: Publisher) -> Iterator[ImageStream]:
    images = ImageStream(config.viewer, config.publisher, camera=config.name, session=publisher.session)
    try:
        yield images
    finally:
        images.close()


@contextmanager
def _window(config: Config) -> Iterator[None]:
    """Show the overlay at the rig: a viewer of its own process, so that nothing it does can hold the loop up."""
    viewer = subprocess.Popen(window_command(config))
    try:
        yield
    finally:
        viewer.terminate()
        try:
            viewer.wait(_WINDOW_CLOSE_S)
        except subprocess.TimeoutExpired:
            viewer.kill()
            viewer.wait()


def window_command(config: Config) -> list[str]:
    """The command that shows this tracker's overlay on the machine that it runs on.

    Raises:
        StreamError: no address of this machine, or no key for a viewer.
    """
    near = [address for address in config.publisher.bind if is_private(address)]
    if not near:
        raise StreamError("--window needs an ipc:// or loopback address in publisher.bind; add one")
    command = [sys.executable, "-m", "tracker", "view", near[0], "--camera", config.name]
    if config.viewer.bind is not None:
        pictures = [address for address in config.viewer.bind if is_private(address)]
        if not pictures:
            raise StreamError("--window needs an ipc:// or loopback address in viewer.bind; add one")
        command += ["--pictures", pictures[0]]
    if config.publisher.curve_keys is not None:
        key = Path(config.publisher.curve_keys) / "client.key"
        if not key.is_file():
            raise StreamError(f"--window needs {key}, a viewer's key, since the stream has keys; put one there, or run without --window")
        command += ["--keys", config.publisher.curve_keys]
    return command


def _allow_many_connections() -> None:
    """Take as many file descriptors as the system allows: ZeroMQ ends the process when a connection cannot have one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if most == resource.RLIM_INFINITY else min(_DESCRIPTORS, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def _prepare_real_time() -> None:
    """Keep Python's own housekeeping out of the loop: no collector pauses, and threads that hand over within 50 µs."""
    gc.disable()  # frames and messages hold no cycles; memory is watched in the benchmark
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
