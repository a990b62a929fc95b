"""What a camera says of itself once it is open, and that none of it can keep a session from being recorded."""

import json
import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.tracker.daemon import ROOT
from tests.tracker.recorded import wait_until
from tests.tracker.videos import write_video
from tracker.cameras.capture import Capture
from tracker.cameras.open_camera import camera_factory
from tracker.cameras.read_back import read_each
from tracker.config import RecordingConfig, load_config
from tracker.config_cameras import CameraSource, CaptureConfig, ImageFolder, OpenCVCamera, SyntheticCamera
from tracker.frame import Frame
from tracker.recording.describe import describe
from tracker.recording.session import SESSION_FILE, read_description, write_part


def said_by(source: CameraSource) -> dict[str, Any]:
    camera = camera_factory(source)()
    camera.close()
    return dict(camera.read_back)


def test_a_synthetic_camera_says_its_scene_seed_and_rate() -> None:
    said = said_by(SyntheticCamera(scene="reach", seed=5, width=96, height=64, rate_hz=80))
    assert said == {"scene": "reach", "seed": 5, "width": 96, "height": 64, "rate_hz": 80.0, "exposure_ms": 0.0}


def test_a_video_file_says_what_decodes_it_and_its_rate(tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mkv", 3, rate=40)
    said = said_by(OpenCVCamera(device=str(video), file_speed="flat_out"))
    assert said == {"file": "a.mkv", "decoder": "OpenCV FFMPEG", "width": 96, "height": 64, "rate_hz": 40.0, "fourcc": said["fourcc"]}
    assert len(said["fourcc"]) == 4


def test_a_folder_of_images_says_their_number_and_size(tmp_path: Path) -> None:
    for number in range(2):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.zeros((8, 10), np.uint8))
    assert said_by(ImageFolder(folder=str(tmp_path), rate_hz=None)) == {"images": 2, "width": 10, "height": 8, "decoder": "OpenCV"}


def test_a_value_that_cannot_be_read_is_left_out_and_said_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    def refused() -> float:
        raise OSError("the bus is busy")

    asked = {"gain": lambda: 3, "exposure_us": refused, "gamma": lambda: math.nan, "focus": lambda: None, "model": lambda: " A\udcff "}
    assert read_each(asked, failures=(OSError,), where="camera 7") == {"gain": 3, "model": "A?"}
    assert [record.message for record in caplog.records] == [
        "camera 7: not read back, so the next session does not say them: exposure_us (the bus is busy)"
    ]


def test_a_camera_that_answers_slowly_is_not_asked_for_long(caplog: pytest.LogCaptureFixture) -> None:
    times = iter([0.0, 0.1, 2.5, 2.6])
    asked = {"gain": lambda: 3, "focus": lambda: 4}
    assert read_each(asked, failures=(), where="camera 7", clock=lambda: next(times)) == {"gain": 3}
    assert "focus (no time left)" in caplog.text


def test_the_capture_tells_what_its_camera_says_of_itself() -> None:
    capture = Capture(camera_factory(SyntheticCamera(seed=7, width=96, height=64)), CaptureConfig())
    assert capture.camera_settings == {}, "it is not open"
    capture.start()
    try:
        wait_until(lambda: capture.camera_settings.get("seed") == 7)
    finally:
        capture.close()


def test_session_json_says_how_the_camera_was_set_and_older_ones_load(tmp_path: Path) -> None:
    config = load_config(ROOT / "examples" / "synthetic.yaml")
    first = Frame(image=np.zeros((48, 64), np.uint8), number=0, exposed_ns=None, received_ns=0)
    settings: dict[str, float | int | bool | str] = {"gain": 2, "exposure_us": 157.5, "gain_auto": True, "model": "A"}
    said = describe(config, RecordingConfig(), [first], camera_description="c", camera_settings=settings, stream_session="a", meta={})
    write_part(tmp_path, SESSION_FILE, said)
    found = read_description(tmp_path).camera_settings
    assert found == settings
    assert [type(value) for value in found.values()] == [int, float, bool, str]
    older = json.loads((tmp_path / SESSION_FILE).read_text())
    del older["camera_settings"]
    (tmp_path / SESSION_FILE).write_text(json.dumps(older))
    assert read_description(tmp_path).camera_settings == {}
