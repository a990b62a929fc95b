"""`tracker init`: a configuration from what is found, the files of a service, and nothing of a user's overwritten."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from tests.conftest import BundleMaker
from tests.tracker.daemon import write_images
from tests.tracker.trained_bundle import note_training
from tracker.__main__ import main
from tracker.cameras.found_camera import FoundCamera
from tracker.cameras.found_cameras import found_cameras
from tracker.config import RecordingConfig, load_config
from tracker.config_cameras import AravisCamera, BaslerCamera, ImageFolder, OpenCVCamera, SyntheticCamera
from tracker.errors import ConfigError
from tracker.init.config_remarks import camera_remark
from tracker.init.new_config import chosen_first, find_bundles, new_config
from tracker.init.service_files import service_config, service_folder
from tracker.setup import check_rules

ROOT = Path(__file__).resolve().parents[2]
WEBCAM = FoundCamera(source="opencv", device="/dev/v4l/by-id/usb-maker_webcam-video-index0", name="HD Webcam")
ARAVIS = FoundCamera(source="aravis", device="FLIR-BFS-1", name="FLIR BFS, 10.0.0.7", size=(720, 540), pixel_formats=("BayerRG8", "RGB8"))
BASLER = FoundCamera(source="basler", device="40012345", name="acA1920-155um", size=(1936, 1216))


def written(folder: Path, *options: str) -> Path:
    path = folder / "tracker.yaml"
    assert main(["init", "--config", str(path), *options]) == 0
    return path


def dated_in_turn(folder: Path, *bundles: str) -> None:
    """Have them be written one after the other, the newest first."""
    for age, name in enumerate(bundles):
        os.utime(folder / name / "bundle.json", (1e9 - age, 1e9 - age))


def write_video(path: Path) -> None:
    """One black frame, 96 px wide and 160 px high."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 30.0, (96, 160))
    writer.write(np.zeros((160, 96, 3), np.uint8))
    writer.release()


@pytest.mark.parametrize(
    ("cameras", "kind", "said"),
    [
        ([], SyntheticCamera, "No camera was found"),
        ([WEBCAM], OpenCVCamera, "HD Webcam"),
        ([ARAVIS], AravisCamera, "FLIR BFS, 10.0.0.7"),
        ([BASLER, WEBCAM], BaslerCamera, "also found: source: opencv, /dev/v4l/by-id/usb-maker_webcam-video-index0 (HD Webcam)"),
    ],
    ids=["none", "a webcam", "one of any maker", "two"],
)
def test_the_camera_that_is_attached_is_configured(tmp_path: Path, cameras: list[FoundCamera], kind: type, said: str) -> None:
    text = new_config(name="top", device=None, cameras=cameras, bundle=None, folder=tmp_path)
    (tmp_path / "tracker.yaml").write_text(text)
    config = load_config(tmp_path / "tracker.yaml")
    assert isinstance(config.camera, kind)
    assert (config.name, config.engine.bundle) == ("top", str(tmp_path / "models/mine"))
    assert said in text
    if isinstance(config.camera, BaslerCamera):
        assert (config.camera.serial, config.camera.width, config.camera.height) == ("40012345", 1936, 1216)
    if isinstance(config.camera, AravisCamera):
        assert (config.camera.device, config.camera.width, config.camera.pixel_format) == ("FLIR-BFS-1", 720, "BayerRG8")


