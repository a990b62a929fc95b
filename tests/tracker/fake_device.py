"""A V4L2 device in user space, for tests: builds `fake_v4l2.c` and runs a script in a child process that sees the device."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
NODE = "/dev/zero"
LIMIT_S = 100
THROUGH = ["own calls", "opencv"]  # what reads the device

SERVE = """
import json, os, sys, traceback
import tracker.cameras.open_camera, tracker.cameras.open_camera, tracker.cameras.capture
for line in sys.stdin:
    case = json.loads(line)
    if os.fork() == 0:
        os.environ.update(case["environment"])
        names = {"asked": case["asked"], "answer": None}
        try:
            exec(case["script"], names)
            failed = None
        except BaseException:
            failed = traceback.format_exc()
        print(json.dumps({"answer": names["answer"], "failed": failed}), flush=True)
        os._exit(0)
    os.wait()
"""

READ = """
import time
from tracker.cameras.open_camera import open_opencv
from tracker.cameras.video_device import VideoDevice
from tracker.config import OpenCVCamera
from tracker.errors import CameraError, CorruptFrameError
open_device = VideoDevice if asked["through"] == "opencv" else open_opencv
frames, damaged, error, camera = [], [], None, None
try:
    camera = open_device(OpenCVCamera(device="/dev/zero", file_speed="flat_out", loop_file=False, **asked["settings"]))
    for _ in range(asked["reads"]):
        started = time.monotonic()
        try:
            frame = camera.read(asked["timeout_s"])
        except CorruptFrameError as problem:
            damaged.append(str(problem))
            continue
        frames.append({"number": frame.number, "shape": frame.image.shape, "pixel": frame.image[3, 3].tolist(),
                       "same": bool((frame.image == frame.image[3, 3]).all()), "exposed_ns": frame.exposed_ns,
                       "received_ns": frame.received_ns})
except CameraError as problem:
    error = str(problem)
finally:
    waited_s = time.monotonic() - started if frames else None
    if camera: camera.close(); camera.close()
answer = {"frames": frames, "damaged": damaged, "error": error, "waited_s": waited_s,
          "description": camera and camera.description, "read_back": camera and camera.read_back, "kind": type(camera).__name__}
"""


def build(folder: Path) -> Path:
    """Compile the device; skips the test where that cannot be done."""
    compiler = shutil.which("cc")
    if compiler is None or not Path("/usr/include/linux/videodev2.h").exists():
        pytest.skip("no C compiler with Linux headers to build a V4L2 device in user space")
    library = folder / "fake_v4l2.so"
    subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-w", "-o", str(library), str(HERE / "fake_v4l2.c"), "-ldl"], check=True)
    return library


class FakeDevice:
    """A process that sees the device and has loaded what reads it; each script runs in a fork of it, on a fresh device."""

    def __init__(self, library: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", SERVE],
            env={**os.environ, "LD_PRELOAD": str(library), "FAKE_V4L2_NODE": NODE, "PYTHONPATH": str(HERE.parents[1])},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def close(self) -> None:
        """End the process."""
        self._process.communicate(timeout=LIMIT_S)

    def run(self, script: str, argument: object = None, **fake: object) -> Any:
        """Run a script and give what it puts into `answer`. `frames=5` sets FAKE_V4L2_FRAMES."""
        environment = {f"FAKE_V4L2_{name.upper()}": str(value) for name, value in fake.items()}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"script": script, "asked": argument, "environment": environment}) + "\n")
        self._process.stdin.flush()
        said = json.loads(self._process.stdout.readline())
        assert said["failed"] is None, said["failed"]
        return said["answer"]

    def read(
        self,
        settings: dict[str, Any] | None = None,
        *,
        reads: int = 6,
        through: str = "",
        timeout_s: float = 5.0,
        fake: Mapping[str, object] | None = None,
    ) -> dict[str, Any]:
        """Open the device, read so often, and say what came."""
        keys = {"width": None, "height": None, "rate_hz": None, "fourcc": None, **(settings or {})}
        asked = {"settings": keys, "reads": reads, "through": through, "timeout_s": timeout_s}
        answer: dict[str, Any] = self.run(READ, asked, **(fake or {}))
        return answer


def numbers(answer: dict[str, Any]) -> list[int]:
    """Of the frames that `FakeDevice.read` gave."""
    return [frame["number"] for frame in answer["frames"]]
