"""Whether this machine can record what the camera sends: encoder and engine at once on the pictures just taken, and the disk."""

import math
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tracker.check.result import CheckResult, judged, unjudged
from tracker.config import RecordingConfig
from tracker.frame import Image
from tracker.recording.encoder_choice import X264, EncoderChoice, choose_encoder
from tracker.recording.encoder_trial import EncoderCost, try_encoder
from tracker.recording.session import VideoFormat

_FULL, _NEARLY = 1.0, 0.7  # share of a frame's time
_TRIAL_S = 5.0
_SLOW_SYNC_MS = 500  # as long as the recorder lets data wait for it


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What was measured.

    Attributes:
        rate_hz: of the camera, None where it has none of its own.
        encoder: its cost while the engine ran beside it.
        engine_ms: median time of a frame while the encoder ran beside it, None without an engine.
        choice: which encoder that was.
    """

    rate_hz: float | None
    encoder: EncoderCost
    engine_ms: float | None
    choice: EncoderChoice = X264


def measure(
    images: list[Image], *, settings: RecordingConfig, folder: Path, rate_hz: float | None, infer: Callable[[Image], object] | None
) -> Load | None:
    """Encode the pictures on a thread while the engine works on them on this one, as the tracker does; None for fewer than three.

    Args:
        images: uint8, following one another, of one size.
        settings: of the recording.
        folder: that can be written.
        rate_hz: of the camera.
        infer: one picture through the engine; None without one.

    Raises:
        RecordingError: the folder cannot be written.
    """
    height, width = images[0].shape[:2]
    choice = choose_encoder(settings.encoder, width=width + width % 2, height=height + height % 2)
    form = VideoFormat(
        width=width,
        height=height,
        colour=images[0].ndim == 3,
        rate_hz=float(min(500, max(1, round(rate_hz)))) if rate_hz else 30.0,
        crf=settings.crf,
        preset=settings.preset,
        encoder=choice.name,
    )
    outcome: list[EncoderCost | BaseException | None] = []

    def encode() -> None:
        try:
            outcome.append(try_encoder(images, form, folder, within_s=_TRIAL_S))
        except BaseException as problem:  # noqa: BLE001 raised again below, on the thread that asked
            outcome.append(problem)

    encoding = threading.Thread(target=encode, name="encoder-trial")
    encoding.start()
    engine_ns: list[int] = []
    while infer is not None and (encoding.is_alive() or len(engine_ns) < 2):
        began = time.monotonic_ns()
        infer(images[len(engine_ns) % len(images)])
        engine_ns.append(time.monotonic_ns() - began)
    encoding.join()
    (found,) = outcome
    if isinstance(found, BaseException):
        raise found
    if found is None:
        return None
    engine_ms = float(np.median(engine_ns)) / 1e6 if engine_ns else None
    return Load(rate_hz=rate_hz, encoder=found, engine_ms=engine_ms, choice=choice)


def keeps_up(load: Load) -> CheckResult:
    """Whether encoder and engine are done with a frame before the next one comes."""
    encoder, engine_ms, hz = load.encoder, load.engine_ms, load.rate_hz
    beside = f" beside the engine's {engine_ms:.1f} ms" if engine_ms is not None else ""
    measured: dict[str, float | int | str | None] = {
        "encoder": load.choice.name,
        "encoder_ms": round(encoder.wall_ms, 3),
        "encoder_cpu_ms": round(encoder.cpu_ms, 3),
        "engine_ms": None if engine_ms is None else round(engine_ms, 3),
        "frames": encoder.frames,
    }
    if hz is None:
        return unjudged(
            "keeps up", f"{load.choice.name} takes {encoder.wall_ms:.1f} ms a frame{beside}; this source has no rate of its own", **measured
        )
    core = encoder.cpu_ms * hz / 10
    took = f"{load.choice.name} takes {encoder.wall_ms:.1f} ms a frame{beside}, and {core:.0f} % of a core"
    found = f"{took}; a frame comes every {1e3 / hz:.1f} ms"
    used = max(encoder.wall_ms, engine_ms or 0.0) * hz / 1e3
    slower = "the encoder" if encoder.wall_ms >= (engine_ms or 0.0) else "the engine"
    remedy = (
        "stop what else runs here, or choose a faster recording.preset, a lower frame rate or a smaller picture"
        if slower == "the encoder"
        else "stop what else runs here, or choose a lower frame rate, another precision or a smaller network"
    )
    bad = f"{slower} cannot keep up: {remedy}" if used >= _FULL else None
    warn = f"{slower} has little time to spare: {remedy}" if used >= _NEARLY else load.choice.why_not
    return judged("keeps up", found, measured | {"core_percent": round(core, 1)}, bad=bad, warn=warn)


def space(load: Load, *, settings: RecordingConfig, folder: Path, planned_s: float) -> CheckResult:
    """Whether the disk holds the planned time at the rate just measured."""
    free = shutil.disk_usage(folder).free
    usable = max(0.0, free - settings.minimum_free_gb * 1e9)
    if load.rate_hz is None:
        return unjudged("disk space", f"{free / 1e9:.1f} GB are free; this source has no rate of its own", free_gb=round(free / 1e9, 3))
    per_hour = load.encoder.bytes_per_frame * load.rate_hz * 3600
    hours = usable / per_hour
    measured = {"mb_per_hour": round(per_hour / 1e6, 2), "hours": round(hours, 2), "planned_hours": round(planned_s / 3600, 3)}
    found = (
        f"{per_hour / 1e6:.0f} MB an hour for such pictures: {_hours(hours)} until {settings.minimum_free_gb:g} GB are left, "
        f"{_hours(planned_s / 3600)} are planned"
    )
    remedy = "free space, record to another disk (recording.folder), or raise recording.crf"
    bad = remedy if hours * 3600 < planned_s else None
    warn = f"a livelier picture needs more: {remedy}" if hours * 3600 < 1.5 * planned_s else None
    return judged("disk space", found, measured, bad=bad, warn=warn)


def syncing(load: Load, *, settings: RecordingConfig) -> CheckResult:
    """Whether the disk takes what was written before the recorder's queue is full."""
    longest_ms = load.encoder.sync_ms
    found = f"the disk takes half a second of video in {longest_ms:.0f} ms at most"
    queue_ms = math.inf if load.rate_hz is None else 1e3 * settings.queue_frames / load.rate_hz
    bad = warn = None
    if longest_ms >= queue_ms:
        bad = f"the queue is full after {queue_ms:.0f} ms: raise recording.queue_frames, or record to a disk of this machine"
    elif longest_ms >= _SLOW_SYNC_MS:
        warn = "a power cut would cost more than a second: record to a faster disk, one of this machine"
    return judged("disk sync", found, {"sync_ms": round(longest_ms, 2)}, bad=bad, warn=warn)


def _hours(hours: float) -> str:
    return f"{hours * 60:.0f} min" if hours < 2 else f"{hours:.0f} h"
