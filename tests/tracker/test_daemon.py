"""The whole tracker from outside: a real process, real sockets, real signals."""

import fcntl
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import zmq

from tests.conftest import BundleMaker
from tests.tracker.daemon import (
    DEADLINE_S,
    ROOT,
    SPOTS,
    Daemon,
    causes,
    endless,
    is_pose,
    stream,
    synthetic,
    wait_for,
    wait_for_problem,
    write_config,
    write_images,
)
from tracker.client import Client
from tracker.messages import PoseMessage, StatusMessage


@pytest.fixture(scope="module")
def bundle(make_bundle: BundleMaker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("bundles") / "spot")


FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")


def test_a_folder_is_published_frame_by_frame_exactly_and_the_daemon_then_ends(tmp_path: Path, bundle: Path) -> None:
    """Numeric order, sub-pixel numbers untouched end to end."""
    write_images(tmp_path / "images", SPOTS)
    camera = {"source": "image_folder", "folder": str(tmp_path / "images"), "rate_hz": 100, "loop_folder": False}
    config = write_config(tmp_path, bundle, camera)
    poses: list[PoseMessage] = []
    with stream(tmp_path) as client, Daemon(config) as daemon:
        while True:
            message = client.receive(0.5)
            if isinstance(message, PoseMessage):
                poses.append(message)
            elif message is None and daemon.process.poll() is not None:
                break
        assert daemon.process.returncode == 0, daemon.words
        assert client.gaps["top"] == 0
    first = poses[0].frame  # the daemon does not wait for subscribers: the first frames may be over before one is connected
    assert [pose.frame for pose in poses] == list(range(first, len(SPOTS)))
    assert [tuple(pose.animals[0].points["spot"]) for pose in poses] == [(x, y, 1.0) for x, y in SPOTS[first:]]
    assert poses[1].motion == pytest.approx(2 / (640 * 480), rel=1e-12)


def test_sigterm_ends_the_daemon_cleanly(tmp_path: Path, bundle: Path) -> None:
    with stream(tmp_path) as client, Daemon(write_config(tmp_path, bundle, endless(tmp_path))) as daemon:
        wait_for(client, is_pose)
        daemon.stop()
        assert daemon.process.returncode == 0, daemon.words
        last = wait_for(client, lambda message: isinstance(message, StatusMessage) and message.state == "stopping")
        assert isinstance(last, StatusMessage)
        assert last.counters["published"] > 0


def test_a_zone_outside_the_cameras_picture_is_a_warning_in_the_log(tmp_path: Path, bundle: Path) -> None:
    zone = {"shape": "circle", "name": "port", "unit": "px", "centre": [1000, 150], "radius": 50}
    with stream(tmp_path) as client, Daemon(write_config(tmp_path, bundle, endless(tmp_path), zones=[zone])) as daemon:
        wait_for(client, is_pose)
        daemon.stop()
    assert "zone 'port' lies wholly outside the picture of 640x480" in daemon.words


def test_a_late_subscriber_learns_what_is_running(tmp_path: Path, bundle: Path) -> None:
    with Daemon(write_config(tmp_path, bundle, endless(tmp_path))):
        with stream(tmp_path) as first:
            wait_for(first, is_pose)
            known = wait_for(first, lambda message: isinstance(message, StatusMessage) and message.state == "tracking")
        with Client(f"ipc://{tmp_path}/stream", kinds=("status",)) as late:
            status = wait_for(late, lambda message: isinstance(message, StatusMessage))
    assert isinstance(status, StatusMessage)
    assert isinstance(known, StatusMessage)
    assert status.session == known.session
    assert status.point_names == ["spot"]
    assert status.precision == "fp32"
    assert status.runtime.startswith("openvino")


def test_a_killed_daemon_comes_back_as_a_new_session(tmp_path: Path, bundle: Path) -> None:
    config = write_config(tmp_path, bundle, endless(tmp_path))
    with stream(tmp_path) as client:
        with Daemon(config) as daemon:
            first = wait_for(client, is_pose)
            daemon.process.send_signal(signal.SIGKILL)
        with Daemon(config):
            second = wait_for(client, lambda message: is_pose(message) and message.session != first.session)
        assert client.restarts["top"] == 1
    assert second.session != first.session


