"""Sessions on the disk: every frame with its row and pose, whatever the disk, the encoder or the power does."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from tests.tracker.daemon import DEADLINE_S, ROOT
from tests.tracker.recorded import (
    FROM_HERE,
    HEIGHT,
    HIGH,
    MS,
    WIDE,
    WIDTH,
    ask,
    event_at,
    feed,
    number_in,
    picture,
    pose_of,
    recorder_of,
    wait_until,
)
from tracker.commands.record import duration, note
from tracker.config import Config, RecordingConfig
from tracker.errors import RecordingError
from tracker.frame import Frame, Image
from tracker.recording.backlog import Backlog
from tracker.recording.describe import session_folder
from tracker.recording.place import check_place, free_folder
from tracker.recording.read_session import RecordedSession
from tracker.recording.recorder import Recorder
from tracker.recording.recover import recover
from tracker.recording.session import FRAMES_FILE, Description, read_closed
from tracker.recording.tables import FRAMES, read_table


def test_every_frame_has_its_row_and_every_row_its_pose_or_none(recorder: Recorder, tmp_path: Path) -> None:
    recorder.start(ask(tmp_path / "s", animal="M17"))
    frames = feed(recorder, 60)
    assert recorder.stop().frames == 60

    session = RecordedSession(tmp_path / "s")
    rows = session.rows.to_pylist()
    assert [row["frame"] for row in rows] == [number_in(image) for image in session.frames()] == list(range(60))
    assert [row["ordinal"] for row in rows] == list(range(60))
    assert [row["received_ns"] for row in rows] == [frame.received_ns for frame in frames]
    assert [row["exposed_ns"] for row in rows] == [7 * number for number in range(60)]
    assert [row["frame"] for row in rows if row["points"] is None] == list(range(4, 60, 5))
    row = rows[3]
    np.testing.assert_array_equal(np.array(row["points"], np.float32), np.array([1.25, np.nan, 0.5, 3, 2, 0.75], np.float32))
    assert (row["taken_ns"], row["setup"], row["motion"], row["mm"]) == (frames[3].received_ns + MS, 1, 0.125, [])
    assert row["ended"] == [{"event": "poke", "animal": 0, "reason": "missing"}]
    assert row["scores"] == [("rearing", 0.25)]
    (event,) = session.events.to_pylist()
    assert (event["event"], event["frame"], event["value"]) == ("poke", 7, 1.5)
    assert session.description.meta == {"animal": "M17"}
    assert session.closed is not None
    assert (session.closed.frames, session.closed.dropped, session.closed.reason) == (60, 0, "stopped")


def test_a_camera_that_has_ended_is_recorded_whole_however_slow_the_encoder(
    recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracker.recording.recorder._END_S", 0.0)
    for hurried, name in ((False, "ended"), (True, "told")):
        recorder.start(ask(tmp_path / name))
        feed(recorder, 200)
        recorder.close(hurried=lambda hurried=hurried: hurried)  # type: ignore[misc]
        frames, dropped = recorder.counts
        assert frames + dropped == 200
        assert (dropped > 0) == hurried


def test_events_that_end_with_the_tracker_are_recorded(recorder: Recorder, tmp_path: Path) -> None:
    """They come after the last pose, with nothing behind them to wait for."""
    recorder.start(ask(tmp_path / "s"))
    last = feed(recorder, 19)[-1]
    for _ in range(200):  # more than are taken on the way
        recorder.event(event_at(last))
    recorder.stop()

    assert RecordedSession(tmp_path / "s").events["frame"].to_pylist() == [7, *[18] * 200]


@pytest.mark.parametrize(("height", "width"), [(HIGH, WIDE), (HIGH + 1, WIDE + 1)])
def test_grey_levels_come_back_as_they_were(recording_config: Config, tmp_path: Path, encoder: str, height: int, width: int) -> None:
    """A video in limited range would raise black and lower white."""
    recorder = recorder_of(recording_config, minimum_free_gb=0, encoder=encoder)
    recorder.start(ask(tmp_path / "s"))
    image = feed(recorder, 12, height=height, width=width)[5].image
    recorder.stop()
    session = RecordedSession(tmp_path / "s")
    assert session.description.video.encoder == encoder
    found = list(session.frames())[5]
    other = _with_opencv(tmp_path / "s" / "video-001.mkv", 5)[:height, :width, 0]
    for read in (found, other):
        assert read.shape == image.shape
        assert all(abs(float(read[image == level].mean()) - level) < 1.5 for level in (0, 40, 220))


@pytest.mark.parametrize(("height", "width"), [(64, 96), (65, 97)])
def test_colours_come_back_as_they_were(recorder: Recorder, tmp_path: Path, height: int, width: int) -> None:
    image = np.zeros((height, width, 3), np.uint8)
    patches = {(200, 30, 30): slice(0, 32), (30, 200, 30): slice(32, 64), (30, 30, 255): slice(64, width)}
    for colour, columns in patches.items():
        image[:, columns] = colour
    recorder.start(ask(tmp_path / "s"))
    for number in range(12):
        recorder.offer(Frame(image=image, number=number, exposed_ns=None, received_ns=number * 10 * MS))
    recorder.stop()
    found = list(RecordedSession(tmp_path / "s").frames())[5]
    other = _with_opencv(tmp_path / "s" / "video-001.mkv", 5)[:height, :width, ::-1]
    for read in (found, other):
        assert read.shape == image.shape
        for colour, columns in patches.items():
            inside = read[:, columns.start + 6 : columns.stop - 6].reshape(-1, 3).mean(0)
            np.testing.assert_allclose(inside, colour, atol=6)


def _with_opencv(video: Path, number: int) -> Image:
    capture = cv2.VideoCapture(str(video))
    for _ in range(number + 1):
        ok, image = capture.read()
        assert ok
    return np.asarray(image, np.uint8)


def test_sixty_seeks_find_the_frame_that_was_asked_for(recorder: Recorder, tmp_path: Path) -> None:
    recorder.start(ask(tmp_path / "s"))
    start, lost = time.monotonic_ns(), {17, 18, 19, 90, 171}  # by the camera
    numbers = [number for number in range(255) if number not in lost]
    for number in numbers:
        recorder.offer(Frame(image=picture(number), number=number, exposed_ns=None, received_ns=start + number * 10 * MS))
    wait_until(lambda: recorder.counts[0] == 250)
    recorder.stop()
    capture = cv2.VideoCapture(str(tmp_path / "s" / "video-001.mkv"))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 250
    for number in np.random.default_rng(0).integers(0, 250, 60).tolist():
        capture.set(cv2.CAP_PROP_POS_FRAMES, number)
        assert number_in(np.asarray(capture.read()[1][:, :, 0], np.uint8)) == numbers[number]


def test_a_table_cut_at_any_byte_gives_its_whole_batches(recorder: Recorder, tmp_path: Path) -> None:
    recorder.start(ask(tmp_path / "s"))
    for begin in (0, 40):
        feed(recorder, 40, begin=begin)
        time.sleep(0.7)  # a sync, and so a batch
    recorder.stop()
    whole = (tmp_path / "s" / FRAMES_FILE).read_bytes()
    cut = tmp_path / "cut.arrows"
    counts = set()
    for length in [*range(0, len(whole), 97), len(whole)]:
        cut.write_bytes(whole[:length])
        with suppress(RecordingError):  # not even the columns were written
            counts.add(read_table(cut, FRAMES).num_rows)
    assert len(counts) >= 3
    assert max(counts) == 80


def test_what_the_encoder_cannot_take_is_dropped_counted_and_said(recording_config: Config, tmp_path: Path) -> None:
    recorder = recorder_of(recording_config, queue_frames=4, preset="medium")
    recorder.start(ask(tmp_path / "s"))
    feed(recorder, 12)
    wait_until(lambda: recorder.counts[0] > 0)
    for number in range(400):
        recorder.offer(
            Frame(
                image=picture(number, height=480, width=640)[:HEIGHT, :WIDTH],
                number=number,
                exposed_ns=None,
                received_ns=time.monotonic_ns(),
            )
        )
    dropped = recorder.counts[1]
    assert dropped > 0
    assert "are not recorded: the encoder is behind" in str(recorder.problem)
    closing = recorder.stop()
    session = RecordedSession(tmp_path / "s")
    assert session.rows.num_rows == closing.frames
    assert closing.frames + closing.dropped == 412
    frames, dropped_before = (session.rows[name].to_pylist()[12:] for name in ("frame", "record_dropped"))
    assert dropped_before == [number - place for place, number in enumerate(frames)], "all that are missing before a frame, and no more"


def test_an_encoder_a_second_behind_is_in_the_log_once_and_so_is_its_catching_up(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    now_ms = [10_000]
    backlog = Backlog(tmp_path, lambda: now_ms[0] * MS)
    for age_ms in (2000, 100, 800, 1200, 1500, 900, 1300, 200, 100):  # the first came before the session was begun
        backlog.look(received_ns=(now_ms[0] - age_ms) * MS, waiting=age_ms // 10)
        now_ms[0] += 2000
    behind, caught_up = [record.getMessage() for record in caplog.records]
    assert behind.startswith("the encoder is behind by 1.2 s: until it has caught up, frames that wait for it are written raw")
    assert behind.endswith(f"folder={tmp_path} waiting=120")
    assert caught_up == f"the encoder has caught up: folder={tmp_path} after_s=8.0"


def test_a_recorder_that_is_behind_says_so_in_the_log(
    recorder: Recorder, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracker.recording.backlog._LONG_NS", 0)  # any frame waits longer
    recorder.start(ask(tmp_path / "s"))
    feed(recorder, 12)
    recorder.stop()
    assert "the encoder is behind by 0." in caplog.text


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("mount") is None, reason="needs root to mount a small file system")
def test_a_disk_that_is_full_at_the_start_is_said_and_leaves_nothing(recording_config: Config, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(disk)], capture_output=True, check=False).returncode:
        pytest.skip("mounting is not permitted here")
    try:
        (disk / "full").write_bytes(bytes(16 * 1024))
        recorder = recorder_of(recording_config)
        recorder.start(ask(disk / "s"))
        feed(recorder, 12)
        wait_until(lambda: recorder.status is None)
        assert "/s: cannot be written: No space left on device; free space" in str(recorder.problem)
        assert [path.name for path in disk.iterdir()] == ["full"]
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_video_file_ends_by_time_and_where_the_camera_was_away(recording_config: Config, tmp_path: Path) -> None:
    recorder = recorder_of(recording_config, segment_s=1.0)
    recorder.start(ask(tmp_path / "s"))
    feed(recorder, 30, rate_hz=20)  # 1.5 s
    wait_until(lambda: recorder.counts[0] == 30)
    wait_until(lambda: recorder.status is not None and recorder.status.segment == 3)  # finished, for no frame comes
    feed(recorder, 10, begin=30, rate_hz=20)
    recorder.stop()
    session = RecordedSession(tmp_path / "s")
    assert session.closed is not None
    assert session.closed.segments == [20, 10, 10]
    assert session.rows["segment"].to_pylist() == [1] * 20 + [2] * 10 + [3] * 10
    assert [number_in(image) for image in session.frames()] == list(range(40))


def test_a_recorder_that_is_behind_does_not_take_the_camera_for_away(recording_config: Config, tmp_path: Path) -> None:
    """Its clock runs so fast that more than a second lies between one frame and the next."""
    recorder, offered = recorder_of(recording_config, clock=lambda: 1_000_000 * time.monotonic_ns()), threading.Event()
    assert recorder._rig is not None
    describe = recorder._rig.describe

    def described(first: list[Frame], meta: dict[str, str]) -> Description:
        assert offered.wait(DEADLINE_S)
        return describe(first, meta)

    recorder._rig = replace(recorder._rig, describe=described)
    recorder.start(ask(tmp_path / "s"))
    feed(recorder, 40)
    offered.set()
    wait_until(lambda: recorder.counts[0] == 40)
    recorder.stop()

    assert RecordedSession(tmp_path / "s").rows["segment"].to_pylist() == [1] * 40


def test_a_session_ends_when_its_time_is_over(recorder: Recorder, tmp_path: Path) -> None:
    recorder.start(ask(tmp_path / "s", seconds=0.5))
    feed(recorder, 100)
    wait_until(lambda: recorder.status is None)
    closed = read_closed(tmp_path / "s")
    assert closed is not None
    assert (closed.frames, closed.reason) == (50, "its time was over")


def test_a_session_without_a_frame_leaves_nothing(recorder: Recorder, tmp_path: Path) -> None:
    recorder.start(ask(tmp_path / "s"))
    recorder.stop()
    assert not (tmp_path / "s").exists()


def test_a_second_session_and_a_folder_that_exists_are_refused(recorder: Recorder, tmp_path: Path) -> None:
    recorder.start(ask(tmp_path / "s"))
    with pytest.raises(RecordingError, match=r"a session is being recorded to .*; stop it first"):
        recorder.start(ask(tmp_path / "t"))
    recorder.stop()
    (tmp_path / "t").mkdir()
    with pytest.raises(RecordingError, match="t: exists; a session begins in a folder of its own"):
        recorder.start(ask(tmp_path / "t"))
    with pytest.raises(RecordingError, match="no session is being recorded"):
        recorder.stop()


def test_a_disk_with_too_little_space_is_refused_before_a_frame_is_lost(recording_config: Config, tmp_path: Path) -> None:
    recorder = recorder_of(recording_config, minimum_free_gb=1e6)
    with pytest.raises(RecordingError, match=r"GB are free, recording.minimum_free_gb is 1e\+06; free space"):
        recorder.start(ask(tmp_path / "s"))
    assert not (tmp_path / "s").exists()


FULL_DISK = """
import resource, signal, time
from pathlib import Path
from tests.tracker.recorded import ask, feed, recorder_of
from tests.tracker.daemon import ROOT
from tracker.config import load_config
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
recorder = recorder_of(load_config(ROOT / "examples" / "synthetic.yaml"), minimum_free_gb=0)
resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))
recorder.start(ask(Path(sys.argv[1])))
begin = 0
while recorder.status is not None and begin < 3000:
    feed(recorder, 5, begin=begin)
    begin += 5
    time.sleep(0.05)
