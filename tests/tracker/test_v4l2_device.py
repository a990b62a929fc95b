"""V4L2 devices: real code of ours and of OpenCV on system calls answered in user space."""

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.tracker.fake_device import FakeDevice, build
from tracker.cameras import v4l2_calls
from tracker.cameras.open_camera import open_opencv
from tracker.cameras.v4l2_controls import CONTROLS
from tracker.cameras.v4l2_device import SequenceNumber
from tracker.config import OpenCVCamera
from tracker.errors import CameraError

NOBODY = 65534
PERIOD_NS = 1_000_000_000 // 30
THROUGH = ["own calls", "opencv"]
FORMATS = ["RGB3", "BGR3", "YUYV", "UYVY", "NV12", "MJPG"]


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


@pytest.fixture(scope="module")
def fake_v4l2(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeDevice]:
    device = FakeDevice(build(tmp_path_factory.mktemp("v4l2")))
    yield device
    device.close()


@pytest.fixture(scope="module")
def jpeg(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("picture") / "red.jpg"
    cv2.imwrite(str(path), np.full((480, 640, 3), (10, 50, 200), np.uint8))
    return path


def numbers(answer: dict[str, Any]) -> list[int]:
    return [frame["number"] for frame in answer["frames"]]


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


# --- pictures ---


@pytest.mark.parametrize("padding", [0, 64], ids=["packed", "padded lines"])
@pytest.mark.parametrize("fourcc", FORMATS)
def test_every_pixel_format_gives_the_same_red_in_rgb(fake_v4l2: FakeDevice, jpeg: Path, fourcc: str, padding: int) -> None:
    """Red is first."""
    answer = fake_v4l2.read({"fourcc": fourcc}, reads=1, fake={"formats": fourcc, "jpeg": jpeg, "padding": padding})
    (frame,) = answer["frames"]
    assert answer["kind"] == "V4l2Device"
    assert frame["shape"] == [480, 640, 3]
    assert frame["pixel"] == pytest.approx([207, 52, 15], abs=12)
    assert frame["same"]


@pytest.mark.parametrize("fourcc", FORMATS)
def test_a_picture_is_the_one_that_opencv_makes_of_it(fake_v4l2: FakeDevice, jpeg: Path, fourcc: str) -> None:
    ours, opencvs = (
        fake_v4l2.read({"fourcc": fourcc}, reads=1, through=through, fake={"formats": fourcc, "jpeg": jpeg})["frames"][0]
        for through in THROUGH
    )
    assert ours["pixel"] == opencvs["pixel"]


@pytest.mark.parametrize("padding", [0, 64], ids=["packed", "padded lines"])
def test_a_grey_v4l2_device_gives_one_channel(fake_v4l2: FakeDevice, padding: int) -> None:
    """One channel is used; sizes are set on the device."""
    answer = fake_v4l2.read({"width": 320, "height": 240, "fourcc": "GREY"}, reads=1, fake={"padding": padding})
    (frame,) = answer["frames"]
    assert (frame["shape"], frame["pixel"], frame["same"]) == ([240, 320], 100, True)
    assert "320x240 GREY 30 Hz" in answer["description"]


def test_a_grey_v4l2_device_gives_one_channel_through_opencv_too(fake_v4l2: FakeDevice) -> None:
    answer = fake_v4l2.read({"width": 320, "height": 240, "fourcc": "GREY"}, reads=1, through="opencv")
    assert (answer["frames"][0]["shape"], answer["frames"][0]["pixel"]) == ([240, 320], 100)
    assert "320x240 GREY 30 Hz" in answer["description"]


def test_without_settings_a_device_gives_640x480_in_colour_where_it_has_it(fake_v4l2: FakeDevice) -> None:
    assert "640x480 YUYV 30 Hz" in fake_v4l2.read(reads=1, fake={"formats": "GREY,YUYV"})["description"]


def test_a_pixel_format_that_only_opencv_reads_is_read_through_opencv(fake_v4l2: FakeDevice) -> None:
    answer = fake_v4l2.read(reads=1, fake={"formats": "YU12"})
    assert answer["kind"] == "VideoDevice"
    assert answer["frames"][0]["shape"] == [480, 640, 3]


# --- numbers, times and faults of single frames ---


def test_a_v4l2_device_gives_frames_stamped_by_the_kernel(fake_v4l2: FakeDevice) -> None:
    """Each stamp lies before its receipt, one period apart."""
    answer = fake_v4l2.read({"width": 640, "height": 480, "rate_hz": 30.0, "fourcc": "YUYV"})
    assert answer["error"] is None
    assert numbers(answer) == list(range(6))
    assert np.diff([frame["exposed_ns"] for frame in answer["frames"]]) == pytest.approx(PERIOD_NS, abs=2000)
    assert all(frame["exposed_ns"] <= frame["received_ns"] for frame in answer["frames"])


@pytest.mark.parametrize("ahead_s", [100, -100], ids=["later than the receipt", "long before it"])
def test_a_stamp_of_another_clock_is_discarded(fake_v4l2: FakeDevice, ahead_s: int) -> None:
    assert {frame["exposed_ns"] for frame in fake_v4l2.read(fake={"ahead_s": ahead_s})["frames"]} == {None}


def test_frames_that_the_driver_lost_are_missing_in_the_numbers(fake_v4l2: FakeDevice) -> None:
    assert numbers(fake_v4l2.read(fake={"lost": "2,2,4"})) == [0, 1, 4, 5, 7, 8]


def test_the_drivers_count_may_begin_anywhere_and_overflow(fake_v4l2: FakeDevice) -> None:
    first = 2**32 - 2
    assert numbers(fake_v4l2.read(fake={"sequence": first, "lost": "3"})) == [first, first + 1, first + 2, first + 4, first + 5, first + 6]


def test_a_driver_that_does_not_count_is_counted_for(fake_v4l2: FakeDevice) -> None:
    assert numbers(fake_v4l2.read(fake={"sequence": "none"})) == [0, 1, 2, 3, 4, 5]


def test_a_count_that_goes_back_goes_on_by_one() -> None:
    count = SequenceNumber()
    assert [count.of(sequence) for sequence in (7, 9, 3, 4)] == [7, 9, 10, 11]


@pytest.mark.parametrize("fault", ["damaged", "short"])
def test_a_damaged_frame_is_told_with_its_number_and_reading_goes_on(fake_v4l2: FakeDevice, fault: str) -> None:
    answer = fake_v4l2.read(fake={fault: "1,3"})
    assert numbers(answer) == [0, 2, 4, 5]
    assert [" ".join(words.split()[1:5]) for words in answer["damaged"]] == ["frame 1 arrived damaged;", "frame 3 arrived damaged;"]


def test_a_jpeg_that_cannot_be_decoded_is_a_damaged_frame(fake_v4l2: FakeDevice, tmp_path: Path) -> None:
    (tmp_path / "noise.jpg").write_bytes(b"\xff\xd8" + bytes(5000))
    answer = fake_v4l2.read({"fourcc": "MJPG"}, reads=2, fake={"formats": "MJPG", "jpeg": tmp_path / "noise.jpg"})
    assert (answer["error"], len(answer["damaged"])) == (None, 2)


def test_a_jpeg_of_another_size_is_a_camera_that_changed(fake_v4l2: FakeDevice, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "small.jpg"), np.zeros((48, 64, 3), np.uint8))
    error = fake_v4l2.read({"fourcc": "MJPG"}, fake={"formats": "MJPG", "jpeg": tmp_path / "small.jpg"})["error"]
    assert "picture changed from (480, 640) to (48, 64)" in error


