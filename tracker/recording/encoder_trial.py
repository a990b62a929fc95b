"""What encoding costs on this machine: some pictures encoded for real with a recording's settings, in a file that goes away again."""

import math
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tracker.errors import RecordingError
from tracker.frame import Frame, Image
from tracker.recording.session import VideoFormat
from tracker.recording.video_segment import VideoSegment
from tracker.whole_files import remedy

_FEWEST = 3  # the first is a key frame and fills the encoder's tables: slower than those that follow
_START_S = 0.5  # frames wait in the recorder's queue meanwhile
_LONGEST_S = 30.0
CERTAINLY = 1.5  # of a frame's time: the first frames after a key frame cost up to 1.4 times what later ones do


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderCost:
    """What a frame costs.

    Attributes:
        frames: encoded.
        cpu_ms: processor time of a frame, the median; x264 works on the thread that asks it to.
        wall_ms: the same by the clock, which what else runs on the machine makes longer.
        bytes_per_frame: of the file, on average; half a key frame interval of it is on the high side, since it begins with a key frame.
        sync_ms: the longest wait for the disk to take what half a second writes.
    """

    frames: int
    cpu_ms: float
    wall_ms: float
    bytes_per_frame: float
    sync_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TooSlow:
    """An encoder that needs a frame's time or more for a frame.

    Attributes:
        is_certain: whether it plainly cannot keep up; else it may, or frames are dropped.
        sentence: what was measured, and the remedy.
    """

    is_certain: bool
    sentence: str


def try_encoder(images: list[Image], form: VideoFormat, folder: Path, *, within_s: float = math.inf) -> EncoderCost | None:
    """Encode pictures that follow one another; None where there are fewer than three.

    Args:
        images: uint8, of the format's size.
        form: size, rate, crf and preset.
        folder: that is there and can be written; nothing stays in it.
        within_s: after this time no further picture is begun, if three are done.

    Raises:
        RecordingError: the folder cannot be written.
    """
    if len(images) < _FEWEST:
        return None
    cpu_ns, wall_ns, sync_ns = [], [], [0]
    every = max(1, round(form.rate_hz / 2))
    deadline_ns = time.monotonic_ns() + min(within_s, _LONGEST_S) * 1e9
    try:
        with tempfile.TemporaryDirectory(prefix=".rigtrack-check-", dir=folder) as place:
            path = Path(place) / "trial.mkv"
            with VideoSegment(path, form) as video:
                for number, image in enumerate(images, start=1):
                    if number > _FEWEST and time.monotonic_ns() > deadline_ns:
                        break
                    cpu, wall = time.thread_time_ns(), time.monotonic_ns()
                    video.write(image)
                    cpu_ns.append(time.thread_time_ns() - cpu)
                    wall_ns.append(time.monotonic_ns() - wall)
                    if number % every == 0:
                        began = time.monotonic_ns()
                        video.sync()
                        sync_ns.append(time.monotonic_ns() - began)
            size = path.stat().st_size
    except OSError as problem:
        raise RecordingError(f"{folder}: cannot be written: {problem.strerror}; {remedy(problem)}") from problem
    return EncoderCost(
        frames=len(cpu_ns),
        cpu_ms=float(np.median(cpu_ns[1:])) / 1e6,
        wall_ms=float(np.median(wall_ns[1:])) / 1e6,
        bytes_per_frame=size / len(cpu_ns),
        sync_ms=max(sync_ns) / 1e6,
    )


def too_slow(first: list[Frame], form: VideoFormat, folder: Path, *, rate_hz: float | None) -> TooSlow | None:
    """Whether this machine cannot, or may not, encode what a camera sends, found out on its first frames; None where it can.

    Processor time is compared, which other programs hardly change: an encoder that needs more of it than a frame has cannot
    keep up on an idle machine either. What `tracker check` finds out takes longer and says more.

    Args:
        first: frames that followed one another.
        form: of the video.
        folder: that can be written; nothing stays in it.
        rate_hz: as configured, None where nothing is; frames without that and without a time of the camera's are not judged.

    Raises:
        RecordingError: the folder cannot be written.
    """
    period_ms = _period_ms(first, rate_hz)
    cost = try_encoder([frame.image for frame in first], form, folder, within_s=_START_S) if period_ms is not None else None
    return judge(cost, form, period_ms=period_ms) if period_ms is not None and cost is not None else None


def judge(cost: EncoderCost, form: VideoFormat, *, period_ms: float) -> TooSlow | None:
    """What a frame's cost means where one comes every so many milliseconds; None where time is left."""
    if cost.cpu_ms < period_ms:
        return None
    is_certain = cost.cpu_ms > CERTAINLY * period_ms
    sentence = (
        f"the encoder takes {cost.cpu_ms:.1f} ms of a processor for a frame of {form.width}x{form.height}, and one comes every "
        f"{period_ms:.1f} ms; choose a faster recording.preset than '{form.preset}', a lower frame rate or a smaller picture "
        "(`tracker check` tells more)"
    )
    return TooSlow(is_certain=is_certain, sentence=sentence if is_certain else f"frames may be dropped: {sentence}")


def _period_ms(frames: list[Frame], rate_hz: float | None) -> float | None:
    """Time from one frame to the next, None where only the receipts tell it: they come in bursts.

    The longest of what configuration, camera and receipts say is taken: a trigger slower than the configured rate, a clock that
    counts in another unit and a camera that is read late refuse nothing.
    """
    first, last, steps = frames[0], frames[-1], len(frames) - 1
    has_time = first.exposed_ns is not None and last.exposed_ns is not None
    if steps == 0 or (rate_hz is None and not has_time):
        return None
    exposed_ns = (last.exposed_ns or 0) - (first.exposed_ns or 0) if has_time else 0
    return max(1e3 / rate_hz if rate_hz else 0.0, exposed_ns / steps / 1e6, (last.received_ns - first.received_ns) / steps / 1e6)
