"""Only camera and bundle must be written; a file of an earlier version goes on working; sockets lie in a folder of this user's own."""

import logging
import os
import stat
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest
import zmq

from tracker.config import RETIRED, Config, load_config, load_with_lines
from tracker.errors import ConfigError
from tracker.runtime_folder import runtime_folder
from tracker.stream.address import bind

ROOT = Path(__file__).resolve().parents[2]
SMALLEST = "camera: {source: synthetic}\nengine: {bundle: model}\n"


def load(folder: Path, text: str) -> Config:
    (folder / "tracker.yaml").write_text(text)
    return load_config(folder / "tracker.yaml")


@pytest.mark.parametrize(
    "camera",
    [
        "{source: synthetic}",
        "{source: opencv, device: 0}",
        "{source: image_folder, folder: images}",
        "{source: basler, width: 640, height: 480, exposure_us: 5000}",
        "{source: aravis, width: 640, height: 480, exposure_us: 5000}",
    ],
)
def test_camera_and_bundle_are_all_that_must_be_written(tmp_path: Path, camera: str) -> None:
    config = load(tmp_path, f"camera: {camera}\nengine: {{bundle: model}}\n")
    assert (config.name, config.zones, config.behaviour, config.health.camera_lost_s) == ("rig", (), (), 600)


def test_a_rule_needs_its_thresholds_and_by_itself_ends_with_the_animal_unseen(tmp_path: Path) -> None:
    event = "behaviour: [{event: fast, source: {kind: speed, point: nose}, rule: {on: 9, off: 5}}]\n"
    rule = load(tmp_path, SMALLEST + event).behaviour[0].rule
    assert (rule.when, rule.missing, rule.minimum_ms, rule.end_after_ms) == ("above", "end", 0, None)
    with pytest.raises(ConfigError, match=r"missing key 'behaviour\[0\]\.rule\.off'"):
        load(tmp_path, SMALLEST + event.replace(", off: 5", ""))


def test_every_default_is_itself_within_the_bounds_of_its_key(tmp_path: Path) -> None:
    everything = msgspec.to_builtins(load(tmp_path, SMALLEST + "identity: {}\n"))
    assert msgspec.to_builtins(msgspec.convert(everything, Config)) == everything


def test_keys_that_nobody_reads_any_more_are_left_out_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        config = load(tmp_path, SMALLEST + "viewer:\n  rate_hz: 5\n  confidence: 0.3\n  trail_s: 1.0\n")
    assert config.viewer.rate_hz == 5
    assert [record.getMessage() for record in caplog.records] == [
        f"{tmp_path}/tracker.yaml:{line}: key 'viewer.{key}' is no longer read: it is an option of `tracker view`; remove it"
        for line, key in ((5, "confidence"), (6, "trail_s"))
    ]
    assert set(RETIRED) == {("viewer", "confidence"), ("viewer", "trail_s")}


def test_no_example_uses_a_retired_key(caplog: pytest.LogCaptureFixture) -> None:
    for path in [ROOT / "tracker.yaml", *(ROOT / "examples").glob("*.yaml")]:
        load_config(path)
    assert not caplog.records


def test_the_lines_say_which_keys_the_file_sets(tmp_path: Path) -> None:
    (tmp_path / "tracker.yaml").write_text("name: top\n" + SMALLEST)
    _, lines = load_with_lines(tmp_path / "tracker.yaml")
    assert (lines["name",], lines["camera", "source"], lines["engine", "bundle"]) == (1, 2, 3)
    assert ("capture",) not in lines


def test_sockets_are_named_by_camera_and_local_unless_asked_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", "/run/rigtrack:/run/other")
    config = load(tmp_path, "name: top\n" + SMALLEST)
    assert config.publisher.bind == ("ipc:///run/rigtrack/top.stream",)
    assert config.control.bind == "ipc:///run/rigtrack/top.control"
    asked = load(tmp_path, SMALLEST + 'publisher: {bind: ["tcp://127.0.0.1:5571", "ipc://{runtime}/mine"]}\n')
    assert asked.publisher.bind == ("tcp://127.0.0.1:5571", "ipc:///run/rigtrack/mine")


@pytest.mark.parametrize("session", ["there", "not there"])
def test_the_session_s_own_runtime_folder_is_used_where_there_is_one(tmp_path: Path, session: str) -> None:
    (tmp_path / "there").mkdir()
    expected = {"there": tmp_path / "there" / "rigtrack", "not there": Path(f"/tmp/rigtrack-{os.getuid()}")}
    assert runtime_folder({"XDG_RUNTIME_DIR": str(tmp_path / session)}) == expected[session]
    assert runtime_folder({}) == Path(f"/tmp/rigtrack-{os.getuid()}")


def test_the_runtime_folder_is_made_at_binding_for_this_user_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    address = load(tmp_path, SMALLEST).publisher.bind[0]
    assert not (tmp_path / "rigtrack").exists()
    with zmq.Context() as context, context.socket(zmq.PUB) as socket, ExitStack() as held:
        bind(socket, address, held=held)
        assert stat.S_IMODE((tmp_path / "rigtrack").stat().st_mode) == 0o700
        assert (tmp_path / "rigtrack" / "rig.stream").is_socket()


def test_a_runtime_folder_that_somebody_else_put_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "rigtrack").symlink_to(tmp_path / "elsewhere")
    with (
        zmq.Context() as context,
        context.socket(zmq.PUB) as socket,
        ExitStack() as held,
        pytest.raises(ConfigError, match="expected a folder of user"),
    ):
        bind(socket, f"ipc://{tmp_path}/rigtrack/rig.stream", held=held)
