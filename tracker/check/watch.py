"""Look at a camera for some seconds as it is, and keep what judgements need: stamps of every frame, some pictures, bounded memory."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.cameras.camera import Camera
from tracker.errors import CameraError, CorruptFrameError
from tracker.frame import Frame, Image

BANDS = 8  # horizontal ones; a rolling shutter shows mains light as bands that move
SPREAD = 25  # pictures over the whole time; odd, so that their median is a grey level that was seen
_IN_A_ROW_BYTES = 128_000_000  # of pictures one after the other, for the encoder: 4 s of 640x480 grey at 100 per second


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What came from a camera.

    Attributes:
        seconds: asked for.
        first: the first whole frame.
        in_a_row: pictures from the first on, as they came, as many as memory allows.
        spread: at most 25 frames over the whole time, at least one.
        numbers: int64 (n,), of every whole frame.
        received_ns: int64 (n,).
        exposed_ns: int64 (n,), None where a frame had none.
        bands: float64 (n, 8), mean grey level of horizontal bands, over all channels.
        corrupt: frames that arrived damaged.
        failure: why frames stopped before the time was over, None where they did not.
    """

    seconds: float
    first: Frame
    in_a_row: list[Image]
    spread: list[Frame]
    numbers: NDArray[np.int64]
    received_ns: NDArray[np.int64]
    exposed_ns: NDArray[np.int64] | None
    bands: NDArray[np.float64]
    corrupt: int
    failure: str | None

    @property
    def lost(self) -> int:
        """Numbers that the camera counted and that never arrived, damaged ones not among them."""
        gaps = np.diff(self.numbers) - 1
        return max(0, int(gaps[gaps > 0].sum()) - self.corrupt)


def watch(
    camera: Camera,
    seconds: float,
    *,
    timeout_s: float,
    progress: Callable[[float], None] = lambda _: None,
    clock: Callable[[], int] = time.monotonic_ns,
) -> Watched:
    """Read every frame for some seconds, or to the end of a file.

    Args:
        camera: open.
        seconds: counted from the first whole frame; 0 for that frame alone.
        timeout_s: how long a whole frame may take to come.
        progress: told seconds from 0 on.
        clock: monotonic ns.

    Raises:
        CameraError: not one whole frame came.
    """
    first, _ = _whole(camera, timeout_s, clock)  # many webcams begin with damaged frames; these do not count
    if first is None:
        raise CameraError("the camera delivered no frame: its file or folder is empty; give one with frames in it")
    began_ns, stamps, bands = clock(), [_stamp(first)], [_bands(first.image)]
    in_a_row, spread, corrupt, failure = [first.image], [first], 0, None
    room, stride = _IN_A_ROW_BYTES - first.image.nbytes, 1
    try:
        while (now := clock()) - began_ns < seconds * 1e9:
            frame, damaged = _whole(camera, timeout_s, clock)
            corrupt += damaged
            if frame is None:
                break
            if frame.image.shape != first.image.shape:
                failure = f"frame {frame.number} is of another size than those before"
                break
            stamps.append(_stamp(frame))
            bands.append(_bands(frame.image))
            room -= frame.image.nbytes
            if room >= 0:
                in_a_row.append(frame.image)
            if (len(stamps) - 1) % stride == 0:
                spread.append(frame)
            if len(spread) == 2 * SPREAD:
                spread, stride = spread[::2], 2 * stride
            progress((now - began_ns) / 1e9)
    except CameraError as problem:
        failure = str(problem)
    numbers, received, exposed = zip(*stamps, strict=True)
    return Watched(
        seconds=seconds,
        first=first,
        in_a_row=in_a_row,
        spread=_evenly(spread),
        numbers=np.array(numbers, np.int64),
        received_ns=np.array(received, np.int64),
        exposed_ns=None if None in exposed else np.array(exposed, np.int64),
        bands=np.array(bands, np.float64),
        corrupt=corrupt,
        failure=failure,
    )


def _stamp(frame: Frame) -> tuple[int, int, int | None]:
    return frame.number, frame.received_ns, frame.exposed_ns


def _whole(camera: Camera, timeout_s: float, clock: Callable[[], int]) -> tuple[Frame | None, int]:
    """The next frame that is not damaged, and how many were."""
    deadline_ns, damaged = clock() + round(1e9 * timeout_s), 0
    while True:
        try:
            return camera.read(timeout_s), damaged
        except CorruptFrameError as problem:
            damaged += 1
            if clock() > deadline_ns:
                raise CameraError(f"no whole frame for {timeout_s:g} s, the last: {problem}") from None


def _evenly(frames: list[Frame]) -> list[Frame]:
    """At most so many of them, from the first to the last."""
    if len(frames) <= SPREAD:
        return frames
    return [frames[round(index)] for index in np.linspace(0, len(frames) - 1, SPREAD)]


def _bands(image: Image) -> NDArray[np.float64]:
    rows = cv2.reduce(image.reshape(image.shape[0], -1), 1, cv2.REDUCE_AVG, dtype=cv2.CV_32F)[:, 0]
    return np.array([band.mean() for band in np.array_split(rows, BANDS)], np.float64)
