"""Frames in, key points out, in order: decoding, conversion and the network beside one another on every core.

A frame's key points depend on nothing but its image, so frames are shared out among engines of one thread each; one engine with
several threads waits for its slowest thread in every layer.
"""

import math
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice, takewhile
from pathlib import Path

import msgspec

from tracker.analysis.video import ImageConverter, VideoFrames
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
from tracker.recording.frame_converter import Decoded, in_colour

_AHEAD = 2  # batches decoded ahead, for each engine
_TOGETHER, _TOGETHER_BYTES = 8, 1 << 23  # frames in a batch: handed over one by one, each costs a tenth of a millisecond more


@dataclass(frozen=True, slots=True, kw_only=True)
class Inferred:
    """One frame.

    Attributes:
        time_ns: that rules go by: presentation time, or of a recording what they went by live.
        image: as the camera source gives it; (height, width) of one without colour, unless colour was asked for.
        points: float32 (animals, K, 3), x and y in pixels of the image, confidence.
        motion: difference from the frame before.
        brightness: of every rectangle that an event asks for, by name.
        carried: what a key-point network with a memory carries behind this frame, known of the last frame of a batch; None of others.
    """

    time_ns: int
    image: Image
    points: KeyPoints
    motion: MotionValues
    brightness: dict[str, float]
    carried: dict[str, bytes] | None = None


@dataclass(frozen=True, slots=True)
class _Chain:
    """What one frame at a time needs."""

    converter: ImageConverter
    points: Callable[[Image], KeyPoints]


@dataclass(frozen=True, slots=True)
class _Batch:
    """Frames that were taken together, and what a network with a memory carries behind the last of them."""

    found: list[tuple[Image, KeyPoints]]
    carried: dict[str, bytes] | None


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
        alone = settings.runtime == "tensorrt" or self.remember  # a memory takes every frame in order
        one = msgspec.structs.replace(settings, threads=1, keep_warm_ms=None)
        self.count = 1 if alone else count
        for _ in range(self.count):
            self.engines.append(open_engine(bundle, one, say=say))

    @property
    def remember(self) -> bool:
        """Whether the key points of a frame depend on the frames before it; there is then one engine."""
        return self.bundle is not None and bool(self.bundle.description.states)

    def reset(self) -> None:
        """Forget every frame."""
        for engine in self.engines:
            engine.reset()

    def close(self) -> None:
        """Free them."""
        for engine in self.engines:
            engine.close()


def infer(
    video: VideoFrames,
    engines: Engines,
    *,
    begin: int,
    stop: threading.Event,
    motion: ImageMotion,
    brightness: Brightness,
    colour: bool = True,
) -> Iterator[Inferred]:
    """Take every frame from `begin` on, until the last one or until told to stop.

    Args:
        video: to read from its first frame: seeking is not exact in every file, and decoding costs little.
        engines: which have been reset, or carry what they carried behind the frame before `begin`.
        begin: number of the first frame wanted.
        stop: once set, the frames under way are the last.
        motion: as configured, fresh.
        brightness: as configured.
        colour: give every image in the camera source's shape, though it may have no colour.

    Raises:
        CameraError: the video cannot be read.
        BundleError: the bundle does not fit its pictures.
        EngineError: an engine failed.
    """
    chains: queue.SimpleQueue[_Chain] = queue.SimpleQueue()
    every: Sequence[Engine | None] = engines.engines or [None] * engines.count
    for one in every:
        chains.put(_Chain(video.converter(), _finder(engines.bundle, one, video.shape)))

    moved = _Moved(motion, video.shape)
    grey = not colour and (engines.bundle is None or engines.bundle.description.view.colour == "grey")
    together = max(1, min(_TOGETHER, _TOGETHER_BYTES // math.prod(video.shape)))

    here = video.converter()

    def take(decoded: Decoded) -> tuple[int, Decoded | Image]:
        """What is converted quickly is converted here, while the decoder's planes are still in the cache, and then takes less memory."""
        levels = here.levels(decoded) if grey else None
        return decoded.time_ns, decoded if levels is None else levels

    def process(given: list[Decoded | Image]) -> _Batch:
        chain = chains.get()
        try:
            images = (chain.converter.image(each) if isinstance(each, Decoded) else each for each in given)
            found = [(image, chain.points(image)) for image in images]
            return _Batch(found, engines.engines[0].carried() if engines.remember else None)
        finally:
            chains.put(chain)

    waiting: deque[tuple[tuple[int, ...], Future[_Batch]]] = deque()

    def next_ones() -> Iterator[Inferred]:
        times, future = waiting.popleft()
        batch = future.result()
        for left, time_ns, (image, points) in zip(reversed(range(len(times))), times, batch.found, strict=True):
            bright, carried = brightness.of(image), batch.carried if left == 0 else None
            yield Inferred(time_ns=time_ns, image=image, points=points, motion=moved.update(image), brightness=bright, carried=carried)

    with ThreadPoolExecutor(engines.count, "infer") as pool:
        try:
            frames = takewhile(lambda _: not stop.is_set(), video.frames())
            for decoded in islice(frames, max(0, begin - 1), begin):  # the one before, for its difference from the first
                moved.update(here.image(decoded))
            while batch := [take(decoded) for decoded in islice(frames, together)]:
                times, given = zip(*batch, strict=True)
                waiting.append((times, pool.submit(process, list(given))))
                if len(waiting) > (1 + _AHEAD) * engines.count:
                    yield from next_ones()
            while waiting:
                yield from next_ones()
        finally:
            pool.shutdown(cancel_futures=True)


def _finder(bundle: Bundle | None, engine: Engine | None, source_shape: tuple[int, ...]) -> Callable[[Image], KeyPoints]:
    """Takes images of the shape; where the network sees in grey, also their levels alone."""
    if bundle is None or engine is None:
        return lambda image: NO_KEY_POINTS
    whole = Inference(bundle, engine, source_shape=source_shape)
    grey = Inference(bundle, engine, source_shape=source_shape[:2])
    return lambda image: (whole if image.ndim == len(source_shape) else grey).points(image)


class _Moved:
    """Motion between images of which some come as their levels alone: from the first one in colour on, all are taken in colour."""

    def __init__(self, motion: ImageMotion, shape: tuple[int, ...]) -> None:
        self._motion, self._shape = motion, shape
        self._before: Image | None = None

    def update(self, image: Image) -> MotionValues:
        before = self._before
        if before is not None and before.ndim < image.ndim:
            self._motion.update(in_colour(before, self._shape))
        elif before is not None and before.ndim > image.ndim:
            image = in_colour(image, self._shape)
        self._before = image
        return self._motion.update(image)
