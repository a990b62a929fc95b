"""What encoding costs on this machine: some pictures encoded for real with a recording's settings, in a file that goes away again."""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tracker.errors import RecordingError
from tracker.frame import Image
from tracker.recording.session import VideoFormat
from tracker.recording.video_segment import VideoSegment
from tracker.whole_files import remedy

_FEWEST = 3  # the first is a key frame and fills the encoder's tables: slower than those that follow


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


def try_encoder(images: list[Image], form: VideoFormat, folder: Path) -> EncoderCost | None:
    """Encode pictures that follow one another; None where there are fewer than three.

    Args:
        images: uint8, of the format's size.
        form: size, rate, crf and preset.
        folder: that is there and can be written; nothing stays in it.

    Raises:
        RecordingError: the folder cannot be written.
    """
    if len(images) < _FEWEST:
        return None
    cpu_ns, wall_ns, sync_ns = [], [], [0]
    every = max(1, round(form.rate_hz / 2))
    try:
        with tempfile.TemporaryDirectory(prefix=".rigtrack-check-", dir=folder) as place:
            path = Path(place) / "trial.mkv"
            with VideoSegment(path, form) as video:
                for number, image in enumerate(images, start=1):
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
        frames=len(images),
        cpu_ms=float(np.median(cpu_ns[1:])) / 1e6,
        wall_ms=float(np.median(wall_ns[1:])) / 1e6,
        bytes_per_frame=size / len(images),
        sync_ms=max(sync_ns) / 1e6,
    )
