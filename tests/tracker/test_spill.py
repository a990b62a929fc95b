"""What waits for the encoder is on the disk, raw, until the session's other files have it."""

import itertools
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pytest

from tests.tracker.daemon import ROOT
from tests.tracker.power_gone import power_gone_after
from tests.tracker.recorded import FROM_HERE, MS, ask, event_at, number_in, picture, pose_of, recorder_of, wait_until
from tests.tracker.sessions import BEGAN_NS, PERIOD_NS, pose_message, setup_message, usual_points, write_session
from tracker.__main__ import main
from tracker.config import load_config
from tracker.errors import RecordingError
from tracker.frame import Frame, Image
from tracker.recording import spill as spill_module
from tracker.recording.inbox import Inbox
from tracker.recording.pending import Given, Synced
from tracker.recording.read_session import RecordedSession
from tracker.recording.recent import Item
from tracker.recording.recorder import Recorder
from tracker.recording.recover import recover
from tracker.recording.session import FRAMES_FILE, read_closed
from tracker.recording.spill import Spill
from tracker.recording.tables import FRAMES, read_table
from tracker.recording.waiting_records import WaitingFrame, as_record, read_waiting, waiting_files, waiting_name

COUNT = 40
FRAME_BYTES = 480 * 640
HELD_UP = """
import time
from pathlib import Path
from tests.tracker.test_spill import record_too_much
record_too_much(Path(sys.argv[1]))
time.sleep(1000)
"""


def noise(number: int) -> Image:
    """Slow to encode without loss, and different for each number."""
    return np.random.default_rng(number).integers(0, 256, (480, 640), np.uint8)


def record_too_much(folder: Path) -> None:
    """For a child process: frames with poses, far faster than they can be encoded."""
    spill_module._BEHIND_NS = 0
    found = load_config(ROOT / "examples" / "synthetic.yaml")
    recorder = recorder_of(found, folder=str(folder.parent), minimum_free_gb=0, preset="medium", crf=1)
    images = [noise(number) for number in range(COUNT)]
    recorder.setup(setup_message(1, frame_of(0)))
    recorder.start(ask(folder))
    for number, image in enumerate(images):
        frame = frame_of(number, image)
        recorder.offer(frame)
        if number == COUNT - 20:
            recorder.setup(setup_message(2, frame))
        if number % 5 != 4:
            recorder.pose(pose_of(frame))
        if number == COUNT - 10:
            recorder.event(event_at(frame))


def frame_of(number: int, image: Image | None = None) -> Frame:
    image = picture(number) if image is None else image
    return Frame(image=image, number=number, exposed_ns=None, received_ns=BEGAN_NS + number * PERIOD_NS)


def ordinals_in(folder: Path, *, with_image: bool = False) -> list[int]:
    records = [record for path in waiting_files(folder) for record in read_waiting(path)]
    return [each.facts.ordinal for each in records if isinstance(each, WaitingFrame) and (each.image is not None or not with_image)]


