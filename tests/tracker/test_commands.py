"""How the commands end: a table or JSON for a running tracker, one sentence on Ctrl-C, silence where nobody reads on."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import zmq
from rich.console import Console

from tests.tracker.exported import write_session
from tracker.__main__ import main
from tracker.config import load_config
from tracker.service.status_table import status_table
from tracker.stream.control import Control

ROOT = Path(__file__).resolve().parents[2]
STATUS: dict[str, Any] = {
    "camera": "top",
    "session": "0123",
    "frame": 907,
    "published_ns": 20_000_000_000,
    "state": "camera_lost",
    "point_names": ["snout", "tail_base"],
    "zones": [
        {"shape": "circle", "name": "port", "unit": "px", "centre": [503.1, 124.8], "radius": 19.8, "outline_px": [[522.9, 124.8]] * 64},
        {"shape": "polygon", "name": "half", "unit": "mm", "corners": [[0.0, 0.0], [9.5, 0.0], [9.5, 9.5]], "outline_px": [[0, 0]] * 3},
    ],
    "image_size": [640, 480],
    "bundle": "mouse",
    "bundle_sha256": "abcdef0123456789" * 4,
    "runtime": "openvino",
    "device": "CPU",
    "precision": "fp32",
    "fps": {"captured": 99.96, "inferred": 99.96},
    "latency_ms": {"engine": {"p50": 0.9, "p99": 1.4, "p99.9": 2.0, "max": 3.256}, "wait": {}},
    "counters": {"captured": 907, "lost": 0, "skipped": 3},
    "field_of_view": "the network sees the whole image",
    "open": [
        {"event": "at_port", "animal": 1, "onset_frame": 850, "since_ns": 19_430_000_000},
        {"event": "freezing", "animal": 0, "onset_frame": 7, "since_ns": None},
    ],
    "correct_within_px": {"snout": 1.8, "tail_base": 3.1},
    "problems": [{"cause": "camera", "sentence": "video0 is gone", "since_ns": 8_000_000_000}],
}


def write_config(folder: Path) -> Path:
    """A configuration whose sockets lie in `folder`."""
    path = folder / "tracker.yaml"
    path.write_text(
        f"name: top\ncamera: {{source: synthetic}}\nengine: {{bundle: model}}\ncontrol: {{bind: 'ipc://{folder}/control'}}\n"
        f"publisher: {{bind: ['ipc://{folder}/stream']}}\n"
    )
    return path


@contextmanager
def answering(config: Path, answer: dict[str, Any] | None) -> Iterator[threading.Event]:
    """A control socket that gives every command one answer, or none; the event says that a command has come."""
    asked, done = threading.Event(), threading.Event()
    with zmq.Context() as context, context.socket(zmq.REP) as server:
        server.bind(load_config(config).control.bind)

        def serve() -> None:
            while not done.is_set():
                if server.poll(50):
                    server.recv()
                    asked.set()
                    if answer is None:
                        done.wait()
                        return
                    server.send(json.dumps(answer).encode())

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield asked
        finally:
            done.set()
            thread.join()


def interrupted(process: "subprocess.Popen[str]") -> str:
    """Ctrl-C, as often as a person needs: one that comes just before the wait begins is noticed only with the next. Returns stderr."""
    for _ in range(10):
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            return process.communicate(timeout=300)[1]
    raise AssertionError("the command goes on waiting")


def printed(status: dict[str, Any] | None) -> str:
    out = StringIO()
    Console(file=out, width=120).print(status_table(status))
    return out.getvalue()


def test_the_status_is_a_table_with_zones_as_configured() -> None:
    lines = [line.rstrip() for line in printed(STATUS).splitlines()]
    assert lines[:2] == ["state          camera_lost", "problem        camera, for 12 s: video0 is gone"]
    assert "engine         openvino on CPU, fp32" in lines
    assert "field of view  the network sees the whole image" in lines
    assert "event on       at_port of animal 1, for 0.6 s, since frame 850" in lines
    assert "event on       freezing of animal 0, since frame 7" in lines
    assert "confidence     chance of an error within 1.8 to 3.1 px (by key point)" in lines
    assert "zone port      circle, centre (503.1, 124.8), radius 19.8 px" in lines
    assert "zone half      polygon, (0, 0), (9.5, 0), (9.5, 9.5) mm" in lines
    assert "               engine  0.90  1.40   2.00  3.26" in lines
    assert "frames so far  captured 907, skipped 3" in lines
    assert len(lines) < 20


def test_the_status_says_what_is_recorded_or_waited_for() -> None:
    armed = printed(STATUS | {"armed": {"events": ["poke", "lick"], "frames": 200, "bytes": 61_440_000}})
    assert "recording      armed: begins with poke or lick; 200 frames (61 MB) are kept for it" in armed
    assert "recording      /data/one, 12 frames" in printed(STATUS | {"recording": {"folder": "/data/one", "frames": 12}, "armed": None})


@pytest.mark.parametrize("status", [None, {"state": "starting"}, {**STATUS, "state": "starting", "bundle": "", "image_size": None}])
def test_a_tracker_that_starts_has_a_status_too(status: dict[str, Any] | None) -> None:
    assert printed(status).split()[:2] == ["state", "starting"]


def test_what_was_not_measured_yet_is_not_shown_as_zero() -> None:
    idle = {"fps": {"captured": 0.0}, "latency_ms": {"engine": dict.fromkeys(("p50", "p99", "p99.9", "max"), 0.0)}}
    assert "0.00" not in printed({**STATUS, **idle})
    assert "per second" not in printed({**STATUS, **idle})


def test_status_prints_the_whole_message_as_json_on_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = write_config(tmp_path)
    with answering(config, {"ok": True, "status": STATUS}):
        assert main(["status", "--config", str(config), "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == STATUS
        assert main(["status", "--config", str(config)]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0] == "state          camera_lost"
        assert not any(line.endswith(" ") or "outline" in line for line in lines)
    with answering(config, {"ok": True, "status": None}):
        assert main(["status", "--config", str(config), "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == {"state": "starting"}


IN_USE = {
    "ok": True,
    "bundle": "mouse",
    "bundle_sha256": "abcdef0123456789" * 4,
    "folder": "/models/new",
    "runtime": "openvino 2026.4.1",
    "device": "CPU Zen",
    "precision": "fp32",
    "field_of_view": "The network sees all of the camera's 64x48 image.",
}


@pytest.mark.parametrize(
    ("command", "answer", "sentence"),
    [
        (
            "swap",
            IN_USE,
            "/models/new is in use: bundle mouse (abcdef012345) in fp32 by openvino 2026.4.1 on CPU Zen. "
            "The network sees all of the camera's 64x48 image.",
        ),
        (
            "swap",
            IN_USE | {"field_of_view": None},
            "/models/new is in use: bundle mouse (abcdef012345) in fp32 by openvino 2026.4.1 on CPU Zen. No frame has come yet.",
        ),
        ("reload", {"ok": True, "events": ["a", "b"], "zones": ["c"]}, "In use are the events a, b and the zone c."),
        ("reload", {"ok": True, "events": ["a"], "zones": []}, "In use are the event a and no zones."),
    ],
)
def test_what_a_command_did_is_a_sentence_for_people_and_json_for_programs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, answer: dict[str, Any], sentence: str
) -> None:
    config, more = write_config(tmp_path), [str(tmp_path)] if command == "swap" else []
    with answering(config, answer):
        assert main([command, *more, "--config", str(config)]) == 0
        assert capsys.readouterr().out == f"{sentence}\n"
        assert main([command, *more, "--config", str(config), "--json"]) == 0
        assert {"ok": True} | json.loads(capsys.readouterr().out) == answer


def test_a_reload_says_on_stderr_what_waits_for_a_restart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = write_config(tmp_path)
    with answering(config, {"ok": True, "events": ["a"], "zones": [], "restart": [f"camera.{key}" for key in "abcdefg"]}):
        assert main(["reload", "--config", str(config)]) == 0
    said = capsys.readouterr()
    assert said.out == "In use are the event a and no zones.\n"
    first = "camera.a, camera.b, camera.c, camera.d, camera.e"
    assert said.err == f"changed in the file, and not in use before the tracker is started again: {first} and 2 more\n"


@pytest.mark.parametrize(("cut_frames", "frames"), [(2, "2 frames had no row and were"), (1, "1 frame had no row and was")])
def test_recovering_a_whole_session_says_again_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], cut_frames: int, frames: str
) -> None:
    folder = write_session(tmp_path / "s", count=6).folder
    closed = json.loads((folder / "closed.json").read_text())
    (folder / "closed.json").write_text(json.dumps(closed | {"recovered": True, "dropped": 7, "cut_frames": cut_frames}))
    assert main(["recover", str(folder)]) == 0
    cut = f"{frames} cut off; 7 others were dropped while it was recorded"
    assert capsys.readouterr().out == f"{folder}: is whole, 6 frames; {cut}\n"


def test_a_refusal_is_the_tracker_s_own_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = write_config(tmp_path)
    busy = "busy: a swap of bundle mouse has been under way for 12 s"
    with answering(config, {"ok": False, "error": busy}):
        assert main(["swap", str(tmp_path), "--config", str(config)]) == 1
    assert capsys.readouterr().err == f"tracker swap: {busy}\n"


def test_a_swap_is_sent_only_to_a_tracker_that_answers_at_once(tmp_path: Path) -> None:
    config, asked = write_config(tmp_path), list[str]()

    def note(request: dict[str, Any]) -> dict[str, Any]:
        asked.append(f"{request['command']} within {(request['until_ns'] - time.monotonic_ns()) / 1e9:.0f} s")
        return {name: value for name, value in IN_USE.items() if name != "ok"}

    with Control(load_config(config).control.bind, {"status": note, "swap": note}):
        assert main(["swap", str(tmp_path), "--config", str(config)]) == 0
    assert asked == ["status within 5 s", "swap within 900 s"]


def test_ctrl_c_while_a_command_waits_is_one_sentence_and_status_130(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    command = [sys.executable, "-m", "tracker", "swap", str(tmp_path), "--config", str(config)]
    with answering(config, None) as asked, subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert asked.wait(300)
            said = interrupted(process)
        finally:
            process.kill()
    assert (process.returncode, said.count("\n")) == (130, 1)
    assert said.startswith("tracker swap: no longer waiting; a tracker that has begun the swap goes on with it")


def test_a_reader_that_goes_away_is_no_fault(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    command = [sys.executable, "-m", "tracker", "check", "--effective", "--config", str(config)]
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with subprocess.Popen(command, cwd=ROOT, env=buffered, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()
        process.wait(timeout=300)
    assert (process.returncode, said) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_output_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    config = tmp_path / "rig.yaml"
    config.write_text("camera: {source: synthetic}\nengine: {bundle: nowhere}\n")
    command = [sys.executable, "-m", "tracker", "check", "--effective", "--config", str(config)]
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, timeout=300, check=False)
    assert ended.returncode == 1
    assert ended.stderr == "tracker check: what it prints cannot be written: No space left on device; give it another place\n"


@pytest.mark.parametrize(("program", "known"), [("tracker", "check"), ("trainer", "compile"), ("calib", "board")])
@pytest.mark.parametrize("asked", [[], ["nothing"], ["KNOWN", "--nothing"]], ids=["no command", "no such command", "no such option"])
def test_a_command_line_that_is_wrong_is_one_sentence_and_status_2(program: str, known: str, asked: list[str]) -> None:
    command = [sys.executable, "-m", program, *(known if word == "KNOWN" else word for word in asked)]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=800, check=False)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr.startswith(program)
    assert answer.stderr.count("\n") == 1
    named = f"{program} {known}" if "KNOWN" in asked else program
    assert answer.stderr.endswith(f"; `{named} --help` lists what it takes\n")


@pytest.mark.parametrize(
    ("command", "meant"),
    [
        ("tracker anlyse film.mp4", "; did you mean analyse?; `tracker --help`"),
        ("tracker run --recrd", "--recrd; did you mean --record?; `tracker run --help`"),
        ("trainer fit --data mouse --minuts=1", "--minuts=1; did you mean --minutes?; `trainer fit --help`"),
        ("trainer fit --data mouse --xyzzy", "unrecognized arguments: --xyzzy; `trainer fit --help`"),
    ],
    ids=["command", "option", "option with its value", "nothing near"],
)
def test_a_misspelt_command_or_option_is_told_what_it_is_near_to(command: str, meant: str) -> None:
    done = subprocess.run([sys.executable, "-m", *command.split()], capture_output=True, text=True, check=False)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert meant in done.stderr