print(recorder.problem)
"""


def test_a_full_disk_ends_the_session_with_a_sentence_and_keeps_what_is_there(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk: the same system calls fail."""
    command = [sys.executable, "-c", FROM_HERE + FULL_DISK, str(tmp_path / "s")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE_S, check=False, env=environment)
    assert "cannot be written" in answer.stdout, answer.stderr
    assert "tracker recover" in answer.stdout
    recover(tmp_path / "s")
    session = RecordedSession(tmp_path / "s")
    assert session.rows.num_rows == sum(1 for _ in session.frames()) > 0


def test_a_folder_deleted_under_a_recording_is_said(recorder: Recorder, tmp_path: Path) -> None:
    recorder.start(ask(tmp_path / "s"))
    feed(recorder, 30)
    wait_until(lambda: recorder.counts[0] == 30)
    for path in (tmp_path / "s").iterdir():
        path.unlink()
    (tmp_path / "s").rmdir()
    feed(recorder, 10, begin=30)
    wait_until(lambda: recorder.status is None)
    assert "was deleted while it was being written" in str(recorder.problem)


def test_names_and_notes_are_filled_in_or_refused(tmp_path: Path) -> None:
    settings = RecordingConfig(folder=str(tmp_path), name="{camera}_{animal}", meta={"lab": "east"})
    assert session_folder(settings, None, camera="top", meta={"animal": "M17"}) == tmp_path / "top_M17"
    with pytest.raises(RecordingError, match="'animal', which has no value; give it with --meta"):
        session_folder(settings, None, camera="top", meta={})
    with pytest.raises(RecordingError, match="is not the name of a session's folder"):
        session_folder(settings, "../elsewhere", camera="top", meta={})
    assert session_folder(settings, "night-1_{animal}", camera="top", meta={"animal": "M 17"}) == tmp_path / "night-1_M 17"
    assert duration("30min") == 1800
    assert note("animal=M=17") == ("animal", "M=17")