def test_a_kill_while_frames_wait_for_the_encoder_costs_none_that_the_spill_has(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", FROM_HERE + HELD_UP, str(folder)], cwd=ROOT, env=environment) as child:
        wait_until(lambda: COUNT - 1 in ordinals_in(folder))
        child.send_signal(signal.SIGKILL)
    in_table = read_table(folder / FRAMES_FILE, FRAMES).num_rows

    closed = recover(folder).closed

    session = RecordedSession(folder)
    rows, images = session.rows.to_pylist(), list(session.frames())
    assert closed.encoded_frames > 0
    assert in_table < len(rows) == len(images) == closed.frames == COUNT
    assert [row["frame"] for row in rows] == [row["ordinal"] for row in rows] == list(range(COUNT))
    for number, image in enumerate(images):
        assert np.abs(image.astype(int) - noise(number)).max() <= 8, "as one of the same quality was encoded"
    assert [row["frame"] for row in rows if row["points"] is None] == list(range(4, COUNT, 5))
    assert [event["frame"] for event in session.events.to_pylist()] == [COUNT - 10]
    assert len(session.setups()) == 2
    assert closed.dropped == 0
    assert not waiting_files(folder)
    assert recover(folder).was_whole


def test_a_stop_leaves_no_raw_file(recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spill_module, "_ROWS_LATE_NS", 0)  # any row waits longer
    folder, numbers = tmp_path / "s", itertools.count()

    def offered_until_written() -> bool:
        recorder.offer(frame_of(next(numbers)))
        return bool(waiting_files(folder))

    recorder.start(ask(folder))
    wait_until(offered_until_written)
    assert recorder.stop().frames == next(numbers)
    assert sorted(path.suffix for path in folder.iterdir()) == [".arrows", ".arrows", ".json", ".json", ".jsonl", ".mkv"]


def waiting_session(folder: Path, given: Sequence[Given], *, rows: int = 11) -> Path:
    """A session of 11 frames that was cut off, with so many rows, and a raw file of what was given."""
    write_session(folder, range(12), closed=False)  # the last was still in the encoder
    table = read_table(folder / FRAMES_FILE, FRAMES).slice(0, rows)
    with pa.ipc.new_stream(folder / FRAMES_FILE, FRAMES) as stream:
        stream.write_table(table)
    with (folder / waiting_name(1)).open("wb") as file:
        for each in given:
            begin, image = as_record(each, with_image=True)
            file.write(begin + (image.tobytes() if image is not None else b""))
    return folder


def frames_given(numbers: Sequence[int], *, without_image: Sequence[int] = ()) -> list[Given]:
    """Frames with their poses."""
    given = []
    for number in numbers:
        frame = frame_of(number, np.empty((0, 0), np.uint8) if number in without_image else None)
        pose = pose_message(frame, usual_points(number) or {}, setup=1)
        given += [Given(item=frame, ordinal=number), Given(item=pose)]
    return given


def check(folder: Path, numbers: list[int]) -> None:
    """Rows, frames and poses go together."""
    session = RecordedSession(folder)
    rows = session.rows.to_pylist()
    assert [row["frame"] for row in rows] == [number_in(image) for image in session.frames()] == numbers
    assert [row["ordinal"] for row in rows] == list(range(len(numbers)))
    assert [row["points"][0] for row in rows] == [float(number) for number in numbers]


@pytest.mark.parametrize("rows", [11, 6, 0])
def test_frames_in_the_video_get_their_rows_and_those_behind_are_encoded(tmp_path: Path, rows: int) -> None:
    folder = waiting_session(tmp_path / "s", frames_given(range(rows // 2, 20), without_image=range(8)), rows=rows)
    closed = recover(folder).closed
    check(folder, list(range(20)))
    assert (closed.segments, closed.encoded_frames, closed.cut_frames, closed.dropped) == ([11, 9], 9, 0, 0)


def test_a_torn_record_is_cut(tmp_path: Path) -> None:
    folder = waiting_session(tmp_path / "s", [*frames_given(range(8, 15)), Given(item=frame_of(15), ordinal=15)])
    path = folder / waiting_name(1)
    os.truncate(path, path.stat().st_size - 1)
    assert recover(folder).closed.dropped == 0
    check(folder, list(range(15)))


def test_a_record_with_a_wrong_checksum_is_left_out_and_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = waiting_session(tmp_path / "s", frames_given(range(8, 20)))
    path = folder / waiting_name(1)
    content = bytearray(path.read_bytes())
    content[content.index(frame_of(14).image.tobytes()) + 100] ^= 1
    path.write_bytes(content)
    assert main(["recover", str(folder)]) == 0
    check(folder, [number for number in range(20) if number != 14])
    said = capsys.readouterr().out
    assert "19 frames in 2 video files, each with its row; 8 of them had waited for the encoder, and were encoded by recovery" in said
    assert "; 1 others were dropped while it was recorded or went with damaged records of what waited" in said


def test_frames_without_rows_before_a_gap_are_put_aside_as_ever(tmp_path: Path) -> None:
    folder = waiting_session(tmp_path / "s", frames_given(range(10, 20)), rows=5)
    closed = recover(folder).closed
    check(folder, [*range(5), *range(10, 20)])
    assert (closed.cut_frames, closed.dropped) == (6, 5)
    assert (folder / "video-001.without-rows.mkv").exists()


@pytest.mark.parametrize("renamed", range(6))
def test_an_interrupted_recovery_loses_nothing_that_waited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, renamed: int) -> None:
    numbers = [*range(13), *range(15, 20)]
    given = frames_given(numbers[4:])
    expected = recover(waiting_session(tmp_path / "uninterrupted", given, rows=6)).closed
    folder = waiting_session(tmp_path / "s", given, rows=6)

    with power_gone_after(renamed, monkeypatch), pytest.raises(RecordingError, match="cannot be"):
        recover(folder)
    assert recover(folder).closed == expected == read_closed(folder)
    check(folder, numbers)
    assert {path.name for path in folder.iterdir()} == {path.name for path in (tmp_path / "uninterrupted").iterdir()}


@pytest.mark.parametrize("removed", range(3))
def test_a_recovery_that_ends_while_it_removes_what_waited_has_lost_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, removed: int
) -> None:
    """Three raw files; the process ends at each removal in turn, and what is left of them is never taken for all."""
    folder, real, count = waiting_session(tmp_path / "s", frames_given(range(8, 12))), Path.unlink, 0
    for number, first in ((2, 12), (3, 16)):
        more = waiting_session(tmp_path / f"more-{number}", frames_given(range(first, first + 4)))
        (more / waiting_name(1)).rename(folder / waiting_name(number))

    def ended(path: Path, missing_ok: bool = False) -> None:
        nonlocal count
        if path.name.startswith("waiting-"):
            if count == removed:
                raise KeyboardInterrupt
            count += 1
        real(path, missing_ok=missing_ok)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(Path, "unlink", ended)
        with pytest.raises(KeyboardInterrupt):
            recover(folder)
    assert len(waiting_files(folder)) == 3 - removed
    assert recover(folder, cut=True).was_whole
    check(folder, list(range(20)))
    assert not waiting_files(folder)


def test_damage_in_a_raw_file_costs_the_records_that_it_is_in(tmp_path: Path) -> None:
    folder = waiting_session(tmp_path / "s", frames_given(range(8, 20)))
    path = folder / waiting_name(1)
    content = bytearray(path.read_bytes())
    begin = content.rindex(b"RWR1", 0, content.index(frame_of(13).image.tobytes()))
    content[begin : begin + 20] = bytes(20)
    path.write_bytes(content)
    recover(folder)
    check(folder, [number for number in range(20) if number != 13])


def test_what_is_called_like_a_raw_file_and_is_none_is_passed_by(tmp_path: Path) -> None:
    folder = waiting_session(tmp_path / "s", frames_given(range(8, 14)))
    (folder / waiting_name(2)).mkdir()
    os.mkfifo(folder / waiting_name(3))
    (folder / waiting_name(4)).symlink_to(tmp_path / "nowhere")
    recover(folder)
    check(folder, list(range(14)))


class Behind:
    """A spill beside an inbox whose frames nobody takes, and its clock."""

    def __init__(self, folder: Path, *, minimum_free_gb: float = 0.0) -> None:
        self.now_ns = BEGAN_NS
        self.folder = folder
        self.inbox = Inbox(queue_frames=1000, clock=lambda: self.now_ns)
        self.spill = Spill(folder, self.inbox.pending, minimum_free_gb=minimum_free_gb, clock=lambda: self.now_ns)
        self.spill.begin()

    def offer(self, count: int) -> None:
        for number in range(count):
            self.inbox.offer(Frame(image=noise(number), number=number, exposed_ns=None, received_ns=self.now_ns))

    def take(self, count: int) -> list[Item | None]:
        taken = [self.inbox.take(0) for _ in range(count)]
        for _ in taken:
            self.inbox.frame_done()
        return taken


@pytest.fixture
def behind(tmp_path: Path) -> Iterator[Behind]:
    made = Behind(tmp_path)
    yield made
    made.spill.end()


def test_frames_that_wait_are_written_and_the_file_goes_when_they_are_synced(behind: Behind) -> None:
    behind.offer(20)
    assert not waiting_files(behind.folder), "they have not waited for long"
    behind.now_ns += 500 * MS
    wait_until(lambda: ordinals_in(behind.folder, with_image=True) == list(range(20)))
    behind.take(20)
    behind.inbox.pending.synced(Synced(frames=20, rows=19, rows_until_ns=behind.now_ns))
    behind.offer(1)
    behind.now_ns += 1000 * MS
    wait_until(lambda: len(ordinals_in(behind.folder)) == 21)
    assert waiting_files(behind.folder), "a row is not written"
    behind.take(1)
    behind.inbox.pending.synced(Synced(frames=21, rows=21, rows_until_ns=behind.now_ns))
    wait_until(lambda: not waiting_files(behind.folder))


def test_frames_whose_rows_wait_for_poses_are_written_without_their_images(behind: Behind) -> None:
    behind.offer(20)
    behind.take(20)
    behind.inbox.pending.synced(Synced(frames=15, rows=5, rows_until_ns=behind.now_ns))
    behind.now_ns += 1000 * MS
    wait_until(lambda: ordinals_in(behind.folder) == list(range(5, 15)))
    assert ordinals_in(behind.folder, with_image=True) == []


def test_what_the_disk_does_not_take_in_time_is_left_out_and_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(spill_module, "_ROUND_BYTES", 5 * FRAME_BYTES)
    behind = Behind(tmp_path)
    for _ in range(2):
        behind.offer(20)
        behind.now_ns += 500 * MS
        wait_until(lambda: 19 in [number % 20 for number in ordinals_in(tmp_path)])
    wait_until(lambda: len(ordinals_in(tmp_path)) == 40)
    behind.spill.end()
    assert ordinals_in(tmp_path, with_image=True)[:5] == [15, 16, 17, 18, 19], "the newest: the encoder takes the oldest next"
    [said] = [record.getMessage() for record in caplog.records]
    assert said.startswith("the disk is too slow: some of what waits for the encoder would be lost by a power cut or a kill")


def test_a_disk_with_little_space_ends_the_spill_with_one_warning_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    behind = Behind(tmp_path, minimum_free_gb=1e6)
    behind.offer(20)
    behind.now_ns += 500 * MS
    wait_until(lambda: not behind.spill.is_alive)
    [said] = [record.getMessage() for record in caplog.records]
    assert said.startswith(f"{tmp_path}: little space is left; free space or choose another folder; what waits")
    assert not list(tmp_path.iterdir())
    assert len(behind.take(20)) == 20


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("mount") is None, reason="needs root to mount a small file system")
def test_a_disk_that_fills_up_ends_the_spill_and_gets_its_space_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(spill_module, "_KEPT_FREE_BYTES", -(1 << 40))
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], capture_output=True, check=False).returncode:
        pytest.skip("mounting is not permitted here")
    try:
        behind = Behind(disk)
        behind.offer(20)
        behind.now_ns += 500 * MS
        wait_until(lambda: not behind.spill.is_alive)
        assert [record.getMessage().partition(";")[0] for record in caplog.records] == [f"{disk}: No space left on device"]
        assert not list(disk.iterdir())
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_recorder_whose_spill_has_ended_records_on(recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spill_module, "_ROWS_LATE_NS", 0)
    monkeypatch.setattr(spill_module, "_KEPT_FREE_BYTES", 1 << 60)
    numbers = itertools.count()

    def offered_until_ended() -> bool:
        recorder.offer(frame_of(next(numbers)))
        return recorder._recording is not None and not recorder._recording._spill.is_alive

    recorder.start(ask(tmp_path / "s"))
    wait_until(offered_until_ended)
    for _ in range(20):
        recorder.offer(frame_of(next(numbers)))
    assert recorder.stop().frames == next(numbers)
    assert RecordedSession(tmp_path / "s").rows["frame"].to_pylist() == list(range(next(numbers) - 1))
