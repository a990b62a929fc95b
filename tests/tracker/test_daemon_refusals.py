"""What a whole tracker does not start with, a sentence each."""

import socket
from pathlib import Path

import pytest

from tests.conftest import BundleMaker
from tests.tracker.daemon import DEADLINE_S, Daemon, endless, is_pose, stream, wait_for, write_config


@pytest.fixture(scope="module")
def bundle(make_bundle: BundleMaker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("bundles") / "spot")


def test_a_file_that_is_not_there_is_refused_at_the_start(tmp_path: Path, bundle: Path) -> None:
    missing = str(tmp_path / "monday.mp4")
    assert missing in refused(write_config(tmp_path, bundle, {"source": "opencv", "device": missing}))


def refused(config: Path) -> str:
    """Run a daemon that must not start; returns its one sentence."""
    with Daemon(config) as daemon:
        assert daemon.process.wait(timeout=DEADLINE_S) == 1
        assert "Traceback" not in daemon.words
        (sentence,) = [line for line in daemon.words.splitlines() if line.startswith("tracker run: ")]
    return sentence


def test_an_address_in_use_is_refused(tmp_path: Path, bundle: Path, free_port: int) -> None:
    camera = endless(tmp_path)
    with socket.create_server(("127.0.0.1", free_port)):
        taken = f"tcp://127.0.0.1:{free_port}"
        sentence = refused(write_config(tmp_path, bundle, camera, publisher={"bind": [taken]}))
    assert sentence == f"tracker run: {taken} is already in use by another process; stop it or choose another address"


def test_a_second_daemon_does_not_take_the_firsts_ipc_address(tmp_path: Path, bundle: Path) -> None:
    config = write_config(tmp_path, bundle, endless(tmp_path))
    with stream(tmp_path) as client, Daemon(config):
        wait_for(client, is_pose)
        (tmp_path / "second").mkdir()
        second = tmp_path / "second" / "tracker.yaml"
        second.write_text(config.read_text())
        assert "is already in use by another process" in refused(second)
        wait_for(client, is_pose)


def test_an_open_address_without_keys_is_refused(tmp_path: Path, bundle: Path, free_port: int) -> None:
    address = f"tcp://0.0.0.0:{free_port}"
    assert "can be reached from other machines" in refused(write_config(tmp_path, bundle, endless(tmp_path), publisher={"bind": [address]}))


def test_an_absent_bundle_and_a_wrong_key_are_refused_with_status_1(tmp_path: Path) -> None:
    camera = endless(tmp_path)
    said = refused(write_config(tmp_path, tmp_path / "nothing", camera))
    assert said.startswith(f"tracker run: engine.bundle: {tmp_path / 'nothing'}: ")
    assert "expected an engine bundle" in said


def test_a_bundle_for_another_image_size_is_refused(tmp_path: Path, make_bundle: BundleMaker) -> None:
    bundle = make_bundle(tmp_path / "small", height=240, width=320)
    assert "640x480" in refused(write_config(tmp_path, bundle, endless(tmp_path)))
