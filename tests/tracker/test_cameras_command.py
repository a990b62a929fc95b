"""`tracker cameras`: what is attached, on devices of the tests' own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.tracker.fake_device import build
from tests.tracker.fake_gige import MISSING, SERIAL, fake_gige, the_only_one
from tracker.__main__ import main
from tracker.cameras.found_camera import Allowed, FoundCamera, Mode
from tracker.commands.cameras import lines
from tracker.config import load_config
from tracker.config_cameras import AravisCamera
from tracker.errors import CameraError

ROOT = Path(__file__).resolve().parents[2]
LIST = """
import json, pathlib, sys
from dataclasses import asdict
from tracker.cameras.found_cameras import found_cameras
print(json.dumps([asdict(camera) for camera in found_cameras(pathlib.Path(sys.argv[1])) if camera.source == "opencv"]))
"""


def webcams(tmp_path: Path, **fake: object) -> list[dict[str, Any]]:
    """What is found on a machine with one webcam, whose node is a link to /dev/full."""
    dev = tmp_path / "dev"
    (dev / "v4l" / "by-id").mkdir(parents=True)
    (dev / "video0").symlink_to("/dev/full")
    (dev / "v4l" / "by-id" / "usb-maker-index0").symlink_to("../../video0")
    given = {f"FAKE_V4L2_{name.upper()}": str(value) for name, value in fake.items()}
    preloaded = {"LD_PRELOAD": str(build(tmp_path)), "FAKE_V4L2_NODE": str(dev / "video0"), "PYTHONPATH": str(ROOT)}
    environment = {**os.environ, **preloaded, **given}
    answer = subprocess.run(
        [sys.executable, "-c", LIST, str(dev)], env=environment, capture_output=True, text=True, timeout=300, check=True
    )
    found: list[dict[str, Any]] = json.loads(answer.stdout)
    for camera in found:
        camera["device"] = camera["device"].removeprefix(str(dev))
    return found


def test_a_webcam_is_listed_with_sizes_rates_formats_controls_and_who_uses_it(tmp_path: Path) -> None:
    with Path("/dev/full").open("rb"):  # this process is the program that has it open
        [camera] = webcams(tmp_path, formats="MJPG,YUYV", rate_hz=60)
    assert (camera["device"], camera["name"], camera["problem"]) == ("/v4l/by-id/usb-maker-index0", "Fake Webcam", None)
    assert [(mode["fourcc"], mode["width"], mode["height"], mode["rates_hz"]) for mode in camera["modes"]] == [
        ("MJPG", 640, 480, [60, 15]),
        ("MJPG", 320, 240, [60, 15]),
        ("YUYV", 640, 480, [60, 15]),
        ("YUYV", 320, 240, [60, 15]),
    ]
    exposure = next(allowed for allowed in camera["allowed"] if allowed["key"] == "exposure_us")
    assert exposure == {"key": "exposure_us", "low": 100, "high": 500_000, "step": 100, "choices": None, "now": 15_700}
    assert f"(process {os.getpid()})" in camera["in_use"]


def test_a_webcam_that_may_not_be_opened_is_listed_with_the_reason(tmp_path: Path) -> None:
    [camera] = webcams(tmp_path, open=13)
    assert "no permission to open it; add the user to the group" in camera["problem"]


def test_a_camera_is_listed_for_people_in_a_few_lines() -> None:
    modes = [Mode(fourcc="MJPG", width=1280, height=720, rates_hz=(60.0, 29.97)), Mode(fourcc="MJPG", width=640, height=480, rates_hz=())]
    modes += [Mode(fourcc=fourcc, width=640, height=480, rates_hz=(5.0,)) for fourcc in ("Z16 ", "YU12")]
    allowed = (Allowed(key="gain", low=0, high=100, step=1, now=3), Allowed(key="power_line_hz", low=0, high=60, choices=(0, 50, 60)))
    camera = FoundCamera(
        source="opencv", device="/dev/video0", name="Cam", modes=tuple(modes), allowed=allowed, in_use="cheese (process 7)"
    )
    assert list(lines(camera)) == [
        "opencv  /dev/video0  (Cam)",
        "    in use: cheese (process 7)",
        "    MJPG  1280x720 at 60, 29.97 Hz; 640x480",
        "    other formats, through OpenCV if at all: Z16, YU12",
        "    gain: 0..100 in steps of 1, now 3",
        "    power_line_hz: 0, 50, 60",
    ]


def test_without_a_camera_it_says_what_gives_frames_instead(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("tracker.commands.cameras.found_cameras", list)  # whatever is attached to this machine
    assert main(["cameras"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("No camera is attached. Without one, these give frames:\n")
    assert "tracker init --device arena.mp4" in said
    assert main(["cameras", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["cameras"] == []


def test_a_gige_camera_is_listed_in_use_or_not_and_configured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        from tracker.cameras.aravis import AravisDevice
    except CameraError:
        pytest.skip(MISSING)
    name, path = f"Aravis-Fake-{SERIAL}", tmp_path / "tracker.yaml"
    with the_only_one(), fake_gige():
        assert main(["init", "--config", str(path), "--camera", SERIAL]) == 0
        source = load_config(path).camera
        assert isinstance(source, AravisCamera)
        assert (source.device, source.width, source.height) == (name, 2048, 2048)
        capsys.readouterr()
        for in_use in (None, "another program"):
            opened = AravisDevice(AravisCamera(device="127.0.0.1", width=64, height=48, exposure_us=1000)) if in_use else None
            main(["cameras", "--json"])
            [camera] = [camera for camera in json.loads(capsys.readouterr().out)["cameras"] if camera["device"] == name]
            assert (camera["name"], camera["in_use"], camera["size"]) == ("Aravis Fake, 127.0.0.1", in_use, [2048, 2048])
            assert "BayerRG8" in camera["pixel_formats"]
            if opened is not None:
                opened.close()


def test_what_is_not_looked_for_is_told_with_what_would_have_to_be_installed() -> None:
    missing = "import sys; sys.modules['gi'] = sys.modules['pypylon'] = None; "
    code = missing + "from tracker.cameras.found_cameras import not_looked_for; print(*not_looked_for(), sep='\\n')"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    answer = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=300, check=True)
    basler, others = answer.stdout.splitlines()
    assert basler == "Basler cameras were not looked for: pypylon is not installed: run `pip install '.[basler]'`"
    assert others.startswith(
        "GigE Vision and USB3 Vision cameras were not looked for: PyGObject is not installed: run `sudo apt-get install"
    )
