"""`calib check`: one look at a calibration before it is trusted."""

import json
from pathlib import Path

import pytest

from calib.__main__ import main

CALIBRATION = """schema: 1
camera_matrix: [[500, 0, 320], [0, 500, 240], [0, 0, 1]]
distortion: {model: five_parameter, coefficients: [0, 0, 0, 0, 0]}
image_size: [640, 480]
plane: {homography: [[0.5, 0, 0], [0, 0.5, 0], [0, 0, 1]]}
pose: null
made: {date: 2026-01-01, tool: test, images: 12}
quality: {rms_px: 0.21, coverage: 0.9, points: 840}
"""


@pytest.fixture
def calibration(tmp_path: Path) -> Path:
    path = tmp_path / "calibration.yaml"
    path.write_text(CALIBRATION)
    return path


def test_a_good_calibration_is_described(calibration: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(calibration), "--size", "640x480", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["rms_px"] == 0.21
    assert report["mm_per_px_middle"] == pytest.approx(0.5)
    assert main(["check", str(calibration), "--size", "640x480"]) == 0
    assert "mm a pixel, in the middle       0.5" in capsys.readouterr().out


def test_another_image_size_is_refused_with_status_1(calibration: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(calibration), "--size", "1280x1024"]) == 1
    assert "was made for images of 640x480, the camera delivers 1280x1024" in capsys.readouterr().err


def test_a_size_that_is_none_is_wrong_usage(calibration: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["check", str(calibration), "--size", "large"])
    assert ended.value.code == 2
