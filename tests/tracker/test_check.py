"""`tracker check`: one line for each part, a status, and the configuration in effect."""

import json
import re
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import yaml
from camera_picture import write_picture

from tests.conftest import BundleMaker
from tests.tracker.daemon import ROOT, write_config, write_images
from tests.tracker.trained_bundle import note_training
from tracker.__main__ import main
from tracker.check import parts
from tracker.check.check import Asked, check
from tracker.check.parts import read
from tracker.config import load_config
from tracker.frame import Frame
from tracker.viewer.window_libraries import missing_window_libraries

PICTURES = ("exposure", "contrast", "focus", "resemblance", "flicker", "rate", "frames")
QUICK = Asked(seconds=0.2)


@pytest.fixture
def camera(tmp_path: Path) -> dict[str, Any]:
    write_images(tmp_path / "images", [(5, 5)])
    return {"source": "image_folder", "folder": str(tmp_path / "images"), "rate_hz": None, "loop_folder": False}


def checked(config: Path, asked: Asked = QUICK) -> tuple[bool, dict[str, Any]]:
    out = StringIO()
    well = check(config, as_json=True, out=out, asked=asked)
    report = json.loads(out.getvalue())
    assert report["ok"] is well
    return well, {finding["check"]: finding for finding in report["checks"]}


def test_a_whole_configuration_passes_every_check(tmp_path: Path, make_bundle: BundleMaker, camera: dict[str, Any]) -> None:
    well, findings = checked(write_config(tmp_path, make_bundle(tmp_path / "spot"), camera))
    assert well, findings
    assert list(findings) == [
        "configuration",
        "camera",
        "bundle",
        "engine",
        "gpu",
        "calibration",
        "view",
        "rules",
        *PICTURES,
        "publisher",
        "control",
        "window",
    ]
    assert "640x480" in findings["camera"]["found"]
    assert "self-test passed" in findings["engine"]["found"]


def test_each_failing_part_is_named_and_the_others_are_still_tried(tmp_path: Path, camera: dict[str, Any]) -> None:
    config = write_config(tmp_path, tmp_path / "nothing", camera, publisher={"bind": ["tcp://0.0.0.0:1"]})
    well, findings = checked(config)
    assert not well
    assert {name: finding["ok"] for name, finding in findings.items() if name not in PICTURES} == {
        "configuration": True,
        "camera": True,
        "bundle": False,
        "engine": None,
        "gpu": True,
        "calibration": True,
        "view": None,
        "rules": None,
        "publisher": False,
        "control": True,
        "window": findings["window"]["ok"],
    }


def test_a_camera_that_is_not_there_fails_its_line(tmp_path: Path, make_bundle: BundleMaker) -> None:
    camera: dict[str, Any] = {"source": "opencv", "device": "/dev/video99", "width": None, "height": None, "rate_hz": None, "fourcc": None}
    camera |= {"file_speed": "recorded", "loop_file": False}
    _, findings = checked(write_config(tmp_path, make_bundle(tmp_path / "spot"), camera))
    assert findings["camera"]["ok"] is False
    assert "/dev/video99" in findings["camera"]["found"]


def test_a_camera_whose_first_frames_are_damaged_passes(tmp_path: Path, make_bundle: BundleMaker) -> None:
    """Many webcams begin with some."""
    faults = [{"fault": "corrupt", "at_frame": number, "seconds": 0} for number in range(3)]
    camera: dict[str, Any] = {"source": "synthetic", "scene": "rodent", "seed": 1, "width": 640, "height": 480, "rate_hz": 100}
    camera |= {"frames": None, "rectangles": 1, "faults": faults}
    _, findings = checked(write_config(tmp_path, make_bundle(tmp_path / "spot"), camera, capture={"stalled_after_s": 60}))
    assert findings["camera"]["ok"], findings["camera"]["found"]


CALIBRATION = """schema: 1
camera_matrix: [[500, 0, 320], [0, 500, 240], [0, 0, 1]]
distortion: {model: five_parameter, coefficients: [0, 0, 0, 0, 0]}
image_size: [%d, %d]
plane: {homography: [[0.5, 0, 0], [0, 0.5, 0], [0, 0, 1]]}
pose: null
made: {date: 2026-01-01, tool: test, images: 1}
quality: {rms_px: 0.1, coverage: 0.9, points: 70}
"""


