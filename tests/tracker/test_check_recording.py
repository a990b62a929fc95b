"""What `tracker check` says of a recording to come: encoder and engine at once, disk, clock, temperature, memory."""

import json
import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.conftest import BundleMaker
from tests.tracker.daemon import write_config, write_images
from tracker.__main__ import main
from tracker.check import machine
from tracker.check.picture_quality import background_of, exposure
from tracker.check.recording_load import Load, keeps_up, measure, space, syncing
from tracker.check.result import CheckResult
from tracker.check.sheet import draw_sheet
from tracker.check.timing import losses, rate
from tracker.check.watch import Watched
from tracker.config import RecordingConfig
from tracker.errors import RecordingError
from tracker.frame import Frame, Image
from tracker.recording.encoder_choice import EncoderChoice
from tracker.recording.encoder_trial import EncoderCost, try_encoder
from tracker.recording.session import VideoFormat

COST = EncoderCost(frames=100, cpu_ms=2.0, wall_ms=2.5, bytes_per_frame=10_000, sync_ms=8.0)
LOAD = Load(rate_hz=100.0, encoder=COST, engine_ms=3.0)
FORM = VideoFormat(width=64, height=48, colour=False, rate_hz=10, crf=23, preset="superfast")
SETTINGS = RecordingConfig(minimum_free_gb=0)


def pictures(count: int, *, colour: bool = False) -> list[Image]:
    shape = (48, 64, 3) if colour else (48, 64)
    return [np.random.default_rng(number).integers(0, 256, shape, np.uint8) for number in range(count)]


def state(found: CheckResult) -> tuple[bool | None, bool]:
    return found.ok, found.warning


def test_pictures_are_encoded_for_real_and_nothing_stays(tmp_path: Path) -> None:
    found = try_encoder(pictures(30), FORM, tmp_path)
    assert found is not None
    assert found.frames == 30
    assert found.cpu_ms > 0
    assert found.bytes_per_frame > 1000  # noise cannot be compressed to less
    assert found.sync_ms > 0
    assert list(tmp_path.iterdir()) == []


def test_two_pictures_say_nothing_of_an_encoder(tmp_path: Path) -> None:
    assert try_encoder(pictures(2), FORM, tmp_path) is None


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="absent: cannot be written: No such file or directory"):
        try_encoder(pictures(3), FORM, tmp_path / "absent")


@pytest.mark.parametrize("colour", [False, True], ids=["grey", "colour"])
def test_the_engine_works_while_the_encoder_does(tmp_path: Path, *, colour: bool) -> None:
    beside: list[bool] = []

    def infer(_: Image) -> None:
        beside.append(any(thread.name == "encoder-trial" for thread in threading.enumerate()))

    found = measure(pictures(40, colour=colour), settings=SETTINGS, folder=tmp_path, rate_hz=50.0, infer=infer)
    assert found is not None
    assert found.encoder.frames == 40
    assert any(beside)


@pytest.mark.parametrize(
    ("load", "expected", "words"),
    [
        (LOAD, (True, False), "takes 2.5 ms a frame beside the engine's 3.0 ms, and 20 % of a core; a frame comes every 10.0 ms"),
        (replace(LOAD, engine_ms=8.0), (True, True), "the engine has little time to spare"),
        (replace(LOAD, encoder=replace(COST, wall_ms=12.0)), (False, False), "the encoder cannot keep up: stop what else runs"),
        (replace(LOAD, choice=EncoderChoice(name="libx264", why_not="no card encodes here")), (True, True), "libx264 takes 2.5 ms a frame"),
        (replace(LOAD, engine_ms=11.0), (False, False), "the engine cannot keep up"),
        (replace(LOAD, rate_hz=None), (None, False), "this source has no rate of its own"),
    ],
    ids=["at ease", "little to spare", "encoder too slow", "another encoder", "engine too slow", "no rate"],
)  # fmt: skip
def test_what_a_frame_costs_is_compared_with_the_time_it_has(load: Load, expected: tuple[bool | None, bool], words: str) -> None:
    found = keeps_up(load)
    assert state(found) == expected
    assert words in found.found


