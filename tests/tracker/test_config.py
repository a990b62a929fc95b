"""`tracker.yaml`: whole files are read, and everything wrong is refused with file, line, key, what was found and what was expected."""

from pathlib import Path

import pytest

from tracker.config import load_config
from tracker.config_cameras import OpenCVCamera, SyntheticCamera
from tracker.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = [ROOT / "tracker.yaml", *sorted((ROOT / "examples").glob("*.yaml"))]
GOOD = (ROOT / "examples" / "synthetic.yaml").read_text()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_is_complete(path: Path) -> None:
    assert load_config(path).publisher.bind


def test_relative_paths_are_taken_from_the_files_own_folder() -> None:
    config = load_config(ROOT / "examples" / "video.yaml")
    assert isinstance(config.camera, OpenCVCamera)
    assert config.camera.device == str(ROOT / "examples" / "../../shared/data/dlc_openfield/videos/m3v1mp4.mp4")
    assert isinstance(load_config(ROOT / "examples" / "webcam.yaml").camera, OpenCVCamera)


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ("  seed: 7\n", "  seed: 7\n  gian: 1\n", r"broken\.yaml:8: unknown key 'camera\.gian'; expected one of scene, seed, "),
        ("  bundle: ../demo/model\n", "", r"broken\.yaml:20: missing key 'engine\.bundle'; add it: one line of text"),
        ("  rate_hz: 100\n", "  rate_hz: fast\n", r"broken\.yaml:10: camera\.rate_hz is 'fast'; expected a number above 0, at most 100000"),
        ("  rate_hz: 100\n", "  rate_hz: -5\n", r"broken\.yaml:10: camera\.rate_hz is -5; expected a number above 0"),
        ("  threads: 2\n", "  threads: 2000\n", r"broken\.yaml:\d+: engine\.threads is 2000; expected a whole number from 1 to 64"),
        ("  seed: 7\n", "  seed: 7\n  seed: 8\n", r"broken\.yaml:8: key 'camera\.seed' is repeated; line 7"),
        ("source: synthetic", "source: webcam", r"broken\.yaml:\d+: camera\.source is 'webcam'"),
        ("pace: newest_frame", "pace: fastest", r"capture\.pace is 'fastest'"),
        ("name: synthetic\n", "name: top camera\n", r"broken\.yaml:3: name is 'top camera'; expected 1 to 64 letters, digits, _ or -"),
        (
            "{shape: circle, name: port,",
            "{shape: circle, name: door,",
            r"broken\.yaml:33: behaviour\[0\]\.source\.zone of event 'nose_poke' is 'port'; expected one of door",
        ),
        (
            "on: 0, off: -3",
            "on: 0, off: 3",
            r"broken\.yaml:34: behaviour\[0\]\.rule\.off of event 'nose_poke' is 3; expected at most rule\.on \(0\)",
        ),
        ("event: running", "event: nose_poke", r"broken\.yaml:35: behaviour\[1\]\.event is 'nose_poke', which line 32 uses already"),
        (
            "minimum_ms: 50",
            "minimum_ms: soon",
            r"broken\.yaml:\d+: behaviour\[0\]\.rule\.minimum_ms is 'soon'; expected a number from 0 to 3600000",
        ),
        ("schema: 1", "schema: 2", r"broken\.yaml:2: schema is 2"),
        ("schema: 1", "schema: [1", r"broken\.yaml:\d+: is not YAML"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, before: str, after: str, complaint: str) -> None:
    assert before in GOOD
    path = tmp_path / "broken.yaml"
    path.write_text(GOOD.replace(before, after, 1))
    with pytest.raises(ConfigError, match=complaint):
        load_config(path)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [(b"", "is empty"), (b"\xff\xfe\x00", "is not UTF-8"), (b"- 1\n", "expected a mapping of keys"), (b"a: \x00", "is not YAML")],
    ids=["empty", "binary", "a list", "control character"],
)
def test_a_file_that_is_no_configuration_is_refused(tmp_path: Path, content: bytes, complaint: str) -> None:
    path = tmp_path / "tracker.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=complaint):
        load_config(path)


def test_an_absent_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load_config(tmp_path / "absent.yaml")
    with pytest.raises(ConfigError, match="cannot be read: it is a folder"):
        load_config(tmp_path)


def test_values_are_frozen() -> None:
    config = load_config(ROOT / "examples" / "synthetic.yaml")
    assert isinstance(config.camera, SyntheticCamera)
    with pytest.raises(AttributeError):
        config.camera.seed = 3  # type: ignore[misc]


def test_a_rule_may_take_over_the_keys_of_another(tmp_path: Path) -> None:
    path = tmp_path / "tracker.yaml"
    path.write_text(
        "camera: {source: synthetic}\nengine: {bundle: model}\nbehaviour:\n"
        "  - {event: slow, source: {kind: motion}, rule: &slow {on: 3, off: 1, minimum_ms: 700}}\n"
        "  - {event: fast, source: {kind: motion}, rule: {<<: *slow, on: 9}}\n"
    )
    slow, fast = (item.rule for item in load_config(path).behaviour)
    assert (slow.on, fast.on, fast.off, fast.minimum_ms) == (3, 9, 1, 700)
    path.write_text(path.read_text().replace("on: 9}", "off: 8}"))
    with pytest.raises(ConfigError, match=r"tracker\.yaml:5: behaviour\[1\]\.rule\.off of event 'fast' is 8; expected at most rule\.on"):
        load_config(path)
    path.write_text(path.read_text().replace("*slow", "5"))
    with pytest.raises(ConfigError, match=r"tracker\.yaml:5: behaviour\[1\]\.rule\.<< is 5; expected a mapping"):
        load_config(path)