def test_json_of_a_session_can_be_read_without_rigtrack(recorder: Recorder, tmp_path: Path) -> None:
    recorder.start(ask(tmp_path / "s"))
    feed(recorder, 12)
    recorder.stop()
    said = json.loads((tmp_path / "s" / "session.json").read_text())
    settings = {"crf": 23, "preset": "superfast", "encoder": "libx264"}
    assert said["video"] == {"width": WIDTH, "height": HEIGHT, "colour": False, "rate_hz": 100.0, **settings}
    assert said["camera_description"] == "a camera of the test's"
    assert {"rigtrack", "python", "av", "pyarrow"} <= said["versions"].keys()
    assert said["config"]["camera"]["source"] == "synthetic"


def test_a_recording_ends_while_the_loop_goes_on(recorder: Recorder, tmp_path: Path) -> None:
    recorder.start(ask(tmp_path / "s"))
    frames = feed(recorder, 20)
    ended = threading.Event()

    def go_on() -> None:
        while not ended.wait(0.001):
            recorder.pose(pose_of(frames[0]))

    loop = threading.Thread(target=go_on)
    loop.start()
    try:
        assert recorder.stop().frames == 20
    finally:
        ended.set()
        loop.join()
    assert RecordedSession(tmp_path / "s").rows.num_rows == 20


