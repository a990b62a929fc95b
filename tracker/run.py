"""Put the parts together and run the loop until a signal, a command or the end of a file stops it."""

import gc
import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec

from tracker.bundle import Bundle, read_bundle
from tracker.cameras.open_camera import camera_factory
from tracker.capture import Capture
from tracker.config import Config, load_config
from tracker.control import Control
from tracker.engines.engine import Engine
from tracker.engines.open_engine import open_engine
from tracker.errors import ConfigError, RigtrackError, StreamError
from tracker.frame import Frame
from tracker.health import Health
from tracker.image_stream import ImageStream
from tracker.loop import Exchange, Parts, track
from tracker.notify import Notifier
from tracker.publisher import Publisher
from tracker.setup import Setup, make_setup
from tracker.watchdog import Watchdog

logger = logging.getLogger(__name__)

_SWITCH_INTERVAL_S = 0.00005  # Python's default of 5 ms is how long another thread may keep the loop waiting
_BUILD_EXTENSION_S = 120  # asked of the service manager at every sign of life of an engine build


def run(config_path: Path, *, window: bool) -> None:
    """Run the tracker that a configuration describes.

    Raises:
        RigtrackError: it cannot start, or its engine failed; a camera that fails is waited for instead.
    """
    config = load_config(config_path)
    notifier = Notifier.from_environment()
    notifier.status("opening the engine")
    bundle = read_bundle(Path(config.engine.bundle))
    with ExitStack() as stack:
        publisher = stack.enter_context(Publisher(config.publisher, camera=config.name))
        engine = _open(bundle, config, notifier)
        exchange = Exchange()
        capture = stack.enter_context(_capturing(config))
        images = stack.enter_context(_streaming(config))
        health = Health(
            capture=capture,
            publisher=publisher,
            notifier=notifier,
            watchdog=Watchdog.from_environment(notifier),
            camera_lost_s=config.health.camera_lost_s,
            budget_ms=config.engine.budget_ms,
        )
        desk = Desk(config_path, config, engine=engine, bundle=bundle, exchange=exchange, health=health, notifier=notifier)
        stack.callback(desk.close)
        stack.enter_context(Control(config.control.bind, desk.commands))
        stack.enter_context(_signals(desk))
        if window:
            stack.enter_context(_window(config))
        _prepare_real_time()
        notifier.ready()
        logger.info("started: camera=%s session=%s bundle=%s runtime=%s", config.name, publisher.session, bundle.folder, engine.runtime)
        parts = Parts(capture=capture, first_setup=desk.first_setup, publisher=publisher, images=images, health=health, exchange=exchange)
        try:
            track(parts)
        finally:
            health.stopping()
    logger.info("stopped: camera=%s session=%s", config.name, publisher.session)


