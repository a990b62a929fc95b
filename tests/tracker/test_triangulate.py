"""`tracker triangulate` as a process: what it publishes of real streams, and that every event that began ends."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from tests.tracker.rig_cameras import PERIOD_NS, LiveCamera
from tracker.__main__ import main
from tracker.client import AliveMessage, Client, EventMessage, Message, Pose3DMessage, SetupMessage, StatusMessage
from tracker.triangulation.synthetic import places_mm, synthetic_rig

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 300.0
RULE = {"on": 1.0, "off": 1.0, "missing": "end", "maximum_gap_ms": 60_000}
EVENTS = [
    {"event": "high", "source": {"kind": "height", "point": "nose"}, "rule": RULE},
    {"event": "runs", "source": {"kind": "speed", "point": "tail", "unit": "mm"}, "rule": RULE | {"on": 100.0, "off": 100.0}},
    {"event": "long", "source": {"kind": "distance", "point": "nose", "other_point": "tail", "unit": "mm"}, "rule": RULE},
    {"event": "inside", "source": {"kind": "zone", "point": "nose", "zone": "arena"}, "rule": RULE},
]
ZONES = [{"shape": "circle", "name": "arena", "unit": "mm", "centre": [0.0, 0.0], "radius": 200.0}]


def write_config(folder: Path, *cameras: str, **changes: Any) -> Path:
    (folder / "rig.yaml").write_text(yaml.safe_dump(msgspec.to_builtins(synthetic_rig(*cameras))))
    values = {
        "name": "space",
        "rig": "rig.yaml",
        "streams": [f"ipc://{folder}/{camera}" for camera in cameras],
        "deadline_ms": 500,  # a busy machine must not decide what is joined
        "zones": ZONES,
        "behaviour": EVENTS,
        "publisher": {"bind": [f"ipc://{folder}/space"]},
        "control": {"bind": f"ipc://{folder}/control"},
    }
    path = folder / "triangulate.yaml"
    path.write_text(yaml.safe_dump(values | changes))
    return path


class LiveRig:
    """The process, and a client of its stream."""

    def __init__(self, folder: Path, process: "subprocess.Popen[str]", client: Client) -> None:
        self.folder, self.process, self._client = folder, process, client
        self._pulse, self._next_ns = 0, time.monotonic_ns()
        self.heard: list[Message] = []

    def until(self, wanted: Callable[[Message], bool], *cameras: LiveCamera) -> Message:
        """Have the cameras publish a frame every period until the rig says what is wanted."""
        end = time.monotonic() + DEADLINE_S
        while time.monotonic() < end:
            self._next_ns = max(self._next_ns + PERIOD_NS, time.monotonic_ns() - 5 * PERIOD_NS)
            time.sleep(max(0.0, (self._next_ns - time.monotonic_ns()) / 1e9))
            for camera in cameras:
                camera.publish(self._pulse, self._next_ns)
            self._pulse += 1
            while (message := self._client.receive(0)) is not None:
                self.heard.append(message)
                if wanted(message):
                    return message
        raise AssertionError(f"not heard in {DEADLINE_S:g} s; the last were {self.heard[-5:]}")


@contextmanager
def live_rig(folder: Path, config: Path, **environment: str) -> Iterator[LiveRig]:
    command = [sys.executable, "-m", "tracker", "triangulate", "--config", str(config)]
    with ExitStack() as stack:
        process = stack.enter_context(
            subprocess.Popen(
                command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), **environment}, stderr=subprocess.PIPE, text=True
            )
        )
        stack.callback(process.kill)
        kinds = ("pose3d", "event", "setup", "status", "alive")
        yield LiveRig(folder, process, stack.enter_context(Client(f"ipc://{folder}/space", kinds=kinds)))


def event(name: str, state: str) -> Callable[[Message], bool]:
    return lambda message: isinstance(message, EventMessage) and (message.event, message.state) == (name, state)


def test_places_events_heartbeat_and_status_are_published_and_a_stop_ends_all_events(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_config(tmp_path, "top", "side")
    with (
        live_rig(tmp_path, config) as rig,
        LiveCamera("top", f"ipc://{tmp_path}/top") as top,
        LiveCamera("side", f"ipc://{tmp_path}/side") as side,
    ):
        begun = rig.until(lambda message: isinstance(message, StatusMessage))
        for each in EVENTS:
            if not any(event(str(each["event"]), "on")(message) for message in rig.heard):
                rig.until(event(str(each["event"]), "on"), top, side)
        rig.until(lambda message: isinstance(message, AliveMessage) and len(message.open) == len(EVENTS), top, side)
        rig.until(lambda message: isinstance(message, StatusMessage) and message.state == "tracking", top, side)
        capsys.readouterr()
        assert main(["status", "--control", f"ipc://{tmp_path}/control", "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["state"], told["camera"], sorted(told["rig"]["cameras"])) == ("tracking", "space", ["side", "top"])
        assert main(["status", "--control", f"ipc://{tmp_path}/control"]) == 0
        assert "after_last_pose" in capsys.readouterr().out
        assert main(["stop", "--control", f"ipc://{tmp_path}/control"]) == 0
        rig.until(lambda message: isinstance(message, StatusMessage) and message.state == "stopping")
        assert rig.process.wait(DEADLINE_S) == 0

    moments = [message for message in rig.heard if isinstance(message, Pose3DMessage)]
    whole = [moment for moment in moments if None not in moment.frames.values()]
    assert moments[moments.index(whole[0]) :] == whole  # those before are of the camera that was heard first
    for moment in whole:
        (pulse,) = {number for number in moment.frames.values() if number is not None}
        for name, truth in zip(("nose", "tail"), places_mm(pulse), strict=True):
            assert moment.animals[0].points[name][:3] == pytest.approx(tuple(truth), abs=0.01)
            assert moment.animals[0].cameras[name] == ["top", "side"]
    assert [moment.frame for moment in moments] == list(range(len(moments)))
    assert {moment.joined_by for moment in moments} == {"exposed"}
    ends = {message.event: message.reason for message in rig.heard if isinstance(message, EventMessage) and message.state == "off"}
    assert ends == {str(each["event"]): "stopping" for each in EVENTS}
    assert isinstance(begun, StatusMessage)
    assert (begun.state, begun.problems) == ("starting", [])  # cameras have two seconds to be heard
    (setup,) = {message.setup: message for message in rig.heard if isinstance(message, SetupMessage)}.values()
    assert (setup.cause, setup.point_names, len(setup.behaviour)) == ("start", ["nose", "tail"], 4)
    state = next(
        message for message in reversed(rig.heard) if isinstance(message, StatusMessage) and message.rig and message.state == "tracking"
    )
    assert 0 < state.latency_ms["own"]["p50"] < state.latency_ms["own"]["max"]
    assert state.rig is not None
    assert state.rig.frame_of_reference == "the arena's middle, Z up"
    assert {name: camera.alive for name, camera in state.rig.cameras.items()} == {"top": True, "side": True}


def test_the_service_manager_hears_a_rig_begin_without_any_camera_live_and_end(tmp_path: Path) -> None:
    heard: list[str] = []
    config = write_config(tmp_path, "top", "side")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(DEADLINE_S)

        def hear(wanted: str) -> None:
            while not heard or not heard[-1].startswith(wanted):
                heard.append(manager.recv(4096).decode())

        with live_rig(tmp_path, config, NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="1000000") as rig:
            hear("READY=1")
            hear("WATCHDOG=1")
            hear("STATUS=")
            rig.process.send_signal(signal.SIGTERM)
            hear("STOPPING=1")
            assert rig.process.wait(DEADLINE_S) == 0


def test_a_camera_that_falls_silent_ends_all_events_and_is_joined_when_it_returns(tmp_path: Path) -> None:
    config = write_config(tmp_path, "top", "side", behaviour=EVENTS[:1], join="number", deadline_ms=50)
    with live_rig(tmp_path, config) as rig, LiveCamera("top", f"ipc://{tmp_path}/top") as top:
        with LiveCamera("side", f"ipc://{tmp_path}/side") as side:
            rig.until(event("high", "on"), top, side)
        ended = rig.until(event("high", "off"), top)
        lost = rig.until(lambda message: isinstance(message, StatusMessage) and bool(message.problems), top)
        with LiveCamera("side", f"ipc://{tmp_path}/side") as again:
            rig.until(event("high", "on"), top, again)
            moment = rig.until(lambda message: isinstance(message, Pose3DMessage), top, again)
            rig.process.send_signal(signal.SIGTERM)
            rig.until(lambda message: isinstance(message, StatusMessage) and message.state == "stopping")
            assert rig.process.wait(DEADLINE_S) == 0

    assert isinstance(ended, EventMessage)
    assert ended.reason == "camera_lost"
    assert isinstance(lost, StatusMessage)
    assert lost.problems[0].sentence.startswith("nothing is heard of camera side")
    assert isinstance(moment, Pose3DMessage)
    assert ("high", 0, "camera_lost") in [each for message in rig.heard if isinstance(message, Pose3DMessage) for each in message.ended]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"rig": "other.yaml"}, "other.yaml"),
        ({"name": "top"}, "the rig is called 'top', as one of its cameras is"),
        (
            {"zones": [{"shape": "circle", "name": "a", "unit": "px", "centre": [0, 0], "radius": 1}], "behaviour": []},
            "zones[0] 'a' is in px; expected `unit: mm`",
        ),
        ({"behaviour": [{"event": "e", "source": {"kind": "zone", "point": "nose", "zone": "b"}, "rule": RULE}]}, "of event 'e' is 'b'"),
        ({"join": "arrival"}, "join"),
        ({"colour": 3}, "colour"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_sentence(
    changes: dict[str, Any], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_config(tmp_path, "top", "side", **changes)

    assert main(["triangulate", "--config", str(config)]) == 1

    words = capsys.readouterr().err
    assert sentence in words
    assert "Traceback" not in words


def test_a_rig_that_is_not_named_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["triangulate"]) == 1
    assert "give --rig rig.yaml, or --config" in capsys.readouterr().err