@pytest.mark.parametrize("wanted", ["FLIR-BFS-1", "flir", "10.0.0.7"])
def test_a_camera_is_chosen_by_its_name_or_a_part_that_no_other_has(wanted: str) -> None:
    assert chosen_first([BASLER, ARAVIS, WEBCAM], wanted) == [ARAVIS, BASLER, WEBCAM]


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ("nikon", "--camera nikon: is not attached; attached are: 40012345 (acA1920-155um), FLIR-BFS-1 (FLIR BFS, 10.0.0.7)"),
        ("1", "--camera 1: fits 2 cameras: 40012345 (acA1920-155um), FLIR-BFS-1 (FLIR BFS, 10.0.0.7); give one of these names in full"),
    ],
)
def test_a_name_that_fits_no_camera_or_several_is_refused_with_those_attached(wanted: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        chosen_first([BASLER, ARAVIS], wanted)


def test_what_is_commented_out_is_a_configuration_too(tmp_path: Path) -> None:
    path = written(tmp_path)
    lines = [
        line.removeprefix("#") if line.startswith("#  -") or line.startswith("#    ") else line for line in path.read_text().splitlines()
    ]
    path.write_text("\n".join(line.replace(": []", ":") for line in lines))
    config = load_config(path)
    assert ([zone.name for zone in config.zones], [item.event for item in config.behaviour]) == (
        ["port", "left_half"],
        ["at_port", "running"],
    )


@pytest.mark.parametrize("kind", ["video", "folder", "camera", "nothing known"])
def test_the_zones_shown_lie_in_the_images_of_the_camera(kind: str, tmp_path: Path) -> None:
    device: str | None = None
    cameras = [WEBCAM if kind == "nothing known" else BASLER]
    if kind == "folder":
        write_images(tmp_path / "images", [(5, 5)], size=(64, 48))
        device = str(tmp_path / "images")
    elif kind == "video":
        write_video(tmp_path / "monday.mp4")
        device = str(tmp_path / "monday.mp4")
    width, height = {"video": (96, 160), "folder": (64, 48), "camera": (1936, 1216)}.get(kind, (640, 480))
    text = new_config(name="top", device=device, cameras=cameras, bundle=None, folder=tmp_path)
    assert f"centre: [{width // 2}, {height // 2}], radius: {width // 16}}}" in text
    assert f"corners: [[0, 0], [{width // 2}, 0], [{width // 2}, {height}], [0, {height}]]}}" in text


def test_the_rules_shown_say_what_a_missing_key_point_means(tmp_path: Path) -> None:
    rules = [line for line in written(tmp_path).read_text().splitlines() if line.lstrip("# ").startswith("rule:")]
    assert len(rules) == 2
    assert all("confidence: 0.5, missing: end" in rule for rule in rules)


def test_a_rig_without_a_network_is_configured_to_record_and_made_a_service(tmp_path: Path, make_bundle: BundleMaker) -> None:
    make_bundle(tmp_path / "models" / "mine")
    path = written(tmp_path, "--no-engine")
    config = load_config(path)
    assert (config.has_engine, config.recording) == (False, RecordingConfig(folder=str(tmp_path / "recordings")))
    text = path.read_text()
    path.write_text(text.replace("behaviour: []\n#  - ", "behaviour:\n  - ").replace("\n#    ", "\n    "))
    check_rules(load_config(path), None)
    path.write_text(text.replace("# engine:\n#   bundle:", "engine:\n  bundle:"))
    assert load_config(path).engine.bundle == str(tmp_path / "models" / "mine")

    path.write_text(text)
    files = service_folder(path, name="top", folder=tmp_path / "top-service")
    assert "models/mine" not in files[tmp_path / "top-service" / "README.md"]
    assert "engine" not in files[tmp_path / "top-service" / "top.yaml"]


def test_the_newest_whole_bundle_below_the_folder_is_taken(tmp_path: Path, make_bundle: BundleMaker) -> None:
    for age, name in enumerate(("models/new", "models/old")):
        make_bundle(tmp_path / name)
        os.utime(tmp_path / name / "bundle.json", (1e9 - age, 1e9 - age))
    (tmp_path / "models" / "broken").mkdir()
    (tmp_path / "models" / "broken" / "bundle.json").write_text("{}")
    assert [found.folder.name for found in find_bundles(tmp_path)] == ["new", "old"]
    path = written(tmp_path)
    assert load_config(path).engine.bundle == str(tmp_path / "models" / "new")
    assert "bundle: models/new\n" in path.read_text()
    assert "key points: spot" in path.read_text()


def test_a_video_a_folder_a_device_and_an_address_can_be_named(tmp_path: Path) -> None:
    write_video(tmp_path / "monday one.mp4")
    write_images(tmp_path / "images", [(5, 5)])
    for device, expected in (
        (str(tmp_path / "monday one.mp4"), str(tmp_path / "monday one.mp4")),
        ("rtsp://192.0.2.7/live", "rtsp://192.0.2.7/live"),
        ("3", 3),
    ):
        config = load_config(written(tmp_path, "--force", "--device", device))
        assert isinstance(config.camera, OpenCVCamera)
        assert config.camera.device == expected
        assert config.capture.pace == ("every_frame" if device.endswith(".mp4") else "newest_frame")
        assert ("# a video file waits for the tracker" in (tmp_path / "tracker.yaml").read_text()) == device.endswith(".mp4")
    folder = load_config(written(tmp_path, "--force", "--device", str(tmp_path / "images"))).camera
    assert isinstance(folder, ImageFolder)
    assert folder.folder == str(tmp_path / "images")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--device", "nowhere.mp4"], "--device nowhere.mp4: no such file or device"),
        (["--bundle", "nowhere"], "nowhere: cannot be read: No such file or directory; expected an engine bundle"),
        (["--name", "top camera"], "the camera's name is 'top camera'; expected 1 to 64 letters"),
        (["--service", "../top"], "the camera's name is '../top'; expected 1 to 64 letters"),
        (["--service", "top"], "tracker.yaml: no such file"),
    ],
)
def test_what_cannot_be_configured_is_refused_and_nothing_written(
    tmp_path: Path, options: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", "--config", str(tmp_path / "tracker.yaml"), "--out", str(tmp_path / "out"), *options]) == 1
    assert sentence in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["an empty folder", "a damaged video", "an empty file"])
