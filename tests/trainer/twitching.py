"""A small scene that is quiet, then moves: recordings whose bursts can be forecast, for tests in seconds."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.forecast.labels import BurstRule
from trainer.forecast.parts import Parts, divide
from trainer.forecast.recordings import Recording, Size, Source, read_recording
from trainer.forecast.whole_recordings import Shares

RULE = BurstRule(horizon=6, share=0.1, least_range=0.02, past=12)
SHARES: Shares = (0.6, 0.2, 0.2)
FPS = 30.0


def twitching(frames: int = 360, *, size: Size = (12, 16), seed: int = 0) -> NDArray[np.uint8]:
    """A spot that lies still for some frames, lights up for two, and then jumps about for four."""
    rng = np.random.default_rng(seed)
    images = np.zeros((frames, *size), np.uint8)
    place = np.array([4, 4])
    quiet = 8
    for number in range(frames):
        phase = number % (quiet + 6)
        if phase >= quiet + 2:
            place = rng.integers(0, [size[0] - 4, size[1] - 4])
        images[number, place[0] : place[0] + 4, place[1] : place[1] + 4] = 250 if phase >= quiet else 200
        images[number] += rng.integers(0, 3, size, np.uint8)
    return images


def recording_of(images: NDArray[np.uint8], folder: Path, *, size: Size | None = (12, 16), name: str = "twitching") -> Recording:
    """Written as an array, and read as any other."""
    path = folder / f"{name}.npy"
    np.save(path, images)
    source = Source(path=path, fps=FPS, part=None)
    return read_recording(source, size=size, motion_size=None, keep=folder / f"{name}.raw", say=lambda _: None)


def parts_of(folder: Path, *, frames: int = 360, rule: BurstRule = RULE) -> Parts:
    """One recording, divided in time."""
    return divide([recording_of(twitching(frames), folder)], rule, SHARES)
