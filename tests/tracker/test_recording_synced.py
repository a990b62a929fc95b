"""What a power cut finds: every byte and every name synced, and the video before the rows that point into it."""

import errno
import gc
import os
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import msgspec
import numpy as np
import pytest
from av.container import OutputContainer

from tests.tracker.daemon import ROOT
from tests.tracker.recorded import HIGH, MS, WIDE, ask, event_at, feed, number_in, picture, pose_of, recorder_of, still_and_dark, wait_until
from tests.tracker.sessions import setup_message
from tracker.config import Config, RecordingConfig, load_config
from tracker.errors import RecordingError
from tracker.frame import Frame, Image
from tracker.recording.describe import describe
from tracker.recording.encoder_choice import choose_encoder
from tracker.recording.read_session import RecordedSession
from tracker.recording.recover import recover
from tracker.recording.session import (
    CLOSED_FILE,
    EVENTS_FILE,
    FRAMES_FILE,
    SESSION_FILE,
    SETUPS_FILE,
    Description,
    VideoFormat,
    read_closed,
)
from tracker.recording.session_writer import SYNC_EVERY_NS, Limits, SessionWriter
from tracker.recording.tables import FRAMES, read_table
from tracker.recording.video_segment import VideoSegment

VIDEO = "video-001.mkv"
LONG_NS = 1 << 60


class Sync(NamedTuple):
    """A sync as it was asked for: of which file, how long that was, how long the rows were, and what the folder held."""

    name: str
    size: int
    rows_size: int
    names: frozenset[str]


