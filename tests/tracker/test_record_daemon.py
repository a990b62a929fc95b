"""Recording at a whole tracker: commands, status, what is on the disk, and its replay."""

import csv
import json
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import BundleMaker
from tests.tracker.daemon import DEADLINE_S, ROOT, SPOTS, Daemon, wait_for, wait_for_problem, write_config, write_images
from tracker.bundle import read_bundle
from tracker.client import Client
from tracker.export.export_session import Wanted, export_session
from tracker.messages import EventMessage, Message, PoseMessage, StatusMessage
from tracker.recording.read_session import RecordedSession
from tracker.recording.recover import recover, unfinished
from tracker.recording.session import FRAMES_FILE, read_closed, read_description
from tracker.recording.session_chain import read_chain
from tracker.recording.tables import FRAMES, read_table

RULE = {
    "when": "above",
    "on": 300,
    "off": 200,
    "minimum_ms": 0,
    "maximum_gap_ms": 0,
    "refractory_ms": 0,
    "confidence": 0.2,
    "missing": "end",
}


@pytest.fixture(scope="module")
def bundle(make_bundle: BundleMaker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("bundles") / "spot")


def config_of(folder: Path, bundle: Path, *, loop: bool, **settings: Any) -> Path:
    write_images(folder / "images", SPOTS)
    camera = {"source": "image_folder", "folder": str(folder / "images"), "rate_hz": 100, "loop_folder": loop}
    rules: Any = [{"event": "fast", "source": {"kind": "speed", "point": "spot", "unit": "px", "window_ms": 50}, "rule": RULE}]
    recording = {"folder": str(folder / "recordings"), "minimum_free_gb": 0} | settings
    return write_config(folder, bundle, camera, recording=recording, behaviour=rules)


def has_recorded(folder: Path, frames: int) -> Callable[[Message], bool]:
    """A status that says so of a session: one of the session before may still be in the client's queue."""

    def says_so(message: Message) -> bool:
        found = message.recording if isinstance(message, StatusMessage) else None
        return found is not None and found.folder == str(folder) and found.frames > frames

    return says_so


@contextmanager
def disk_full(daemon: Daemon) -> Iterator[None]:
    """No file of the tracker may become longer than its log and a bit, so that its writes fail as on a full disk."""
    limit = len(daemon.words.encode()) + 8192
    before = resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (limit, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    try:
        yield
    finally:
        resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, before)