def test_a_swap_of_the_bundle_loses_no_frame(tmp_path: Path, bundle: Path, make_bundle: BundleMaker) -> None:
    other = make_bundle(tmp_path / "other")
    with stream(tmp_path) as client, Daemon(write_config(tmp_path, bundle, endless(tmp_path))) as daemon:
        wait_for(client, is_pose)
        answer = daemon.ask("swap", str(other))
        assert answer.returncode == 0, answer.stderr
        status = wait_for(client, lambda message: isinstance(message, StatusMessage) and message.bundle == "other")
        wait_for(client, is_pose)
        assert isinstance(status, StatusMessage)
        assert status.counters["lost"] == status.counters["skipped"] == client.gaps["top"] == 0


def test_a_bundle_that_is_not_whole_is_refused_and_the_one_in_use_stays(tmp_path: Path, bundle: Path, make_bundle: BundleMaker) -> None:
    broken = make_bundle(tmp_path / "broken")
    (broken / "model.onnx").write_bytes(b"")
    with stream(tmp_path) as client, Daemon(write_config(tmp_path, bundle, endless(tmp_path))) as daemon:
        wait_for(client, is_pose)
        answer = daemon.ask("swap", str(broken))
        assert answer.returncode == 1
        assert "model.onnx: its SHA-256 begins" in answer.stderr
        assert "Traceback" not in answer.stderr
        status = json.loads(daemon.ask("status", "--json").stdout)
        assert status["bundle"] == "spot"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_daemon_whose_first_engine_is_still_being_built(tmp_path: Path, bundle: Path, number: signal.Signals) -> None:
    config = write_config(tmp_path, bundle, endless(tmp_path))
    cache = tmp_path / "cache"  # nothing is kept there, so that the engine has to be built
    with stream(tmp_path) as client, Daemon(config, CACHE_DIRECTORY=str(cache)) as daemon:
        builder = frozen_builder(daemon)
        status = wait_for(client, lambda message: isinstance(message, StatusMessage))
        assert isinstance(status, StatusMessage)
        assert status.state == "starting"
        assert daemon.ask("status").returncode == 0
        assert "busy: the start: opening the engine" in daemon.ask("reload").stderr
        daemon.process.send_signal(number)
        assert daemon.process.wait(timeout=DEADLINE_S) == 0, daemon.words
    assert not Path(f"/proc/{builder}/cmdline").exists() or not Path(f"/proc/{builder}/cmdline").read_bytes(), "the builder is still there"


