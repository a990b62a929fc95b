"""Frames of V4L2 devices: pixels, numbers, times, faults, and a device that stops; system calls are answered in user space."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.tracker.fake_device import THROUGH, FakeDevice, numbers
from tracker.cameras.v4l2_device import SequenceNumber

PERIOD_NS = 1_000_000_000 // 30
FORMATS = ["RGB3", "BGR3", "YUYV", "UYVY", "NV12", "MJPG"]


@pytest.fixture(scope="module")
def jpeg(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("picture") / "red.jpg"
    cv2.imwrite(str(path), np.full((480, 640, 3), (10, 50, 200), np.uint8))
    return path


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
