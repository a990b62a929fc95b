"""Basler cameras through pylon's emulated ones: two of them, told apart by serial."""

import itertools
import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tracker.cameras.block_number import NOT_SUPPORTED, BlockNumber
from tracker.config_cameras import BaslerCamera
from tracker.errors import CameraError, CorruptFrameError

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # of SWIG's own types; as an error it crashes the interpreter
    pytest.importorskip("pypylon.pylon", reason="pypylon is not installed")
os.environ.setdefault("PYLON_CAMEMU", "2")  # pylon reads it once per process, when its first camera is looked for

from tracker.cameras.basler import Basler
from tracker.cameras.basler_settings import apply_settings

FIRST, SECOND = "0815-0000", "0815-0001"


def settings(serial: str | None = FIRST, **changes: Any) -> BaslerCamera:
    keys: dict[str, Any] = {
        "width": 320,
        "height": 240,
        "offset_x": 0,
        "offset_y": 0,
        "pixel_format": "Mono8",
        "exposure_us": 1000.0,
        "gain": None,
        "rate_hz": 200.0,
        "trigger_line": None,
    }
    return BaslerCamera(serial=serial, **{**keys, **changes})


@pytest.fixture
def camera() -> Iterator[Basler]:
    opened = Basler(settings())
    yield opened
    opened.close()


def test_a_hundred_frames_arrive_numbered_without_a_gap(camera: Basler) -> None:
    frames = [frame for _ in range(100) if (frame := camera.read(2.0))]
    assert np.diff([frame.number for frame in frames]).tolist() == [1] * 99
    assert {frame.image.shape for frame in frames} == {(240, 320)}
    assert frames[0].image.dtype == np.uint8
    assert all(later.received_ns > earlier.received_ns for earlier, later in itertools.pairwise(frames))


def test_a_camera_without_a_clock_says_so(camera: Basler) -> None:
    frame = camera.read(2.0)
    assert frame is not None
    assert frame.exposed_ns is None


def test_a_frame_outlives_the_sdks_buffer(camera: Basler) -> None:
    first = camera.read(2.0)
    assert first is not None
    seen = first.image.copy()
    for _ in range(40):
        camera.read(2.0)
    assert np.array_equal(first.image, seen)


def test_two_cameras_are_told_apart_by_serial() -> None:
    first, second = Basler(settings(FIRST)), Basler(settings(SECOND, width=160, height=120))
    shapes = [frame.image.shape for opened in (first, second) if (frame := opened.read(2.0))]
    first.close()
    second.close()
    assert FIRST in first.description
    assert SECOND in second.description
    assert shapes == [(240, 320), (120, 160)]


def test_settings_reach_the_camera_and_colour_has_three_channels() -> None:
    """RGB8 is red first."""
    opened = Basler(settings(pixel_format="RGB8", offset_x=16, offset_y=8, exposure_us=2500.0, gain=6.0, rate_hz=50.0))
    nodes = opened._camera.GetNodeMap()
    read_back = [nodes.GetNode(name).Value for name in ("OffsetX", "OffsetY", "ExposureTime", "AcquisitionFrameRate", "PixelFormat")]
    gain = nodes.GetNode("Gain").Value
    frame = opened.read(2.0)
    opened.close()
    assert read_back == [16, 8, 2500.0, 50.0, "RGB8Packed"]
    assert gain == pytest.approx(6.0, rel=0.01)
    assert frame is not None
    assert frame.image.shape == (240, 320, 3)


def test_a_camera_says_how_it_was_set_also_of_what_nobody_asked_for(camera: Basler) -> None:
    said = camera.read_back
    expected = {"model": "Emulation", "serial": FIRST, "width": 320, "height": 240, "pixel_format": "Mono8", "exposure_us": 1000.0}
    expected |= {"rate_hz": 200.0, "rate_limited": True, "trigger_mode": "Off"}
    assert {key: said.get(key) for key in expected} == expected
    assert said["gain"] == camera._camera.GetNodeMap().GetNode("Gain").Value


