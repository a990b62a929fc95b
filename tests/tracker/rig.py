"""A tracker inside the test's own process, fed by hand: its loop on a thread, real sockets, and an engine that the test can break."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from tracker.bundle import Bundle, read_bundle
from tracker.cameras.camera import Camera
from tracker.cameras.capture import Capture
from tracker.cameras.read_back import ReadBack
from tracker.client import Client
from tracker.config import Config, load_config
from tracker.config_rules import EventConfig, Rule, Zone
from tracker.engines.carried import States
from tracker.errors import CameraError
from tracker.frame import Frame, Image
from tracker.loop import LoopParts, track
from tracker.loop_inbox import Cause, Change, LoopInbox
from tracker.messages import Message
from tracker.recording.recorder import Recorder
from tracker.service.health import Health
from tracker.service.heartbeat import Heartbeat
from tracker.service.notify import Notifier
from tracker.service.watchdog import Watchdog
from tracker.setup import make_setup
from tracker.stream.image_stream import ImageStream
from tracker.stream.publisher import Publisher

DEADLINE_S = 300.0  # only a hang takes so long
WIDTH, HEIGHT = 64, 48
RULE = Rule(when="above", on=0, off=0, minimum_ms=0, maximum_gap_ms=0, refractory_ms=0, confidence=0.5, missing="end")

M = TypeVar("M")


class HandFedCamera:
    """A camera whose frames, and loss, are the test's doing."""

    description = "a camera fed by hand"

    def __init__(self) -> None:
        self.read_back: ReadBack = {}
        self._frames: queue.SimpleQueue[Frame] = queue.SimpleQueue()
        self._number = -1
        self.gone = threading.Event()

    def show(self, x: int, y: int, *, count: int = 1) -> None:
        """Deliver images, black but for one white pixel."""
        for _ in range(count):
            image = np.zeros((HEIGHT, WIDTH), np.uint8)
            image[y, x] = 255
            self._number += 1
            self._frames.put(Frame(image=image, number=self._number, exposed_ns=None, received_ns=time.monotonic_ns()))

    def open(self) -> Camera:
        if self.gone.is_set():
            raise CameraError("the camera is gone; plug it in")
        return self

    def read(self, timeout_s: float) -> Frame | None:
        if self.gone.is_set():
            raise CameraError("the camera is gone; plug it in")
        try:
            return self._frames.get(timeout=timeout_s)
        except queue.Empty:
            raise CameraError(f"no frame for {timeout_s:g} s") from None

    def close(self) -> None:
        """Nothing is held."""


class BrightestPixel:
    """An engine in numpy, which fails when it is told to and refuses to run when it is closed."""

    runtime, device, precision = "numpy", "CPU", "fp32"

    def __init__(self) -> None:
        self.failure: Exception | None = None
        self.closed = False
        self.blind = False  # it sees no animal

    def infer(self, image: Image) -> NDArray[np.float32]:
        if self.closed:
            raise AssertionError("the loop runs an engine that is closed")
        if self.failure is not None:
            raise self.failure
        if self.blind:
            return np.zeros((1, 1, 3), np.float32)
        y, x, _ = np.unravel_index(int(image.argmax()), image.shape)
        return np.array([[[x, y, image.max() / 255]]], np.float32)

    def reset(self) -> None:
        """Nothing is carried over."""

    def carried(self) -> dict[str, bytes]:
        return {}

    def go_on(self, carried: States) -> None:
        """Nothing is carried over."""

    def close(self) -> None:
        self.closed = True


class Rig:
    """The parts of `tracker.run`, without its process."""

    def __init__(self, config: Config, bundle: Path, stack: ExitStack) -> None:
        self.config = config
        self.bundle: Bundle = read_bundle(bundle)
        self.camera = HandFedCamera()
        self.engine = BrightestPixel()
        self.inbox = LoopInbox()
        self.publisher = stack.enter_context(Publisher(config.publisher, camera=config.name))
        self.images = ImageStream(config.viewer, config.publisher, camera=config.name, session=self.publisher.session)
        stack.callback(self.images.close)
        self.capture = Capture(self.camera.open, config.capture)
        stack.callback(self.capture.close)
        self.recorder = Recorder(None)
        notifier = Notifier(None)
        self.health = Health(
            capture=self.capture,
            publisher=self.publisher,
            recorder=self.recorder,
            notifier=notifier,
            watchdog=Watchdog(notifier, interval_s=None),
            camera_lost_s=60.0,
            budget_ms=100.0,
        )
        self.client = stack.enter_context(Client(config.publisher.bind[0], kinds=("pose", "event", "alive", "setup", "status")))
        self.problem: BaseException | None = None
        self._thread = threading.Thread(target=self._track, name="loop")

    def start(self) -> None:
        """Run the loop; a subscriber is connected first, so that it hears everything."""
        self.hear(lambda: self.publisher.serve())
        self._thread.start()

    def stop(self) -> None:
        """End the loop, if it runs."""
        self.inbox.stop.set()
        if self.running:
            self.join()

    def join(self) -> None:
        """Wait for the loop's own end."""
        self._thread.join(DEADLINE_S)
        assert not self._thread.is_alive(), "the loop did not end"

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def change(self, cause: Cause, *, engine: BrightestPixel | None = None, **replaced: Any) -> Change:
        """Leave a setup of these rules in the inbox."""
        config, engine = self.config, engine or self.engine
        for name, value in replaced.items():
            config = _with(config, name, value)
        change = Change(cause=cause, make=lambda shape: make_setup(config, self.bundle, engine, source_shape=shape), setup=None)
        self.inbox.put(change)
        return change

    def wait_for(self, kind: type[M], wanted: Callable[[M], bool] = lambda _: True) -> M:
        """The next message of a kind that is wanted; everything before it is dropped."""
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            message = self.client.receive(0.5)
            if isinstance(message, kind) and wanted(message):
                return message
        raise AssertionError(f"no {kind.__name__} that was wanted came")

    def heard(self, seconds: float = 0.5) -> list[Message]:
        """Everything that comes until nothing has come for a while."""
        messages = []
        while (message := self.client.receive(seconds)) is not None:
            messages.append(message)
        return messages

    def hear(self, serve: Callable[[], None]) -> None:
        """Publish status until the subscriber has it: from then on it misses nothing."""
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            self.health.publish()
            serve()
            if self.client.receive(0.02) is not None:
                return
        raise AssertionError("the subscriber heard nothing")

    def _track(self) -> None:
        parts = LoopParts(
            capture=self.capture,
            publisher=self.publisher,
            images=self.images,
            health=self.health,
            inbox=self.inbox,
            heartbeat=Heartbeat(self.config.publisher.alive_ms),
            recorder=self.recorder,
        )
        try:
            track(parts)
        except BaseException as problem:  # noqa: BLE001 handed to the test
            self.problem = problem


def _with(config: Config, name: str, value: Any) -> Config:
    return msgspec.structs.replace(config, **{name: value})


@contextmanager
def rig(config_path: Path, bundle: Path, *, zones: tuple[Zone, ...] = (), events: tuple[EventConfig, ...] = ()) -> Iterator[Rig]:
    """A rig whose loop is started by the test; stopped and closed in any case."""
    config = _with(_with(load_config(config_path), "zones", zones), "behaviour", events)
    with ExitStack() as stack:
        made = Rig(config, bundle, stack)
        stack.callback(made.stop)
        yield made