def jpeg_that_claims(width: int, height: int) -> bytes:
    """A JPEG whose header states another size than it has."""
    whole = bytearray(cv2.imencode(".jpg", np.zeros((48, 64, 3), np.uint8))[1].tobytes())
    start = whole.index(b"\xff\xc0") + 5
    whole[start : start + 4] = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return bytes(whole)


def test_a_jpeg_that_claims_an_impossible_size_is_a_damaged_frame(fake_v4l2: FakeDevice, tmp_path: Path) -> None:
    (tmp_path / "huge.jpg").write_bytes(jpeg_that_claims(65500, 65500))
    answer = fake_v4l2.read({"fourcc": "MJPG"}, reads=2, fake={"formats": "MJPG", "jpeg": tmp_path / "huge.jpg"})
    assert (answer["error"], len(answer["damaged"])) == (None, 2)


LOSE = """
from tracker.cameras.open_camera import camera_factory
from tracker.cameras.capture import Capture
from tracker.config import CaptureConfig, OpenCVCamera
keys = {"width": None, "height": None, "rate_hz": None, "fourcc": asked, "file_speed": "flat_out", "loop_file": False}
times = {"stalled_after_s": 50.0, "reopen_first_s": 0.01, "reopen_longest_s": 0.01}
problems, opened = [], camera_factory(OpenCVCamera(device="/dev/zero", **keys))
def reopen():
    problems.append(capture.problem)
    return opened()
capture = Capture(reopen, CaptureConfig(pace="every_frame", queue_frames=100, **times))
capture.start()
while len(problems) < 4:
    capture.next(0.05)
capture.close()
answer = problems
"""


@pytest.mark.parametrize(
    ("fake", "complaint"),
    [
        ({"formats": "MJPG"}, "picture changed"),
        ({"frames": 3, "end": "unplugged"}, "was unplugged"),
        ({"frames": 3, "end": "broken"}, "stopped"),
    ],
    ids=["another size", "unplugged", "broken"],
)
def test_a_v4l2_device_that_fails_is_opened_again_and_again(
    fake_v4l2: FakeDevice, tmp_path: Path, fake: dict[str, Any], complaint: str
) -> None:
    cv2.imwrite(str(tmp_path / "small.jpg"), np.zeros((48, 64, 3), np.uint8))
    problems = fake_v4l2.run(LOSE, "MJPG" if "formats" in fake else None, jpeg=tmp_path / "small.jpg", **fake)
    assert problems[0] is None
    assert all(complaint in problem for problem in problems[1:])