@dataclass
class Syncs:
    """Every sync of a session's files and of its folder, in their sequence."""

    folder: Path
    seen: list[Sync] = field(default_factory=list)
    refused: str | None = None  # the file that the disk takes no more
    lasts: Callable[[], None] = lambda: None  # what passes meanwhile

    def see(self, descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        if path.name == self.refused:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        rows = self.folder / FRAMES_FILE
        rows_size = rows.stat().st_size if rows.exists() else 0
        self.seen.append(Sync(path.name, os.fstat(descriptor).st_size, rows_size, frozenset(path.name for path in self.folder.iterdir())))

    def through(self, real: Callable[[int], None], descriptor: int) -> None:
        self.see(descriptor)
        self.lasts()
        real(descriptor)

    def last(self, name: str) -> Sync:
        return [each for each in self.seen if each.name == name][-1]

    def covers(self, name: str) -> bool:
        """Whether all that is in the file was there when it was synced last."""
        return self.last(name).size == (self.folder / name).stat().st_size


class Clock:
    """A clock that the test moves."""

    now_ns = 10**12

    def __call__(self) -> int:
        return self.now_ns


@pytest.fixture
def syncs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Syncs:
    (tmp_path / "s").mkdir()
    found = Syncs(tmp_path / "s")
    for call in ("fsync", "fdatasync"):
        real = getattr(os, call)
        monkeypatch.setattr(os, call, partial(found.through, real))
    return found


@pytest.fixture
def clock() -> Clock:
    return Clock()


def description_of() -> Description:
    config = load_config(ROOT / "examples" / "synthetic.yaml")
    first = [frame_at(0), frame_at(10 * MS)]
    return describe(config, RecordingConfig(), first, camera_description="of the test's", stream_session="a", meta={})


def frame_at(received_ns: int) -> Frame:
    return Frame(image=picture(7), number=7, exposed_ns=None, received_ns=received_ns)


def writer_of(syncs: Syncs, clock: Clock, *, segment_ns: int = LONG_NS) -> SessionWriter:
    limits = Limits(segment_ns=segment_ns, idle_ns=LONG_NS, pose_wait_ns=LONG_NS)
    return SessionWriter(syncs.folder, description_of(), limits, clock=clock)


def take(writer: SessionWriter, clock: Clock, count: int) -> None:
    """Frames with their poses and an event each."""
    for _ in range(count):
        clock.now_ns += 10 * MS
        frame = frame_at(clock.now_ns)
        writer.frame(frame, dropped=0)
        writer.pose(pose_of(frame))
        writer.event(event_at(frame))


def synced_now(writer: SessionWriter, clock: Clock) -> None:
    clock.now_ns += SYNC_EVERY_NS
    writer.tick()


def test_every_byte_is_synced_when_a_sync_is_due(syncs: Syncs, clock: Clock) -> None:
    writer = writer_of(syncs, clock)
    writer.setup(setup_message(1, frame_at(0)))
    assert syncs.covers(SETUPS_FILE), "at once: rows name its lines"
    take(writer, clock, 5)
    synced_now(writer, clock)
    assert all(syncs.covers(name) for name in (VIDEO, FRAMES_FILE, EVENTS_FILE))
    writer.close(reason="stopped", dropped=0)


def test_the_video_is_synced_before_the_rows_that_point_into_it(syncs: Syncs, clock: Clock) -> None:
    writer = writer_of(syncs, clock)
    for _ in range(2):
        take(writer, clock, 5)
        rows_before, begin = (syncs.folder / FRAMES_FILE).stat().st_size, len(syncs.seen)
        synced_now(writer, clock)
        now = [each for each in syncs.seen[begin:] if each.name in (VIDEO, FRAMES_FILE)]
        assert [each.name for each in now] == [VIDEO, FRAMES_FILE]
        assert now[0].rows_size == rows_before, "no row was written before its frame was synced"
        assert now[1].rows_size > rows_before
    writer.close(reason="stopped", dropped=0)


def test_a_row_waits_for_a_frame_that_is_still_in_the_encoder(syncs: Syncs, clock: Clock) -> None:
    writer = writer_of(syncs, clock)
    take(writer, clock, 5)
    synced_now(writer, clock)
    assert read_table(syncs.folder / FRAMES_FILE, FRAMES).num_rows == 4, "the last is not in the file before the next one comes"
    with av.open(str(syncs.folder / VIDEO)) as video:
        assert sum(1 for packet in video.demux(video=0) if packet.size) >= 4
    writer.close(reason="stopped", dropped=0)
    assert read_table(syncs.folder / FRAMES_FILE, FRAMES).num_rows == 5


@pytest.mark.parametrize("scene", [picture, still_and_dark], ids=["moving", "still and dark"])
def test_a_cut_costs_at_most_a_second_of_the_frames_own_times(
    syncs: Syncs, clock: Clock, tmp_path: Path, scene: Callable[[int], Image]
) -> None:
    """Of a kill all that was written is left, of a power cut what was synced. Frames of a still, dark scene are a few bytes each."""
    writer = writer_of(syncs, clock)
    begin_ns = clock.now_ns
    lost_ns = []
    for number in range(260):
        clock.now_ns += 10 * MS
        frame = Frame(image=scene(number), number=number, exposed_ns=None, received_ns=clock.now_ns)
        writer.frame(frame, dropped=0)
        writer.pose(pose_of(frame))
        writer.tick()
        if number in (99, 148, 149, 259):
            for cut in (killed, without_power):
                left = cut(syncs, tmp_path / f"{cut.__name__}-{number}")
                recover(left)
                session = RecordedSession(left)
                frames = session.rows["frame"].to_pylist()
                assert frames == list(range(sum(1 for _ in session.frames())))
                lost_ns.append(clock.now_ns - (session.rows["received_ns"].to_pylist() or [begin_ns])[-1])
    assert max(lost_ns) <= 1_000 * MS, lost_ns
    writer.close(reason="stopped", dropped=0)


def killed(syncs: Syncs, folder: Path) -> Path:
    """The session as a kill at this moment leaves it."""
    return Path(shutil.copytree(syncs.folder, folder))


def without_power(syncs: Syncs, folder: Path) -> Path:
    """The session as a power cut at this moment may leave it: no byte that was not synced."""
    killed(syncs, folder)
    for path in folder.iterdir():
        if path.name != SESSION_FILE:  # was synced before it had this name
            os.truncate(path, max([each.size for each in syncs.seen if each.name == path.name], default=0))
    return folder


def test_a_video_that_the_disk_does_not_sync_lets_no_row_out(syncs: Syncs, clock: Clock) -> None:
    writer = writer_of(syncs, clock)
    take(writer, clock, 5)
    syncs.refused = VIDEO
    with pytest.raises(OSError, match="Input/output error"):
        synced_now(writer, clock)
    writer.abandon()
    assert read_table(syncs.folder / FRAMES_FILE, FRAMES).num_rows == 0


def test_a_disk_whose_syncs_are_long_leaves_time_to_encode_in_between(syncs: Syncs, clock: Clock) -> None:
    writer = writer_of(syncs, clock)
    syncs.lasts = lambda: setattr(clock, "now_ns", clock.now_ns + SYNC_EVERY_NS)
    for _ in range(100):  # 1 s of frames
        take(writer, clock, 1)
        writer.tick()
    assert sum(each.name == VIDEO for each in syncs.seen) <= 3
    writer.close(reason="stopped", dropped=0)


def test_the_names_of_a_session_s_files_are_synced_before_its_rows(syncs: Syncs, clock: Clock) -> None:
    writer = writer_of(syncs, clock, segment_ns=30 * MS)
    described = syncs.seen[0]
    assert described.name.startswith(f".{SESSION_FILE}."), "the description first, before its name"
    assert described.size == (syncs.folder / SESSION_FILE).stat().st_size
    folder = syncs.folder.name
    assert SESSION_FILE in syncs.seen[1].names
    assert syncs.seen[1].name == folder
    assert syncs.last(folder).names >= {SESSION_FILE, FRAMES_FILE, EVENTS_FILE, SETUPS_FILE}
    take(writer, clock, 4)
    assert syncs.last(folder).names >= {VIDEO, "video-002.mkv"}
    assert syncs.covers(VIDEO), "a finished video file"
    writer.close(reason="stopped", dropped=0)


def test_a_session_is_called_closed_after_all_else_is_synced(syncs: Syncs, clock: Clock) -> None:
    writer = writer_of(syncs, clock)
    take(writer, clock, 5)
    writer.close(reason="stopped", dropped=0)
    closed = next(index for index, each in enumerate(syncs.seen) if each.name.startswith(f".{CLOSED_FILE}."))
    for name in (VIDEO, FRAMES_FILE, EVENTS_FILE):
        assert syncs.covers(name)
        assert syncs.seen.index(syncs.last(name)) < closed
    assert syncs.seen[-1].name == syncs.folder.name
    assert CLOSED_FILE in syncs.seen[-1].names


def test_a_disk_that_fills_up_meanwhile_finishes_the_session(
    recording_config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = recorder_of(recording_config, minimum_free_gb=0.001)
    recorder.start(ask(tmp_path / "s"))
    feed(recorder, 20)
    wait_until(lambda: recorder.counts[0] == 20)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=900_000))
    wait_until(lambda: recorder.status is None)
    assert recorder.problem == (
        f"{tmp_path / 's'}: 0.0 GB are free, recording.minimum_free_gb is 0.001; "
        "free space, or record to another disk (recording.folder); the session was finished"
    )
    closed = read_closed(tmp_path / "s")
    assert closed is not None
    assert (closed.reason, closed.frames) == ("the disk was nearly full", 20)
    assert RecordedSession(tmp_path / "s").rows.num_rows == 20