def tracker(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-m", "tracker", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_recorded_run_holds_every_frame_and_replays_to_the_same_events(tmp_path: Path, bundle: Path) -> None:
    config = config_of(tmp_path, bundle, loop=False)
    heard: list[PoseMessage | EventMessage] = []
    with Client(f"ipc://{tmp_path}/stream") as client:
        command = ["run", "--config", str(config), "--record", "--name", "first", "--meta", "animal=M17", "cage=4"]
        with subprocess.Popen([sys.executable, "-m", "tracker", *command], cwd=ROOT, stderr=subprocess.DEVNULL) as process:
            while (message := client.receive(120.0)) is not None:
                if isinstance(message, PoseMessage | EventMessage):
                    heard.append(message)
                if isinstance(message, StatusMessage) and message.state == "stopping":
                    break
            assert process.wait(300) == 0

    session = RecordedSession(tmp_path / "recordings" / "first")
    assert session.description.meta == {"animal": "M17", "cage": "4"}
    assert session.closed is not None
    assert session.closed.reason == "the camera's file was over", "so that nothing goes on with it"
    described = read_bundle(bundle).description
    assert (session.description.bundle, session.description.bundle_sha256) == (described.name, described.onnx_sha256)
    assert session.description.camera_settings["images"] == 150
    assert session.rows["frame"].to_pylist() == list(range(150))
    assert sum(1 for _ in session.frames()) == 150
    poses = [message for message in heard if isinstance(message, PoseMessage)]
    rows = [row for row in session.rows.to_pylist() if row["points"] is not None]
    assert len(rows) == 150
    by_frame = {row["frame"]: row for row in rows}
    for pose in poses:
        assert by_frame[pose.frame]["points"] == list(pose.animals[0].points["spot"])
        assert by_frame[pose.frame]["published_ns"] == pose.published_ns

    answer = tracker("replay", str(session.folder))
    assert answer.returncode == 0, answer.stderr
    replayed = [json.loads(line) for line in answer.stdout.splitlines()]
    live = [(m.event, m.state, m.frame, m.value, m.reason) for m in heard if isinstance(m, EventMessage)]
    assert live
    assert [(e["name"], e["state"], e["frame"], e["value"], e["reason"]) for e in replayed][-len(live) :] == live

    answer = tracker("export", str(session.folder), "--to", "csv", "--json")
    assert answer.returncode == 0, answer.stderr
    frames, bouts = (list(csv.DictReader(Path(path).read_text().splitlines())) for path in json.loads(answer.stdout)["files"])
    told = [[np.float32(row[f"spot_{column}"]) for column in ("x_px", "y_px", "confidence")] for row in frames]
    assert told == [list(map(np.float32, by_frame[number]["points"])) for number in range(150)]
    began = [(int(bout["on_frame"]), bout["event"]) for bout in bouts if bout["on_frame"]]
    assert set(began) >= {(m.frame, m.event) for m in heard if isinstance(m, EventMessage) and m.state == "on"}


def test_a_running_tracker_starts_tells_of_stops_and_outlives_a_recording(tmp_path: Path, bundle: Path) -> None:
    config = config_of(tmp_path, bundle, loop=True)
    with Client(f"ipc://{tmp_path}/stream") as client, Daemon(config) as daemon:
        wait_for(client, lambda message: isinstance(message, PoseMessage))
        assert daemon.ask("record", "status").stdout == "nothing is being recorded\n"
        answer = daemon.ask("record", "stop")
        assert (answer.returncode, "no session is being recorded" in answer.stderr) == (1, True)

        started = daemon.ask("record", "start", "--name", "one")
        assert started.stdout == f"recording to {tmp_path}/recordings/one\n", started.stderr
        wait_for(client, has_recorded(tmp_path / "recordings" / "one", 20))
        again = daemon.ask("record", "start")
        assert "a session is being recorded" in again.stderr
        wrong = daemon.ask("record", "start", "--name", "../x")
        assert "is not the name of a session's folder" in wrong.stderr

        answer = daemon.ask("record", "stop", "--json")
        assert answer.returncode == 0, answer.stderr + daemon.words
        stopped = json.loads(answer.stdout)
        assert stopped["dropped"] == 0
        assert RecordedSession(tmp_path / "recordings" / "one").rows.num_rows == stopped["frames"] > 20
        lost = tmp_path / "recordings" / "lost"
        daemon.ask("record", "start", "--name", "lost")
        wait_for(client, has_recorded(lost, 20))
        shutil.rmtree(lost)
        status, problem = wait_for_problem(client, "recording")
        assert str(lost) in problem.sentence
        wait_for(client, lambda message: isinstance(message, PoseMessage) and message.frame > status.frame)
        full = tmp_path / "recordings" / "full"
        daemon.ask("record", "start", "--name", "full")
        wait_for(client, has_recorded(full, 100))
        with disk_full(daemon):
            told = wait_for(
                client, lambda message: isinstance(message, StatusMessage) and any(full.name in p.sentence for p in message.problems)
            )
            assert isinstance(told, StatusMessage)
            status = told
            assert (status.recording, status.state) == (None, "tracking")
            assert any(f"{full}: cannot be written: " in problem.sentence for problem in status.problems)
            wait_for(client, lambda message: isinstance(message, PoseMessage) and message.frame > status.frame + 20)
        assert recover(full).closed.frames > 0
        daemon.ask("record", "start", "--name", "two")
        wait_for(client, has_recorded(tmp_path / "recordings" / "two", 20))
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.process.wait(300) == 0
    second = RecordedSession(tmp_path / "recordings" / "two")
    assert second.closed is not None
    assert second.closed.reason == "the tracker ended"
    assert second.closed.frames > 20, second.closed
    assert second.rows.num_rows == sum(1 for _ in second.frames()) == second.closed.frames


def test_a_killed_tracker_leaves_a_session_that_can_be_mended(tmp_path: Path, bundle: Path) -> None:
    config = config_of(tmp_path, bundle, loop=True)
    with Client(f"ipc://{tmp_path}/stream") as client, Daemon(config) as daemon:
        wait_for(client, lambda message: isinstance(message, PoseMessage))
        daemon.ask("record", "start", "--name", "one")
        wait_for(client, has_recorded(tmp_path / "recordings" / "one", 150))
        on_disk = wait_for_rows(tmp_path / "recordings" / "one")
        daemon.process.kill()
    assert unfinished(tmp_path / "recordings") == [tmp_path / "recordings" / "one"]
    with Daemon(config) as daemon, Client(f"ipc://{tmp_path}/stream") as client:
        wait_for(client, lambda message: isinstance(message, PoseMessage))
        assert f"a recording was cut off; mend it with `tracker recover {tmp_path}/recordings/one`" in daemon.words
        (line,) = [line for line in daemon.ask("status").stdout.splitlines() if line.startswith("cut off")]
        assert line.endswith(f"{tmp_path}/recordings/one; `tracker recover {tmp_path}/recordings/one` mends it")
        answer = tracker("recover", str(tmp_path / "recordings" / "one"))
        assert answer.returncode == 0, answer.stderr
        assert "frames in 1 video file, each with its row" in answer.stdout
        assert "cut off" not in daemon.ask("status").stdout
    assert recover(tmp_path / "recordings" / "one").was_whole
    session = RecordedSession(tmp_path / "recordings" / "one")
    assert session.rows["frame"].to_pylist()[: len(on_disk)] == on_disk, "what was on the disk before is all there"
    assert sum(1 for _ in session.frames()) == session.rows.num_rows


def wait_for_rows(folder: Path) -> list[int]:
    """Numbers of the frames whose rows are on the disk, of a session that is being recorded, as soon as there are some."""
    deadline = time.monotonic() + DEADLINE_S
    while not (found := read_table(folder / FRAMES_FILE, FRAMES)["frame"].to_pylist()):
        assert time.monotonic() < deadline, "no row was written"
        time.sleep(0.02)
    return list(found)


def test_a_tracker_begun_again_records_to_the_next_free_name_and_names_the_last(tmp_path: Path, bundle: Path) -> None:
    config = config_of(tmp_path, bundle, loop=True, at_start=True, name="night")
    recordings = tmp_path / "recordings"
    asked = ("--record", "--name", "night")  # by hand, where the name is taken
    runs = (
        ("night", None, (), signal.SIGTERM),
        ("night-2", "night", asked, signal.SIGKILL),
        ("night-3", "night-2", (), signal.SIGINT),
    )
    for name, before, arguments, ended_by in runs:
        with Client(f"ipc://{tmp_path}/stream") as client, Daemon(config, *arguments) as daemon:
            wait_for(client, has_recorded(recordings / name, 20))
            daemon.process.send_signal(ended_by)
            daemon.process.wait(300)
        assert read_description(recordings / name).continues == before
    assert f"{recordings}/night exists, so the session is recorded to {recordings}/night-2" in daemon.words
    closed = [read_closed(recordings / name) for name, *_ in runs]
    assert [each and each.reason for each in closed] == ["the tracker ended", None, "stopped by hand"], "what was cut off is untouched"
    recover(recordings / "night-2")
    written = export_session(read_chain(recordings / "night-2"), Wanted(form="csv", whole=True))
    assert [part.session for part in written.sessions] == [name for name, *_ in runs]
    assert all(part.gap_s is not None and part.gap_s > 0.01 for part in written.sessions[1:]), "longer than from frame to frame"


@pytest.mark.parametrize("is_installed", [True, False], ids=["no space", "no library"])
def test_a_tracker_that_cannot_record_at_its_start_tracks_and_says_so(tmp_path: Path, bundle: Path, is_installed: bool) -> None:
    config = config_of(tmp_path, bundle, loop=True, at_start=True, **({"minimum_free_gb": 1e6} if is_installed else {}))
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    if not is_installed:
        (hidden / "av.py").write_text("raise ImportError('no module av')")
    with Client(f"ipc://{tmp_path}/stream") as client, Daemon(config, PYTHONPATH=f"{hidden}:{ROOT}") as daemon:
        wait_for(client, lambda message: isinstance(message, PoseMessage))
        _, problem = wait_for_problem(client, "recording")
        daemon.stop()
    why = "GB are free, recording.minimum_free_gb is 1e+06" if is_installed else "recording needs PyAV and pyarrow (no module av)"
    assert why in problem.sentence
    assert "the tracker begins without recording: " in daemon.words


def test_a_tracker_without_the_section_says_what_to_add(tmp_path: Path, bundle: Path) -> None:
    write_images(tmp_path / "images", SPOTS)
    camera = {"source": "image_folder", "folder": str(tmp_path / "images"), "rate_hz": 100, "loop_folder": True}
    config = write_config(tmp_path, bundle, camera)
    with Client(f"ipc://{tmp_path}/stream") as client, Daemon(config) as daemon:
        wait_for(client, lambda message: isinstance(message, PoseMessage))
        answer = daemon.ask("record", "start")
    assert answer.returncode == 1
    assert "its configuration has no section recording; add `recording: {}`" in answer.stderr