CAPTURE = """
from tracker.cameras.open_camera import camera_factory
from tracker.cameras.capture import Capture
from tracker.config import CaptureConfig, OpenCVCamera
keys = {"width": None, "height": None, "rate_hz": None, "fourcc": None, "file_speed": "flat_out", "loop_file": False}
times = {"stalled_after_s": 50.0, "reopen_first_s": 0.01, "reopen_longest_s": 0.01}
capture = Capture(camera_factory(OpenCVCamera(device="/dev/zero", **keys)), CaptureConfig(pace="every_frame", queue_frames=100, **times))
capture.start()
taken = [capture.next(50.0) for _ in range(8)]
capture.close()
answer = [[one.frame.number, one.counts.lost, one.counts.corrupt] for one in taken]
"""


def test_a_v4l2_devices_lost_and_damaged_frames_are_counted_apart(fake_v4l2: FakeDevice) -> None:
    taken = fake_v4l2.run(CAPTURE, damaged="2,5", lost="3,3,6", frames=10)
    assert taken == [[0, 0, 0], [1, 0, 0], [5, 2, 1], [6, 2, 1], [9, 3, 2], [10, 3, 2], [11, 3, 2], [12, 3, 2]]


# --- a device that stops, and closing ---


@pytest.mark.parametrize(
    ("end", "complaint"),
    [("silent", "no frame for 0.5 s; check cable"), ("unplugged", "was unplugged"), ("broken", "stopped")],
    ids=["stalled", "unplugged", "broken"],
)
@pytest.mark.parametrize("through", THROUGH)
def test_a_v4l2_device_that_stops_is_noticed(fake_v4l2: FakeDevice, end: str, complaint: str, through: str) -> None:
    answer = fake_v4l2.read(timeout_s=0.5, through=through, fake={"frames": 5, "end": end})
    assert 0 < len(answer["frames"]) < 6
    assert complaint in answer["error"]
    assert answer["waited_s"] >= 0.5 or end != "silent"


CLOSE = """
import threading
from tracker.cameras.open_camera import open_opencv
from tracker.config import OpenCVCamera
from tracker.errors import CameraError
keys = {"width": None, "height": None, "rate_hz": None, "fourcc": None, "file_speed": "flat_out", "loop_file": False}
camera = open_opencv(OpenCVCamera(device="/dev/zero", **keys))
camera.read(50.0)
said = []
def read():
    try:
        camera.read(1000.0)
    except CameraError as problem:
        said.append(str(problem))
reader = threading.Thread(target=read)
reader.start()
while not camera._in_use.locked():
    pass
camera.close()
reader.join(50.0)
answer = said
"""


def test_closing_a_v4l2_device_ends_a_read_in_another_thread(fake_v4l2: FakeDevice) -> None:
    assert fake_v4l2.run(CLOSE, frames=1, end="silent") == ["/dev/zero: is closed"]


REOPEN = """
import os
from tracker.cameras.open_camera import open_opencv
from tracker.config import OpenCVCamera
from tracker.errors import CameraError
keys = {"width": None, "height": None, "rate_hz": None, "file_speed": "flat_out", "loop_file": False}
held = []
for turn in range(12):
    for fourcc in ("YUYV", "MJPG"):
        try:
            camera = open_opencv(OpenCVCamera(device="/dev/zero", fourcc=fourcc, **keys))
            camera.read(50.0)
            camera.close()
        except CameraError:
            pass
    held.append(len(os.listdir("/proc/self/fd")))
answer = held
"""


def test_a_v4l2_device_opened_often_leaves_nothing_open(fake_v4l2: FakeDevice) -> None:
    held = fake_v4l2.run(REOPEN, rate_hz=1000)
    assert len(set(held[1:])) == 1


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
    printf("%zu %zu %zu %zu\\n", offsetof(struct v4l2_buffer, timestamp), offsetof(struct v4l2_buffer, sequence),
           offsetof(struct v4l2_buffer, length), offsetof(struct v4l2_format, fmt));
    return 0;
}
"""


@pytest.mark.usefixtures("fake_v4l2")
def test_our_structures_and_calls_are_those_of_the_kernels_header(tmp_path: Path) -> None:
    (tmp_path / "sizes.c").write_text(SIZES)
    subprocess.run(["cc", "-o", str(tmp_path / "sizes"), str(tmp_path / "sizes.c")], check=True)
    calls, more, controls, offsets = subprocess.run(
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
    places = [v4l2.Buffer.timestamp, v4l2.Buffer.sequence, v4l2.Buffer.length, v4l2.V4l2Format.fmt]
    assert [int(offset) for offset in offsets.split()] == [place.offset for place in places]
