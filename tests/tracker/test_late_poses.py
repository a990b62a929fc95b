"""Poses that come long after their frames: which are recorded, and what is said of the others. The test moves the clock."""

import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import msgspec
import pytest

from tests.tracker.daemon import ROOT
from tests.tracker.meanwhile import meanwhile
from tests.tracker.recorded import MS, ask, number_in, picture, pose_of, recorder_of, wait_until
from tracker.config import Config, RecordingConfig, load_config
from tracker.errors import RecordingError
from tracker.frame import Frame
from tracker.recording.describe import describe
from tracker.recording.read_session import RecordedSession, as_recorded
from tracker.recording.recorder import Recorder
from tracker.recording.recover import recover
from tracker.recording.session import SESSION_FILE, Description, read_closed, read_description, write_part
from tracker.recording.session_writer import Limits, SessionWriter

WAIT_NS = 5_000 * MS
STEP_NS = 600 * MS  # longer than from one sync to the next
LONG_NS = 1 << 60


class Clock:
    """A clock that the test moves."""

    now_ns = 10**12

    def __call__(self) -> int:
        return self.now_ns


def frame_at(received_ns: int, number: int) -> Frame:
    return Frame(image=picture(number), number=number, exposed_ns=None, received_ns=received_ns)


class Session:
    """A session written frame by frame, 0.6 s apart, as by a loop that is so many frames behind."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.clock = Clock()
        self.frames: list[Frame] = []
        config = load_config(ROOT / "examples" / "synthetic.yaml")
        first = [frame_at(0, 0), frame_at(STEP_NS, 1)]
        about = describe(config, RecordingConfig(), first, camera_description="of the test's", stream_session="a", meta={})
        limits = Limits(segment_ns=LONG_NS, idle_ns=LONG_NS, pose_wait_ns=WAIT_NS)
        self.writer = SessionWriter(folder, about, limits, clock=self.clock)

    def take(self) -> None:
        self.clock.now_ns += STEP_NS
        self.frames.append(frame_at(self.clock.now_ns, len(self.frames)))
        self.writer.frame(self.frames[-1], dropped=0)
        self.writer.tick()

    def pose(self, number: int) -> None:
        message = pose_of(self.frames[number])
        self.writer.pose(replace(message, published_ns=self.clock.now_ns))

    def close(self) -> list[int]:
        """Returns the numbers of the frames that have a pose."""
        self.writer.close(reason="stopped", dropped=0)
        rows = RecordedSession(self.writer.folder).rows.to_pylist()
        assert [row["frame"] for row in rows] == list(range(len(self.frames)))
        return [row["frame"] for row in rows if row["points"] is not None]


def test_a_loop_that_is_always_far_behind_has_every_pose_recorded(tmp_path: Path) -> None:
    session, posed = Session(tmp_path / "s"), 0
    for number in range(60):
        session.take()
        while posed < max(number // 2, number - 20):  # slower than the camera, until 20 frames wait: 12 s
            session.pose(posed)
            posed += 1
    for late in range(posed, 60):
        session.pose(late)
    assert session.close() == list(range(60))
    assert session.writer.late_poses == 0


def test_a_loop_that_stood_still_loses_late_poses_only_and_they_are_counted(tmp_path: Path) -> None:
    session = Session(tmp_path / "s")
    for number in range(3):
        session.take()
        session.pose(number)
    for _ in range(12):  # 7.2 s without a pose; every frame waits for its own
        session.take()
    for number in range(3, 15):
        session.pose(number)
    with_pose = session.close()

    closed = read_closed(tmp_path / "s")
    assert closed is not None
    assert closed.late_poses == 15 - len(with_pose) == 3
    assert with_pose == [0, 1, 2, *range(6, 15)], "only frames older than 5 s are recorded without"


def test_frames_that_the_loop_skipped_are_no_late_poses(tmp_path: Path) -> None:
    session = Session(tmp_path / "s")
    for _ in range(15):
        session.take()
    session.pose(14)
    assert session.close() == [14]
    assert session.writer.late_poses == 0


def twelve_offered(recorder: Recorder, *, apart_ns: int) -> list[Frame]:
    """Twelve frames from now on, without poses."""
    start = time.monotonic_ns()
    frames = [frame_at(start + number * apart_ns, number) for number in range(12)]
    for frame in frames:
        recorder.offer(frame)
    return frames


def late_poses_given(recorder: Recorder, last: int = 5) -> None:
    """60 frames, each with its pose five frames later; the last poses after all frames."""
    start = time.monotonic_ns()
    frames = [frame_at(start + number * 10 * MS, number) for number in range(60)]
    for number, frame in enumerate(frames):
        recorder.offer(frame)
        if number >= last:
            recorder.pose(pose_of(frames[number - last]))
    for frame in frames[-last:]:
        recorder.pose(pose_of(frame))


def waiting_recorder(config: Config, *, clock: Callable[[], int]) -> tuple[Recorder, threading.Event]:
    """One that takes nothing before the event."""
    recorder, given = recorder_of(config, clock=clock), threading.Event()
    assert recorder._rig is not None
    usual = recorder._rig.describe

    def said(first: list[Frame], meta: dict[str, str]) -> Description:
        assert given.wait(60)
        return usual(first, meta)

    recorder._rig = replace(recorder._rig, describe=said)
    return recorder, given


def test_an_encoder_that_is_far_behind_takes_no_pose_from_a_frame(recording_config: Config, tmp_path: Path) -> None:
    """Its clock runs so fast that far more than the wait for a pose lies between one frame and the next."""
    began = time.monotonic_ns()
    recorder, given = waiting_recorder(recording_config, clock=lambda: began + 1_000_000 * (time.monotonic_ns() - began))
    recorder.start(ask(tmp_path / "s"))
    late_poses_given(recorder)
    given.set()
    wait_until(lambda: recorder.counts[0] == 60)
    wait_until(lambda: recorder._recording is not None and recorder._recording._inbox.is_empty)
    recorder.stop()
    assert RecordedSession(tmp_path / "s").rows["points"].null_count == 0


def test_poses_behind_the_last_frame_are_recorded_however_long_that_took(recording_config: Config, tmp_path: Path) -> None:
    ticks = itertools.count(time.monotonic_ns(), 5 * MS)
    recorder, given = waiting_recorder(recording_config, clock=lambda: next(ticks))
    recorder.start(ask(tmp_path / "s"))
    late_poses_given(recorder)
    stopping = threading.Thread(target=recorder.stop)
    stopping.start()
    wait_until(lambda: recorder._recording is not None and not recorder._recording.takes_frames)
    given.set()
    stopping.join()
    session = RecordedSession(tmp_path / "s")
    assert session.rows["points"].null_count == 0
    assert session.closed is not None
    assert session.closed.dropped == 0


def test_a_pose_that_came_too_late_is_a_problem_and_in_the_log(
    recording_config: Config, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = recorder_of(recording_config)
    recorder.start(ask(tmp_path / "s"))
    frames = twelve_offered(recorder, apart_ns=10 * MS)
    wait_until(lambda: recorder._recording is not None and recorder._recording._writer is not None)
    recording = recorder._recording
    assert recording is not None
    wait_until(lambda: bool(recording._writer and recording._writer._given_up))
    recorder.pose(pose_of(frames[0]))
    wait_until(lambda: recorder.problem is not None)
    assert (
        recorder.problem == "poses came too late to be recorded with their frames: 1 so far; the network stood still or was too far behind"
    )
    recorder.stop()
    assert f"poses came too late for their frames: folder={tmp_path / 's'} poses=1" in caplog.text


def test_poses_still_to_come_when_a_stop_has_waited_long_enough_are_counted(
    recording_config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("tracker.recording.recorder._STOP_S", 0.3)
    recorder = recorder_of(recording_config)
    recorder.start(ask(tmp_path / "s"))
    frames = twelve_offered(recorder, apart_ns=MS)
    recording = recorder._recording
    assert recording is not None

    def poses() -> None:  # of the first frames again and again: the network goes on, and is too far behind
        for frame in frames[:8]:
            recorder.pose(replace(pose_of(frame), published_ns=time.monotonic_ns()))

    with meanwhile(poses, every_s=0.01):
        wait_until(lambda: recorder.counts[0] == 12)  # else a stop in so short a time drops frames on a busy machine
        recorder.stop()
    session = RecordedSession(tmp_path / "s")
    assert session.rows["points"].null_count == 4
    assert session.closed is not None
    assert session.closed.late_poses == 4
    assert recorder.problem is not None
    assert "4 so far; the network stood still or was too far behind" in recorder.problem
    assert "poses=4" in caplog.text


def test_a_tracker_that_is_told_to_end_says_how_many_frames_the_network_has_not_seen(
    recording_config: Config, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracker.recording.recorder._END_S", 0.1)
    caplog.set_level("INFO")
    recorder = recorder_of(recording_config)
    recorder.start(ask(tmp_path / "s"))
    frames = twelve_offered(recorder, apart_ns=MS)
    for frame in frames[:8]:
        recorder.pose(pose_of(frame))
    wait_until(lambda: recorder.counts[0] == 12)
    recorder.close()
    session = RecordedSession(tmp_path / "s")
    assert session.rows["points"].null_count == 4
    assert session.closed is not None
    assert session.closed.late_poses == 0, "no network had them"
    assert f"the last frames had no pose yet when the session ended: folder={tmp_path / 's'} frames=4" in caplog.text


@pytest.mark.parametrize(("pace", "is_explained"), [("every_frame", True), ("newest_frame", False)])
def test_frames_without_rows_are_mended_as_far_as_the_loop_may_be_behind(tmp_path: Path, pace: str, is_explained: bool) -> None:
    session = Session(tmp_path / "s")
    for _ in range(40):
        session.take()
        session.pose(0)
    session.writer.abandon()
    about = read_description(tmp_path / "s")
    capture = {"pace": pace, "queue_frames": 64}
    (tmp_path / "s" / SESSION_FILE).unlink()
    write_part(tmp_path / "s", SESSION_FILE, msgspec.structs.replace(about, config={**about.config, "capture": capture}))
    if is_explained:
        assert recover(tmp_path / "s").closed.cut_frames > 30
    else:
        with pytest.raises(RecordingError, match="other than a cut-off recording explains"):
            recover(tmp_path / "s")


def test_frames_cut_off_for_want_of_a_row_are_kept_in_a_video_of_their_own(tmp_path: Path) -> None:
    session, folder = Session(tmp_path / "s"), tmp_path / "s"
    for number in range(40):
        session.take()
        session.pose(min(number, 12))  # the network stands still: nothing says whether a pose may still come
    session.writer.abandon()

    closed = recover(folder, cut=True).closed
    assert 0 < closed.cut_frames < 40
    [aside] = folder.glob("*.without-rows.mkv")
    with av.open(str(aside)) as container:
        numbers = [number_in(as_recorded(frame, session.writer.description.video)) for frame in container.decode(video=0)]
    end = closed.frames + closed.cut_frames
    assert numbers == list(range(end - len(numbers), end)), "from a key frame on, to the last that is whole"
    assert len(numbers) >= closed.cut_frames
    assert [number_in(image) for image in RecordedSession(folder).frames()] == list(range(closed.frames))
