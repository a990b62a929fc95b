"""Frames in, key points out, in order: decoding, conversion and the network beside one another on every core.

A frame's key points depend on nothing but its image, so frames are shared out among engines of one thread each; one engine with
several threads waits for its slowest thread in every layer.
"""

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tracker.brightness import Brightness
from tracker.bundle import Bundle, read_bundle
from tracker.classifiers.open_classifier import open_classifier
from tracker.config import EngineConfig
from tracker.config_rules import ClassifierConfig
from tracker.engines.engine import Engine
from tracker.engines.inference import Inference
from tracker.engines.open_engine import open_engine
from tracker.frame import Image
from tracker.motion import ImageMotion, MotionValues
from tracker.pose import NO_KEY_POINTS, KeyPoints
from tracker.recording.original_video import Converter, Decoded, OriginalVideo

_AHEAD = 2  # frames decoded ahead, for each engine


@dataclass(frozen=True, slots=True, kw_only=True)
class Inferred:
    """One frame.

    Attributes:
        time_ns: presentation time.
        image: as the camera source gives it.
        points: float32 (animals, K, 3), x and y in pixels of the image, confidence.
        motion: difference from the frame before.
        brightness: of every rectangle that an event asks for, by name.
    """

    time_ns: int
    image: Image
    points: KeyPoints
    motion: MotionValues
    brightness: dict[str, float]


@dataclass(frozen=True, slots=True)
class _Chain:
    """What one frame at a time needs."""

    converter: Converter
    points: Callable[[Image], KeyPoints]


class Engines:
    """The bundle, opened several times. Opened once for all videos of a process."""

    def __init__(
        self,
        bundle: Bundle | None,
        settings: EngineConfig,
        *,
        count: int,
        say: Callable[[str], None],
        classifiers: Sequence[ClassifierConfig] = (),
    ) -> None:
        """Open them.

        Args:
            bundle: that finds the key points, None for classifiers alone.
            settings: runtime and precision; its threads are not read.
            count: how many: one for each core; a GPU takes one.
            say: told what takes time.
            classifiers: to be opened too.

        Raises:
            EngineError, BundleError: it cannot be run here.
        """
        self.bundle, self.count = bundle, count
        self.classifiers = {each.name: open_classifier(read_bundle(Path(each.bundle)), threads=each.threads) for each in classifiers}
        self.engines: list[Engine] = []
        if bundle is None:
            return
        alone = settings.runtime == "tensorrt" or bool(bundle.description.states)  # a memory takes every frame in order
        one = msgspec.structs.replace(settings, threads=1, keep_warm_ms=None)
        self.count = 1 if alone else count
        for _ in range(self.count):
            self.engines.append(open_engine(bundle, one, say=say))

    def close(self) -> None:
        """Free them."""
        for engine in self.engines:
            engine.close()


def infer(
    video: OriginalVideo, engines: Engines, *, begin: int, stop: threading.Event, motion: ImageMotion, brightness: Brightness
) -> Iterator[Inferred]:
    """Take every frame from `begin` on, until the last one or until told to stop.

    Args:
        video: to read from its first frame: seeking is not exact in every file, and decoding costs little.
        engines: reset before the first frame.
        begin: number of the first frame wanted.
        stop: once set, the frames under way are the last.
        motion: as configured, fresh.
        brightness: as configured.

    Raises:
        CameraError: the video cannot be read.
        BundleError: the bundle does not fit its pictures.
        EngineError: an engine failed.
    """
    for engine in engines.engines:
        engine.reset()
    chains: queue.SimpleQueue[_Chain] = queue.SimpleQueue()
    every: Sequence[Engine | None] = engines.engines or [None] * engines.count
    for one in every:
        chains.put(_Chain(video.converter(), _finder(engines.bundle, one, video.shape)))

    def process(decoded: Decoded) -> tuple[Image, KeyPoints]:
        chain = chains.get()
        try:
            image = chain.converter.image(decoded)
            return image, chain.points(image)
        finally:
            chains.put(chain)

    count = engines.count
    waiting: deque[tuple[int, Future[tuple[Image, KeyPoints]]]] = deque()

    def next_one() -> Inferred:
        time_ns, future = waiting.popleft()
        image, points = future.result()
        return Inferred(time_ns=time_ns, image=image, points=points, motion=motion.update(image), brightness=brightness.of(image))

    with ThreadPoolExecutor(count, "infer") as pool:
        try:
            for number, decoded in enumerate(video.frames()):
                if stop.is_set():
                    break
                if number == begin - 1:
                    motion.update(video.converter().image(decoded))
                if number >= begin:
                    waiting.append((decoded.time_ns, pool.submit(process, decoded)))
                if len(waiting) > (1 + _AHEAD) * count:
                    yield next_one()
            while waiting:
                yield next_one()
        finally:
            pool.shutdown(cancel_futures=True)


def _finder(bundle: Bundle | None, engine: Engine | None, source_shape: tuple[int, ...]) -> Callable[[Image], KeyPoints]:
    if bundle is None or engine is None:
        return lambda image: NO_KEY_POINTS
    return Inference(bundle, engine, source_shape=source_shape).points