def test_a_session_holds_the_calibration_and_the_configured_notes(recording_config: Config, tmp_path: Path) -> None:
    calibration = tmp_path / "arena.yaml"
    calibration.write_text("schema: 1\n# measured with the board of the test's\n", encoding="utf-8")
    config = msgspec.structs.replace(recording_config, calibration=str(calibration))
    recorder = recorder_of(config, minimum_free_gb=0, meta={"rig": "north", "animal": "none yet"})
    recorder.start(ask(tmp_path / "s", animal="M17"))
    feed(recorder, 12)
    recorder.stop()
    said = RecordedSession(tmp_path / "s").description
    assert said.calibration == calibration.read_text(encoding="utf-8")
    assert said.meta == {"rig": "north", "animal": "M17"}


@pytest.mark.parametrize("rate_hz", [8, 20, 29.97])
def test_a_video_has_a_key_frame_a_second(tmp_path: Path, encoder: str, rate_hz: float) -> None:
    form = VideoFormat(width=WIDE, height=HIGH, colour=False, rate_hz=rate_hz, crf=23, preset="superfast", encoder=encoder)
    with VideoSegment(tmp_path / VIDEO, form) as video:
        for _ in range(45):
            video.write(picture(7, width=WIDE, height=HIGH))
    with av.open(str(tmp_path / VIDEO)) as read:
        packets = [packet for packet in read.demux(video=0) if packet.size]
    assert [number for number, packet in enumerate(packets) if packet.is_keyframe] == list(range(0, 45, round(rate_hz)))


@pytest.mark.parametrize("rate_hz", [14.99, 29.97, 119.88, 499.5])
def test_frames_are_found_by_number_where_the_rate_is_not_whole(tmp_path: Path, rate_hz: float) -> None:
    form = VideoFormat(width=96, height=64, colour=False, rate_hz=rate_hz, crf=23, preset="superfast")
    with VideoSegment(tmp_path / VIDEO, form) as video:
        for number in range(700):
            video.write(picture(number))
    capture = cv2.VideoCapture(str(tmp_path / VIDEO))
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(rate_hz)
    for number in (699, 0, 1, 350, 29, 30, 598, 599, 600, 449):
        capture.set(cv2.CAP_PROP_POS_FRAMES, number)
        assert number_in(np.asarray(capture.read()[1], np.uint8)) == number
    capture.release()