def test_a_device_of_which_no_image_can_be_read_is_refused_and_nothing_written(
    tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    device = tmp_path / "device"
    if kind == "an empty folder":
        device.mkdir()
    else:
        device.write_bytes(b"no video" if kind == "a damaged video" else b"")
    assert main(["init", "--config", str(tmp_path / "tracker.yaml"), "--device", str(device)]) == 1
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert f"--device {device}: " in said
    assert not (tmp_path / "tracker.yaml").exists()


@pytest.mark.parametrize(
    ("device", "cameras", "said"),
    [
        (None, [], "no camera was found, so a synthetic one was written"),
        (None, [WEBCAM], "camera: /dev/v4l/by-id/usb-maker_webcam-video-index0 (HD Webcam), the only one"),
        (None, [ARAVIS, BASLER], "camera: FLIR-BFS-1 (FLIR BFS, 10.0.0.7), one of 2 that were found; --camera takes another"),
        ("monday.mp4", [], "camera: monday.mp4"),
    ],
    ids=["none", "one", "two", "named"],
)
def test_the_camera_that_was_written_is_said(device: str | None, cameras: list[FoundCamera], said: str) -> None:
    assert camera_remark(device, cameras).startswith(said)


def test_the_bundle_that_was_written_is_said_and_how_many_others_there_were(
    tmp_path: Path, make_bundle: BundleMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path)
    said = capsys.readouterr()
    assert said.out == f"{tmp_path / 'tracker.yaml'}\n"
    assert f"tracker init: no bundle was found below {tmp_path}, so models/mine was written" in said.err
    for age, name in enumerate(("models/new", "models/old", "models/older")):
        make_bundle(tmp_path / name)
        os.utime(tmp_path / name / "bundle.json", (1e9 - age, 1e9 - age))
    written(tmp_path, "--force")
    others = f"2 others can be named with --bundle: {tmp_path / 'models/old'}, {tmp_path / 'models/older'}"
    assert (
        f"tracker init: bundle: {tmp_path / 'models/new'}, the newest: never scored on held-out frames; {others}\n"
        in capsys.readouterr().err
    )
    written(tmp_path, "--force", "--bundle", str(tmp_path / "models/old"))
    assert f"tracker init: bundle: {tmp_path / 'models/old'}: never scored on held-out frames\n" in capsys.readouterr().err
    written(tmp_path, "--force", "--no-engine")
    assert "tracker init: no bundle: this rig films and records\n" in capsys.readouterr().err


def test_the_newest_bundle_is_passed_over_where_its_verdict_speaks_against_it(
    tmp_path: Path, make_bundle: BundleMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    hardly, good = ("too short", "It has hardly learnt: a mean error of 76.4 px."), ("good", "Good: the median error of 0.99 px.")
    note_training(make_bundle(tmp_path / "trial"), verdict=[hardly], median_px=56.8)
    note_training(make_bundle(tmp_path / "mine"), verdict=[good, ("too short", "It was short.")], median_px=1.0)
    make_bundle(tmp_path / "older")
    dated_in_turn(tmp_path, "trial", "mine", "older")
    assert load_config(written(tmp_path)).engine.bundle == str(tmp_path / "mine")
    said = capsys.readouterr().err
    chosen = "1.00 px on 20 held-out frames; verdict of its training: Good: the median error of 0.99 px"
    newer = "56.80 px on 20 held-out frames; verdict of its training: It has hardly learnt: a mean error of 76.4 px; "
    assert f"bundle: {tmp_path / 'mine'}: {chosen}; it is not the newest, which is {tmp_path / 'trial'}: {newer}" in said


def test_where_something_speaks_against_every_bundle_the_newest_is_taken_and_what_speaks_against_it_is_said(
    tmp_path: Path, make_bundle: BundleMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("new", "old"):
        note_training(make_bundle(tmp_path / name), verdict=[("too short", f"It has hardly learnt, the {name} one.")], median_px=56.8)
    dated_in_turn(tmp_path, "new", "old")
    assert load_config(written(tmp_path)).engine.bundle == str(tmp_path / "new")
    assert f"bundle: {tmp_path / 'new'}, the newest: 56.80 px" in (said := capsys.readouterr().err)
    assert "verdict of its training: It has hardly learnt, the new one; the report beside it says what to do next" in said


def test_a_file_that_is_there_is_left_alone_unless_forced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "tracker.yaml"
    path.write_text("mine")
    assert main(["init", "--config", str(path)]) == 1
    assert "is there already and was left as it is" in capsys.readouterr().err
    assert path.read_text() == "mine"
    write_images(tmp_path / "images", [(5, 5)])
    assert main(["init", "--config", str(path), "--device", str(tmp_path / "images"), "--force", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["files"], told["name"], told["bundle"]) == ([str(path)], "rig", str(tmp_path / "models" / "mine"))
    assert (told["camera"]["source"], told["camera"]["folder"]) == ("image_folder", str(tmp_path / "images"))
    assert load_config(path).name == "rig"


@pytest.mark.parametrize("below", ["tracker.yaml", "folder/tracker.yaml"])
def test_a_part_of_the_path_that_is_a_file_is_named_as_one(tmp_path: Path, below: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / below
    assert main(["init", "--config", str(path)]) == 1
    assert f"{path}: cannot be written: {tmp_path}/file, a part of this path, is a file" in capsys.readouterr().err


def test_attached_basler_cameras_are_found_with_their_sizes() -> None:
    pytest.importorskip("pypylon")
    code = (
        "from tracker.cameras.found_cameras import found_cameras; "
        "print([(c.device, c.size) for c in found_cameras() if c.source == 'basler'])"
    )
    environment = {**os.environ, "PYLON_CAMEMU": "2", "PYTHONPATH": str(ROOT)}
    answer = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=300, check=True)
    assert answer.stdout.strip() == "[('0815-0000', (4096, 4096)), ('0815-0001', (4096, 4096))]"


def test_nodes_that_are_no_cameras_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "video0").write_text("a file")
    (tmp_path / "video1").symlink_to("/dev/zero")
    (tmp_path / "video2").symlink_to(tmp_path / "gone")
    assert [camera for camera in found_cameras(tmp_path) if camera.source == "opencv"] == []


def test_a_v4l2_camera_is_found_by_the_path_that_lasts(tmp_path: Path) -> None:
    if (compiler := shutil.which("cc")) is None or not Path("/usr/include/linux/videodev2.h").exists():
        pytest.skip("no C compiler with Linux headers to build a V4L2 device in user space")
    library = tmp_path / "fake_v4l2.so"
    source = Path(__file__).parent / "fake_v4l2.c"
    subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-w", "-o", str(library), str(source), "-ldl"], check=True)
    dev = tmp_path / "dev"
    (dev / "v4l" / "by-id").mkdir(parents=True)
    (dev / "video0").symlink_to("/dev/zero")
    (dev / "v4l" / "by-id" / "usb-maker-index0").symlink_to("../../video0")
    code = (
        "import pathlib, sys; from tracker.cameras.found_cameras import found_cameras; "
        "print([c.device for c in found_cameras(pathlib.Path(sys.argv[1])) if c.source == 'opencv'])"
    )
    environment = {**os.environ, "LD_PRELOAD": str(library), "FAKE_V4L2_NODE": str(dev / "video0"), "PYTHONPATH": str(ROOT)}
    answer = subprocess.run(
        [sys.executable, "-c", code, str(dev)], env=environment, capture_output=True, text=True, timeout=300, check=True
    )
    assert answer.stdout.strip() == f"['{dev}/v4l/by-id/usb-maker-index0']"


def test_a_service_s_configuration_is_the_tested_one_with_the_unit_s_places(tmp_path: Path) -> None:
    path = tmp_path / "tracker.yaml"
    path.write_text(
        "camera: {source: image_folder, folder: images}\nengine: {bundle: models/mine, budget_ms: 4}\ncalibration: lens.yaml\n"
        "recording: {crf: 18}\n"
        "publisher: {bind: ['tcp://127.0.0.1:5571', 'ipc:///tmp/mine']}\nzones: [{shape: circle, name: 'on', centre: [1, 2], radius: 3}]\n"
    )
    (tmp_path / "top.yaml").write_text(service_config(path, name="top"))
    (tmp_path / "elsewhere").mkdir()
    shutil.move(tmp_path / "top.yaml", tmp_path / "elsewhere" / "top.yaml")
    config = load_config(tmp_path / "elsewhere" / "top.yaml")
    assert config.publisher.bind == ("ipc:///run/rigtrack/top.stream", "tcp://127.0.0.1:5571")
    assert config.control.bind == "ipc:///run/rigtrack/top.control"
    assert config.engine.bundle == "/var/lib/rigtrack/models/mine"
    assert isinstance(config.camera, ImageFolder)
    assert config.recording == RecordingConfig(folder="/var/lib/rigtrack/recordings", crf=18), "below /etc nothing can be written"
    assert (config.camera.folder, config.calibration) == (str(tmp_path / "images"), "/etc/rigtrack/top.calibration.yaml")
    assert (config.name, config.engine.budget_ms, config.zones[0].name) == ("top", 4, "on")


def test_a_service_s_folder_holds_unit_configuration_and_how_to_install_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path)
    capsys.readouterr()
    out = tmp_path / "top-service"
    assert main(["init", "--config", str(path), "--service", "top", "--out", str(out)]) == 0
    assert set(capsys.readouterr().out.split()) == {str(file) for file in out.iterdir()}
    assert {"tracker@.service", "top.yaml", "README.md"} <= {file.name for file in out.iterdir()}
    assert load_config(out / "top.yaml").name == "top"


def test_the_readme_of_a_service_s_folder_names_this_rig_in_its_commands(tmp_path: Path) -> None:
    config = tmp_path / "tracker.yaml"
    config.write_text("camera: {source: synthetic}\nengine: {bundle: best}\n")
    readme = service_folder(config, name="side", folder=Path("side-service"))[Path("side-service/README.md")]
    for command in ("side-service/tracker@.service", f"cp -r {tmp_path}/best /var/lib/rigtrack/", "systemctl enable --now tracker@side\n"):
        assert command in readme
    assert "/etc/systemd/system/" in readme
    assert "top" not in re.findall(r"\w+", readme)


def test_a_service_copies_every_file_its_configuration_names_to_where_it_names_it(tmp_path: Path) -> None:
    (tmp_path / "tracker.yaml").write_text(
        "camera: {source: synthetic, light: {port: light, left: 1, top: 2, width: 9, height: 9}}\n"
        "engine: {bundle: models/mine}\nclassifiers: [{name: a, bundle: models/moves}, {name: b, bundle: 'old models/moves'}]\n"
        "calibration: made/calibration.yaml\nrecording: {}\npublisher: {bind: ['tcp://0.0.0.0:5571'], curve_keys: keys}\n"
        "viewer: {bind: ['ipc:///tmp/pictures']}\n"
    )
    files = service_folder(tmp_path / "tracker.yaml", name="side", folder=tmp_path / "out")
    (tmp_path / "side.yaml").write_text(files[tmp_path / "out" / "side.yaml"])
    config, readme = load_config(tmp_path / "side.yaml"), files[tmp_path / "out" / "README.md"]
    for command in (
        f"cp -r {tmp_path}/models/mine /var/lib/rigtrack/models/",
        f"cp -r {tmp_path}/models/moves /var/lib/rigtrack/models/",
        f"cp -rT '{tmp_path}/old models/moves' /var/lib/rigtrack/models/moves-2",
        f"install -m 0640 -g rigtrack {tmp_path}/made/calibration.yaml /etc/rigtrack/side.calibration.yaml",
        f"cp -r {tmp_path}/keys/server.key {tmp_path}/keys/server.pub {tmp_path}/keys/clients /etc/rigtrack/side.keys/",
        "pip install -c constraints.txt '.[record]'",
    ):
        assert f"{command}\n" in readme
    bundles = [config.engine.bundle, *(each.bundle for each in config.classifiers)]
    assert bundles == [f"/var/lib/rigtrack/models/{folder}" for folder in ("mine", "moves", "moves-2")]
    assert (config.calibration, config.publisher.curve_keys) == ("/etc/rigtrack/side.calibration.yaml", "/etc/rigtrack/side.keys")
    assert str(tmp_path) not in (tmp_path / "side.yaml").read_text().partition("\n")[2], "nothing is left where it was"
    assert config.viewer.bind == ("ipc:///run/rigtrack/side.stream.images",)


def test_a_service_s_install_command_takes_the_extras_its_camera_needs(tmp_path: Path) -> None:
    path, out = tmp_path / "tracker.yaml", tmp_path / "out"
    for camera, extras in (
        ("{source: synthetic}", "."),
        ("{source: aravis, width: 640, height: 480, exposure_us: 500}", "'.[aravis]'"),
        ("{source: basler, width: 640, height: 480, exposure_us: 500}", "'.[basler]'"),
    ):
        path.write_text(f"camera: {camera}\nengine: {{bundle: best}}\n")
        readme = service_folder(path, name="side", folder=out)[out / "README.md"]
        assert f"pip install -c constraints.txt {extras}\n" in readme
        assert ("gir1.2-aravis-0.8" in readme) == ("aravis" in extras)


def test_a_video_file_as_a_service_s_camera_is_told_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = tmp_path / "tracker.yaml", tmp_path / "out"
    path.write_text("camera: {source: opencv, device: /tmp/monday.mp4}\nengine: {bundle: best}\nrecording: {folder: /data/kept}\n")
    assert main(["init", "--config", str(path), "--service", "side", "--out", str(out)]) == 0
    for said in (capsys.readouterr().err, (out / "README.md").read_text(), (out / "side.yaml").read_text()):
        assert "camera.device is /tmp/monday.mp4, a video file and no camera" in said
        assert "would not find, since it has a /tmp of its own (PrivateTmp=yes)" in said
        assert "recording.folder is /data/kept; the service records into /var/lib/rigtrack/recordings" in said


def test_an_installed_wheel_holds_what_init_writes(tmp_path: Path) -> None:
    """The wheel is unpacked as pip would, and run from there with the dependencies of this environment."""
    source = tmp_path / "source"
    ignored = shutil.ignore_patterns(".git", ".venv", "build", "*.egg-info", "__pycache__", "demo", "models")
    shutil.copytree(ROOT, source, ignore=ignored, symlinks=True)
    build = "import setuptools.build_meta as backend; print(backend.build_wheel('..'))"
    made = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", build], cwd=source, capture_output=True, text=True, timeout=300, check=False
    )
    assert made.returncode == 0, made.stderr
    installed = tmp_path / "installed"
    with zipfile.ZipFile(tmp_path / made.stdout.split()[-1]) as wheel:
        wheel.extractall(installed)
    code = "import sys; from tracker.__main__ import main; sys.exit(main(sys.argv[1:]))"
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    for arguments in (["init"], ["init", "--service", "top"]):
        command = [sys.executable, "-c", code, *arguments]
        answer = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False)
        assert answer.returncode == 0, answer.stderr
        assert all(line.startswith("tracker init: ") for line in answer.stderr.splitlines()), answer.stderr
    made_files = {file.name: file.read_text() for file in (tmp_path / "top-service").iterdir()}
    assert {file.name for file in (ROOT / "systemd").iterdir()} <= set(made_files)  # top.yaml by another one of that name
    assert "[Service]" in made_files["tracker@.service"]
    assert yaml.safe_load(made_files["top.yaml"])["name"] == "top"


def test_an_installation_without_the_service_s_files_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("importlib.resources.files", lambda _: tmp_path)
    (tmp_path / "systemd").mkdir()
    (tmp_path / "tracker.yaml").write_text("camera: {source: synthetic}\nengine: {bundle: best}\n")
    with pytest.raises(ConfigError, match="the service's files are not part of this installation"):
        service_folder(tmp_path / "tracker.yaml", name="top", folder=tmp_path)
