"""A bout under way in a whole tracker: what ends it, and with which reason."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import BundleMaker
from tests.tracker.daemon import Daemon, endless, is_pose, stream, synthetic, wait_for, wait_for_problem, write_config
from tracker.messages import EventMessage


@pytest.fixture(scope="module")
def bundle(make_bundle: BundleMaker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("bundles") / "spot")


ZONE = {"shape": "circle", "name": "all", "unit": "px", "centre": [320, 240], "radius": 2000}
RULE = {
    "when": "above",
    "on": 0,
    "off": 0,
    "minimum_ms": 0,
    "maximum_gap_ms": 0,
    "refractory_ms": 0,
    "confidence": 0.5,
    "missing": "hold",
    "end_after_ms": 3_600_000,
}
EVENT = {"event": "present", "source": {"kind": "zone", "point": "spot", "zone": "all"}, "rule": RULE}


def test_sighup_takes_new_rules_and_keeps_the_old_ones_when_the_file_is_wrong(tmp_path: Path, bundle: Path) -> None:
    camera = endless(tmp_path)
    config = write_config(tmp_path, bundle, camera)
    with stream(tmp_path) as client, Daemon(config) as daemon:
        wait_for(client, is_pose)
        write_config(tmp_path, bundle, camera, zones=[ZONE], behaviour=[EVENT])
        daemon.process.send_signal(signal.SIGHUP)
        event = wait_for(client, lambda message: isinstance(message, EventMessage))
        assert isinstance(event, EventMessage)
        assert (event.event, event.state, event.animal) == ("present", "on", 0)
        daemon.process.send_signal(signal.SIGHUP)
        ended = wait_for(client, lambda message: isinstance(message, EventMessage))
        assert isinstance(ended, EventMessage)
        assert ended.state == "off", "rules that are replaced end what they had begun"
        config.write_text(config.read_text().replace("radius: 2000", "radius: -1"))
        daemon.process.send_signal(signal.SIGHUP)
        status, problem = wait_for_problem(client, "reload")
        assert "radius is -1" in problem.sentence
        assert [zone["name"] for zone in status.zones] == ["all"]
        wait_for(client, is_pose)


IN_VIEW = {"zones": [ZONE], "behaviour": [EVENT]}


def ends_by(tmp_path: Path, bundle: Path, act: Callable[[Daemon], object]) -> EventMessage:
    """Have something happen in the middle of a bout; returns how the bout ended."""
    config = write_config(tmp_path, bundle, endless(tmp_path), **IN_VIEW)
    with stream(tmp_path) as client, Daemon(config) as daemon:
        on = wait_for(client, lambda message: isinstance(message, EventMessage))
        assert isinstance(on, EventMessage)
        assert on.state == "on"
        act(daemon)
        off = wait_for(client, lambda message: isinstance(message, EventMessage))
        assert isinstance(off, EventMessage)
        assert off.state == "off"
    return off


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_stop_ends_the_bout_first(tmp_path: Path, bundle: Path, number: signal.Signals) -> None:
    assert ends_by(tmp_path, bundle, lambda daemon: daemon.process.send_signal(number)).reason == "stopping"


def test_the_command_to_stop_ends_the_bout_first(tmp_path: Path, bundle: Path) -> None:
    assert ends_by(tmp_path, bundle, lambda daemon: daemon.ask("stop")).reason == "stopping"


def test_a_swap_ends_the_bout_and_says_so(tmp_path: Path, bundle: Path, make_bundle: BundleMaker) -> None:
    other = make_bundle(tmp_path / "other")
    assert ends_by(tmp_path, bundle, lambda daemon: daemon.ask("swap", str(other))).reason == "swap"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_the_client_ends_the_bout_of_a_tracker_that_can_say_nothing(tmp_path: Path, bundle: Path, number: signal.Signals) -> None:
    assert ends_by(tmp_path, bundle, lambda daemon: daemon.process.send_signal(number)).reason == "silent"


def test_a_camera_that_stalls_in_a_bout_ends_it(tmp_path: Path, bundle: Path) -> None:
    camera = synthetic(faults=[{"fault": "stall", "at_frame": 100, "seconds": 3600}])
    hasty = EVENT | {"rule": RULE | {"end_after_ms": None}}
    config = write_config(tmp_path, bundle, camera, zones=[ZONE], behaviour=[hasty])
    with stream(tmp_path) as client, Daemon(config):
        off = wait_for(client, lambda message: isinstance(message, EventMessage) and message.state == "off")
        assert isinstance(off, EventMessage)
        assert off.reason == "camera_lost"


def test_a_second_signal_does_not_cut_the_end_short(tmp_path: Path, bundle: Path) -> None:
    config = write_config(tmp_path, bundle, endless(tmp_path), **IN_VIEW)
    with stream(tmp_path) as client, Daemon(config) as daemon:
        wait_for(client, lambda message: isinstance(message, EventMessage))
        while daemon.process.poll() is None:
            daemon.process.send_signal(signal.SIGTERM)
            daemon.process.send_signal(signal.SIGHUP)
            time.sleep(0.002)
        assert daemon.process.returncode == 0, daemon.words
        off = wait_for(client, lambda message: isinstance(message, EventMessage))
        assert isinstance(off, EventMessage)
        assert (off.state, off.reason) == ("off", "stopping")