def test_null_leaves_the_gain_as_it_is_and_takes_the_rate_limit_away() -> None:
    opened = Basler(settings(rate_hz=10.0))
    untouched = opened._camera.GetNodeMap().GetNode("Gain").Value
    opened.close()
    opened = Basler(settings(gain=None, rate_hz=None))
    nodes = opened._camera.GetNodeMap()
    gain, limited = nodes.GetNode("Gain").Value, nodes.GetNode("AcquisitionFrameRateEnable").Value
    opened.close()
    assert gain == untouched
    assert not limited


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"width": 16000}, r"camera.width is 16000; this camera allows whole numbers 1..4096 in steps of 1"),
        ({"width": 4096, "offset_x": 8}, r"camera.offset_x is 8; this camera allows whole numbers 0..0"),
        ({"exposure_us": 2e7}, r"camera.exposure_us is 20000000; this camera allows 1..10000000"),
        ({"exposure_us": 10.4}, r"camera.exposure_us is 10.4, the camera made it 10;"),
        ({"gain": 100.0}, r"camera.gain is 100; this camera allows 0..48"),
        ({"rate_hz": 9999.0}, r"camera.rate_hz is 9999; this camera allows 0.01..5000"),
        ({"trigger_line": "Line9"}, r"camera.trigger_line is Line9; this camera offers Software, Line1"),
    ],
    ids=["width", "offset", "exposure range", "exposure step", "gain", "rate", "trigger"],
)
def test_a_setting_the_camera_cannot_do_is_refused_with_asked_got_and_allowed(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(CameraError, match=f"Basler Emulation {FIRST}: {complaint}"):
        Basler(settings(**changes))


def test_a_serial_that_is_not_attached_names_those_that_are() -> None:
    with pytest.raises(CameraError, match=f"no Basler camera 40012345 is attached; attached serials: {FIRST}, {SECOND}"):
        Basler(settings("40012345"))


def test_several_cameras_need_a_serial() -> None:
    with pytest.raises(CameraError, match=f"camera.serial is null, but 2 Basler cameras are attached: {FIRST}, {SECOND}"):
        Basler(settings(None))


def test_a_damaged_frame_is_told_apart_and_the_next_ones_show_the_gap(camera: Basler) -> None:
    """The emulator fails three buffers for real."""
    nodes = camera._camera.GetNodeMap()
    before = camera.read(2.0)
    nodes.GetNode("ForceFailedBufferCount").Value = 3
    nodes.GetNode("ForceFailedBuffer").Execute()
    complaints, numbers = [], []
    for _ in range(40):
        try:
            frame = camera.read(2.0)
        except CorruptFrameError as problem:
            complaints.append(str(problem))
        else:
            numbers += [frame.number] if frame else []
    assert before is not None
    assert len(complaints) == 3
    assert "The buffer was incompletely grabbed" in complaints[0]
    assert numbers[-1] - before.number - len(numbers) == 3


def test_a_camera_that_is_not_triggered_is_a_stall_within_the_limit() -> None:
    opened = Basler(settings(trigger_line="Line1", rate_hz=None))
    with pytest.raises(CameraError, match=r"no frame for 0.1 s; check cable, power and, where one is set, the trigger line"):
        opened.read(0.1)
    opened.close()
    assert "on Line1" in opened.description


def test_a_trigger_left_on_by_another_program_is_switched_off() -> None:
    opened = Basler(settings(trigger_line="Line1", rate_hz=None))
    opened._camera.StopGrabbing()
    nodes = opened._camera.GetNodeMap()
    apply_settings(nodes, settings(), where="camera")
    nodes.GetNode("TriggerSelector").Value = "FrameStart"
    mode = nodes.GetNode("TriggerMode").Value
    opened.close()
    assert mode == "Off"


def test_an_unplugged_camera_is_told_apart_from_a_stall() -> None:
    opened = Basler(settings(trigger_line="Line1", rate_hz=None))
    opened._camera.GetNodeMap().GetNode("FirePnPCallback").Execute()
    with pytest.raises(CameraError, match="was unplugged or lost its power"):
        opened.read(0.5)
    opened.close()
    opened.close()


def test_closing_ends_a_thread_s_wait_for_a_frame_and_the_camera_opens_again() -> None:
    opened = Basler(settings(trigger_line="Line1", rate_hz=None))
    complaints: list[str] = []

    def wait() -> None:
        try:
            opened.read(60.0)
        except CameraError as problem:
            complaints.append(str(problem))

    waiter = threading.Thread(target=wait)
    waiter.start()
    opened.close()
    waiter.join(10)
    again = Basler(settings())
    frame = again.read(2.0)
    again.close()
    assert complaints == [f"Basler Emulation {FIRST}: is closed"]
    assert frame is not None


@pytest.mark.parametrize(
    ("ids", "numbers"),
    [
        ([1, 2, 5], [1, 2, 5]),
        ([65534, 65535, 1, 2], [65534, 65535, 65536, 65537]),
        ([65530, 3], [65530, 65538]),
        ([65534, 65535, 0, 1, 65535, 1], [65534, 65535, 65536, 65537, 131071, 131073]),
        ([2**40, 2**40 + 1], [2**40, 2**40 + 1]),
        ([0, 65535, 65536, 65537], [0, 65535, 65536, 65537]),
        ([NOT_SUPPORTED] * 3, [0, 1, 2]),
    ],
    ids=["gap", "16 bits wrap", "gap across the wrap", "16 bits with 0", "64 bits", "64 bits past 16", "no ids"],
)
def test_block_ids_become_numbers_that_never_go_back(ids: list[int], numbers: list[int]) -> None:
    counter = BlockNumber()
    assert [counter.of(block_id) for block_id in ids] == numbers


def test_a_camera_whose_block_ids_stand_still_is_counted_for() -> None:
    counter = BlockNumber()
    assert [counter.of(block_id) for block_id in (7, 7, 7)] == [7, 8, 9]


@pytest.mark.parametrize(("ids", "numbers"), [([NOT_SUPPORTED] * 2, [0, 2]), ([4, 6], [4, 6])], ids=["no ids", "with ids"])
def test_a_damaged_frame_has_a_number_of_its_own(ids: list[int], numbers: list[int]) -> None:
    counter = BlockNumber()
    first = counter.of(ids[0])
    counter.pass_over()
    assert [first, counter.of(ids[1])] == numbers


def test_without_pypylon_the_sentence_names_what_to_install() -> None:
    script = (
        "import sys; sys.modules['pypylon'] = None\ntry:\n import tracker.cameras.basler\nexcept Exception as e: print(type(e).__name__, e)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=800, check=True)
    assert done.stdout.strip() == "MissingLibraryError camera.source is basler, but pypylon is not installed: run `pip install '.[basler]'`"