@pytest.mark.parametrize(("size", "well"), [((640, 480), True), ((1280, 1024), False)], ids=["of this size", "of another size"])
def test_a_calibration_must_be_of_the_cameras_image_size(
    tmp_path: Path, make_bundle: BundleMaker, camera: dict[str, Any], size: tuple[int, int], *, well: bool
) -> None:
    calibration = tmp_path / "calibration.yaml"
    calibration.write_text(CALIBRATION % size)
    config = write_config(tmp_path, make_bundle(tmp_path / "spot"), camera, calibration=str(calibration))
    found, findings = checked(config)
    assert found is well
    if not well:
        assert "was made for images of 1280x1024, the camera delivers 640x480" in findings["calibration"]["found"]


ZONE = {"shape": "circle", "name": "port", "unit": "px", "radius": 50}


@pytest.mark.parametrize(
    ("zone", "place"),
    [
        (ZONE | {"centre": [1000, 150]}, "x 950 to 1050, y 100 to 200 px"),
        (
            {"shape": "polygon", "name": "port", "unit": "px", "corners": [[630, 500], [700, 500], [700, 470]]},
            "x 630 to 700, y 470 to 500 px",
        ),
        (ZONE | {"centre": [680, 150]}, None),
        (ZONE | {"centre": [300, 200], "radius": 2000}, None),
        ({"shape": "polygon", "name": "port", "unit": "px", "corners": [[-50, 100], [900, 200]]}, None),
    ],
    ids=["outside", "beside a corner", "partly outside", "around the picture", "line across"],
)
def test_a_zone_wholly_outside_the_picture_is_warned_of(
    tmp_path: Path, make_bundle: BundleMaker, camera: dict[str, Any], zone: dict[str, Any], place: str | None
) -> None:
    well, findings = checked(write_config(tmp_path, make_bundle(tmp_path / "spot"), camera, zones=[zone]))
    assert well
    assert findings["rules"]["warning"] is (place is not None)
    if place is not None:
        assert f"zone 'port' lies wholly outside the picture of 640x480: {place}; no key point" in findings["rules"]["found"]


def test_pictures_that_are_not_judged_say_which_part_is_wrong(tmp_path: Path, make_bundle: BundleMaker, camera: dict[str, Any]) -> None:
    source = {"kind": "speed", "point": "spto"}
    rule = {"when": "above", "on": 1, "off": 0, "minimum_ms": 0}
    config = write_config(tmp_path, make_bundle(tmp_path / "spot"), camera, behaviour=[{"event": "fast", "source": source, "rule": rule}])
    well, findings = checked(config)
    assert not well
    assert findings["engine"]["ok"]
    assert "spto" in findings["rules"]["found"]
    assert findings["contrast"]["found"] == "not judged: the line of the rules says what is wrong"


def test_a_calibration_without_a_lens_is_named_so(tmp_path: Path, make_bundle: BundleMaker, camera: dict[str, Any]) -> None:
    path = tmp_path / "calibration.yaml"
    plane = "plane: {homography: [[0.5, 0, 0], [0, 0.5, 0], [0, 0, 1]]}"
    made = "made: {date: 2026-01-01, tool: test, images: 0}"
    path.write_text(
        f"schema: 1\ncamera_matrix: null\ndistortion: null\nimage_size: [640, 480]\n{plane}\npose: null\n{made}\nquality: null\n"
    )
    config = load_config(write_config(tmp_path, make_bundle(tmp_path / "spot"), camera, calibration=str(path)))
    frame = Frame(image=np.zeros((480, 640), np.uint8), number=0, exposed_ns=None, received_ns=0)

    found = parts.calibration(config, frame)

    assert (found.ok, found.warning) == (True, False)
    assert found.found == f"{path}: for 640x480, no lens: distortion is not corrected"


def test_what_is_wrong_with_a_calibration_is_said_once(tmp_path: Path, make_bundle: BundleMaker, camera: dict[str, Any]) -> None:
    (tmp_path / "calibration.yaml").write_text("schema: 1\n")
    config = write_config(tmp_path, make_bundle(tmp_path / "spot"), camera, calibration=str(tmp_path / "calibration.yaml"))
    well, findings = checked(config)
    assert not well
    sentence = findings["calibration"]["found"]
    assert [name for name, finding in findings.items() if sentence in finding["found"]] == ["calibration"]
    assert (findings["rules"]["ok"], findings["rules"]["found"]) == (
        None,
        "not tried: the line of the calibration says what is wrong with it",
    )


