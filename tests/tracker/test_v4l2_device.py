"""V4L2 devices through OpenCV (R0-07, R2-03, R4-16, R4-17, R4-20): its own V4L2 code, on system calls answered in user space."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tracker.cameras.opencv import open_opencv
from tracker.config import OpenCVCamera
from tracker.errors import CameraError

HERE = Path(__file__).parent
NOBODY = 65534


def device_settings(device: int | str | Path) -> OpenCVCamera:
    path = device if isinstance(device, int) else str(device)
    return OpenCVCamera(device=path, width=None, height=None, rate_hz=None, fourcc=None, file_speed="flat_out", loop_file=False)


@contextmanager
def powerless() -> Iterator[None]:
    """Let permissions bite also where the tests run as root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("device", [97, "/dev/video97"])
def test_a_missing_device_is_named_with_those_that_are_attached(device: int | str) -> None:
    with pytest.raises(CameraError, match="/dev/video97: no such device; attached are: "):
        open_opencv(device_settings(device))


def test_a_device_without_permission_names_the_group() -> None:
    nodes = [node for node in sorted(Path("/dev").iterdir()) if node.is_char_device() and not node.stat().st_mode & 0o007]
    nodes = [node for node in nodes if node.stat().st_uid != os.getuid() or os.geteuid() == 0]
    if not nodes:
        pytest.skip("no device here is closed to other users")
    with powerless(), pytest.raises(CameraError, match=r"no permission to open it; add the user to the group '.+'"):
        open_opencv(device_settings(nodes[0]))


def test_a_device_that_is_no_camera_is_refused() -> None:
    with pytest.raises(CameraError, match="/dev/zero: another program is using it, or it gives no picture format"):
        open_opencv(device_settings("/dev/zero"))


CAPTURE = """
import json, sys, time
from tracker.cameras.opencv import open_opencv
from tracker.config import OpenCVCamera
from tracker.errors import CameraError
frames, error, camera = [], None, None
try:
    camera = open_opencv(OpenCVCamera(device="/dev/zero", file_speed="flat_out", loop_file=False, **json.loads(sys.argv[1])))
    for _ in range(6):
        started = time.monotonic()
        frame = camera.read(0.5)
        frames.append([frame.number, frame.image.shape, frame.image[3, 3].tolist(), frame.exposed_ns, frame.received_ns])
except CameraError as problem:
    error = str(problem)
finally:
    waited = time.monotonic() - started if frames else None
    if camera: camera.close(); camera.close()
print(json.dumps({"frames": frames, "error": error, "waited": waited, "description": camera and camera.description}))
"""


@pytest.fixture(scope="module")
def fake_v4l2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc")
    if compiler is None or not Path("/usr/include/linux/videodev2.h").exists():
        pytest.skip("no C compiler with Linux headers to build a V4L2 device in user space")
    library = tmp_path_factory.mktemp("v4l2") / "fake_v4l2.so"
    subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-w", "-o", str(library), str(HERE / "fake_v4l2.c"), "-ldl"], check=True)
    return library


def capture(library: Path, *, frames: int = 1000, end: str = "", busy: bool = False, **changes: Any) -> dict[str, Any]:
    """Run OpenCV's real V4L2 code, in a process of its own, on a device whose system calls are answered in user space."""
    keys = {"width": None, "height": None, "rate_hz": None, "fourcc": None, **changes}
    fake = {"LD_PRELOAD": str(library), "FAKE_V4L2_NODE": "/dev/zero", "FAKE_V4L2_FRAMES": str(frames), "FAKE_V4L2_END": end}
    environment = {**os.environ, **fake, "PYTHONPATH": str(HERE.parents[1]), **({"FAKE_V4L2_BUSY": "1"} if busy else {})}
    command = [sys.executable, "-c", CAPTURE, json.dumps(keys)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=800, check=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_a_v4l2_device_gives_rgb_frames_stamped_by_the_kernel(fake_v4l2: Path) -> None:
    """R4-16, R4-17: YUYV with much red comes out with red first; each stamp lies before its receipt, one period apart."""
    answer = capture(fake_v4l2, width=640, height=480, rate_hz=30.0, fourcc="YUYV")
    assert answer["error"] is None
    assert [frame[0] for frame in answer["frames"]] == list(range(6))
    assert [frame[1] for frame in answer["frames"]] == [[480, 640, 3]] * 6
    red, green, blue = answer["frames"][0][2]
    assert red > 200 > 60 > green > blue
    stamps = [frame[3] for frame in answer["frames"]]
    assert np.diff(stamps) == pytest.approx(33_333_333, abs=2000)
    assert all(0 <= frame[4] - frame[3] < 500_000_000 for frame in answer["frames"])


def test_a_grey_v4l2_device_gives_one_channel(fake_v4l2: Path) -> None:
    """R0-07: one channel is used; R2-03: sizes are set on the device."""
    answer = capture(fake_v4l2, width=320, height=240, fourcc="GREY")
    assert answer["frames"][0][1:3] == [[240, 320], 100]
    assert "320x240 GREY 30 Hz" in answer["description"]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"width": 800, "height": 600}, "width 640, asked for 800; height 480, asked for 600"),
        ({"fourcc": "MJPG"}, "fourcc YUYV, asked for MJPG"),
        ({"rate_hz": 60.0}, "rate_hz 30, asked for 60"),
    ],
    ids=["size", "fourcc", "rate"],
)
def test_a_v4l2_device_that_does_otherwise_is_refused(fake_v4l2: Path, changes: dict[str, Any], complaint: str) -> None:
    assert complaint in capture(fake_v4l2, **changes)["error"]


@pytest.mark.parametrize(
    ("end", "complaint"),
    [("silent", "no frame for 0.5 s; check cable"), ("unplugged", "stopped or was unplugged")],
    ids=["stalled", "unplugged"],
)
def test_a_v4l2_device_that_stops_is_noticed_within_the_limit(fake_v4l2: Path, end: str, complaint: str) -> None:
    answer = capture(fake_v4l2, frames=5, end=end)
    assert 0 < len(answer["frames"]) < 6
    assert complaint in answer["error"]
    assert answer["waited"] < 5  # far above the limit of 0.5 s, far below the 10 s that OpenCV would wait


def test_a_v4l2_device_in_use_is_refused(fake_v4l2: Path) -> None:
    assert "another program is using it" in capture(fake_v4l2, busy=True)["error"]
