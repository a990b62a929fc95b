"""Opening V4L2 devices and setting their controls: real code of ours and of OpenCV on system calls answered in user space."""

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.tracker.fake_device import THROUGH, FakeDevice
from tracker.cameras import v4l2_calls
from tracker.cameras.open_camera import open_opencv
from tracker.cameras.v4l2_controls import CONTROLS
from tracker.cameras.v4l2_read_back import READ_ONLY
from tracker.config_cameras import OpenCVCamera
from tracker.errors import CameraError

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


# --- opening ---


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


def test_a_device_that_the_service_may_not_use_is_not_blamed_on_a_group(fake_v4l2: FakeDevice) -> None:
    error = fake_v4l2.read(fake={"open": errno.EPERM})["error"]
    assert "the service or container that runs the tracker is not allowed to use this device" in error
    assert "DeviceAllow=char-video4linux rw" in error
    assert "add the user" not in error


def test_a_device_that_is_no_camera_is_refused() -> None:
    with pytest.raises(CameraError, match=r"/dev/zero: is not a camera \(Inappropriate ioctl for device on VIDIOC_QUERYCAP\)"):
        open_opencv(device_settings("/dev/zero"))


def test_a_second_node_without_pictures_is_refused(fake_v4l2: FakeDevice) -> None:
    only_metadata = 0x00800000 | v4l2_calls.CAP_STREAMING
    assert "delivers no pictures" in fake_v4l2.read(fake={"capabilities": only_metadata})["error"]


@pytest.mark.parametrize(
    ("call", "through"),
    [("busy", "own calls"), ("open", "own calls"), ("start", "own calls"), ("busy", "opencv"), ("open", "opencv")],
)
def test_a_v4l2_device_in_use_is_refused(fake_v4l2: FakeDevice, call: str, through: str) -> None:
    assert "another program is using it" in fake_v4l2.read(through=through, fake={call: errno.EBUSY})["error"]


def test_the_program_that_uses_a_v4l2_device_is_named(fake_v4l2: FakeDevice) -> None:
    with Path("/dev/zero").open("rb"):  # as this process uses it
        error = fake_v4l2.read(fake={"busy": errno.EBUSY})["error"]
    assert f"(process {os.getpid()})" in error
    assert error.endswith("; close that program")


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        (errno.ENOSPC, "its USB bus has no bandwidth left"),
        (errno.EIO, "stopped (Input/output error)"),
        (errno.ENODEV, "was unplugged"),
    ],
    ids=["bandwidth", "broken", "unplugged"],
)
def test_a_v4l2_device_that_does_not_start_says_why(fake_v4l2: FakeDevice, code: int, complaint: str) -> None:
    assert complaint in fake_v4l2.read(fake={"start": code})["error"]


def test_a_v4l2_device_that_starts_and_sends_nothing_is_refused(fake_v4l2: FakeDevice) -> None:
    answer = fake_v4l2.read(fake={"frames": 0, "end": "silent"})
    assert "opened, but sent no picture in 5 s" in answer["error"]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"width": 800, "height": 600}, "width 640, asked for 800; height 480, asked for 600"),
        ({"fourcc": "MJPG"}, "fourcc YUYV, asked for MJPG"),
        ({"fourcc": "Z16 "}, "fourcc YUYV, asked for Z16 "),
        ({"rate_hz": 60.0}, "rate_hz 30, asked for 60"),
    ],
    ids=["size", "fourcc", "fourcc unknown", "rate"],
)
@pytest.mark.parametrize("through", THROUGH)
def test_a_v4l2_device_that_does_otherwise_is_refused(fake_v4l2: FakeDevice, changes: dict[str, Any], complaint: str, through: str) -> None:
    assert complaint in fake_v4l2.read(changes, through=through)["error"]


# --- controls ---

EXPOSURE, GAIN, FOCUS, POWER_LINE = (CONTROLS[key].number for key in ("exposure_us", "gain", "focus", "power_line_hz"))
MANY = {"exposure_us": 5000.0, "gain": 20, "focus": 35, "white_balance_k": 4000, "power_line_hz": 60, "brightness": -3, "contrast": 25}
CONTROL = """
from pathlib import Path
from tracker.cameras.device_node import open_node
from tracker.cameras.v4l2_controls import allowed_controls, apply_controls
from tracker.config import OpenCVCamera
handle = open_node(Path("/dev/zero"))
apply_controls(handle, OpenCVCamera(device="/dev/zero", **asked), where=Path("/dev/zero"))
answer = {one.key: [str(one), one.now] for one in allowed_controls(handle)}
"""