def test_a_check_of_one_frame_judges_no_pictures(tmp_path: Path, make_bundle: BundleMaker, camera: dict[str, Any]) -> None:
    well, findings = checked(write_config(tmp_path, make_bundle(tmp_path / "spot"), camera), Asked(seconds=0))
    assert well
    assert not set(PICTURES) & set(findings)
    assert "frame 0 of 640x480" in findings["camera"]["found"]


def test_the_picture_of_the_page_of_cameras_is_drawn_without_a_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "camera.yaml"
    sockets = f'publisher: {{bind: ["ipc://{tmp_path}/stream"]}}\ncontrol: {{bind: "ipc://{tmp_path}/control"}}\n'
    early = (ROOT / "examples" / "faulty-camera.yaml").read_text().replace("at_frame: 60}", "at_frame: 6}")
    config.write_text(early + sockets)
    write_picture(config, tmp_path / "camera.webp", seconds=0.4)
    assert re.search(r"frames +1 lost and 0 damaged of ", capsys.readouterr().out)
    with PIL.Image.open(tmp_path / "camera.webp") as picture:
        assert picture.width == 1326


def test_a_calibration_that_is_rejected_is_warned_of(tmp_path: Path, make_bundle: BundleMaker, camera: dict[str, Any]) -> None:
    calibration = tmp_path / "calibration.yaml"
    quality = "points: 70, verdict: rejected, reasons: [the board was tilted in 2 of 8 directions]}"
    calibration.write_text((CALIBRATION % (640, 480)).replace("points: 70}", quality))
    config = write_config(tmp_path, make_bundle(tmp_path / "spot"), camera, calibration=str(calibration))
    well, findings = checked(config)
    assert well
    assert findings["calibration"]["warning"]
    assert "it is rejected: the board was tilted in 2 of 8 directions; calibrate again" in findings["calibration"]["found"]


def note_size(bundle: Path, trained_on: list[int]) -> None:
    """Have a bundle say which size of images it was trained on."""
    path = bundle / "bundle.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"trained_on": trained_on}))


@pytest.mark.parametrize("trained_on", [None, [640, 480]], ids=["not noted", "same size"])
def test_the_field_of_view_is_said_in_one_sentence(
    tmp_path: Path, make_bundle: BundleMaker, camera: dict[str, Any], trained_on: list[int] | None
) -> None:
    bundle = make_bundle(tmp_path / "spot", height=240, width=320, fit="letterbox")
    if trained_on is not None:
        note_size(bundle, trained_on)
    well, findings = checked(write_config(tmp_path, bundle, camera))
    assert well
    assert findings["view"]["found"] == "The network sees all of the camera's 640x480 image, resized to 320x240, in grey."
    assert findings["view"]["warning"] is False


def test_images_of_another_size_than_was_trained_on_are_warned_of(
    tmp_path: Path, make_bundle: BundleMaker, camera: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = make_bundle(tmp_path / "spot", height=240, width=320, fit="letterbox")
    note_size(bundle, [320, 240])
    config = write_config(tmp_path, bundle, camera)
    well, findings = checked(config)
    assert well
    assert findings["view"]["warning"] is True
    assert "image is 640x480, but the network learnt from images of 320x240" in findings["view"]["found"]
    main(["check", "--config", str(config)])
    assert "WARN    view " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("learnt", "ok", "words"),
    [
        (None, None, "not judged: spot does not say what its training images looked like"),
        ({"brightness": [0, 60], "contrast": [0, 60], "confidence": 0.0}, True, "learnt from), contrast"),
        (
            {"brightness": [100, 180], "contrast": [0, 60], "confidence": 0.0},
            True,
            "unlike what spot was trained on: if an animal is in sight",
        ),
    ],
    ids=["not noted", "alike", "other light"],
)
def test_pictures_unlike_those_of_the_training_are_warned_of(
    tmp_path: Path, make_bundle: BundleMaker, learnt: dict[str, Any] | None, ok: bool | None, words: str
) -> None:
    write_images(tmp_path / "images", [(number, 5) for number in range(5, 15)])
    camera = {"source": "image_folder", "folder": str(tmp_path / "images"), "rate_hz": None, "loop_folder": False}
    bundle = make_bundle(tmp_path / "spot")
    path = bundle / "bundle.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"learnt": learnt}))
    well, findings = checked(write_config(tmp_path, bundle, camera))
    found = findings["resemblance"]
    assert well
    assert (found["ok"], found["warning"]) == (ok, "unlike" in words)
    assert words in found["found"]
    if found["warning"]:
        assert found["found"].endswith("and train on with `trainer fit --refresh`")


