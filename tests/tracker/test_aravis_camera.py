"""GenICam cameras through Aravis: its own GigE Vision camera, seen over the loopback interface."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import BundleMaker
from tests.tracker.daemon import Daemon, wait_for, write_config
from tests.tracker.fake_gige import ADDRESS, LIMIT_S, MISSING, SERIAL, FakeGige, fake_gige, the_only_one
from tracker.cameras.capture import Capture
from tracker.cameras.genicam_pixels import decode
from tracker.cameras.open_camera import camera_factory
from tracker.client import Client
from tracker.config_cameras import AravisCamera, CaptureConfig
from tracker.errors import CameraError, CorruptFrameError
from tracker.frame import Frame
from tracker.messages import PoseMessage, StatusMessage

try:
    from gi.repository import Gio

    from tracker.cameras.aravis import BUFFERS, AravisDevice
except (CameraError, ImportError):
    pytest.skip(MISSING, allow_module_level=True)

NAME = f"Aravis Fake {SERIAL}"


@pytest.fixture(scope="module", autouse=True)
def _one_at_a_time() -> Iterator[None]:
    with the_only_one():
        yield


@pytest.fixture
def gige() -> Iterator[FakeGige]:
    with fake_gige() as camera:
        yield camera


def settings(**changes: Any) -> AravisCamera:
    keys = {"device": ADDRESS, "width": 64, "height": 48, "exposure_us": 10_000.0, "gain": 0.0, "rate_hz": 200.0}
    return AravisCamera(**{**keys, **changes})


@pytest.fixture
def camera(gige: FakeGige) -> Iterator[AravisDevice]:
    opened = AravisDevice(settings())
    yield opened
    opened.close()


def read(camera: AravisDevice, count: int) -> tuple[list[Frame], list[str]]:
    """So many whole frames, and what was said of the damaged ones among them."""
    frames: list[Frame] = []
    damaged: list[str] = []
    while len(frames) < count:
        try:
            frame = camera.read(LIMIT_S)
        except CorruptFrameError as problem:
            damaged.append(str(problem))
        else:
            frames += [frame] if frame else []
    return frames, damaged


def gaps(frames: list[Frame]) -> int:
    """How many numbers are missing. The camera draws a ramp that begins at its block id, so each number is held against its picture."""
    for frame in frames:
        block_id = (frame.number - 1) % 65_535 + 1  # GigE Vision counts 1 to 65535
        assert frame.image[0, 0] == block_id % 255
    steps = np.diff([frame.number for frame in frames])
    assert (steps > 0).all()
    return int((steps - 1).sum())


def test_numbers_go_on_where_16_bit_block_ids_begin_again(camera: AravisDevice) -> None:
    """Its first block id is 65401, and after 65535 comes 1."""
    frames, damaged = read(camera, 160)
    assert frames[0].number >= 65_401
    assert frames[-1].number > 65_535
    assert gaps(frames) >= len(damaged)


def test_frames_that_nobody_takes_in_time_are_missing_in_the_numbers(camera: AravisDevice) -> None:
    read(camera, 1)
    while camera._stream.get_info_uint64_by_name("n_underruns") < 5:
        time.sleep(0.01)
    frames, damaged = read(camera, 2 * BUFFERS)
    assert gaps(frames) > len(damaged)


def damaged_by(what: str) -> str:
    return f"{NAME}: a frame arrived damaged ({what}); check cable, port and packet size"


def test_a_damaged_frame_is_told_once_and_reading_goes_on(camera: AravisDevice, gige: FakeGige) -> None:
    camera._stream.set_property("frame-retention", 10_000_000)  # us: a whole frame that follows shows that packets are missing
    first = read(camera, 2 * BUFFERS)[0][-1:]  # a busy machine damages frames before it, also before the library was told how long to wait
    gige.lose(0.03)
    frames, damaged = read(camera, 100)
    gige.lose(0)
    last, more = read(camera, 2 * BUFFERS)
    assert damaged
    assert set(damaged) == {damaged_by("missing packets")}
    assert gaps(first + frames + last) >= len(damaged) + len(more)


def test_a_frame_is_damaged_too_where_the_library_waits_no_longer_for_its_packets(camera: AravisDevice, gige: FakeGige) -> None:
    camera._stream.set_property("frame-retention", 1)  # us: over before the next frame comes, unless the machine is too busy to look
    kept = read(camera, 2 * BUFFERS)[0][-1:]
    gige.lose(0.03)
    damaged: list[str] = []
    while damaged_by("packets missing or late") not in damaged and len(kept) < 5000:
        frames, more = read(camera, 10)
        kept, damaged = kept + frames, damaged + more
    gige.lose(0)
    last, more = read(camera, 2 * BUFFERS)
    assert damaged_by("packets missing or late") in damaged
    assert set(damaged) <= {damaged_by("missing packets"), damaged_by("packets missing or late")}
    assert gaps(kept + last) >= len(damaged) + len(more)


def test_pictures_are_stamped_by_the_camera_and_outlive_the_librarys_memory(camera: AravisDevice) -> None:
    [first, second], _ = read(camera, 2)
    seen = first.image.copy()
    read(camera, 2 * BUFFERS)
    assert first.image.shape == (48, 64)
    assert first.image.dtype == np.uint8
    assert np.array_equal(first.image, seen)
    assert not np.array_equal(first.image, second.image)
    assert first.exposed_ns is not None
    assert second.exposed_ns is not None
    assert second.exposed_ns > first.exposed_ns


def test_settings_reach_the_camera(gige: FakeGige) -> None:
    opened = AravisDevice(settings(offset_x=16, offset_y=8, exposure_us=2500.0, gain=6.0, rate_hz=50.0))
    device = opened._camera
    assert tuple(device.get_region()) == (16, 8, 64, 48)
    assert (device.get_exposure_time(), device.get_gain(), device.get_frame_rate()) == (2500.0, 6.0, 50.0)
    assert opened.description == f"{NAME} 64x48 Mono8 50 Hz"
    opened.close()


def test_a_camera_says_how_it_was_set_also_of_what_nobody_asked_for(gige: FakeGige, caplog: pytest.LogCaptureFixture) -> None:
    opened = AravisDevice(settings(offset_x=16, exposure_us=2500.0, gain=None, rate_hz=50.0))
    opened.close()
    said = opened.read_back
    expected = {"vendor": "Aravis", "model": "Fake", "serial": SERIAL, "width": 64, "offset_x": 16, "pixel_format": "Mono8"}
    expected |= {"exposure_us": 2500.0, "gain": 0, "rate_hz": 50.0, "trigger_mode": "Off"}
    assert {key: said.get(key) for key in expected} == expected
    assert isinstance(said["packet_size_bytes"], int)
    assert "not read back" not in caplog.text, "what a camera does not have is no failure"


@pytest.mark.parametrize("pixel_format", ["RGB8", "BayerRG8"])
def test_colour_has_three_channels(gige: FakeGige, pixel_format: str) -> None:
    opened = AravisDevice(settings(pixel_format=pixel_format))
    [frame], _ = read(opened, 1)
    opened.close()
    assert frame.image.shape == (48, 64, 3)


@pytest.mark.parametrize(
    ("pixel_format", "red_at"), [("BayerRG8", (0, 0)), ("BayerBG8", (1, 1)), ("BayerGR8", (0, 1)), ("BayerGB8", (1, 0))]
)
def test_red_under_each_colour_filter_is_red(pixel_format: str, red_at: tuple[int, int]) -> None:
    mosaic = np.full((8, 8), 10, np.uint8)
    mosaic[red_at[0] :: 2, red_at[1] :: 2] = 200
    image = decode(mosaic.ravel(), pixel_format, width=8, height=8)
    assert image[4, 4].tolist() == [200, 10, 10]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"width": 16000}, r"camera.width is 16000; this camera allows 1\.\.2048 in steps of 1"),
        ({"offset_x": 4000}, r"camera.offset_x is 4000; this camera allows 0\.\.2048 in steps of 1"),
        ({"exposure_us": 2e7}, r"camera.exposure_us is 20000000; this camera allows 10\.\.10000000"),
        ({"exposure_us": 10.4}, r"camera.exposure_us is 10.4, the camera made it 10; write what it can do, within 10\.\.10000000"),
        ({"gain": 100.0}, r"camera.gain is 100; this camera allows 0\.\.10"),
        ({"rate_hz": 9999.0}, r"camera.rate_hz is 9999; this camera allows 0.1\.\.1000"),
        ({"trigger_line": "Line9"}, r"camera.trigger_line is Line9; this camera offers Line0, Software"),
    ],
    ids=["width", "offset", "exposure range", "exposure step", "gain", "rate", "trigger"],
)
def test_a_setting_it_cannot_do_is_refused_with_asked_got_and_allowed(gige: FakeGige, changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(CameraError, match=f"^{NAME}: {complaint}"):
        AravisDevice(settings(**changes))


def test_a_trigger_gives_one_frame_each_and_none_is_a_stall(gige: FakeGige) -> None:
    opened = AravisDevice(settings(trigger_line="Software", rate_hz=None))
    with pytest.raises(CameraError, match=r"no frame for 0.1 s; check cable, power and, where one is set, the trigger line"):
        opened.read(0.1)
    opened._camera.software_trigger()
    read(opened, 1)
    opened.close()
    assert "on Software" in opened.description


def test_a_trigger_left_on_by_another_program_is_switched_off(gige: FakeGige) -> None:
    AravisDevice(settings(trigger_line="Software", rate_hz=None)).close()
    opened = AravisDevice(settings(rate_hz=None))
    read(opened, 1)
    opened.close()


def test_a_camera_is_named_by_address_serial_number_or_name(gige: FakeGige) -> None:
    for device in (ADDRESS, SERIAL, f"Aravis-Fake-{SERIAL}", None):
        opened = AravisDevice(settings(device=device))
        opened.close()
        assert NAME in opened.description
    with pytest.raises(CameraError, match=f"no camera OTHER answers to Aravis; those that do: Aravis-Fake-{SERIAL}"):
        AravisDevice(settings(device="OTHER"))


def test_a_camera_that_another_program_controls_is_refused(camera: AravisDevice) -> None:
    with pytest.raises(CameraError, match=f"{NAME}: another program controls it"):
        AravisDevice(settings())
    read(camera, 1)


def test_closing_ends_a_threads_wait_and_the_camera_opens_again(gige: FakeGige) -> None:
    opened = AravisDevice(settings(trigger_line="Software", rate_hz=None))
    said: list[str] = []

    def wait() -> None:
        try:
            opened.read(LIMIT_S)
        except CameraError as problem:
            said.append(str(problem))

    waiter = threading.Thread(target=wait)
    waiter.start()
    opened.close()
    waiter.join(LIMIT_S)
    again = AravisDevice(settings())
    read(again, 1)
    again.close()
    again.close()
    assert said == [f"{NAME}: is closed"]


def test_a_camera_opened_often_leaves_nothing_open(gige: FakeGige) -> None:
    for thread in threading.enumerate():
        if thread.name == "aravis-release":  # of cameras that other tests left without an answer
            thread.join(LIMIT_S)
    held = []
    for _ in range(6):
        opened = AravisDevice(settings())
        read(opened, 1)
        opened.close()
        held.append(len(list(Path("/proc/self/fd").iterdir())))
    assert len(set(held[1:])) == 1


def test_a_camera_that_lost_its_power_is_told_and_taken_up_again_when_it_is_back(gige: FakeGige) -> None:
    source = settings()
    capture = Capture(camera_factory(source), CaptureConfig(stalled_after_s=60, reopen_first_s=0.1, reopen_longest_s=0.5))
    capture.start()
    assert capture.next(LIMIT_S) is not None
    gige.unplug()
    while (problem := capture.problem) is None:
        capture.next(0.1)
    assert problem == f"{NAME}: was unplugged or lost its power; plug it in again"
    with fake_gige():
        assert capture.next(LIMIT_S) is not None
        assert capture.counts().reopened == 1
        capture.close()


def test_a_tracker_publishes_a_gige_cameras_frames_and_ends_while_it_is_away(
    gige: FakeGige, tmp_path: Path, make_bundle: BundleMaker
) -> None:
    source = {"source": "aravis", "device": ADDRESS, "width": 640, "height": 480, "exposure_us": 5000.0, "rate_hz": 100.0}
    config = write_config(tmp_path, make_bundle(tmp_path / "spot"), source)
    with Client(f"ipc://{tmp_path}/stream") as client, Daemon(config) as daemon:
        pose = wait_for(client, lambda message: isinstance(message, PoseMessage) and message.frame > 65_535)
        gige.unplug()
        lost = wait_for(client, lambda message: isinstance(message, StatusMessage) and message.state == "camera_lost")
        daemon.stop()
    assert isinstance(pose, PoseMessage)
    assert pose.exposed_ns is not None
    assert isinstance(lost, StatusMessage)
    assert any(NAME in problem.sentence for problem in lost.problems)
    assert daemon.process.returncode == 0
    assert "Traceback" not in daemon.words


@contextmanager
def another_kind(camera: AravisDevice, gige: FakeGige, path: Path, change: Callable[[str], str]) -> Iterator[FakeGige]:
    """The same camera with another description of itself."""
    # from the library: what a device has read of it lacks the zero at its end, and Python then reads past it
    xml = Gio.resources_lookup_data("/org/aravis/arv-fake-camera.xml", Gio.ResourceLookupFlags.NONE).get_data()
    path.write_text(change(xml.decode()))
    camera.close()
    gige.unplug()
    with fake_gige(path) as other:
        yield other


RATE = '<Float Name="ResultingFrameRate"><Value>50.0</Value></Float>'


def test_a_camera_that_exposure_or_transfer_keep_below_the_rate_is_refused(camera: AravisDevice, gige: FakeGige, tmp_path: Path) -> None:
    slow = another_kind(
        camera, gige, tmp_path / "slow.xml", lambda xml: xml.replace("</RegisterDescription>", f"{RATE}</RegisterDescription>")
    )
    with slow, pytest.raises(CameraError, match=f"{NAME}: runs at 50 Hz, asked for 200; shorten camera.exposure_us"):
        AravisDevice(settings())


PLAIN = ("TriggerSelector", "TriggerSource", "GainRaw", "GainAuto", "AcquisitionFrameRate")


def test_a_camera_that_lacks_a_setting_is_used_without_and_refused_with_it(camera: AravisDevice, gige: FakeGige, tmp_path: Path) -> None:
    def without(xml: str) -> str:
        for name in PLAIN:
            xml = xml.replace(f'Name="{name}"', f'Name="No{name}"').replace(f"<pFeature>{name}<", f"<pFeature>No{name}<")
        return xml

    with another_kind(camera, gige, tmp_path / "plain.xml", without):
        plain = AravisDevice(settings(gain=None, rate_hz=None))
        read(plain, 1)
        plain.close()
        for changes, complaint in (
            ({"gain": 1.0}, "camera.gain is 1, but this camera cannot set its gain; remove that setting or use null"),
            ({"rate_hz": 50.0}, "camera.rate_hz is 50, but this camera cannot set its rate; remove that setting or use null"),
            ({"trigger_line": "Line0"}, "camera.trigger_line is Line0, but this camera has no trigger; use null"),
        ):
            with pytest.raises(CameraError, match=f"{NAME}: {complaint}"):
                AravisDevice(settings(**{"gain": None, "rate_hz": None, **changes}))


@pytest.mark.parametrize(
    ("without", "sentence"),
    [
        ("None", "PyGObject is not installed: run `sudo apt-get install gir1.2-aravis-0.8 libgirepository1.0-dev"),
        ("type('gi', (), {'require_version': lambda *_: int('none')})", "the library Aravis is not installed: run `sudo apt-get install"),
    ],
    ids=["PyGObject", "Aravis"],
)
def test_what_is_missing_is_named_with_the_line_that_installs_it(without: str, sentence: str) -> None:
    attempt = "try:\n import tracker.cameras.aravis\nexcept Exception as e: print(type(e).__name__, e)"
    script = f"import sys; sys.modules['gi'] = {without}\n{attempt}"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=800, check=True)
    assert done.stdout.startswith(f"MissingLibraryError camera.source is aravis, but {sentence}")