class Desk:
    """Carries out commands and signals: prepares a new setup away from the loop and leaves it for its next frame."""

    def __init__(
        self,
        config_path: Path,
        config: Config,
        *,
        engine: Engine,
        bundle: Bundle,
        exchange: Exchange,
        health: Health,
        notifier: Notifier,
    ) -> None:
        self._path = config_path
        self._config = config
        self._loaded = (bundle, engine)  # one reference, so that the loop's thread never sees half of a swap
        self._retired: list[Engine] = []
        self._exchange = exchange
        self._health = health
        self._notifier = notifier
        self._source_shape: tuple[int, ...] | None = None
        self.commands = {"status": self.status, "swap": self.swap, "reload": self.reload, "stop": self.stop}

    def first_setup(self, frame: Frame) -> Setup:
        """The setup for the first frame, which fixes the image size."""
        self._source_shape = frame.image.shape
        return make_setup(self._config, *self._loaded, source_shape=frame.image.shape)

    def status(self, _: dict[str, Any]) -> dict[str, Any]:
        """The status message as it was last published."""
        return {"status": msgspec.to_builtins(self._health.last)}

    def swap(self, request: dict[str, Any]) -> dict[str, Any]:
        """Load {"bundle": PATH}, prove it, and put it in place between two frames."""
        path = request.get("bundle")
        if not isinstance(path, str):
            raise ConfigError("swap needs {'bundle': PATH}, the folder of an engine bundle")
        bundle = read_bundle(Path(path))
        engine = _open(bundle, self._config, self._notifier)
        if self._source_shape is not None:
            try:
                setup = make_setup(self._config, bundle, engine, source_shape=self._source_shape)
            except RigtrackError:
                engine.close()
                raise
            self._exchange.put(setup)
        self._close_retired()
        self._retired.append(self._loaded[1])  # the loop may still be inside it: closed at the next swap
        self._loaded = (bundle, engine)
        logger.info("bundle swapped: bundle=%s", bundle.folder)
        return {"bundle": bundle.description.name, "bundle_sha256": bundle.description.onnx_sha256}

    def reload(self, _: dict[str, Any]) -> dict[str, Any]:
        """Read zones, rules and calibration again from the file the tracker was started with."""
        self._notifier.reloading()
        try:
            fresh = load_config(self._path)
            config = msgspec.structs.replace(self._config, zones=fresh.zones, behaviour=fresh.behaviour, calibration=fresh.calibration)
            if self._source_shape is not None:
                self._exchange.put(make_setup(config, *self._loaded, source_shape=self._source_shape))
            self._config = config
        finally:
            self._notifier.ready()
        logger.info("rules reloaded: file=%s events=%d", self._path, len(config.behaviour))
        return {"events": [item.event for item in config.behaviour], "zones": [zone.name for zone in config.zones]}

    def reload_on_signal(self) -> None:
        """The same for SIGHUP: a mistake in the file is published, and the old rules stay."""
        try:
            self.reload({})
        except RigtrackError as problem:
            self._exchange.complain(f"{problem}; the rules in use stay")

    def stop(self, _: dict[str, Any]) -> dict[str, Any]:
        """End the daemon cleanly."""
        self._exchange.stop.set()
        return {}

    def close(self) -> None:
        """Free every engine that was in use."""
        self._close_retired()
        self._loaded[1].close()

    def _close_retired(self) -> None:
        while self._retired:
            self._retired.pop().close()


def _open(bundle: Bundle, config: Config, notifier: Notifier) -> Engine:
    def say(sentence: str) -> None:
        logger.info("%s", sentence)
        notifier.status(sentence)
        notifier.extend_timeout(_BUILD_EXTENSION_S)

    return open_engine(bundle, config.engine, say=say)


@contextmanager
def _capturing(config: Config) -> Iterator[Capture]:
    capture = Capture(camera_factory(config.camera), config.capture)
    capture.start()
    try:
        yield capture
    finally:
        capture.close()


@contextmanager
def _streaming(config: Config) -> Iterator[ImageStream]:
    images = ImageStream(config.viewer)
    try:
        yield images
    finally:
        images.close()


@contextmanager
def _signals(desk: Desk) -> Iterator[None]:
    def stop(_number: int, _frame: FrameType | None) -> None:
        desk.stop({})

    def reload(_number: int, _frame: FrameType | None) -> None:
        # a thread of its own: reading YAML takes longer than a frame
        threading.Thread(target=desk.reload_on_signal, name="reload").start()

    handlers = {signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGHUP: reload}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _window(config: Config) -> Iterator[None]:
    """Show the overlay at the rig: a viewer of its own process, so that nothing it does can hold the loop up."""
    addresses = [address for address in config.publisher.bind if address.startswith(("ipc://", "tcp://127.", "tcp://localhost"))]
    if not addresses:
        raise StreamError("--window needs an ipc:// or loopback address in publisher.bind; add one")
    command = [sys.executable, "-m", "tracker", "view", addresses[0], "--camera", config.name]
    viewer = subprocess.Popen(command)
    try:
        yield
    finally:
        viewer.terminate()
        viewer.wait()


def _prepare_real_time() -> None:
    """Keep Python's own housekeeping out of the loop: no collector pauses, and threads that hand over within half a millisecond."""
    gc.collect()
    gc.freeze()
    gc.disable()  # frames and messages hold no cycles; memory is watched in the benchmark
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