def test_a_bundle_whose_training_has_hardly_learnt_is_warned_of(
    tmp_path: Path, make_bundle: BundleMaker, camera: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = make_bundle(tmp_path / "spot")
    note_training(bundle, verdict=[("too short", "It has hardly learnt: a mean error of 76.4 px.")], median_px=56.8)
    assert main(["check", "--config", str(write_config(tmp_path, bundle, camera)), "--seconds", "0"]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if "  bundle  " in line)
    assert line.startswith("WARN")
    assert line.endswith(
        "verdict of its training: It has hardly learnt: a mean error of 76.4 px; the report beside it says what to do next"
    )


def test_a_bundle_that_does_not_fit_the_image_fails_the_view(tmp_path: Path, make_bundle: BundleMaker, camera: dict[str, Any]) -> None:
    well, findings = checked(write_config(tmp_path, make_bundle(tmp_path / "spot", height=240, width=320), camera))
    assert not well
    assert findings["view"]["ok"] is False
    assert "the bundle's view is 'exact' and its input 320x240, the camera gives 640x480" in findings["view"]["found"]


def test_the_command_prints_one_line_each(
    tmp_path: Path, make_bundle: BundleMaker, camera: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_config(tmp_path, make_bundle(tmp_path / "spot"), camera)
    assert main(["check", "--config", str(config)]) == 0
    lines = [line.split()[:2] for line in capsys.readouterr().out.splitlines()]
    assert [mark for mark, name in lines if name not in (*PICTURES, "window")] == ["ok"] * 10
    assert [name for _, name in lines][8:] == [*PICTURES, "publisher", "control", "window"]


def test_a_window_s_missing_libraries_are_named_with_their_packages() -> None:
    assert missing_window_libraries(lambda name: name not in ("libSM.so.6", "libxcb.so.1")) == {
        "libSM.so.6": "libsm6",
        "libxcb.so.1": "libxcb1",
    }


def test_a_rig_without_a_desktop_passes_and_is_told_that_it_has_no_window(
    tmp_path: Path, make_bundle: BundleMaker, camera: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    well, findings = checked(write_config(tmp_path, make_bundle(tmp_path / "spot"), camera))
    assert well
    assert findings["window"]["ok"] is None
    assert "none can be opened" in findings["window"]["found"]


def test_a_wrong_file_is_status_1_and_wrong_usage_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--config", str(tmp_path / "absent.yaml")]) == 1
    assert "no such file" in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        main(["check", "--colour"])
    assert ended.value.code == 2


@pytest.mark.parametrize("command", ["init", "run", "check", "view", "listen", "replay", "keys", "status", "swap", "reload", "stop"])
def test_every_command_has_help_with_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert f"example: tracker {command}" in capsys.readouterr().out


@pytest.mark.parametrize(("count", "said"), [(0, "0 events, 0 zones"), (1, "1 event, 1 zone"), (2, "2 events, 2 zones")])
def test_zones_and_events_are_counted_in_words_that_fit(count: int, said: str, tmp_path: Path) -> None:
    zones = [{"shape": "circle", "name": f"z{number}", "centre": [9, 9], "radius": 5} for number in range(count)]
    rule = {"on": 1, "off": 0, "minimum_ms": 0, "maximum_gap_ms": 0, "confidence": 0.5, "missing": "end"}
    events = [{"event": f"e{number}", "source": {"kind": "motion"}, "rule": rule} for number in range(count)]
    values = {"camera": {"source": "synthetic"}, "engine": {"bundle": "mine"}, "zones": zones, "behaviour": events}
    (tmp_path / "rig.yaml").write_text(yaml.safe_dump(values))
    assert read(tmp_path / "rig.yaml")[0].found.endswith(f"rig.yaml: {said}")
