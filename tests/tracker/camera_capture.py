"""Cameras and capture threads for tests: faults on demand, folders of images, and all frames taken."""

import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from tracker.cameras.capture import Capture
from tracker.config_cameras import ImageFolder, InjectedFault, SyntheticCamera
from tracker.frame import Frame

DEADLINE_S = 300.0  # for conditions that come true within a second on an idle machine
TIMES = {"stalled_after_s": 5.0, "reopen_first_s": 0.001, "reopen_longest_s": 0.001}
Start = Callable[..., Capture]


def rig(*faults: InjectedFault, rate_hz: float = 200.0, frames: int | None = 60) -> SyntheticCamera:
    return SyntheticCamera(scene="rodent", seed=1, width=64, height=64, rate_hz=rate_hz, frames=frames, rectangles=1, faults=faults)


def fault(kind: str, at_frame: int, seconds: float = 0.0) -> InjectedFault:
    return InjectedFault(fault=kind, at_frame=at_frame, seconds=seconds)  # type: ignore[arg-type]


def folder_of(path: Path, count: int) -> ImageFolder:
    path.mkdir(exist_ok=True)
    for number in range(count):
        cv2.imwrite(str(path / f"Frame{number}.png"), np.full((8, 8), number, np.uint8))
    return ImageFolder(folder=str(path), rate_hz=None, loop_folder=False)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.002)


def take_all(capture: Capture) -> list[Frame]:
    frames: list[Frame] = []
    deadline = time.monotonic() + DEADLINE_S
    while not capture.ended:
        assert time.monotonic() < deadline, f"capture did not end: {capture.state}, {capture.problem}"
        captured = capture.next(0.05)
        if captured is not None:
            frames.append(captured.frame)
    return frames


def numbers_of(frames: list[Frame]) -> list[int]:
    return [frame.number for frame in frames]