def test_the_planned_time_is_compared_with_the_disk(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    hours = (free - 1e9) / (10_000 * 100 * 3600)
    settings = RecordingConfig(minimum_free_gb=1)
    found = [space(LOAD, settings=settings, folder=tmp_path, planned_s=share * hours * 3600) for share in (0.3, 0.8, 1.2)]
    assert [state(each) for each in found] == [(True, False), (True, True), (False, False)]
    assert found[0].measured["mb_per_hour"] == 3600
    assert found[0].measured["hours"] == pytest.approx(hours, rel=0.05)


@pytest.mark.parametrize(("sync_ms", "expected"), [(20, (True, False)), (900, (True, True)), (3500, (False, False))])
def test_a_disk_must_take_the_video_before_the_queue_is_full(sync_ms: float, expected: tuple[bool, bool]) -> None:
    """300 frames wait at most, 3 s at 100 per second."""
    assert state(syncing(replace(LOAD, encoder=replace(COST, sync_ms=sync_ms)), settings=SETTINGS)) == expected


@pytest.mark.parametrize(
    ("synchronised", "moved_ns", "expected", "words"),
    [
        (True, 100_000, (True, False), "follows a reference, and it moved by 0.1 ms"),
        (False, 0, (True, True), "follows no reference"),
        (None, 0, (None, False), "not judged: neither the kernel nor systemd tells"),
        (None, 40_000_000, (True, True), "it is being set at the moment"),
        (True, -40_000_000, (True, True), "it is being set at the moment"),
    ],
)
def test_the_clock_must_follow_a_reference_and_not_jump(
    synchronised: bool | None,
    moved_ns: int,
    expected: tuple[bool | None, bool],
    words: str,
) -> None:
    found = machine.clock(5, synchronised=lambda: synchronised, now=lambda: 5 + moved_ns)
    assert state(found) == expected
    assert words in found.found


def test_the_kernel_tells_of_the_clock_without_being_changed() -> None:
    assert machine.is_synchronised() in (True, False, None)
    assert state(machine.clock(machine.unix_offset_ns()))[0] in (True, None)


@pytest.mark.parametrize(("answer", "expected"), [("yes", True), ("no", False), ("n/a", None)])
def test_where_the_kernel_may_not_be_asked_systemd_tells_of_the_clock(tmp_path: Path, answer: str, expected: bool | None) -> None:
    program = tmp_path / "timedatectl"
    program.write_text(f"#!/bin/sh\n[ \"$*\" = 'show --property=NTPSynchronized --value' ] && echo {answer}\n")
    program.chmod(0o755)
    assert machine.systemd_is_synchronised(str(program), timesyncd=tmp_path / "none") is expected


def test_without_timedatectl_only_timesyncd_s_file_tells_of_the_clock(tmp_path: Path) -> None:
    there, absent = tmp_path, tmp_path / "none"
    assert machine.systemd_is_synchronised(str(tmp_path / "timedatectl"), timesyncd=there) is True
    assert machine.systemd_is_synchronised(str(tmp_path / "timedatectl"), timesyncd=absent) is None


def kernel_files(root: Path, *, celsius: float, throttled: int) -> Path:
    zone = root / "class" / "thermal" / "thermal_zone0"
    counts = root / "devices" / "system" / "cpu" / "cpu0" / "thermal_throttle"
    for folder in (zone, counts):
        folder.mkdir(parents=True, exist_ok=True)
    for path, text in (
        (zone / "temp", f"{celsius * 1000:.0f}"),
        (zone / "type", "x86_pkg_temp"),
        (zone / "trip_point_0_temp", "0"),
        (zone / "trip_point_1_temp", "95000"),
        (counts / "core_throttle_count", f"{throttled}"),
        (counts / "package_throttle_count", "0"),
    ):
        path.write_text(text + "\n")
    return root


@pytest.mark.parametrize(
    ("celsius", "throttled", "expected", "words"),
    [
        (60, 3, (True, False), "60 °C (x86_pkg_temp), its limit is 95 °C"),
        (90, 3, (True, True), "may be slowed down by heat"),
        (60, 5, (True, True), "slowed down 2 times during this check"),
    ],
    ids=["cool", "hot", "throttled"],
)
def test_temperature_is_compared_with_the_kernels_own_limit(
    tmp_path: Path, celsius: float, throttled: int, expected: tuple[bool, bool], words: str
) -> None:
    root = kernel_files(tmp_path, celsius=celsius, throttled=3)
    began = machine.throttled(root)
    kernel_files(tmp_path, celsius=celsius, throttled=throttled)
    found = machine.temperature(began, root=root)
    assert state(found) == expected
    assert words in found.found


def test_a_kernel_that_tells_no_temperature_fails_nothing(tmp_path: Path) -> None:
    found = machine.temperature(machine.throttled(tmp_path), root=tmp_path)
    assert (found.ok, found.needed) == (None, False)


@pytest.mark.parametrize(("available_kb", "expected"), [(8_000_000, (True, False)), (300_000, (True, True)), (90_000, (False, False))])
def test_frames_that_wait_must_fit_into_memory(tmp_path: Path, available_kb: int, expected: tuple[bool, bool]) -> None:
    (tmp_path / "meminfo").write_text(f"MemTotal: 9000000 kB\nMemAvailable:   {available_kb} kB\n")
    frame = np.zeros((480, 640), np.uint8)
    waiting = machine.memory_of_queues(frame, SETTINGS, 64)
    assert waiting == 364 * 640 * 480
    assert state(machine.memory(waiting, meminfo=tmp_path / "meminfo")) == expected


@pytest.fixture
def recording_rig(tmp_path: Path, make_bundle: BundleMaker) -> Callable[..., Path]:
    """A configuration with a recording section, whose source is some images."""

    def made(**recording: Any) -> Path:
        write_images(tmp_path / "images", [(10 + 9 * number, 100) for number in range(8)])
        camera = {"source": "image_folder", "folder": str(tmp_path / "images"), "rate_hz": None, "loop_folder": False}
        recording = {"folder": str(tmp_path / "recordings"), "minimum_free_gb": 0} | recording
        return write_config(tmp_path, make_bundle(tmp_path / "spot"), camera, recording=recording)

    return made


def test_a_rig_that_records_is_checked_whole_with_pictures(
    tmp_path: Path, recording_rig: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "checked"
    assert main(["check", "--config", str(recording_rig()), "--out", str(out), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report == json.loads((out / "check.json").read_text())
    names = [each["check"] for each in report["checks"]]
    assert names[-8:] == ["recording", "keeps up", "disk space", "disk sync", "clock", "temperature", "memory", "window"]
    sheet, background = cv2.imread(str(out / "check.png")), cv2.imread(str(out / "background.png"), cv2.IMREAD_GRAYSCALE)
    assert sheet is not None
    assert sheet.shape[1] > 1200
    assert sheet.max() == 255
    assert background is not None
    assert (background.shape, background.max()) == ((480, 640), 0)  # the spot was nowhere for long
    assert not (tmp_path / "recordings").exists()


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize(("height", "width", "colour"), [(480, 640, True), (1024, 200, False)], ids=["colour", "tall"])
def test_a_sheet_is_drawn_of_any_picture(count: int, height: int, width: int, *, colour: bool) -> None:
    shape = (height, width, 3) if colour else (height, width)
    images = [np.full(shape, 20 * number, np.uint8) for number in range(count)]
    frames = [Frame(image=image, number=number, exposed_ns=None, received_ns=10**7 * number) for number, image in enumerate(images)]
    stamps = np.arange(count, dtype=np.int64)
    watched = Watched(
        seconds=1, first=frames[0], in_a_row=images, spread=frames, numbers=stamps, received_ns=stamps * 10**7, exposed_ns=None,
        bands=np.zeros((count, 8)), corrupt=0, failure=None,
    )  # fmt: skip
    pose = np.array([[[50, 60, 0.9], [np.nan, np.nan, np.nan], [-5000, 9000, 0.9]]], np.float32)
    findings = [exposure(images), losses(watched), rate(watched, expected_hz=None, has_own_rate=True)]
    sheet = draw_sheet(watched, background_of(images), [pose] * count, findings)
    assert sheet.dtype == np.uint8
    assert sheet.shape[1:] == (1326, 3)
    assert len(np.unique(sheet)) > 50


def test_a_disk_without_room_for_the_night_fails_the_check(recording_rig: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--config", str(recording_rig(minimum_free_gb=900_000))]) == 1
    assert "FAILED  recording" in capsys.readouterr().out


def test_pictures_that_cannot_be_written_are_one_sentence(
    tmp_path: Path, recording_rig: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main(["check", "--config", str(recording_rig()), "--out", str(tmp_path / "file" / "below")]) == 1
    assert "file/below: pictures cannot be written: Not a directory; a part of that path is a file" in capsys.readouterr().err


@pytest.mark.parametrize("seconds", ["-1", "1000", "five"])
def test_a_time_that_is_none_is_wrong_usage(seconds: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["check", "--seconds", seconds])
    assert ended.value.code == 2
    assert "expected seconds from 0 to 600" in capsys.readouterr().err
