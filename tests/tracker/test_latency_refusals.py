"""What `tracker latency` measures where nobody says otherwise, and what it refuses; nothing here is measured."""

import re
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.tracker.recorded import MS, picture, pose_of
from tracker.__main__ import _parser
from tracker.client import Client
from tracker.commands.latency import REPORT, _write
from tracker.errors import LatencyError, RigtrackError
from tracker.frame import Frame
from tracker.latency import screen
from tracker.latency.clock_window import ClockWindow
from tracker.latency.screen import KINDS, ScreenMeasurement
from tracker.latency.settings import ScreenSettings, Settings

PORT = {"led": ("--port", "/dev/ttyNONE"), "loop": ("--port", "/dev/ttyNONE"), "screen": ()}
OUTPUT: dict[str, Any] = {"mode": "led", "event": "led", "port": "loop://", "line": "rts", "inverted": False}
LED: dict[str, Any] = {**OUTPUT, "pulses": 500, "rest_ms": 100.0, "timeout_ms": 2000.0, "exposure_ms": None, "seed": 0}
SCREEN: dict[str, Any] = {"pictures": 500, "screen_hz": 60.0, "aim_s": 60.0, "exposure_ms": None, "seed": 0}
NAN = float("nan")


@pytest.mark.parametrize(("mode", "what"), [("led", "pulses"), ("loop", "pulses"), ("screen", "pictures")])
def test_a_latency_is_of_500_pulses_or_pictures_unless_told_otherwise(mode: str, what: str) -> None:
    assert getattr(_parser().parse_args(["latency", mode, *PORT[mode]]), what) == 500


@pytest.mark.parametrize(
    ("kind", "usual", "name", "least", "most", "beyond"),
    [
        (Settings, LED, "pulses", 1, 1_000_000, (0, 1_000_001)),
        (Settings, LED, "rest_ms", 0, 60_000, (-1, 60_001, NAN)),
        (Settings, LED, "timeout_ms", 1, 600_000, (0, 600_001, NAN)),
        (Settings, LED, "exposure_ms", 0, 60_000, (-1, 60_001, NAN)),
        (Settings, LED, "seed", 0, 2**31, (-1, 2**31 + 1)),
        (ScreenSettings, SCREEN, "pictures", 1, 5000, (0, 5001)),
        (ScreenSettings, SCREEN, "screen_hz", 1, 1000, (0.5, 1001, NAN)),
        (ScreenSettings, SCREEN, "aim_s", 1, 3600, (0, 3601, NAN)),
        (ScreenSettings, SCREEN, "exposure_ms", 0, 60_000, (-1, 60_001, NAN)),
        (ScreenSettings, SCREEN, "seed", 0, 2**31, (-1, 2**31 + 1)),
    ],
)
def test_a_number_beyond_what_can_be_measured_is_refused(
    kind: type[Settings | ScreenSettings], usual: dict[str, Any], name: str, least: float, most: float, beyond: tuple[float, ...]
) -> None:
    for number in (least, most):
        assert getattr(kind(**usual | {name: number}), name) == number
    for number in beyond:
        option = f"--{name.replace('_', '-')}"
        with pytest.raises(LatencyError, match=re.escape(f"{option} is {number:g}; expected {least:g} to ")):
            kind(**usual | {name: number})


@pytest.mark.parametrize("mode", ["loop", "screen"])
def test_another_machine_s_tracker_is_not_measured(mode: str, tmp_path: Path) -> None:
    asked = _parser().parse_args(["latency", mode, "tcp://10.1.2.3:5571", *PORT[mode], "--out", str(tmp_path / "out")])
    with pytest.raises(LatencyError, match="is another machine, whose clock is not this one's; measure on the rig's own computer"):
        asked.call(asked)
    assert list(tmp_path.iterdir()) == []


def test_a_screen_is_not_measured_where_its_report_cannot_be_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "tracker.latency.picture", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    asked = _parser().parse_args(["latency", "screen", "ipc:///tmp/none", "--out", str(tmp_path / "out")])
    with pytest.raises(LatencyError, match=r"needs matplotlib \(.*run `pip install '\.\[serial\]'`"):
        asked.call(asked)
    assert list(tmp_path.iterdir()) == []


def test_a_report_that_cannot_be_written_says_where_and_why(tmp_path: Path) -> None:
    (tmp_path / REPORT).mkdir()
    with pytest.raises(LatencyError, match=r"report.json: cannot be written \(Is a directory\); "):
        _write(tmp_path / REPORT, b"{}")


def measurement(client: Client) -> ScreenMeasurement:
    """With a window that shows nothing: no picture will come."""
    window = cast(ClockWindow, SimpleNamespace(serve=lambda: None, due_ns=0))
    return ScreenMeasurement(client, window, ScreenSettings(**SCREEN))


def test_a_screen_is_given_up_where_no_frame_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screen, "SILENT_S", 0.1)
    with (
        Client(f"ipc://{tmp_path}/nobody", kinds=KINDS) as client,
        pytest.raises(
            LatencyError, match=r"no frame has come from the tracker for 0\.1 s; is it running, on this machine, with its camera"
        ),
    ):
        next(measurement(client).aim())


def test_a_screen_measured_across_a_restart_is_given_up(tmp_path: Path) -> None:
    with Client(f"ipc://{tmp_path}/nobody", kinds=KINDS) as client:
        begun = measurement(client)
        first = pose_of(Frame(image=picture(1), number=1, exposed_ns=None, received_ns=MS))
        assert begun._take(first) is None
        with pytest.raises(RigtrackError, match="the tracker has begun anew; measure again"):
            begun._take(replace(first, session="b"))