@pytest.mark.parametrize("size", [(96, 64), (97, 65), (98, 66), (131, 65)], ids=str)
def test_every_frame_has_its_own_picture_in_grey_of_any_size(tmp_path: Path, size: tuple[int, int]) -> None:
    """The frames are encoded from one memory, whose lines may be longer than the picture is wide."""
    width, height = size
    form = VideoFormat(width=width, height=height, colour=False, rate_hz=100, crf=18, preset="superfast")
    images = [picture(number, width=width, height=height) for number in range(0, 60, 7)]
    for image in images:
        image[-1], image[:, -1] = 90, 160
    with VideoSegment(tmp_path / VIDEO, form) as video:
        for image in images:
            video.write(image)
    with av.open(str(tmp_path / VIDEO)) as read:
        frames = [frame.to_ndarray() for frame in read.decode(video=0)]
    assert len(frames) == len(images)
    for frame, image in zip(frames, images, strict=True):
        luma, chroma = np.asarray(frame[:height, :width], np.uint8), frame[-(-height // 2) * 2 :]
        assert np.abs(luma.astype(int) - image).mean() < 3
        assert number_in(luma) == number_in(image)
        assert np.abs(chroma.astype(int) - 128).max() <= 2


@pytest.mark.parametrize(
    ("right", "shape"),
    [
        ((64, 96), (32, 48)),
        ((64, 96), (1, 96)),
        ((64, 96), (64, 95)),
        ((64, 96), (128, 192)),
        ((64, 96), (64, 96, 3)),
        ((64, 96, 3), (32, 48, 3)),
        ((64, 96, 3), (64, 96)),
    ],
    ids=str,
)
def test_an_image_of_another_size_or_colour_is_refused_and_never_written(
    tmp_path: Path, right: tuple[int, ...], shape: tuple[int, ...]
) -> None:
    colour = len(right) == 3
    form = VideoFormat(width=96, height=64, colour=colour, rate_hz=100, crf=18, preset="superfast")
    with VideoSegment(tmp_path / VIDEO, form) as video:
        video.write(np.full(right, 60, np.uint8))
        with pytest.raises(RecordingError) as refused:
            video.write(np.full(shape, 200, np.uint8))
        video.write(np.full(right, 60, np.uint8))
    assert VIDEO in str(refused.value)
    assert str(shape) in str(refused.value)
    assert str(right) in str(refused.value)
    with av.open(str(tmp_path / VIDEO)) as read:
        lumas = [frame.to_ndarray()[:64] for frame in read.decode(video=0)]
    assert [(luma.min() > 50, luma.max() < 70) for luma in lumas] == [(True, True)] * 2


def test_the_recorders_thread_gives_way_to_the_loop(tmp_path: Path, recording_config: Config) -> None:
    recorder = recorder_of(recording_config, minimum_free_gb=0)
    recorder.start(ask(tmp_path / "s"))
    feed(recorder, 12)
    (thread,) = [each for each in threading.enumerate() if each.name == "recorder"]
    assert thread.native_id is not None
    wait_until(lambda: os.sched_getscheduler(thread.native_id or 0) == os.SCHED_BATCH)
    assert os.getpriority(os.PRIO_PROCESS, thread.native_id) > os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    recorder.stop()


@pytest.mark.parametrize("asked", ["h264_no_such_encoder", "h264_nvenc"])
def test_an_encoder_that_does_not_work_here_is_replaced_by_x264_with_a_sentence(asked: str) -> None:
    choice = choose_encoder(asked, width=96, height=64)
    if choice.name == asked == "h264_nvenc":
        pytest.skip("this machine's graphics card encodes")
    assert choice.name == "libx264"
    assert choice.why_not is not None
    begins, ends = f"the encoder {asked} does not work here (", "), so libx264 on the processor is used (recording.encoder)"
    assert choice.why_not.startswith(begins)
    assert choice.why_not.endswith(ends)
    assert len(choice.why_not) > len(begins + ends)


def test_a_session_says_what_encoded_it_and_the_log_why(tmp_path: Path, recording_config: Config, caplog: pytest.LogCaptureFixture) -> None:
    choice = choose_encoder("h264_nvenc", width=96, height=64)
    recorder = recorder_of(recording_config, minimum_free_gb=0, encoder="h264_nvenc")
    recorder.start(ask(tmp_path / "s"))
    feed(recorder, 12)
    recorder.stop()
    session = RecordedSession(tmp_path / "s")
    assert session.description.video.encoder == choice.name
    assert choice.why_not is None or choice.why_not in caplog.text
    assert [number_in(image) for image in session.frames()] == list(range(12))


def test_a_finished_video_gives_its_encoder_back_although_rows_still_refer_to_it(tmp_path: Path) -> None:
    """Two encoders at a time, taken in turns, leave gaps in the memory: it grew by some 5 MB with each file."""
    before = encoders()
    finished = VideoSegment(tmp_path / VIDEO, VideoFormat(width=64, height=48, colour=False, rate_hz=100, crf=23, preset="superfast"))
    finished.write(np.zeros((48, 64), np.uint8))
    assert encoders() == before + 1
    finished.close()
    assert encoders() == before
    finished.close()


def encoders() -> int:
    gc.collect()
    return sum(isinstance(each, OutputContainer) for each in gc.get_objects())
