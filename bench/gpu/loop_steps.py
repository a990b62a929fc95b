"""The whole loop in real processes: `tracker run` on frames in host memory, a subscriber in this process; and start to first pose."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import yaml
from engine_steps import THREADS, frames_of
from figures import Notes, summary
from numpy.typing import NDArray
from plan import Settings

from tracker.client import Client
from tracker.config import load_config
from tracker.messages import PoseMessage

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "synthetic.yaml"
WARM_UP = 300
ATTEMPTS = 3
RATE_HZ = {"vga": 1000.0, "wide": 500.0}  # of the folder camera, whose reading must keep up too
PARTS = ("loop", "wait", "engine", "behaviour", "publish and hop")
LONGEST_START_S = 60.0


@contextmanager
def frame_folder(settings: Settings, size: str) -> Iterator[Path]:
    """Labelled frames as PGM files, the fastest format to read, in a folder that is left for the next step."""
    folder = Path(settings.out) / f"frames-{size}"
    if not folder.exists():
        folder.mkdir(parents=True)
        for number, image in enumerate(frames_of(settings, size)):
            cv2.imwrite(str(folder / f"{number:03d}.pgm"), image)
    yield folder


@contextmanager
def running(settings: Settings, size: str, *, rate_hz: float) -> Iterator[str]:
    """`tracker run` on the fast engine and the folder of frames; gives the address of its stream."""
    with tempfile.TemporaryDirectory(prefix="rigtrack-gpu-") as place, frame_folder(settings, size) as frames:
        address = f"ipc://{place}/stream"
        values = msgspec.to_builtins(load_config(EXAMPLE))
        values |= {"zones": [], "behaviour": []}
        values["camera"] = {"source": "image_folder", "folder": str(frames.resolve()), "rate_hz": rate_hz, "loop_folder": True}
        values["capture"] |= {"pace": "every_frame", "queue_frames": 64}
        values["engine"] |= {"bundle": str(settings.bundle(size, settings.fast)), "runtime": settings.runtime, "precision": settings.fast}
        values["engine"] |= {"threads": THREADS, "gpu": settings.gpu}
        values["publisher"] |= {"bind": [address], "high_water_mark": 100_000}
        values["control"]["bind"] = f"ipc://{place}/control"
        config = Path(place) / "tracker.yaml"
        config.write_text(yaml.safe_dump(values), encoding="utf-8")
        process = subprocess.Popen([sys.executable, "-m", "tracker", "run", "--config", str(config)])
        try:
            yield address
        finally:
            process.terminate()
            process.wait()


def loop(settings: Settings, notes: Notes) -> None:
    """Frame in host memory → message in this process, for both sizes; at half the rate where the loop falls behind."""
    for size, share in (("vga", 0.6), ("wide", 0.4)):
        rate = _rate(settings, size)
        for attempt in range(ATTEMPTS):
            frames = max(10, min(settings.frames, int(rate * settings.seconds * share * 0.75)))
            early = min(WARM_UP, frames)
            with running(settings, size, rate_hz=rate) as address, Client(address, high_water_mark=100_000) as client:
                pilot = listen(client, early)[early // 2 :]
                behind = float(np.median(pilot[:, 1] - pilot[:, 0])) / 1e9 > 1 / rate
                if behind and attempt < ATTEMPTS - 1:
                    rate /= 2  # a queue that only grows would be all that is measured
                    continue
                times, missed = listen(client, frames), sum(client.gaps.values())
            notes.put(size, {"rate_hz": rate, "fell behind": behind, "missed": missed, **parts(times)})
            break


def start(settings: Settings, notes: Notes) -> None:
    """Seconds from starting the daemon to its first pose in another process, engines from the cache."""
    for turn in range(3):
        begun = time.monotonic()
        with running(settings, "vga", rate_hz=100.0) as address, Client(address) as client:
            listen(client, 1)
            notes.put(f"start {turn}", round(time.monotonic() - begun, 3))


def two(settings: Settings, seconds: float) -> dict[str, Any]:
    """Two daemons on one GPU, each heard in turn by this process, beside one alone."""
    rate = _rate(settings, "vga") / 4
    frames = max(10, int(rate * seconds / 2))
    found: dict[str, Any] = {"rate_hz": rate}
    with running(settings, "vga", rate_hz=rate) as first, Client(first, high_water_mark=100_000) as alone:
        found["alone"] = parts(listen(alone, 2 * frames)[frames:])
        with running(settings, "vga", rate_hz=rate) as second, Client(second, high_water_mark=100_000) as other:
            listen(other, 1)
            found["beside another"] = parts(listen(alone, 2 * frames)[frames:])
            found["the other"] = parts(listen(other, frames))
    return found


def _rate(settings: Settings, size: str) -> float:
    """Frames a second that the engine can follow; a CPU, where the script is only tried, a tenth."""
    return RATE_HZ[size] if settings.runtime == "tensorrt" else RATE_HZ[size] / 10


def listen(client: Client, count: int) -> NDArray[np.int64]:
    """int64 (count, 5): received, taken, inferred, published, heard, ns."""
    rows = np.empty((count, 5), np.int64)
    index = 0
    while index < count:
        message = client.receive(LONGEST_START_S)
        if message is None:
            raise SystemExit(f"the daemon has been silent for {LONGEST_START_S:g} s; run `tracker check` on its configuration")
        if isinstance(message, PoseMessage):
            rows[index] = message.received_ns, message.taken_ns, message.inferred_ns, message.published_ns, time.monotonic_ns()
            index += 1
    return rows


def parts(times: NDArray[np.int64]) -> dict[str, Any]:
    """Where the time goes."""
    received, taken, inferred, published, heard = times.T / 1e6
    values = (heard - received, taken - received, inferred - taken, published - inferred, heard - published)
    return {name: summary(value) for name, value in zip(PARTS, values, strict=True)}