def frozen_builder(daemon: Daemon) -> int:
    """Wait for the process that builds the engine, and stop it: a build without end."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        for thread in Path(f"/proc/{daemon.process.pid}/task").glob("*/children"):
            with suppress(OSError):  # it has ended meanwhile
                for child in thread.read_text().split():
                    if b"build_engine" in Path(f"/proc/{child}/cmdline").read_bytes():
                        os.kill(int(child), signal.SIGSTOP)
                        return int(child)
    raise AssertionError("nothing was built")


def test_a_reader_of_the_log_that_is_stuck_holds_nothing_up(tmp_path: Path, bundle: Path) -> None:
    """A pipe that nobody reads, and a camera that comes and goes: every loss is a line of the log."""
    faults = [{"fault": "vanish", "at_frame": number, "seconds": 0.05} for number in range(20, 4000, 20)]
    config = write_config(tmp_path, bundle, synthetic(faults=faults), capture={"reopen_first_s": 0.01, "reopen_longest_s": 0.01})
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    command = [sys.executable, "-m", "tracker", "run", "--config", str(config)]
    with stream(tmp_path) as client, subprocess.Popen(command, cwd=ROOT, stderr=writing) as tracker:
        os.close(writing)
        try:
            full = select.poll()
            back = os.open(f"/proc/{tracker.pid}/fd/2", os.O_WRONLY | os.O_NONBLOCK)
            full.register(back, select.POLLOUT)
            while full.poll(0):
                wait_for(client, is_pose)
            os.close(back)
            for _ in range(200):
                wait_for(client, is_pose)
            tracker.send_signal(signal.SIGTERM)
            assert tracker.wait(timeout=DEADLINE_S) == 0
        finally:
            tracker.kill()
            os.close(reading)


def test_a_tracker_is_commanded_by_its_address_while_its_file_is_wrong(tmp_path: Path, bundle: Path) -> None:
    config = write_config(tmp_path, bundle, endless(tmp_path))
    with stream(tmp_path) as client, Daemon(config) as daemon:
        wait_for(client, is_pose)
        config.write_text("zones: [[[")
        assert daemon.ask("stop").returncode == 1
        assert daemon.ask("stop", "--control", f"ipc://{tmp_path}/control").returncode == 0
        assert daemon.process.wait(timeout=DEADLINE_S) == 0


def test_whatever_the_control_socket_is_sent_the_daemon_answers_and_lives(tmp_path: Path, bundle: Path) -> None:
    config = write_config(tmp_path, bundle, endless(tmp_path))
    folder = tmp_path / "private"
    folder.mkdir()
    (folder / "bundle.json").write_bytes(b"\xff\xfe{")
    with stream(tmp_path) as client, Daemon(config) as daemon:
        wait_for(client, is_pose)
        for argument in ("x" * 3000, str(folder), str(config), "/proc/1/mem", "/dev/null"):
            answer = daemon.ask("swap", argument)
            assert answer.returncode == 1
            assert answer.stderr.startswith("tracker swap: ")
            assert len(answer.stderr.splitlines()) == 1, answer.stderr
        right = config.read_text()
        for wrong in ("a: !include b\n", "when: 2024-13-45\n", "[" * 60_000, "\x00"):
            config.write_text(right + wrong)
            daemon.process.send_signal(signal.SIGHUP)
            wait_for_problem(client, "reload")
            config.write_text(right)
            assert daemon.ask("reload").returncode == 0
            wait_for(client, lambda message: isinstance(message, StatusMessage) and "reload" not in causes(message))
        assert daemon.ask("status").returncode == 0
        wait_for(client, is_pose)


def test_a_camera_that_vanishes_is_published_and_comes_back(tmp_path: Path, bundle: Path) -> None:
    camera = synthetic(faults=[{"fault": "vanish", "at_frame": 100, "seconds": 1.0}])
    with stream(tmp_path) as client, Daemon(write_config(tmp_path, bundle, camera)) as daemon:
        wait_for(client, lambda message: isinstance(message, StatusMessage) and message.state == "camera_lost")
        back = wait_for(client, lambda message: isinstance(message, StatusMessage) and message.state == "tracking")
        assert isinstance(back, StatusMessage)
        assert back.counters["reopened"] >= 1
        assert daemon.process.poll() is None


def test_frames_that_the_camera_lost_are_counted_in_the_next_pose(tmp_path: Path, bundle: Path) -> None:
    camera = synthetic(faults=[{"fault": "drop", "at_frame": number, "seconds": 0} for number in (150, 160, 161)])
    with stream(tmp_path) as client, Daemon(write_config(tmp_path, bundle, camera)):
        first = wait_for(client, is_pose)
        before = wait_for(client, lambda message: is_pose(message) and message.frame == 149)
        after = wait_for(client, lambda message: is_pose(message) and message.frame == 162)
        assert isinstance(before, PoseMessage)
        assert isinstance(after, PoseMessage)
        assert first.frame < 149
        assert after.lost - before.lost == 3
        assert client.gaps["top"] == 0, "the subscriber itself missed nothing"


@pytest.fixture
def manager(tmp_path: Path) -> Any:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "notify"))
        server.settimeout(DEADLINE_S)
        yield server


def test_the_service_manager_hears_the_whole_life(tmp_path: Path, bundle: Path, manager: socket.socket) -> None:
    environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "1000000"}
    heard: list[str] = []

    def hear(wanted: str) -> None:
        while not heard or not heard[-1].startswith(wanted):
            heard.append(manager.recv(4096).decode())

    with Daemon(write_config(tmp_path, bundle, endless(tmp_path)), **environment) as daemon:
        hear("READY=1")
        assert not any(message.startswith("WATCHDOG=1") for message in heard), "fed before any frame went through"
        hear("WATCHDOG=1")
        daemon.process.send_signal(signal.SIGHUP)
        hear("RELOADING=1")
        hear("READY=1")
        daemon.process.send_signal(signal.SIGTERM)
        hear("STOPPING=1")
        assert daemon.process.wait(timeout=DEADLINE_S) == 0


def test_a_stalled_camera_stops_feeding_the_watchdog_and_widens_it(tmp_path: Path, bundle: Path, manager: socket.socket) -> None:
    environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "400000"}
    camera = synthetic(faults=[{"fault": "stall", "at_frame": 50, "seconds": 3600}])
    with Daemon(write_config(tmp_path, bundle, camera), **environment):
        intervals: list[str] = []
        while len(intervals) < 3:
            message = manager.recv(4096).decode()
            if message.startswith("WATCHDOG_USEC="):
                intervals.append(message.removeprefix("WATCHDOG_USEC="))
        assert intervals == ["600000000", "400000", "600000000"], "wide while the camera opens, narrow with frames, wide without"
        manager.settimeout(1.2)  # three watchdog intervals
        after: list[str] = []
        try:
            while len(after) < 4:
                after.append(manager.recv(4096).decode())
        except TimeoutError:
            pass
        assert "WATCHDOG=1" not in after


@pytest.mark.skipif(not FAKETIME.exists(), reason="libfaketime is not installed")
def test_a_wall_clock_set_back_by_an_hour_changes_only_the_stated_offset(tmp_path: Path, bundle: Path) -> None:
    now = tmp_path / "now"
    now.write_text("+0h")
    environment = {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(now),
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_NO_CACHE": "1",
    }
    with stream(tmp_path) as client, Daemon(write_config(tmp_path, bundle, endless(tmp_path)), **environment):
        before = wait_for(client, lambda message: isinstance(message, StatusMessage) and message.state == "tracking")
        now.write_text("-1h")
        after = wait_for(
            client,
            lambda message: isinstance(message, StatusMessage) and message.unix_offset_ns < before.unix_offset_ns - 3.5e12,  # type: ignore[union-attr]
        )
        assert isinstance(after, StatusMessage)
        assert after.published_ns > before.published_ns
        assert after.counters["lost"] == after.counters["skipped"] == client.gaps["top"] == 0


def test_a_subscriber_that_never_reads_costs_the_others_nothing(tmp_path: Path, bundle: Path) -> None:
    config = write_config(tmp_path, bundle, endless(tmp_path), publisher={"high_water_mark": 200})
    with zmq.Context() as context, context.socket(zmq.SUB) as sleeper:
        sleeper.setsockopt(zmq.LINGER, 0)
        sleeper.setsockopt(zmq.RCVHWM, 1)
        sleeper.subscribe(b"")
        sleeper.connect(f"ipc://{tmp_path}/stream")
        with stream(tmp_path) as client, Daemon(config):
            first = wait_for(client, is_pose)
            last = wait_for(client, lambda message: is_pose(message) and message.frame > first.frame + 500)
            assert isinstance(last, PoseMessage)
            assert last.lost == client.gaps["top"] == 0


def test_only_the_services_group_can_open_the_control_socket(tmp_path: Path, bundle: Path) -> None:
    with stream(tmp_path) as client, Daemon(write_config(tmp_path, bundle, endless(tmp_path))) as daemon:
        wait_for(client, is_pose)
        assert (tmp_path / "control").stat().st_mode & 0o777 == 0o660
        answer = daemon.ask("stop")
        assert answer.returncode == 0, answer.stderr
        assert daemon.process.wait(timeout=DEADLINE_S) == 0


def test_a_command_nobody_answers_is_one_sentence(tmp_path: Path, bundle: Path) -> None:
    config = write_config(tmp_path, bundle, endless(tmp_path))
    daemon = Daemon.__new__(Daemon)
    daemon.config = config
    answer = daemon.ask("status")
    assert answer.returncode == 1
    assert "is the tracker running with this configuration?" in answer.stderr
    assert os.fspath(ROOT) not in answer.stderr