@pytest.mark.parametrize(
    "name", ["{date:>300000000}", "{date.__class__}", "a\nb", ".hidden", " ", "\ud800", "{animal", "", "a b", "night.1", "Käfig"]
)
def test_a_name_is_filled_in_and_never_formatted(tmp_path: Path, name: str) -> None:
    settings = RecordingConfig(folder=str(tmp_path))
    with pytest.raises(RecordingError, match=r"is not the name of a session's folder|has no value"):
        session_folder(settings, name, camera="top", meta={})


def test_a_place_where_no_session_can_be_written_is_found_before_one_begins(tmp_path: Path) -> None:
    there = RecordingConfig(folder=str(tmp_path / "new" / "sessions"), minimum_free_gb=0)
    assert "GB are free" in check_place(there)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(RecordingError, match="where no session can be written: Not a directory"):
        check_place(RecordingConfig(folder=str(tmp_path / "file")))
    with pytest.raises(RecordingError, match="free space, or record to another disk"):
        check_place(msgspec.structs.replace(there, minimum_free_gb=1e6))


def test_the_next_free_name_passes_over_whatever_is_there(tmp_path: Path) -> None:
    assert free_folder(tmp_path / "s") == tmp_path / "s"
    (tmp_path / "s").write_text("a file", encoding="utf-8")
    (tmp_path / "s-2").mkdir()
    (tmp_path / "s-3").symlink_to(tmp_path / "nowhere")
    assert free_folder(tmp_path / "s") == tmp_path / "s-4"
    assert free_folder(tmp_path / "not" / "there") == tmp_path / "not" / "there"


def test_an_event_of_the_last_frame_is_recorded(recorder: Recorder, tmp_path: Path) -> None:
    """The loop gives it after the frame's pose, which the end of the session waits for."""
    recorder.start(ask(tmp_path / "s"))
    frames = feed(recorder, 15)
    wait_until(lambda: recorder.counts[0] == 15)
    stopping = threading.Thread(target=recorder.stop)
    stopping.start()
    recording = recorder._recording
    assert recording is not None
    wait_until(lambda: not recording.takes_frames)
    for _ in range(2):  # it has seen that it ends once it has taken these
        recorder.pose(pose_of(frames[13]))
        wait_until(lambda: recording._inbox.is_empty)
    recorder.pose(pose_of(frames[14]))
    recorder.event(event_at(frames[14]))
    stopping.join()
    session = RecordedSession(tmp_path / "s")
    assert session.rows["points"][14].as_py() is not None
    assert [row["frame"] for row in session.events.to_pylist()] == [7, 14]
