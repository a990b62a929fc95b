"""`tracker latency` on a whole tracker, whose synthetic camera shows a light on a real serial port. Nothing here depends on speed."""

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import BundleMaker
from tests.tracker.daemon import DEADLINE_S, ROOT, Daemon, wait_for, write_config
from tracker.__main__ import _parser
from tracker.client import Client
from tracker.config import load_config
from tracker.config_rules import BrightnessSource
from tracker.errors import LatencyError, OutputError, RigtrackError
from tracker.latency.serial_output import SerialOutput, _refusal
from tracker.messages import EventMessage

PLACE = {"left": 4, "top": 4, "width": 8, "height": 8}
LED = {"event": "led", "source": {"kind": "brightness", **PLACE}, "rule": {"on": 0.5, "off": 0.5, "end_after_ms": 3_600_000}}
PULSES = 8


@pytest.fixture(scope="module")
def lit(make_bundle: BundleMaker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The configuration of a tracker that runs, with a light whose port is the file `led` beside it."""
    folder = tmp_path_factory.mktemp("latency")
    bundle = make_bundle(folder / "spot", height=48, width=64)
    light = {"port": str(folder / "led"), "delay_ms": 5, **PLACE}
    camera = {"source": "synthetic", "scene": "rectangles", "width": 64, "height": 48, "rate_hz": 100, "exposure_ms": 2, "light": light}
    config = write_config(folder, bundle, camera, behaviour=[LED])
    with Daemon(config), Client(f"ipc://{folder}/stream", kinds=("status",)) as client:
        wait_for(client, lambda message: (folder / "led").exists())
        yield config


def command(config: Path, mode: str, *options: object) -> list[str]:
    given = ["--config", config, "--port", config.with_name("led"), "--line", "byte", "--rest-ms", 20, "--pulses", PULSES, *options]
    return [sys.executable, "-m", "tracker", "latency", *mode.split(), *map(str, given)]


def run(*given: Any, **changes: Any) -> int:
    """The command in this process: its status, or its error."""
    options = _parser().parse_args(command(*given, **changes)[3:])
    return int(options.call(options))


@pytest.mark.parametrize("mode", ["led", "loop"])
def test_every_pulse_is_accounted_for_and_its_parts_add_up(
    mode: str, lit: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracker.task_progress.LINE_EVERY_S", 0.0)
    out = tmp_path / "report"
    assert run(lit, mode, "--out", out, "--exposure-ms", 2, "--timeout-ms", 20_000, "--json") == 0
    printed, said = capsys.readouterr()
    found = json.loads(printed)

    assert said.splitlines()[-1] == f"measuring: {PULSES} of {PULSES} pulses"
    assert json.loads((out / "report.json").read_text()) == found
    assert (out / "report.png").read_bytes().startswith(b"\x89PNG")
    assert found["stopped"] is None
    assert found["configured"]["source"]["kind"] == "brightness"
    assert found["frame_interval_ms"] > 0
    for name in ("on", "off"):
        assert sum(found[name][kind] for kind in ("n", "missed", "unclear")) == PULSES
        assert found[name]["n"] > 0
        assert set(found[name]["latency_ms"]) == {"p50", "p90", "p99", "max"}
    detected = [edge for edge in found["edges"] if edge["outcome"] == "detected"]
    assert [sum(edge["parts_ms"].values()) for edge in detected] == pytest.approx([edge["latency_ms"] for edge in detected])
    assert all(edge["parts_ms"]["transfer"] >= 2 for edge in detected), "the exposure, by the camera's own stamps"
    assert all(("answer" in edge["parts_ms"]) is (mode == "loop") for edge in detected)
    assert (found["on"]["output_ms"] is None) is (mode == "loop")


def test_ctrl_c_keeps_what_was_measured(lit: Path, tmp_path: Path) -> None:
    with Client(f"ipc://{lit.parent}/stream", kinds=("event",)) as client:
        started = subprocess.Popen(
            command(lit, "led", "--out", tmp_path, "--pulses", 100_000, "--timeout-ms", 20_000),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with started:
            for _ in range(3):
                wait_for(client, lambda message: isinstance(message, EventMessage) and message.state == "on")
                wait_for(client, lambda message: isinstance(message, EventMessage) and message.state == "off")
            started.send_signal(signal.SIGINT)
            printed, said = started.communicate(timeout=DEADLINE_S)

    assert started.returncode == 130
    assert f"stopped by hand; what was measured until then is in {tmp_path}" in said
    found = json.loads((tmp_path / "report.json").read_text())
    assert found["stopped"] == "stopped by hand"
    assert found["on"]["n"] >= 2
    assert "light on:" in printed


def test_a_light_that_the_camera_does_not_see_is_said_in_a_sentence(lit: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ours, theirs = os.openpty()
    try:
        elsewhere = ("--port", os.ttyname(theirs), "--rest-ms", 0)
        assert run(lit, "led", "--out", tmp_path, "--timeout-ms", 2, "--pulses", 500, *elsewhere) == 1
    finally:
        os.close(ours)
        os.close(theirs)

    assert "the event 'led' never came within 0.002 s of 20 pulses; is the LED in the region" in capsys.readouterr().err
    assert json.loads((tmp_path / "report.json").read_text())["on"]["missed"] == 20


@pytest.mark.parametrize(
    ("mode", "options", "sentence"),
    [
        ("led", ["--inverted", "--timeout-ms", 300], "the event 'led' is on while the light is off"),
        ("led", ["--event", "lamp"], "has no event 'lamp' (it has: led)"),
        ("led", ["--pulses", 0], "--pulses is 0; expected 1 to"),
        ("led", ["--exposure-ms", -1], "--exposure-ms is -1; expected 0 to"),
        ("led", ["--port", "/dev/ttyNONE"], "/dev/ttyNONE: there is no such serial port; found on this machine: "),
        ("led tcp://10.1.2.3:5571", [], "tcp://10.1.2.3:5571 is another machine, whose clock is not this one's"),
    ],
    ids=["inverted", "event", "number", "exposure", "port", "elsewhere"],
)
def test_what_cannot_be_measured_is_refused_in_a_sentence(
    mode: str, options: list[object], sentence: str, lit: Path, tmp_path: Path
) -> None:
    with pytest.raises(RigtrackError, match=re.escape(sentence)):
        run(lit, mode, "--out", tmp_path, *options)

    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_refused_before_anything_is_measured(lit: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RigtrackError, match="file: cannot be made"):
        run(lit, "led", "--out", tmp_path / "file")


@pytest.mark.parametrize(("line", "seen"), [("rts", "cts"), ("dtr", "dsr")])
@pytest.mark.parametrize("inverted", [False, True])
def test_a_line_is_switched_and_left_off(line: Any, seen: str, *, inverted: bool) -> None:
    """On pyserial's own port that answers itself: its RTS is its CTS, its DTR its DSR."""
    with SerialOutput("loop://", line=line, inverted=inverted) as output:
        levels = [getattr(output._port, seen)]
        for lit in (True, False):
            output.switch(lit=lit)
            levels.append(getattr(output._port, seen))
        output.switch(lit=True)
    assert levels == [inverted, not inverted, inverted]


def test_a_port_that_has_gone_is_said_in_a_sentence() -> None:
    output = SerialOutput("loop://", line="byte", inverted=False)
    output._port.close()
    with pytest.raises(OutputError, match=r"loop://: cannot switch byte \(.*\); is it still plugged in"):
        output.switch(lit=True)


@pytest.mark.parametrize(
    ("problem", "sentence"),
    [
        (PermissionError(13, "Permission denied"), "permission denied; add this user to the port's group"),
        (OSError(16, "Device or resource busy"), "is in use by another program"),
        (OSError(5, "Input/output error"), r"cannot be opened as a serial port \(Input/output error\)"),
    ],
    ids=["permission", "busy", "other"],
)
def test_a_port_that_cannot_be_opened_says_what_to_do(problem: OSError, sentence: str) -> None:
    with pytest.raises(OutputError, match=sentence):
        raise OutputError(_refusal("/dev/ttyUSB0", problem))


@pytest.mark.parametrize("package", ["serial", "matplotlib.figure"])
def test_a_missing_package_is_said_before_anything_is_measured(
    package: str, lit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("run", "picture", "serial_output"):
        monkeypatch.delitem(sys.modules, f"tracker.latency.{name}", raising=False)
    monkeypatch.setitem(sys.modules, package, None)

    with pytest.raises(LatencyError, match=r"needs pyserial and matplotlib \(.*run `pip install '\.\[serial\]'`"):
        run(lit, "led", "--out", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_the_event_that_the_page_shows_is_understood(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "latency.md").read_text(encoding="utf-8")
    shown = textwrap.dedent(page.partition("```yaml\n")[2].partition("```")[0])
    (tmp_path / "tracker.yaml").write_text("camera: {source: synthetic}\nengine: {bundle: none}\n" + shown)

    (event,) = load_config(tmp_path / "tracker.yaml").behaviour
    assert isinstance(event.source, BrightnessSource)
    assert event.event == "led"