def test_controls_are_set_whatever_set_them_by_itself_before(fake_v4l2: FakeDevice) -> None:
    """On this device automatic exposure, gain, focus and white balance are on, and lock what they set."""
    found = fake_v4l2.run(CONTROL, MANY)
    assert {key: now for key, (_, now) in found.items() if key in MANY} == MANY
    assert found["exposure_us"][0] == "100..500000 in steps of 100"
    assert found["power_line_hz"][0] == "0, 50, 60"


@pytest.mark.parametrize("through", THROUGH)
def test_a_device_with_controls_that_are_set_gives_pictures(fake_v4l2: FakeDevice, through: str) -> None:
    answer = fake_v4l2.read({"exposure_us": 5000.0, "gain": 20}, reads=1, through=through)
    assert (answer["error"], len(answer["frames"])) == (None, 1)


@pytest.mark.parametrize("through", THROUGH)
def test_a_device_says_how_it_was_set_also_of_what_nobody_asked_for(fake_v4l2: FakeDevice, through: str) -> None:
    said = fake_v4l2.read({"exposure_us": 5000.0}, reads=1, through=through)["read_back"]
    expected = {"driver": "fake", "name": "Fake Webcam", "width": 640, "height": 480, "rate_hz": 30.0, "exposure_us": 5000.0}
    expected |= {"exposure_auto": "manual", "gain": 0, "gain_auto": True, "focus": 0, "focus_auto": True, "power_line_hz": 50}
    expected |= {"white_balance_k": 4600, "white_balance_auto": True, "saturation": 64}
    assert {key: said.get(key) for key in expected} == expected
    assert "zoom" not in said, "it has none"


@pytest.mark.parametrize(
    ("changes", "fake", "complaint"),
    [
        ({"exposure_us": 600000.0}, {}, "camera.exposure_us is 600000; this device allows 100..500000 in steps of 100"),
        ({"exposure_us": 150.0}, {}, "camera.exposure_us is 150; this device allows 100..500000 in steps of 100"),
        ({"focus": 12}, {}, "camera.focus is 12; this device allows 0..250 in steps of 5"),
        ({"focus": 10}, {"without": FOCUS}, "camera.focus is 10, but this device has no such control; those it has: exposure_us, gain,"),
        ({"gain": 9}, {"stuck": GAIN}, "camera.gain is 9, but the device stays at 0; it allows 0..100 in steps of 1, or use null"),
        ({"gain": 9}, {"refused": GAIN}, "camera.gain is 9, which the device refuses (Device or resource busy); it allows 0..100"),
        ({"power_line_hz": 60}, {"stuck": POWER_LINE}, "camera.power_line_hz is 60, but the device stays at 50; it allows 0, 50, 60"),
        ({"exposure_us": 200.0}, {"stuck": CONTROLS["exposure_us"].manual[0][0]}, "which the device refuses (Permission denied)"),
    ],
    ids=["range", "between steps", "off its steps", "absent", "stuck", "refused", "menu stuck", "automatic exposure stays on"],
)
@pytest.mark.parametrize("through", THROUGH)
def test_a_control_it_cannot_do_is_refused_with_what_it_allows(
    fake_v4l2: FakeDevice, changes: dict[str, Any], fake: dict[str, Any], complaint: str, through: str
) -> None:
    assert complaint in fake_v4l2.read(changes, through=through, fake=fake)["error"]


def test_a_control_of_a_video_or_a_stream_is_refused(tmp_path: Path) -> None:
    for device in (str(tmp_path / "arena.mp4"), "rtsp://192.0.2.7/live"):
        with pytest.raises(CameraError, match=r"camera.gain is 3, but camera.device is a file or an address, which has no controls"):
            open_opencv(OpenCVCamera(device=device, gain=3))


SIZES = """
#include <stdio.h>
#include <stddef.h>
#include <linux/videodev2.h>
int main(void) {
    printf("%lu %lu %lu %lu %lu %lu %lu %lu %lu %lu\\n", VIDIOC_QUERYCAP, VIDIOC_S_FMT, VIDIOC_REQBUFS, VIDIOC_QUERYBUF, VIDIOC_QBUF,
           VIDIOC_DQBUF, (unsigned long)VIDIOC_STREAMON, (unsigned long)VIDIOC_STREAMOFF, VIDIOC_G_PARM, VIDIOC_S_PARM);
    printf("%lu %lu %lu %lu %lu %lu %lu\\n", VIDIOC_ENUM_FMT, VIDIOC_G_CTRL, VIDIOC_S_CTRL, VIDIOC_QUERYCTRL, VIDIOC_QUERYMENU,
           VIDIOC_ENUM_FRAMESIZES, VIDIOC_ENUM_FRAMEINTERVALS);
    printf("%d %d %d %d %d ", V4L2_CID_EXPOSURE_ABSOLUTE, V4L2_CID_EXPOSURE_AUTO, V4L2_CID_EXPOSURE_AUTO_PRIORITY, V4L2_CID_GAIN,
           V4L2_CID_AUTOGAIN);
    printf("%d %d %d %d %d ", V4L2_CID_FOCUS_ABSOLUTE, V4L2_CID_FOCUS_AUTO, V4L2_CID_WHITE_BALANCE_TEMPERATURE, V4L2_CID_AUTO_WHITE_BALANCE,
           V4L2_CID_POWER_LINE_FREQUENCY);
    printf("%d %d %d %d\\n", V4L2_CID_BRIGHTNESS, V4L2_CID_CONTRAST, V4L2_CID_SATURATION, V4L2_CID_SHARPNESS);
    printf("%d %d %d %d %d %d %d %d %d %d %d %d %d %d\\n", V4L2_CID_EXPOSURE_AUTO, V4L2_CID_EXPOSURE_AUTO_PRIORITY, V4L2_CID_AUTOGAIN,
           V4L2_CID_FOCUS_AUTO, V4L2_CID_AUTO_WHITE_BALANCE, V4L2_CID_HUE, V4L2_CID_GAMMA, V4L2_CID_BACKLIGHT_COMPENSATION,
           V4L2_CID_HFLIP, V4L2_CID_VFLIP, V4L2_CID_PAN_ABSOLUTE, V4L2_CID_TILT_ABSOLUTE, V4L2_CID_ZOOM_ABSOLUTE, V4L2_CID_IRIS_ABSOLUTE);
    printf("%zu %zu %zu %zu\\n", offsetof(struct v4l2_buffer, timestamp), offsetof(struct v4l2_buffer, sequence),
           offsetof(struct v4l2_buffer, length), offsetof(struct v4l2_format, fmt));
    return 0;
}
"""


@pytest.mark.usefixtures("fake_v4l2")
def test_our_structures_and_calls_are_those_of_the_kernels_header(tmp_path: Path) -> None:
    (tmp_path / "sizes.c").write_text(SIZES)
    subprocess.run(["cc", "-o", str(tmp_path / "sizes"), str(tmp_path / "sizes.c")], check=True)
    calls, more, controls, read_only, offsets = subprocess.run(
        [str(tmp_path / "sizes")], check=True, capture_output=True, text=True
    ).stdout.splitlines()
    v4l2 = v4l2_calls
    first = [v4l2.QUERY_CAPABILITY, v4l2.SET_FORMAT, v4l2.REQUEST_BUFFERS, v4l2.QUERY_BUFFER, v4l2.QUEUE]
    rest = [v4l2.DEQUEUE, v4l2.STREAM_ON, v4l2.STREAM_OFF, v4l2.GET_PARAMETERS, v4l2.SET_PARAMETERS]
    assert [int(number) for number in calls.split()] == [*first, *rest]
    listing = [v4l2.ENUMERATE_FORMATS, v4l2.GET_CONTROL, v4l2.SET_CONTROL, v4l2.QUERY_CONTROL, v4l2.QUERY_MENU]
    assert [int(number) for number in more.split()] == [*listing, v4l2.ENUMERATE_SIZES, v4l2.ENUMERATE_RATES]
    ours = [[control.number, *(number for number, _ in control.manual)] for control in CONTROLS.values()]
    assert [int(number) for number in controls.split()] == [number for numbers in ours for number in numbers]
    assert [int(number) for number in read_only.split()] == [control.number for control in READ_ONLY.values()]
    places = [v4l2.Buffer.timestamp, v4l2.Buffer.sequence, v4l2.Buffer.length, v4l2.V4l2Format.fmt]
    assert [int(offset) for offset in offsets.split()] == [place.offset for place in places]
